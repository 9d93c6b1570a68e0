"""Every class against the rest, each metric with its 95 % interval; see `hptui.metrics.intervals` for which."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.metrics.classification import predicted_classes
from hptui.metrics.group_areas import group_auc_interval, group_precision_interval, resampled_precisions
from hptui.metrics.groups import effective_size, is_grouped
from hptui.metrics.score_intervals import Ends, auc_interval, f1_of_share, share_interval, wilson
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


def per_class(
    predictions: Predictions, threshold: float | None = None, *, areas: bool = True, resamples: int = RESAMPLES
) -> list[ClassMetrics]:
    """Metrics of every class against the rest, in the order of the classes.

    Args:
        predictions: of one network on one split; if these have groups, intervals are for other groups.
        threshold: see `hptui.metrics.classification.metric`.
        areas: also those under the ROC curve and of precision, for which probabilities have to be known.
        resamples: of groups, for these.
    """
    called = predicted_classes(predictions, threshold)
    found: list[tuple[Estimate | None, Estimate | None]]
    found = _areas(predictions, resamples) if areas else [(None, None)] * predictions.classes
    rows = []
    for index, (area, average) in enumerate(found):
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
    assert predictions.groups is not None
    influence = among * (hit - part / whole) * (len(among) / whole)
    size = effective_size(part / whole, influence, predictions.groups, among, whole)
    return Estimate(part / whole, share_interval(part / whole, size))


def _f1(predictions: Predictions, true: Mask, said: Mask) -> Estimate | None:
    """F1 = 2 J / (1 + J), of the share J of hits among images that are of the class, or called so, or both."""
    if not true.any():
        return None
    share = share_of(predictions, true | said, true & said)
    assert share is not None
    value = 2 * int((true & said).sum()) / (int(true.sum()) + int(said.sum()))
    return Estimate(value, f1_of_share(share.interval))


def _areas(predictions: Predictions, resamples: int) -> list[tuple[Estimate | None, Estimate | None]]:
    """AUC and average precision of each class against the rest; None where they are not defined."""
    import numpy as np

    from hptui.metrics.resampling import weighted_areas
    from hptui.metrics.weighted import average_precisions

    once = np.ones((1, len(predictions)))
    areas, averages = weighted_areas(predictions, once)[0].tolist(), average_precisions(predictions, once)[0].tolist()
    drawn = resampled_precisions(predictions, resamples) if is_grouped(predictions) else None
    rows: list[tuple[Estimate | None, Estimate | None]] = []
    for index, (area, average) in enumerate(zip(areas, averages, strict=True)):
        if not math.isfinite(area):
            rows.append((None, None))
        elif drawn is None:
            inside = int((predictions.labels == index).sum())
            outside = len(predictions) - inside
            ends = auc_interval(area, inside, outside), share_interval(average, inside)
            rows.append((Estimate(area, ends[0]), Estimate(average, ends[1])))
        else:
            of_precision = group_precision_interval(predictions, index, average, drawn[:, index])
            rows.append((Estimate(area, group_auc_interval(predictions, index, area)), Estimate(average, of_precision)))
    return rows
