"""Every class against the rest, or with and without every label, each metric with its 95 % interval.

`hptui.metrics.intervals` says which intervals these are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hptui.metrics.calls import predicted_classes
from hptui.metrics.group_areas import group_auc_interval, group_precision_interval, resampled_precisions
from hptui.metrics.groups import effective_size, is_grouped, number_of_groups
from hptui.metrics.score_intervals import Ends, auc_interval, f1_of_share, share_interval, wilson
from hptui.metrics.several_labels import labels_alone
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]

RESAMPLES = 1000


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
    ppv: Estimate | None = None
    npv: Estimate | None = None
    average_precision: Estimate | None = None
    groups: int = 0
    """that the images of the class are of; 0: they are independent as far as is known"""


def per_class(
    predictions: Predictions, threshold: float | None = None, *, areas: bool = True, resamples: int = RESAMPLES
) -> list[ClassMetrics]:
    """Metrics of every class against the rest, or of every label, in their order.

    Args:
        predictions: of one network on one split; if these have groups, intervals are for other groups.
        threshold: see `hptui.metrics.classification.metric`.
        areas: also those under the ROC curve and of precision, for which probabilities have to be known.
        resamples: of groups, for these.
    """
    if predictions.task == "multi-label":
        of_labels = (per_class(one, threshold, areas=areas, resamples=resamples) for one in labels_alone(predictions))
        return [replace(positive, label=index) for index, (_, positive) in enumerate(of_labels)]
    called = predicted_classes(predictions, threshold)
    none: list[Estimate | None] = [None] * predictions.classes
    found = areas_under_curve(predictions) if areas else none
    averages = _average_precisions(predictions, resamples) if areas else none
    rows = []
    groups = predictions.group_numbers if is_grouped(predictions) else None
    for index, (area, average) in enumerate(zip(found, averages, strict=True)):
        true, said = predictions.labels == index, called == index
        rows.append(
            ClassMetrics(
                label=index,
                support=int(true.sum()),
                sensitivity=share_of(predictions, true, said),
                specificity=share_of(predictions, ~true, ~said),
                f1=_f1(predictions, true, said),
                auc=area,
                ppv=share_of(predictions, said, true),
                npv=share_of(predictions, ~said, ~true),
                average_precision=average,
                groups=0 if groups is None else number_of_groups(groups[true]),
            )
        )
    return rows


def share_of(predictions: Predictions, among: Mask, hit: Mask) -> Estimate | None:
    """Share of hits among some of the images; None if there are none.

    Args:
        predictions: for their groups.
        among: (N,) the images that the share is of.
        hit: (N,).
    """
    whole = int(among.sum())
    if not whole:
        return None
    part = int((among & hit).sum())
    if not is_grouped(predictions):
        return Estimate(part / whole, wilson(part, whole))
    influence = among * (hit - part / whole) * (len(among) / whole)
    size = effective_size(part / whole, influence, predictions.group_numbers, among, whole)
    return Estimate(part / whole, share_interval(part / whole, size))


def _f1(predictions: Predictions, true: Mask, said: Mask) -> Estimate | None:
    """F1 = 2 J / (1 + J), of the share J of hits among images that are of the class, or called so, or both."""
    if not true.any():
        return None
    share = share_of(predictions, true | said, true & said)
    assert share is not None
    value = 2 * int((true & said).sum()) / (int(true.sum()) + int(said.sum()))
    return Estimate(value, f1_of_share(share.interval))


def areas_under_curve(predictions: Predictions) -> list[Estimate | None]:
    """Area under the ROC curve of each class against the rest; None where it is not defined."""
    import numpy as np

    from hptui.metrics.resampling import weighted_areas

    (areas,) = weighted_areas(predictions, np.ones((1, len(predictions)))).tolist()
    rows: list[Estimate | None] = []
    for index, area in enumerate(areas):
        inside = int((predictions.labels == index).sum())
        if not math.isfinite(area):
            rows.append(None)
        elif is_grouped(predictions):
            rows.append(Estimate(area, group_auc_interval(predictions, index, area)))
        else:
            rows.append(Estimate(area, auc_interval(area, inside, len(predictions) - inside)))
    return rows


def _average_precisions(predictions: Predictions, resamples: int) -> list[Estimate | None]:
    """Average precision of each class against the rest; None where it is not defined."""
    import numpy as np

    from hptui.metrics.weighted import average_precisions

    (averages,) = average_precisions(predictions, np.ones((1, len(predictions)))).tolist()
    drawn = resampled_precisions(predictions, resamples) if is_grouped(predictions) else None
    rows: list[Estimate | None] = []
    for index, average in enumerate(averages):
        if not math.isfinite(average):
            rows.append(None)
        elif drawn is not None:
            rows.append(Estimate(average, group_precision_interval(predictions, index, average, drawn[:, index])))
        else:
            inside = int((predictions.labels == index).sum())
            rows.append(Estimate(average, share_interval(average, inside)))
    return rows
