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
from hptui.metrics.classification import balanced_accuracy
from hptui.reading.chance_of_labels import STILL_GUESSING, labels_at_chance
from hptui.reading.run_state import RunState
from hptui.record.class_counts import class_counts
from hptui.record.predictions import read_predictions, written_at
from hptui.record.study_directory import open_study

CHANCE = 1.05
"""times what guessing has: no more is called no better"""
RARE = 0.1
"""share of the images below which a class is rare: to call none of them so costs hardly anything"""
WEIGHTS = "with class weights (--class-weights balanced)"
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
    """Sentences on a network that was delivered and calls its classes as if it guessed; empty: it does not.

    Args:
        run: completed, or there is nothing to say yet.
        directory: of the run, for its predictions; None: they are not looked at.
    """
    completed = [epoch.validation for epoch in run.epochs if epoch.validation is not None]
    now = run.delivered.validation if run.completed and run.delivered is not None else None
    if now is None:
        return ""
    if run.started is not None and run.started.task == "multi-label":
        weights = "" if _is_balanced(directory) else WEIGHTS
        return labels_at_chance(now.classes, directory, weights, _remedy(run))
    matrix = now.confusion
    share, classes = balanced_accuracy(class_counts(matrix)), len(matrix)
    if share is None or share > CHANCE / classes:
        return ""
    before = max(balanced_accuracy(class_counts(evaluation.confusion)) or 0.0 for evaluation in completed)
    better = " It was better before." if before > 1 / classes + 0.2 else ""
    area, rare = _area_of(matrix, directory), _rare(run, matrix)
    calls = f"{_calls(run, matrix)} (balanced accuracy {share:.1%})"
    weights = "" if _is_balanced(directory) else WEIGHTS
    if area is not None and area.low > 0.5:
        return _threshold_off(calls, area, classes, better, weights)
    if area is not None and area.high <= STILL_GUESSING:
        return (
            f"the network tells the {classes} classes no better than guessing (balanced accuracy {share:.1%}, {area}, "
            f"on validation images).{better} {_rare_remedy(rare, weights) or _remedy(run)}"
        )
    if area is None:
        known = "whether the network tells the classes apart all the same (AUC) is not known without its predictions"
    else:
        fewest = min(images for images in area.support if images)
        few = f"so few images ({area}; {fewest} of a class)"
        known = f"whether the network tells the classes apart cannot be told from {few}"
    return f"{calls}; {known}.{better} {_rare_remedy(rare, weights) or _remedy(run)}"


def _threshold_off(calls: str, area: Area, classes: int, better: str, weights: str) -> str:
    """Sentence on a network that knows more than its calls show; of more than two classes there is no threshold."""
    longer = f"train longer{f' or {weights}' if weights else ''}"
    what = f"{calls}, although the network tells the classes apart better than guessing ({area}).{better}"
    if classes != 2:
        return f"{what} {longer.capitalize()}."
    return (
        f"at a threshold of one half {what} Choose another one (hptui compare STUDY --threshold-for sensitivity=0.95), "
        f"or {longer}."
    )


def _rare(run: RunState, matrix: Sequence[Sequence[int]]) -> str:
    """Words for the class that has too few images for the others to be called by it; empty if none has."""
    support = class_counts(matrix).support
    fewest = min((images for images in support if images), default=0)
    images, are = sum(support), "is" if fewest == 1 else "are"
    if fewest >= RARE * images or fewest * len(support) >= images / 2:  # of many classes each has few
        return ""
    return f"only {fewest} of {images} validation images {are} {_name(run, support.index(fewest), len(matrix))}"


def _rare_remedy(rare: str, weights: str) -> str:
    """Advice where a class is rare, of which a smaller rate would change nothing; empty where none is."""
    if not rare:
        return ""
    return f"{rare[:1].upper()}{rare[1:]}: train longer{f', {weights},' if weights else ''} and choose a threshold."


def _name(run: RunState, index: int, classes: int) -> str:
    """Name of a class, unless a terminal might obey it."""
    names = run.started.class_names if run.started is not None else []
    known = len(names) == classes and names[index].isprintable()
    return names[index] if known else f"class {index}"


@lru_cache(maxsize=64)
def _is_balanced(directory: Path | None) -> bool:
    """Whether a run's study weighs its classes already, which no change of its settings can change."""
    if directory is None:
        return False
    try:
        return open_study(directory.parent).config.class_weights == "balanced"
    except (OSError, RunDirectoryError):
        return False


def _calls(run: RunState, matrix: Sequence[Sequence[int]]) -> str:
    """What the confusion matrix alone says."""
    predicted = class_counts(matrix).predicted
    most, images = max(predicted), sum(predicted)
    if most < NEARLY_ALL * images:
        return "what the network calls the validation images is no better than guessing"
    name = _name(run, predicted.index(most), len(matrix))
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
    written = written_at(directory) if directory is not None else None
    if directory is None or written is None:
        return None
    area = _area(directory, written)
    return area if area is not None and area.support == tuple(map(sum, matrix)) else None


@lru_cache(maxsize=64)
def _area(directory: Path, written: int) -> Area | None:  # noqa: ARG001 (a file written anew is another one)
    """Area of a run's predictions on validation images; kept, because a screen asks with every refresh."""
    import numpy as np

    from hptui.metrics.class_metrics import areas_under_curve
    from hptui.metrics.score_intervals import mean_interval

    try:
        predictions = read_predictions(directory, "final", "validation")
    except (OSError, RunDirectoryError):  # told where the predictions are asked for
        return None
    if predictions is None or not np.isfinite(predictions.probabilities).all():
        return None
    support = tuple(np.bincount(predictions.labels, minlength=predictions.classes).tolist())
    areas = areas_under_curve(predictions)
    known = [area for area in (areas[1:] if len(areas) == 2 else areas) if area is not None]
    if not known:
        return None
    values, ends = [estimate.value for estimate in known], [estimate.interval for estimate in known]
    low, high = mean_interval(values, ends, independent=False)
    return Area(sum(values) / len(values), low, high, support)
