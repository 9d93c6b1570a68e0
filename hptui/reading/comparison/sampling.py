"""How much a number depends on which N test images were drawn: its standard error, against all images of their kind.

Seeds say nothing about it: all runs of a study read the same test images. Every metric is taken as a mean over
images, at least to first order (its influence function, one number per image; for accuracy `correct - accuracy`,
for the AUC the placements of DeLong et al. 1988, for F1 the delta method). The standard error of one run's metric
is then that of a mean, and the standard error of a difference that of the mean difference image by image: images
that both arms get right or wrong alike cancel, as in McNemar's test, and what is common to all seeds stays.

Where all images are right, or both arms right on the same ones, their spread is zero, which they cannot promise of
other images: no standard error is known then. What is given instead is a bound of the metric's own
(`hptui.reading.comparison.bounds`), and called one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hptui.metrics.classification import predicted_classes
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

How = Literal["paired images", "upper bound"]
HowOne = Literal["standard error", "upper bound"]
NO_SPREAD = 5e-5
"""a standard error below this, that is written as 0.00 points, is none"""


class SamplingError(msgspec.Struct, frozen=True):
    """Standard errors that N test images leave, as fractions."""

    images: int
    """N"""
    one: float
    """of one run's metric: mean over the runs of both arms; see `one_how`"""
    difference: float | None
    """of the mean difference of the arms; null where there is no pair"""
    how: How
    """paired images: from the saved predictions; upper bound: without them, were both arms wrong on different images,
    or where no image tells the arms apart"""
    discordant: float | None
    """share of the images that just one of a pair gets right, mean over the pairs; null: predictions are missing"""
    readable: int = 0
    """runs of both arms whose predictions are there"""
    rests_on: int = 0
    """of the images, those that the metric can be no surer than: of a class, or of the smaller one"""
    one_how: HowOne = "standard error"
    """upper bound: of some runs no image moves the metric, so that no standard error is known"""
    mean_of: int = 0
    """classes that the metric is a mean over; 0: it is of one class, or of all images alike"""


def image_influence(metric: str, predictions: Predictions, threshold: float | None = None) -> Numbers:
    """Influence of each image on a metric, mean zero: the metric's standard error is sqrt(sum of squares) / N.

    Args:
        metric: of `hptui.metrics.classification.METRICS`; two classes: that of the second; more: the mean over one
            against the rest.
        predictions: of one network on N images.
        threshold: see `hptui.metrics.classification.metric`.

    Returns:
        (N,) in the metric's unit. A class that has no images, or no others, adds nothing.
    """
    import numpy as np

    labels, predicted = predictions.labels, predicted_classes(predictions, threshold)
    if metric == "accuracy":
        correct = (labels == predicted).astype(np.float64)
        centred: Numbers = correct - correct.mean()
        return centred
    every = range(predictions.classes) if predictions.classes > 2 or metric == "balanced_accuracy" else [1]
    by_class = [
        _class_influence(metric, labels == one, predicted == one, predictions.probabilities[:, one].astype(float))
        for one in every
    ]
    known: list[Numbers] = [influence for influence in by_class if influence is not None]
    total: Numbers = sum(known, np.zeros(len(labels))) / max(len(known), 1)
    return total


def _class_influence(metric: str, true: Any, called: Any, score: Numbers) -> Numbers | None:
    """Influence of each image on a metric of one class against the rest; None where it is not defined."""
    n = len(true)
    if metric in ("sensitivity", "balanced_accuracy"):
        return _share_influence(true, called)
    if metric == "specificity":
        return _share_influence(~true, ~called)
    if metric == "f1":  # 2 hits / (images of the class + images called so)
        size = int(true.sum() + called.sum())
        if not true.any():
            return None
        hits = true & called
        f1 = 2 * hits.sum() / size
        moved: Numbers = n * (2.0 * hits - f1 * (true.astype(float) + called)) / size
        return moved
    return _auc_influence(true, score)


def _share_influence(among: Any, hit: Any) -> Numbers | None:
    """Influence of each image on the share of hits `among` some images."""
    size = int(among.sum())
    if not size:
        return None
    influence: Numbers = among * (hit - (hit & among).sum() / size) * (len(among) / size)
    return influence


def _auc_influence(true: Any, score: Numbers) -> Numbers | None:
    """Influence of each image on the AUC: the share of the other class that it is on the right side of, ties half."""
    import numpy as np
    from scipy.stats import rankdata

    positive, negative = int(true.sum()), int((~true).sum())
    if not positive or not negative:
        return None
    ranks = rankdata(score)
    above = (ranks[true] - rankdata(score[true])) / negative
    below = 1 - (ranks[~true] - rankdata(score[~true])) / positive
    n, influence = len(true), np.zeros(len(true))
    influence[true] = (above - above.mean()) * n / positive
    influence[~true] = (below - below.mean()) * n / negative
    return influence


def images_behind(metric: str, predictions: Predictions) -> int:
    """Number of images that a metric rests on: all, those of the one class it is about, or of the smallest that occurs.

    Arguments as of `image_influence`.
    """
    import numpy as np

    support = np.bincount(predictions.labels, minlength=predictions.classes)
    if metric == "accuracy":
        return len(predictions)
    if predictions.classes == 2 and metric in ("sensitivity", "f1"):
        return int(support[1])
    if predictions.classes == 2 and metric == "specificity":
        return int(support[0])
    return int(support[support > 0].min())


def standard_error(influence: Numbers) -> float:
    """Standard error of the metric whose influence (N,) this is."""
    return float(math.sqrt(float((influence**2).sum())) / len(influence))


def paired_error(baseline: Sequence[Numbers], optimized: Sequence[Numbers]) -> float:
    """Standard error of the mean difference over pairs, from influences (N,) on the same images in order."""
    import numpy as np

    return standard_error(np.mean(np.asarray(optimized) - np.asarray(baseline), axis=0))


def largest_paired_error(baseline: float, optimized: float, images: int) -> float:
    """Upper bound for two accuracies on N images of which nothing more is known.

    With shares b and c of images that only one gets right, the variance of the difference d = c - b is
    (b + c - d^2) / N (McNemar 1947); b is at most min(baseline, 1 - optimized).
    """
    apart = optimized - baseline
    discordant = 2 * min(baseline, 1 - optimized) + apart
    return math.sqrt(max(discordant - apart**2, 0.0) / images)
