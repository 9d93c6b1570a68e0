"""Metrics with 95 % intervals: what a test set of its size leaves open.

Of one class against the rest in closed form (`hptui.metrics.score_intervals`): Wilson 1927 for shares of images
(accuracy, sensitivity, specificity), Newcombe 2006 for the AUC, Lam et al. 2023 for F1. A mean of sensitivities is one
of independent shares (Zou and Donner 2008). For other means over classes the percentile bootstrap over images (Efron
and Tibshirani 1993, chapter 13), but where every class is at 0 or 1, which it says nothing about: the mean of their
intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hptui.metrics.classification import class_counts, confusion, f1_of_class, metric, rejected
from hptui.metrics.score_intervals import Ends, auc_interval, f1_interval, mean_interval, wilson
from hptui.record.class_counts import ClassCounts
from hptui.record.predictions import Predictions

RESAMPLES = 1000
BY_CLASS = {"balanced_accuracy": "sensitivity"}
"""metrics that are the mean over classes of one with another name"""


@dataclass(frozen=True)
class Estimate:
    """One number with its interval (95 %)."""

    value: float
    interval: Ends


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
) -> Ends | None:
    """Interval (95 %) of a metric: what a test set of this size leaves open. None where it is not defined.

    Args:
        name: of the metric, see `hptui.metrics.classification.metric`; so too the next two.
        predictions: of one network on one split.
        threshold: taken as given, so that its own uncertainty is not part of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.
    """
    value = metric(name, predictions, threshold)
    if value is None:
        return None
    if name == "accuracy":
        counts = class_counts(confusion(predictions, threshold).tolist())
        return wilson(sum(counts.hits), sum(counts.support))
    rows = per_class(predictions, threshold, areas=name == "auc")
    if predictions.classes == 2 and name != "balanced_accuracy":
        positive: Estimate = getattr(rows[1], name)
        return positive.interval
    name = BY_CLASS.get(name, name)
    known = [estimate for row in rows if row.support and (estimate := getattr(row, name)) is not None]
    if name != "sensitivity" and 0 < value < 1:
        return _bootstrap(name, predictions, threshold, resamples, seed)
    values, ends = [estimate.value for estimate in known], [estimate.interval for estimate in known]
    return mean_interval(values, ends, independent=name == "sensitivity")


def _bootstrap(name: str, predictions: Predictions, threshold: float | None, resamples: int, seed: int) -> Ends | None:
    from hptui.metrics import resampling

    if name == "auc":
        areas = resampling.resampled_areas(predictions, resamples, seed)
        return resampling.percentiles(resampling.area_under_curve(areas))
    matrices = resampling.resampled_matrices(confusion(predictions, threshold), resamples, seed)
    return resampling.percentiles(resampling.metric_of_matrices(name, matrices))


def per_class(predictions: Predictions, threshold: float | None = None, *, areas: bool = True) -> list[ClassMetrics]:
    """Metrics of every class against the rest, in the order of the classes; arguments as of `interval`.

    `areas`: also the area under the ROC curve, for which probabilities have to be known.
    """
    counts = class_counts(confusion(predictions, threshold).tolist())
    found = _areas(predictions) if areas else [math.nan] * predictions.classes
    return [
        ClassMetrics(
            label=index,
            support=counts.support[index],
            sensitivity=_share(counts.hits[index], counts.support[index]),
            specificity=_share(*rejected(counts, index)),
            f1=_f1(counts, index),
            auc=_area(found[index], counts.support[index], len(predictions)),
        )
        for index in range(predictions.classes)
    ]


def _areas(predictions: Predictions) -> Sequence[float]:
    """Area under the ROC curve of each class against the rest; nan where it is not defined."""
    import numpy as np

    from hptui.metrics.resampling import weighted_areas

    areas: list[float] = weighted_areas(predictions, np.ones((1, len(predictions))))[0].tolist()
    return areas


def _share(part: int, whole: int) -> Estimate | None:
    return Estimate(part / whole, wilson(part, whole)) if whole else None


def _f1(counts: ClassCounts, index: int) -> Estimate | None:
    value = f1_of_class(counts, index)
    either = counts.support[index] + counts.predicted[index] - counts.hits[index]
    return None if value is None else Estimate(value, f1_interval(counts.hits[index], either))


def _area(value: float, support: int, images: int) -> Estimate | None:
    return Estimate(value, auc_interval(value, support, images - support)) if math.isfinite(value) else None
