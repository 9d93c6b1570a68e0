"""How well probabilities say how often they come true: reliability diagram, calibration error, Brier score.

Two classes: the probability of the second one against whether an image is of it. More: that of the class an image is
called by against whether it is right (Guo, Pleiss, Sun and Weinberger 2017). Bins hold equally many images, because of
bins of equal width most are nearly empty and their noise is taken for error (Nixon et al. 2019; Roelofs et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.metrics.score_intervals import Ends, wilson
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Images of about the same probability."""

    images: int
    probability: float
    """mean over the images"""
    share: float
    """of the images for which it came true"""
    interval: Ends
    """of the share: Wilson, 95 %"""


def reliability(predictions: Predictions, bins: int = BINS) -> list[ReliabilityBin]:
    """Bins of a reliability diagram, from low to high probability.

    None of a network that has diverged, nor of images that may have several labels: each label has its own.
    """
    import numpy as np

    if predictions.task == "multi-label":
        return []
    stated, true = stated_and_true(predictions)
    if not np.isfinite(stated).all():
        return []
    of_image = bin_of_image(stated, bins)
    found = []
    for index in np.unique(of_image):
        inside = of_image == index
        hits, images = int(true[inside].sum()), int(inside.sum())
        found.append(ReliabilityBin(images, float(stated[inside].mean()), hits / images, wilson(hits, images)))
    return found


def stated_and_true(predictions: Predictions) -> tuple[Floats, Floats]:
    """(N,) the probability that is looked at, and (N,) whether it came true, 0 or 1."""
    import numpy as np

    shares = predictions.probabilities.astype(np.float64)
    if predictions.classes == 2:
        return shares[:, 1], (predictions.labels == 1).astype(np.float64)
    return shares.max(1), (shares.argmax(1) == predictions.labels).astype(np.float64)


def bin_of_image(stated: Floats, bins: int = BINS) -> Counts:
    """(N,) bin of each probability: edges are quantiles, so that equal probabilities share a bin."""
    import numpy as np

    edges = np.quantile(stated, np.linspace(0, 1, bins + 1)[1:-1])
    inside: Counts = np.searchsorted(edges, stated)
    return inside


def calibration_errors(predictions: Predictions, weights: Floats) -> Floats:
    """Expected calibration error (R,) for weightings (R, N) of the images; bins are those of all images alike."""
    import numpy as np

    stated, true = stated_and_true(predictions)
    inside = np.eye(BINS)[bin_of_image(stated)]  # (N, bins)
    gaps = np.abs(weights @ (inside * (true - stated)[:, None])).sum(1)
    errors: Floats = gaps / weights.sum(1)
    return errors


def squared_errors(predictions: Predictions) -> Floats:
    """(N,) squared error of each image's probabilities, whose mean is the Brier score: 0 to 1.

    Two classes: (p - y)^2 of either of them. More: the sum over the classes, halved, so that the worst is 1 as well.
    """
    import numpy as np

    shares = predictions.probabilities.astype(np.float64)
    errors: Floats = ((shares - np.eye(predictions.classes)[predictions.labels]) ** 2).sum(1) / 2
    return errors
