"""Whether a network that tells of several labels per image tells anything, or only has its probabilities too low."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.record.class_counts import ClassCounts
from hptui.record.predictions import Predictions, read_predictions, written_at

STILL_GUESSING = 0.7
"""the end of an AUC's interval up to which a network that cannot be told from guessing is said to guess"""
HARDLY_ANY = 0.05
"""labels called, as a share of those that there are"""


def labels_at_chance(counts: ClassCounts, directory: Path | None, weights: str, remedy: str) -> str:
    """Sentences on a network that calls no label, or ranks none better than guessing; empty: it does neither.

    Args:
        counts: of the validation images, by the network that is delivered.
        directory: of the run, for its predictions; None: they are not looked at.
        weights: advice on class weights; empty: the study has them.
        remedy: advice for a network that learns nothing.
    """
    area = mean_area(directory)
    known = f"mean AUC {area[0]:.3f}, 95 % interval {area[1]:.3f} to {area[2]:.3f}" if area is not None else ""
    if area is not None and area[1] <= 0.5 and area[2] <= STILL_GUESSING:
        return f"the network ranks the labels no better than guessing ({known}, on validation images). {remedy}"
    called = sum(counts.predicted)
    if called >= HARDLY_ANY * sum(counts.support):
        return ""
    longer = f"train longer{f' or {weights}' if weights else ''}"
    although = f", although it ranks them better than guessing ({known})" if area is not None and area[1] > 0.5 else ""
    return (
        f"{'hardly any' if called else 'no'} validation image is called with a label{although}: probabilities are "
        f"below one half. Look at AUC and average precision, which need no threshold, or {longer}."
    )


def mean_area(directory: Path | None) -> tuple[float, float, float] | None:
    """Mean AUC of a run's validation images and its ends, from the saved predictions; None: there are none."""
    written = written_at(directory) if directory is not None else None
    if directory is None or written is None:
        return None
    return _mean_area(directory, written)


@lru_cache(maxsize=64)
def _mean_area(directory: Path, written: int) -> tuple[float, float, float] | None:  # noqa: ARG001 (another file)
    """Kept, because a screen asks with every refresh."""
    try:
        predictions = read_predictions(directory, "final", "validation")
    except (OSError, RunDirectoryError):  # told where the predictions are asked for
        return None
    if predictions is None or predictions.task != "multi-label":
        return None
    return _area_with_ends(predictions)


def _area_with_ends(predictions: Predictions) -> tuple[float, float, float] | None:
    """By the influence of the images: a bootstrap of many images and labels takes seconds."""
    from hptui.metrics.classification import metric
    from hptui.metrics.influence import image_influence, influence_of_groups, standard_error
    from hptui.metrics.score_intervals import NORMAL

    value = metric("auc", predictions)
    if value is None or not math.isfinite(value):
        return None
    influence = image_influence("auc", predictions)
    if predictions.groups is not None:
        influence = influence_of_groups(influence, predictions.group_numbers)
    reach = NORMAL * standard_error(influence)
    return value, max(value - reach, 0.0), min(value + reach, 1.0)
