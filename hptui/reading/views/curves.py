"""Learning curves: one measure per epoch over all runs of an arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.run_state import RunState
from hptui.record.events import Evaluated
from hptui.record.run_directory import run_name

CurveMeasure = Literal["accuracy", "loss", "sensitivity", "specificity"]
Values = Sequence[tuple[int, float]]
CURVE_MEASURES: tuple[CurveMeasure, ...] = ("accuracy", "loss", "sensitivity", "specificity")


@dataclass(frozen=True)
class CurvePoint:
    """One epoch over all runs of an arm that have completed it."""

    epoch: int
    n: int
    mean: float
    low: float
    high: float
    """smallest and largest run, not a confidence interval"""


def learning_curve(runs: Iterable[RunState], measure: CurveMeasure, split: str) -> tuple[CurvePoint, ...]:
    """Points, one per epoch, of one measure of the weights that would be delivered, where it is finite and defined."""
    return _points(_values(run, measure, split) for run in runs)


class LearningCurves:
    """The same again and again, while runs go on: of those that have completed no epoch since, the values are kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, CurveMeasure, str], tuple[RunState, object, Values]] = {}

    def curve(self, runs: Iterable[RunState], measure: CurveMeasure, split: str) -> tuple[CurvePoint, ...]:
        """See `learning_curve`."""
        return _points(self._values(run, measure, split) for run in runs)

    def _values(self, run: RunState, measure: CurveMeasure, split: str) -> Values:
        key, now = (id(run), measure, split), last_completed(run)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not run or kept[1] != now:
            kept = self._kept[key] = run, now, _values(run, measure, split)
        return kept[2]


def last_completed(run: RunState) -> object:
    """Changes with every completed epoch; as cheap as a look at the last one."""
    completed = run.epochs[-1].completed if run.epochs else None
    return len(run.epochs), completed and (completed.time, completed.step)


def _values(run: RunState, measure: CurveMeasure, split: str) -> Values:
    """(Epoch, measure), where it is finite and defined."""
    found = []
    for epoch in run.epochs:
        evaluation = epoch.validation if split == "validation" else epoch.test
        value = _evaluated(evaluation, measure) if evaluation is not None else None
        if value is not None:
            found.append((epoch.number, value))
    return found


def _points(runs: Iterable[Values]) -> tuple[CurvePoint, ...]:
    values: dict[int, list[float]] = {}
    for of_run in runs:
        for epoch, value in of_run:
            values.setdefault(epoch, []).append(value)
    return tuple(
        CurvePoint(epoch, len(of_runs), math.fsum(of_runs) / len(of_runs), min(of_runs), max(of_runs))
        for epoch, of_runs in sorted(values.items())
    )


def delivered_points(runs: Iterable[RunState], measure: CurveMeasure, split: str) -> tuple[tuple[float, float], ...]:
    """(Epoch, measure) of what each run delivers, or would if it ended now, where that is not its newest epoch."""
    points = []
    for run in runs:
        epoch = run.delivered
        if epoch is None or epoch.number == run.epochs_completed:
            continue
        evaluation = epoch.validation if split == "validation" else epoch.test
        value = _evaluated(evaluation, measure) if evaluation is not None else None
        if value is not None:
            points.append((float(epoch.number), value))
    return tuple(points)


def finished(runs: Iterable[RunState]) -> list[RunState]:
    """Runs that are at their end: means of others would change what they are means of from epoch to epoch."""
    return [run for run in runs if run.completed is not None]


def unfinished(runs: Iterable[RunState]) -> list[RunState]:
    """Runs that have completed an epoch, and are not at their end."""
    return [run for run in runs if run.completed is None and run.epochs_completed > 0]


def run_label(run: RunState) -> str:
    """Name of a run, as its folder has it."""
    return run_name(run.started.arm, run.started.seed) if run.started is not None else "a run"


def spread(curve: Iterable[CurvePoint]) -> bool:
    """Whether there is a band to be seen: the runs differ somewhere."""
    return any(point.low < point.high for point in curve)


def training_losses(run: RunState) -> tuple[tuple[float, float], ...]:
    """(Epochs trained, loss on those images): of each epoch of one run, then as the one under way goes on."""
    completed = [epoch.completed for epoch in run.epochs if epoch.completed is not None]
    whole = [(float(epoch.epoch), epoch.train_loss) for epoch in completed if epoch.train_loss is not None]
    return (*whole, *run.batch_losses)


def _evaluated(evaluation: Evaluated, measure: CurveMeasure) -> float | None:
    match measure:
        case "accuracy":
            return evaluation.accuracy
        case "loss":
            return evaluation.loss
        case "sensitivity":
            return sensitivity(evaluation.classes)
        case "specificity":
            return specificity(evaluation.classes)
