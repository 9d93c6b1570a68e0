"""Whether a network that calls its classes as if it guessed tells nothing apart, or only has its threshold off.

Balanced accuracy alone cannot tell: a network that calls every image by one class may rank them well. The predictions
that a completed run saved of its validation images can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.metrics.classification import balanced_accuracy, class_counts
from hptui.reading.run_state import RunState
from hptui.record.predictions import PREDICTIONS_FILE, read_predictions

CHANCE = 1.05
"""times what guessing has: no more is called no better"""
NEARLY_ALL = 0.9
"""share of the images that are called by one class, from which on that is said"""


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve (of several classes their mean), with its 95 % interval."""

    value: float
    low: float
    high: float
    support: tuple[int, ...]
    """images of each class"""

    def __str__(self) -> str:
        return f"AUC {self.value:.3f}, 95 % interval {self.low:.3f} to {self.high:.3f}"


def at_chance(run: RunState, directory: Path | None) -> str:
    """Sentences on a network that, after its last epoch, calls its classes as if it guessed; empty: it does not.

    Args:
        run: completed, or there is nothing to say yet.
        directory: of the run, for its predictions; None: they are not looked at.
    """
    completed = [epoch.validation for epoch in run.epochs if epoch.validation is not None]
    if not run.completed or not completed:
        return ""
    matrix = completed[-1].confusion
    share, classes = balanced_accuracy(class_counts(matrix)), len(matrix)
    if share is None or share > CHANCE / classes:
        return ""
    before = max(balanced_accuracy(class_counts(evaluation.confusion)) or 0.0 for evaluation in completed)
    better = " It was better before." if before > 1 / classes + 0.2 else ""
    area = _area_of(matrix, directory)
    calls = f"{_calls(run, matrix)} (balanced accuracy {share:.1%})"
    if area is None:
        known = "whether the network tells the classes apart all the same (AUC) is not known without its predictions"
        return f"{calls}; {known}.{better} {_remedy(run)}"
    if area.low > 0.5:
        return _threshold_off(calls, area, classes, better)
    return (
        f"the network tells the {classes} classes no better than guessing (balanced accuracy {share:.1%}, {area}, on "
        f"validation images).{better} {_remedy(run)}"
    )


def _threshold_off(calls: str, area: Area, classes: int, better: str) -> str:
    """Sentence on a network that knows more than its calls show; of more than two classes there is no threshold."""
    longer = "train longer or with class weights (--class-weights balanced)"
    what = f"{calls}, although the network tells the classes apart better than guessing ({area}).{better}"
    if classes != 2:
        return f"{what} {longer.capitalize()}."
    return (
        f"at a threshold of one half {what} Choose another one (hptui compare STUDY --threshold-for sensitivity=0.95), "
        f"or {longer}."
    )


def _calls(run: RunState, matrix: Sequence[Sequence[int]]) -> str:
    """What the confusion matrix alone says."""
    predicted = class_counts(matrix).predicted
    most, images = max(predicted), sum(predicted)
    if most < NEARLY_ALL * images:
        return "what the network calls the validation images is no better than guessing"
    names, index = (run.started.class_names if run.started is not None else []), predicted.index(most)
    known = len(names) == len(matrix) and names[index].isprintable()  # a terminal may obey what is not
    name = names[index] if known else f"class {index}"
    return f"{'all' if most == images else 'nearly all'} validation images are called {name}"


def _remedy(run: RunState) -> str:
    """Advice; on the range only where one is searched."""
    baseline = run.started is not None and run.started.arm == "baseline"
    searched = not baseline and any(decision.started.axes for decision in run.decisions)
    if searched:
        return "Try a smaller learning rate, a range that ends lower, or more epochs."
    return "Try a smaller learning rate or more epochs."


def _area_of(matrix: Sequence[Sequence[int]], directory: Path | None) -> Area | None:
    """Area of the saved predictions, if there are any of the images that the log counted."""
    if directory is None:
        return None
    try:
        written = (directory / PREDICTIONS_FILE).stat().st_mtime_ns
    except OSError:
        return None
    area = _area(directory, written)
    return area if area is not None and area.support == tuple(map(sum, matrix)) else None


@lru_cache(maxsize=64)
def _area(directory: Path, written: int) -> Area | None:  # noqa: ARG001 (a file written anew is another one)
    """Area of a run's predictions on validation images; kept, because a screen asks with every refresh."""
    import numpy as np

    from hptui.metrics.intervals import per_class
    from hptui.metrics.score_intervals import mean_interval

    try:
        predictions = read_predictions(directory, "final", "validation")
    except (OSError, RunDirectoryError):  # told where the predictions are asked for
        return None
    if predictions is None or not np.isfinite(predictions.probabilities).all():
        return None
    rows = per_class(predictions, areas=True)
    support = tuple(row.support for row in rows)
    known = [row.auc for row in (rows[1:] if len(rows) == 2 else rows) if row.support and row.auc is not None]
    if not known:
        return None
    values, ends = [estimate.value for estimate in known], [estimate.interval for estimate in known]
    low, high = mean_interval(values, ends, independent=False)
    return Area(sum(values) / len(values), low, high, support)
