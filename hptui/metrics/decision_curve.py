"""Net benefit of acting on a network's calls (decision curve analysis: Vickers and Elkin 2006).

Who acts from a probability t on holds one needless action to be worth t / (1 - t) of a needed one. The net benefit of
calling positive from t on is the share of true positives less that worth of the share of false ones. A network is of
use where that is above both acting on nobody (0) and acting on everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.metrics.groups import drawn_weights, is_grouped
from hptui.metrics.resampling import drawn_weights as drawn_images
from hptui.metrics.resampling import percentiles
from hptui.metrics.score_intervals import Ends
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

STEPS = 99
"""thresholds of a curve: every hundredth between 0 and 1"""
RESAMPLES = 500


@dataclass(frozen=True)
class NetBenefit:
    """One threshold of a decision curve; all in true positives per image."""

    threshold: float
    network: float
    interval: Ends
    """95 %, pointwise: bootstrap over images, or over groups where there are some"""
    everybody: float
    """of acting on all; on nobody it is 0"""


def decision_curve(predictions: Predictions, prevalence: float | None = None) -> list[NetBenefit]:
    """Curve of a network with two classes, by rising threshold; none of one that has diverged, or for one class alone.

    Nor is there one of images that may have several labels.

    Args:
        predictions: of images of both classes.
        prevalence: of the second class, where it is used; None: that of the images. Probabilities are then those that
            an image would have there (Saerens, Latinne and Decaestecker 2002), as whoever acts on them would have them.
    """
    import numpy as np

    if predictions.task != "single-label" or predictions.classes != 2 or len(np.unique(predictions.labels)) < 2:
        return []
    if not np.isfinite(predictions.probabilities).all():
        return []
    thresholds = np.arange(1, STEPS + 1) / (STEPS + 1)
    odds = thresholds / (1 - thresholds)
    drawn = (
        drawn_weights(predictions.groups, RESAMPLES, 0)
        if is_grouped(predictions) and predictions.groups is not None
        else drawn_images(len(predictions), RESAMPLES, 0)
    )
    resampled = np.concatenate([_benefits(predictions, weights, thresholds, prevalence) for weights in drawn])
    (network,) = _benefits(predictions, np.ones((1, len(predictions))), thresholds, prevalence)
    share = float((predictions.labels == 1).mean()) if prevalence is None else prevalence
    everybody = share - (1 - share) * odds
    ends = [percentiles(resampled[:, index]) or (value, value) for index, value in enumerate(network.tolist())]
    points = zip(thresholds.tolist(), network.tolist(), ends, everybody.tolist(), strict=True)
    return [NetBenefit(*point) for point in points]


def _stated(predictions: Predictions, prevalence: float | None) -> Floats:
    """(N,) probability of the second class, its odds moved by as much as those of the classes."""
    import numpy as np

    shares = predictions.probabilities.astype(np.float64)
    if prevalence is None:
        positive: Floats = shares[:, 1]
        return positive
    own = float((predictions.labels == 1).mean())
    inside, outside = shares[:, 1] * prevalence / own, shares[:, 0] * (1 - prevalence) / (1 - own)
    moved: Floats = inside / (inside + outside)
    return moved


def _benefits(predictions: Predictions, weights: Floats, thresholds: Floats, prevalence: float | None) -> Floats:
    """Net benefit (R, thresholds) for weightings (R, N) of the images."""
    import numpy as np

    positive = predictions.labels == 1
    called = _stated(predictions, prevalence)[:, None] >= thresholds  # (N, thresholds)
    ill, healthy = weights[:, positive].sum(1, keepdims=True), weights[:, ~positive].sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may lack a class, and is left out
        true, false = weights[:, positive] @ called[positive] / ill, weights[:, ~positive] @ called[~positive] / healthy
    share = ill / (ill + healthy) if prevalence is None else prevalence
    benefits: Floats = true * share - false * (1 - share) * thresholds / (1 - thresholds)
    return benefits
