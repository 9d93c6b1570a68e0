"""Metrics with 95 % intervals: what a test set of its size leaves open.

Of independent images: shares (accuracy, sensitivity, specificity, predictive values) and what is a mean of numbers
between 0 and 1 (Brier score) by Wilson 1927, the AUC by Newcombe 2006, F1 by Lam et al. 2023, the average precision as
a share of the images of the class (Boyd, Eng and Page 2013). A mean of sensitivities is one of independent shares (Zou
and Donner 2008). For other means over classes the percentile bootstrap over images (Efron and Tibshirani 1993, chapter
13), with more room below for the calibration error, which images overrate. Where nothing is left to resample, because
all classes are at 0 or 1, the mean of their intervals.

Where an image may have several labels, the percentile bootstrap over images, all labels of one together; for the
calibration error with more room below here too.

Where images are of groups these are drawn: `hptui.metrics.group_intervals`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hptui.metrics.calls import confusion, rightly_called
from hptui.metrics.class_metrics import RESAMPLES, ClassMetrics, Estimate, per_class, share_of
from hptui.metrics.classification import counts_of, metric
from hptui.metrics.group_intervals import group_interval
from hptui.metrics.groups import drawn_weights as drawn_groups
from hptui.metrics.groups import expanded_percentiles, is_grouped, one_for_each
from hptui.metrics.influence import image_influence, standard_error
from hptui.metrics.matrices import distances, metric_of_matrices
from hptui.metrics.resampling import drawn_weights, percentiles, resampled_matrices, spread_out
from hptui.metrics.score_intervals import Ends, calibration_interval, mean_interval, share_interval, wilson
from hptui.metrics.several_labels import labels_alone
from hptui.metrics.weighted import OF_PROBABILITIES
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["RESAMPLES", "ClassMetrics", "Estimate", "interval", "per_class"]

MANY_LABELS, FEWER_RESAMPLES, FEWEST_RESAMPLES = 100_000, 200, 40
"""of 22,000 images with 14 labels an interval of the mean AUC takes 7 s with 200 resamples, and 50 s with 1000"""
BY_CLASS = {"balanced_accuracy": "sensitivity"}
"""metrics that are the mean over classes of one with another name"""
APART = ("sensitivity", "ppv")
"""metrics of one class that rest on images of which no other class has one"""


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
        predictions: of one network on one split; if these have groups, it is for other groups.
        threshold: taken as given, so that its own uncertainty is not part of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.
    """
    value = metric(name, predictions, threshold)
    if value is None:
        return None
    if predictions.task == "multi-label":
        return _of_labels(name, value, predictions, threshold, resamples, seed)
    if is_grouped(predictions):
        ends = group_interval(name, value, predictions, threshold, resamples, seed)
        return ends or _of_images(name, value, one_for_each(predictions), threshold, resamples, seed)
    return _of_images(name, value, predictions, threshold, resamples, seed)


def _of_labels(
    name: str, value: float, predictions: Predictions, threshold: float | None, resamples: int, seed: int
) -> Ends | None:
    """Interval of a mean over labels; where no resample moves it, the mean of their own."""
    import numpy as np

    from hptui.metrics.weighted import weighted_metric

    if name == "exact_match":
        right = rightly_called(predictions, threshold)
        share = share_of(predictions, np.ones(len(predictions), bool), right)
        return share.interval if share is not None else None
    resamples = resamples if predictions.labels.size <= MANY_LABELS else min(resamples, FEWER_RESAMPLES)
    groups = predictions.groups if is_grouped(predictions) else None
    drawn = (
        drawn_weights(len(predictions), resamples, seed) if groups is None else drawn_groups(groups, resamples, seed)
    )
    values = np.concatenate([weighted_metric(name, predictions, weights, threshold) for weights in drawn])
    count = len(predictions) if groups is None else len(np.unique(groups))
    if name == "calibration_error" and (spread := float(values.std())):
        low, high = calibration_interval(value, values.tolist(), spread * math.sqrt(count / max(count - 1, 1)))
        draws = FEWER_RESAMPLES if predictions.labels.size <= MANY_LABELS else FEWEST_RESAMPLES
        return (0.0 if value <= _noise_alone(predictions, draws, seed) else low), high
    values = _without_bias(name, values, value)
    ends = spread_out(percentiles(values) if groups is None else expanded_percentiles(values, count))
    if ends is not None:
        return ends
    known = [
        (alone, interval(name, one, threshold))
        for one in labels_alone(predictions)
        if (alone := metric(name, one, threshold)) is not None
    ]
    values_of, ends_of = [alone for alone, _ in known], [one for _, one in known if one is not None]
    return mean_interval(values_of, ends_of, independent=False)


def _without_bias(name: str, values: Floats, value: float) -> Floats:
    """Resampled values where they would be if few images did not overrate an average precision.

    A rare class's few images rank too well in a sample, and once more in each resample of it; the mean over many
    classes has little spread to hide that: of 14 labels and 200 images the truth was in 73 % of such intervals, and is
    in 90 %.
    """
    import numpy as np

    if name != "average_precision":
        return values
    shifted: Floats = np.maximum(values - 2 * max(float(np.nanmean(values)) - value, 0.0), 0.0)
    return shifted


def _noise_alone(predictions: Predictions, draws: int, seed: int) -> float:
    """Calibration error that 97.5 % of draws stay below whose labels come true as often as they are said to.

    The mean over many labels has little spread of its own and all of their bias, so that its interval would never reach
    down to none (Broecker and Smith 2007 draw such labels for reliability diagrams).
    """
    import numpy as np

    random = np.random.default_rng([seed, draws])
    drawn = (
        replace(predictions, labels=(random.random(predictions.labels.shape) < predictions.probabilities).astype(int))
        for _ in range(draws)
    )
    known = [value for one in drawn if (value := metric("calibration_error", one)) is not None]
    return float(np.quantile(known, 0.975)) if known else 0.0


def _of_images(
    name: str, value: float, predictions: Predictions, threshold: float | None, resamples: int, seed: int
) -> Ends | None:
    """Interval of a metric of independent images."""
    if name == "accuracy":
        counts = counts_of(predictions, threshold)
        return wilson(sum(counts.hits), sum(counts.support))
    if name == "brier":
        return _brier(value, predictions)
    if name == "calibration_error":
        return _calibration(value, predictions, resamples, seed)
    if name == "quadratic_kappa":
        return _kappa(value, predictions, threshold, resamples, seed)
    return _of_classes(name, value, predictions, threshold, resamples, seed)


def _of_classes(
    name: str, value: float, predictions: Predictions, threshold: float | None, resamples: int, seed: int
) -> Ends | None:
    """Interval of a metric of one class against the rest, or of its mean over classes."""
    rows = per_class(predictions, threshold, areas=name in ("auc", "average_precision"))
    if predictions.classes == 2 and name != "balanced_accuracy":
        positive: Estimate = getattr(rows[1], name)
        return positive.interval
    name = BY_CLASS.get(name, name)
    occurring = rows if name == "ppv" else [row for row in rows if row.support]
    known = [estimate for row in occurring if (estimate := getattr(row, name)) is not None]
    if name not in APART:
        resampled = _resampled(name, predictions, threshold, resamples, seed)
        drawn = spread_out(percentiles(_without_bias(name, resampled, value)))
        if drawn is not None:
            return drawn
    values, ends_of = [estimate.value for estimate in known], [estimate.interval for estimate in known]
    return mean_interval(values, ends_of, independent=name in APART)


def _brier(value: float, predictions: Predictions) -> Ends:
    error, images = standard_error(image_influence("brier", predictions)), len(predictions)
    return share_interval(value, value * (1 - value) / error**2 if error else images)


def _calibration(value: float, predictions: Predictions, resamples: int, seed: int) -> Ends:
    error, images = standard_error(image_influence("calibration_error", predictions)), len(predictions)
    if not error:  # all images are alike: the probabilities may be as wrong as the calls may be
        low, _ = wilson(images, images)
        return max(value - (1 - low), 0.0), min(value + (1 - low), 1.0)
    return calibration_interval(
        value, _resampled("calibration_error", predictions, None, resamples, seed).tolist(), error
    )


def _kappa(value: float, predictions: Predictions, threshold: float | None, resamples: int, seed: int) -> Ends:
    ends = spread_out(percentiles(_resampled("quadratic_kappa", predictions, threshold, resamples, seed)))
    if ends is not None:
        return ends
    shares = confusion(predictions, threshold) / len(predictions)
    low, _ = wilson(len(predictions), len(predictions))  # and all others may be the furthest grades apart
    reach = (1 - low) / float(shares.sum(1) @ distances(predictions.classes) @ shares.sum(0))
    return max(value - reach, -1.0), min(value + reach, 1.0)


def _resampled(name: str, predictions: Predictions, threshold: float | None, resamples: int, seed: int) -> Floats:
    """Values (resamples,) of a metric of images drawn with replacement."""
    import numpy as np

    from hptui.metrics.weighted import weighted_metric

    if name in OF_PROBABILITIES:
        drawn = drawn_weights(len(predictions), resamples, seed)
        return np.concatenate([weighted_metric(name, predictions, weights) for weights in drawn])
    return metric_of_matrices(name, resampled_matrices(confusion(predictions, threshold), resamples, seed))
