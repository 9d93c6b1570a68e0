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
from typing import TYPE_CHECKING, Literal

import msgspec

from hptui.metrics.calls import predicted_classes
from hptui.metrics.influence import standard_error
from hptui.metrics.several_labels import labels_alone
from hptui.record.predictions import Predictions
from hptui.record.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

How = Literal["paired images", "upper bound"]
HowOne = Literal["standard error", "upper bound"]
OF_ALL_IMAGES = frozenset({"accuracy", "brier", "calibration_error", "quadratic_kappa", "exact_match"})
"""metrics of no class in particular"""
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
    groups: int = 0
    """of the images, which are what was drawn; 0: the images are independent as far as is known"""
    per_group: bool = False
    """N are groups, each counted once"""
    task: Task = "single-label"
    """multi-label: what it is a mean over are labels"""


def images_behind(metric: str, predictions: Predictions, threshold: float | None = None) -> int:
    """Number of images that a metric rests on: all, those of the one class it is about, or of the smallest that occurs.

    Arguments as of `hptui.metrics.influence.image_influence`.
    """
    import numpy as np

    if metric in OF_ALL_IMAGES:
        return len(predictions)
    if predictions.task == "multi-label":
        return min(images_behind(metric, one, threshold) for one in informative_labels(predictions))
    support = np.bincount(predictions.labels, minlength=predictions.classes)
    called = np.bincount(predicted_classes(predictions, threshold), minlength=predictions.classes)
    behind = {"sensitivity": support[1], "f1": support[1], "specificity": support[0], "average_precision": support[1]}
    behind |= {"ppv": called[1], "npv": called[0]}
    if predictions.classes == 2 and metric in behind:
        return int(behind[metric])
    smallest = called if metric == "ppv" else support
    return int(smallest[smallest > 0].min())


def informative_labels(predictions: Predictions) -> list[Predictions]:
    """Labels that some images have and others have not, each by itself; of test images there is one."""
    return [one for one in labels_alone(predictions) if 0 < int(one.labels.sum()) < len(one)]


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
