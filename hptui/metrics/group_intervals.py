"""Intervals (95 %) of metrics of images that are of groups (patients): what another draw of groups would change.

Shares, and what is a mean of numbers between 0 and 1: Wilson's interval of the effective number of images, by the
spread over groups (Rao and Scott 1992; Dean and Pagano 2015 found it to hold near 0 and 1), and a mean of sensitivities
from those of the classes. Areas: `hptui.metrics.group_areas`. All else: the bootstrap over groups (Field and Welsh
2007) with the percentiles of as few groups (Hesterberg 2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.metrics.calls import predicted_classes
from hptui.metrics.class_metrics import per_class, share_of
from hptui.metrics.groups import drawn_weights, effective_size, expanded_percentiles, fewest_groups, of_groups
from hptui.metrics.influence import image_influence, influence_of_groups, standard_error
from hptui.metrics.resampling import TAILS, spread_out
from hptui.metrics.score_intervals import Ends, calibration_interval, mean_interval, share_interval
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

OF_NO_CLASS = ("calibration_error", "quadratic_kappa")


def group_interval(
    name: str, value: float, predictions: Predictions, threshold: float | None, resamples: int, seed: int
) -> Ends | None:
    """Interval of a metric; None where no draw of groups would move it, so that it has to be known from elsewhere.

    Args:
        name: as of `hptui.metrics.intervals.interval`; so too the others.
        value: of the metric.
        predictions: with groups.
        threshold: on the probability of the second of two classes.
        resamples: of the groups.
        seed: of the bootstrap.
    """
    import numpy as np

    from hptui.metrics.weighted import weighted_metric

    assert predictions.groups is not None
    every = np.ones(len(predictions), bool)
    if name == "accuracy":
        estimate = share_of(predictions, every, predictions.labels == predicted_classes(predictions, threshold))
        return estimate.interval if estimate is not None else None
    if name == "brier":
        influence = image_influence(name, predictions)
        error = standard_error(influence)
        most = value * (1 - value) / error**2 if error else len(predictions)
        return share_interval(value, effective_size(value, influence, predictions.group_numbers, every, most))
    if predictions.classes == 2 and name not in ("balanced_accuracy", *OF_NO_CLASS):
        areas = name in ("auc", "average_precision")
        positive = getattr(per_class(predictions, threshold, areas=areas, resamples=resamples)[1], name)
        return positive.interval if positive is not None else None
    if name in ("balanced_accuracy", "sensitivity") and not of_groups(predictions).mixed:
        rows = per_class(predictions, threshold, areas=False)
        known = [row.sensitivity for row in rows if row.sensitivity is not None]
        ends = [estimate.interval for estimate in known]
        return mean_interval([estimate.value for estimate in known], ends, independent=True)
    drawn = drawn_weights(predictions.groups, resamples, seed)
    values = np.concatenate([weighted_metric(name, predictions, weights, threshold) for weights in drawn])
    if name == "calibration_error":
        return _calibration(value, predictions, values)
    return spread_out(expanded_percentiles(values, fewest_groups(predictions, by_class=name not in OF_NO_CLASS)))


def _calibration(value: float, predictions: Predictions, resampled: Floats) -> Ends | None:
    from scipy.special import stdtrit

    influence = influence_of_groups(image_influence("calibration_error", predictions), predictions.group_numbers)
    error = standard_error(influence)
    quantile = float(stdtrit(max(len(influence) - 1, 1), TAILS[1]))
    return calibration_interval(value, resampled.tolist(), error, quantile) if error else None
