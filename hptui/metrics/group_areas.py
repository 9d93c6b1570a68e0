"""Intervals (95 %) of areas under the curves of one class, where images are of groups.

The effective numbers of images are those with which the closed form of independent images has the variance that the
groups show (Obuchowski 1997 for the AUC), with Student's quantile of as few groups. A bootstrap over groups says too
little near 1: of 40 patients and an AUC of 0.99 it holds 82 times of 100, this 98 times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.metrics.groups import drawn_weights, expanded_percentiles, number_of_groups
from hptui.metrics.influence import class_influence, influence_of_groups, standard_error
from hptui.metrics.resampling import ROUNDING, TAILS
from hptui.metrics.score_intervals import NORMAL, Ends, auc_error, auc_interval, share_interval
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def group_auc_interval(predictions: Predictions, index: int, area: float) -> Ends:
    """Interval of the area under the ROC curve of one class against the rest."""
    inside, outside = _counts(predictions, index)
    groups = _groups(predictions, index)
    variance = _variance(predictions, index, "auc")
    if min(groups) < 2 or variance < ROUNDING**2:  # the groups are what is counted
        return auc_interval(area, *groups)
    effect = _effect(variance, auc_error(area, inside, outside) ** 2, min(groups))
    return auc_interval(area, inside / effect, outside / effect)


def group_precision_interval(predictions: Predictions, index: int, average: float, resampled: Floats) -> Ends:
    """Interval of the average precision of one class against the rest.

    The outer ends of the closed form and of the bootstrap over groups, of which each is too short somewhere: the
    bootstrap near 1, the closed form of a class that few groups have.
    """
    inside, _ = _counts(predictions, index)
    groups = _groups(predictions, index)
    variance = _variance(predictions, index, "average_precision")
    if min(groups) < 2 or variance < ROUNDING**2:
        return share_interval(average, groups[0])
    effect = _effect(variance, average * (1 - average) / inside, min(groups))
    low, high = share_interval(average, inside / effect)
    below, above = expanded_percentiles(resampled, min(groups)) or (low, high)
    return min(low, below), max(high, above)


def resampled_precisions(predictions: Predictions, resamples: int) -> Floats:
    """Average precisions (resamples, classes) of groups drawn with replacement."""
    import numpy as np

    from hptui.metrics.weighted import average_precisions

    assert predictions.groups is not None
    drawn = drawn_weights(predictions.groups, resamples, 0)
    return np.concatenate([average_precisions(predictions, weights) for weights in drawn])


def _counts(predictions: Predictions, index: int) -> tuple[int, int]:
    """Images of a class and of others."""
    inside = int((predictions.labels == index).sum())
    return inside, len(predictions) - inside


def _groups(predictions: Predictions, index: int) -> tuple[int, int]:
    """Groups that have images of a class, and of others."""
    inside, numbers = predictions.labels == index, predictions.group_numbers
    return number_of_groups(numbers[inside]), number_of_groups(numbers[~inside])


def _variance(predictions: Predictions, index: int, metric: str) -> float:
    """Squared standard error of a metric of one class, over groups."""
    import numpy as np

    true, score = predictions.labels == index, predictions.probabilities[:, index].astype(np.float64)
    influence = class_influence(metric, true, true, score)
    assert influence is not None  # the metric is defined
    return standard_error(influence_of_groups(influence, predictions.group_numbers)) ** 2


def _effect(variance: float, independent: float, groups: int) -> float:
    """Images that tell as much as one independent image does, with Student's quantile of so few groups."""
    from scipy.special import stdtrit

    wider = float(stdtrit(groups - 1, TAILS[1])) / NORMAL
    return max(variance / independent, 1.0) * wider**2
