"""Losses of a network whose certainty has been put right: temperature scaling on the images that they are taken on.

A network that overfits grows more certain: its loss rises while what it tells apart does not get worse. One number by
which all logits are divided, the temperature that makes the loss lowest, takes that out (Guo, Pleiss, Sun and
Weinberger 2017, arXiv 1706.04599).

Of images that are all told apart that temperature is 0, and their loss too, however few they are. So it is fitted on
labels that are softened, as Platt (1999) did: all N images being right, the next one is with a chance of
(N + 1) / (N + 2) (Laplace's rule of succession), and no network is taken to be surer than that on the whole. Of images
of patients N is the number of these. Of 78 images that changes a loss by about a hundredth, of 6 it is 0.13 at least.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from hptui.metrics.recalibration import LEAST, logarithms
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LEAST_SLOPE, MOST_SLOPE = 0.01, 100.0
"""of 1 / temperature"""


def calibrated_losses(predictions: Predictions, weights: Floats | None = None) -> Floats:
    """Cross-entropy of each image after temperature scaling, in nats; of several labels the mean over these.

    Args:
        predictions: of N images.
        weights: of the images, (N,), or of each of their labels, (N, labels); None: all 1.

    Returns:
        (N,), times the weights; infinite where the network has diverged.
    """
    import numpy as np
    from scipy.optimize import brentq

    if not np.isfinite(predictions.probabilities).all():
        return np.full(len(predictions), math.inf)
    losses, derivative = (_of_labels if predictions.task == "multi-label" else _of_classes)(predictions, weights)

    def rise(log_slope: float) -> float:
        return derivative(math.exp(log_slope))

    low, high = math.log(LEAST_SLOPE), math.log(MOST_SLOPE)
    if rise(low) >= 0:
        return losses(LEAST_SLOPE)
    if rise(high) <= 0:
        return losses(MOST_SLOPE)
    return losses(math.exp(brentq(rise, low, high, xtol=1e-4)))


def _of_classes(
    predictions: Predictions, weights: Floats | None
) -> tuple[Callable[[float], Floats], Callable[[float], float]]:
    """Losses (N,) by slope, and the derivative of their mean of softened labels, which rises with the slope."""
    import numpy as np
    from scipy.special import log_softmax, softmax

    logits = logarithms(predictions)
    own = (np.arange(len(logits)), predictions.labels)
    each = np.ones(len(logits)) if weights is None else weights
    doubt = _doubt(predictions)
    others = (logits.sum(1) - logits[own]) / (predictions.classes - 1)
    wanted = (1 - doubt) * logits[own] + doubt * others

    def losses(slope: float) -> Floats:
        found: Floats = -log_softmax(slope * logits, axis=1)[own] * each
        return found

    def derivative(slope: float) -> float:
        expected = (softmax(slope * logits, axis=1) * logits).sum(1)
        return float(((expected - wanted) * each).mean())

    return losses, derivative


def _of_labels(
    predictions: Predictions, weights: Floats | None
) -> tuple[Callable[[float], Floats], Callable[[float], float]]:
    """Losses (N,) by slope, and that derivative, where each label is there or not, whatever the others are."""
    import numpy as np
    from scipy.special import expit, log_expit

    shares = np.clip(predictions.probabilities.astype(np.float64), LEAST, 1 - np.finfo(np.float32).epsneg)
    logits = np.log(shares) - np.log1p(-shares)
    signs = np.where(predictions.labels == 1, 1.0, -1.0)
    each = np.ones_like(logits) if weights is None else weights
    doubt = _doubt(predictions)

    def losses(slope: float) -> Floats:
        found: Floats = (-log_expit(signs * slope * logits) * each).mean(1)
        return found

    def derivative(slope: float) -> float:
        return float(((doubt - expit(-signs * slope * logits)) * signs * logits * each).mean())

    return losses, derivative


def _doubt(predictions: Predictions) -> float:
    """Chance that the next one is called wrong, where all of these are called right."""
    seen = len(predictions) if predictions.groups is None else len(set(predictions.groups.tolist()))
    return 1 / (seen + 2)


def is_within_error(
    losses: Floats, lowest: Floats, groups: npt.NDArray[np.str_] | None = None, *, errors: float = 1.0
) -> bool:
    """Whether a mean loss is above another by no more than the standard error of their difference, image by image.

    Args:
        losses: (N,) of the images.
        lowest: (N,) of the same images, what is compared with.
        groups: (N,) whom each image is of: images of one patient are not independent, so their sums are compared.
        errors: so many standard errors.
    """
    import numpy as np

    differences = losses - lowest
    if not np.isfinite(differences).all():
        return False
    mean = float(differences.mean())
    residuals: Floats = differences - mean
    if groups is not None:
        group_of_image = np.unique(groups, return_inverse=True)[1]
        sums: Floats = np.bincount(group_of_image, weights=residuals).astype(np.float64)
        residuals = sums
    n = len(residuals)
    if n < 2:
        return True  # nothing can be told from one patient
    error = math.sqrt(float((residuals**2).sum()) * n / (n - 1)) / len(differences)
    return mean <= errors * error
