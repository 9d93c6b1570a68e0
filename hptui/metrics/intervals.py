"""Metrics with 95 % intervals: what a test set of its size leaves open.

Wilson 1927 for shares of independent images (accuracy, sensitivity and specificity of one class against the rest), by
SciPy; for all else the percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.metrics.classification import class_counts, confusion, f1_of_class, metric, rejected
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    from hptui.metrics.resampling import Floats

CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """One number with its interval."""

    value: float
    interval: tuple[float, float] | None
    """95 %; None: not one resample has the metric defined"""


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest; None: not defined, because there are no images of the class, or of no other."""

    label: int
    support: int
    """images of the class"""
    sensitivity: Estimate | None
    specificity: Estimate | None
    f1: Estimate | None
    auc: Estimate | None


def interval(
    name: str,
    predictions: Predictions,
    threshold: float | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Interval (95 %) of a metric: what a test set of this size leaves open. None where it is not defined.

    Args:
        name: of the metric, see `hptui.metrics.classification.metric`; so too the next two.
        predictions: of one network on one split.
        threshold: taken as given, so that its own uncertainty is not part of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.
    """
    from hptui.metrics import resampling

    if metric(name, predictions, threshold) is None:
        return None
    matrix = confusion(predictions, threshold)
    counts = class_counts(matrix.tolist())
    if name == "accuracy":
        return wilson(sum(counts.hits), sum(counts.support))
    if predictions.classes == 2 and name in ("sensitivity", "specificity"):
        index = 1 if name == "sensitivity" else 0
        return wilson(counts.hits[index], counts.support[index])
    if name == "auc":
        areas = resampling.resampled_areas(predictions, resamples, seed)
        return resampling.percentiles(resampling.area_under_curve(areas))
    matrices = resampling.resampled_matrices(matrix, resamples, seed)
    return resampling.percentiles(resampling.metric_of_matrices(name, matrices))


def per_class(
    predictions: Predictions,
    threshold: float | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    areas: bool = True,
) -> list[ClassMetrics]:
    """Metrics of every class against the rest, in the order of the classes; arguments as of `interval`.

    `areas`: also the area under the ROC curve, for which probabilities have to be known.
    """
    import numpy as np

    from hptui.metrics import resampling

    matrix = confusion(predictions, threshold)
    counts = class_counts(matrix.tolist())
    f1s = resampling.f1_of_matrices(resampling.resampled_matrices(matrix, resamples, seed))  # (resamples, classes)
    if areas:
        resampled = resampling.resampled_areas(predictions, resamples, seed)  # (resamples, classes)
        area = resampling.weighted_areas(predictions, np.ones((1, len(predictions))))[0]
    return [
        ClassMetrics(
            label=index,
            support=counts.support[index],
            sensitivity=_share_with_interval(counts.hits[index], counts.support[index]),
            specificity=_share_with_interval(*rejected(counts, index)),
            f1=_estimate(f1_of_class(counts, index), f1s[:, index]),
            auc=_estimate(float(area[index]), resampled[:, index]) if areas else None,
        )
        for index in range(predictions.classes)
    ]


def _share_with_interval(part: int, whole: int) -> Estimate | None:
    return Estimate(part / whole, wilson(part, whole)) if whole else None


def _estimate(value: float | None, resampled: Floats) -> Estimate | None:
    from hptui.metrics.resampling import percentiles

    return None if value is None or not math.isfinite(value) else Estimate(value, percentiles(resampled))


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of the share part / whole (whole > 0), without continuity correction."""
    from scipy.stats import binomtest

    ends = binomtest(part, whole).proportion_ci(CONFIDENCE, method="wilson")
    return float(ends.low), float(ends.high)
