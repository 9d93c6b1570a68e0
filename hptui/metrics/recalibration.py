"""Probabilities brought back to how often they come true, fitted on validation images.

Class weights in the loss, and training itself, shift a network's probabilities. Its logits are scaled by one slope
and shifted by one number for each class: of two classes that is Platt scaling (Platt 1999), of more temperature scaling
with bias correction (Guo et al. 2017; Alexandari, Kundaje and Shrikumar 2020). Temperature alone cannot undo a shift.
Labels are softened as Platt did, so that a few images that are told apart perfectly do not make all answers certain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hptui.errors import ConfigError
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LEAST = 1e-37
"""probabilities below are taken for it: a logarithm has to be finite; about the least that 32 bits hold in full, so
that images that a network is very sure of keep their order"""


@dataclass(frozen=True)
class Recalibration:
    """A softmax of slope * log(probability) + shift of the class."""

    slope: float
    """1 / temperature; above 0, so that no order of two classes changes"""
    shifts: tuple[float, ...]
    """of each class, against the first one"""
    images: int
    """that it was fitted on"""

    def apply(self, predictions: Predictions) -> Predictions:
        """Predictions of the same images with other probabilities."""
        import numpy as np
        from scipy.special import softmax

        logits = self.slope * logarithms(predictions) + np.asarray(self.shifts)
        return replace(predictions, probabilities=softmax(logits, axis=1).astype(np.float32))


def fit_recalibration(validation: Predictions) -> Recalibration:
    """Recalibration by maximum likelihood.

    Raises:
        ConfigError: a class has no validation image, the network has diverged, or an image may have several labels.
    """
    import numpy as np
    from scipy.optimize import minimize

    if validation.task == "multi-label":
        raise ConfigError("only classes can be calibrated; in this study an image may have several labels.")
    if not np.isfinite(validation.probabilities).all():
        raise ConfigError("nothing can be calibrated: the network has diverged, its probabilities are no numbers.")
    counts = np.bincount(validation.labels, minlength=validation.classes)
    if not counts.all():
        raise ConfigError(f"nothing can be calibrated: no validation image is of class {int(counts.argmin())}.")
    logits, wanted = logarithms(validation), _softened(validation.labels, counts)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        from scipy.special import log_softmax

        log_shares = log_softmax(parameters[0] * logits + np.r_[0.0, parameters[1:]], axis=1)
        off = (np.exp(log_shares) - wanted) / len(wanted)
        gradient = np.r_[(off * logits).sum(), off.sum(0)[1:]]
        return -float((wanted * log_shares).sum() / len(wanted)), gradient

    start = np.r_[1.0, np.zeros(validation.classes - 1)]
    bounds = [(1e-3, None)] + [(None, None)] * (validation.classes - 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    return Recalibration(float(found.x[0]), (0.0, *map(float, found.x[1:])), len(validation))


def logarithms(predictions: Predictions) -> Floats:
    """(N, classes) logits of probabilities, up to what a softmax does not see."""
    import numpy as np

    logarithms: Floats = np.log(np.maximum(predictions.probabilities.astype(np.float64), LEAST))
    return logarithms


def _softened(labels: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Floats:
    """(N, classes) wanted shares: (n + 1) / (n + 2) for the label's own class of n images, the rest for the others."""
    import numpy as np

    own = (counts + 1) / (counts + 2)
    wanted = np.repeat(((1 - own) / (len(counts) - 1))[labels][:, None], len(counts), axis=1)
    wanted[np.arange(len(labels)), labels] = own[labels]
    return wanted
