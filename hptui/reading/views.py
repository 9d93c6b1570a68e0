"""What screens and pictures show, computed from run states: plain numbers, no drawing.

A screen and an export call the same view, so they show the same numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hptui.metrics.classification import class_counts, sensitivity, specificity
from hptui.reading.run_state import Decision, RunState
from hptui.record.events import Axis, CandidateScored, Evaluated
from hptui.space import HYPERPARAMETERS

Measure = Literal["score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity"]
MEASURES: tuple[Measure, ...] = ("score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity")
CurveMeasure = Literal["accuracy", "loss", "sensitivity", "specificity"]
CURVE_MEASURES: tuple[CurveMeasure, ...] = ("accuracy", "loss", "sensitivity", "specificity")
LOWER_IS_BETTER: frozenset[Measure] = frozenset({"score", "loss"})


@dataclass(frozen=True)
class Cell:
    """One place of a heatmap."""

    candidates: tuple[int, ...] = ()
    """candidates that fall here; several where the decision searched more than the two axes shown"""
    value: float | None = None
    """of the best of them; None: not measured yet, or all diverged"""
    diverged: bool = False
    """measured, and none was finite"""
    predicted: float | None = None
    """score that the strategy's model of the landscape expects here, where nothing was measured"""

    @property
    def shown(self) -> float | None:
        """The measured value, else the predicted one."""
        return self.value if self.value is not None else self.predicted


@dataclass(frozen=True)
class HeatmapGrid:
    """One decision over two hyperparameters. Rows follow `y`, from low to high; columns follow `x`."""

    decision: int
    epoch: int
    measure: Measure
    x: Axis
    y: Axis | None
    """None where only one hyperparameter was searched: a single row"""
    cells: tuple[tuple[Cell, ...], ...]
    chosen: tuple[int, int] | None
    """(row, column) of the choice; None: not chosen yet, or no candidate was taken"""
    low: float | None
    high: float | None
    """smallest and largest value among the cells, measured or predicted; None: no cell has one"""

    @cached_property
    def measured(self) -> tuple[float, float]:
        """Smallest and largest measured value; of a single one, or of none, those of all that is shown."""
        found = [cell.value for row in self.cells for cell in row if cell.value is not None]
        if len(found) < 2:
            return self.low or 0.0, self.high or 0.0
        return min(found), max(found)

    @property
    def lower_is_better(self) -> bool:
        return self.measure in LOWER_IS_BETTER


def heatmap(decision: Decision, x: str | None = None, y: str | None = None, measure: Measure = "score") -> HeatmapGrid:
    """The grid of one decision; without names the first two searched hyperparameters, the first one upwards.

    Raises:
        ValueError: the decision searched nothing, or not the named hyperparameter.
    """
    x_axis, y_axis = _axes(decision.started.axes, x, y)
    columns, rows = len(x_axis.values), len(y_axis.values) if y_axis else 1
    places: dict[tuple[int, int], list[CandidateScored]] = {}
    for candidate in decision.candidates:
        places.setdefault(_place(candidate.values, x_axis, y_axis), []).append(candidate)
    predicted = _predicted(decision, x_axis, y_axis) if measure == "score" else {}
    cells = tuple(
        tuple(_cell(places.get((row, column), []), measure, predicted.get((row, column))) for column in range(columns))
        for row in range(rows)
    )
    values = [cell.shown for row in cells for cell in row if cell.shown is not None]
    chosen = decision.chosen
    taken = chosen is not None and chosen.candidate is not None
    return HeatmapGrid(
        decision=decision.started.decision,
        epoch=decision.started.epoch,
        measure=measure,
        x=x_axis,
        y=y_axis,
        cells=cells,
        chosen=_place(chosen.values, x_axis, y_axis) if chosen is not None and taken else None,
        low=min(values, default=None),
        high=max(values, default=None),
    )


def _axes(axes: Sequence[Axis], x: str | None, y: str | None) -> tuple[Axis, Axis | None]:
    by_name = {axis.name: axis for axis in axes}
    names = list(by_name)
    if not names:
        raise ValueError("the decision searched nothing")
    y = y or next((name for name in names if name != x), None)
    x = x or next((name for name in names if name != y), names[0])
    if x not in by_name or (y is not None and y not in by_name):
        raise ValueError(f"searched are {', '.join(names)}; not {x}, {y}")
    return by_name[x], by_name[y] if y is not None and y != x else None


def _place(values: dict[str, float], x: Axis, y: Axis | None) -> tuple[int, int]:
    return (_nearest(values[y.name], y) if y else 0), _nearest(values[x.name], x)


def _nearest(value: float, axis: Axis) -> int:
    """Index of the axis value nearest to `value`, in the axis's own scale."""
    if value in axis.values:
        return axis.values.index(value)

    def position(number: float) -> float:
        return math.log(max(number, 1e-300)) if axis.scale == "log" else number

    return min(range(len(axis.values)), key=lambda index: abs(position(axis.values[index]) - position(value)))


def _predicted(decision: Decision, x: Axis, y: Axis | None) -> dict[tuple[int, int], float]:
    """The best predicted score by (row, column), over what the decision searched beyond the two axes."""
    if decision.predicted is None:
        return {}
    best: dict[tuple[int, int], float] = {}
    axes = decision.started.axes
    every = itertools.product(*(axis.values for axis in axes))
    for values, score in zip(every, decision.predicted.scores, strict=True):
        if score is not None:
            place = _place(dict(zip((axis.name for axis in axes), values, strict=True)), x, y)
            best[place] = min(score, best.get(place, math.inf))
    return best


def _cell(candidates: Sequence[CandidateScored], measure: Measure, predicted: float | None) -> Cell:
    if not candidates:
        return Cell(predicted=predicted)
    numbers = tuple(candidate.candidate for candidate in candidates)
    found = [value for c in candidates if not c.diverged and (value := measured(c, measure)) is not None]
    if not found:
        return Cell(numbers, None, diverged=all(candidate.diverged for candidate in candidates))
    return Cell(numbers, min(found) if measure in LOWER_IS_BETTER else max(found))


def measured(candidate: CandidateScored, measure: Measure) -> float | None:
    """One number of a candidate; None if it is not finite or not defined."""
    match measure:
        case "sensitivity":
            return sensitivity(candidate.classes)
        case "specificity":
            return specificity(candidate.classes)
        case _:
            value: float | None = getattr(candidate, measure)
            return value


@dataclass(frozen=True)
class TrajectoryPoint:
    """A value in force after one epoch."""

    epoch: int
    value: float
    on_edge: Literal["low", "high"] | None = None
    """the value sits on an edge of its range: the best may lie outside"""


@dataclass(frozen=True)
class RangeEdge:
    """The range as it was at one decision."""

    epoch: int
    low: float
    high: float


@dataclass(frozen=True)
class Trajectory:
    """The values of one hyperparameter over a run."""

    name: str
    title: str
    scale: str
    points: tuple[TrajectoryPoint, ...]
    edges: tuple[RangeEdge, ...]
    baseline: tuple[TrajectoryPoint, ...] = ()
    repeated: tuple[TrajectoryPoint, ...] = ()
    """what longer probes would have chosen, where a greed check found another value"""


def trajectories(run: RunState, baseline: RunState | None = None) -> tuple[Trajectory, ...]:
    """One per searched hyperparameter; `baseline` is the run of the same seed, for the overlay."""
    searched: dict[str, Axis] = {axis.name: axis for axis in run.started.searched} if run.started else {}
    for decision in run.decisions:
        searched |= {axis.name: axis for axis in decision.started.axes}
    return tuple(_trajectory(name, axis.scale, run, baseline) for name, axis in searched.items())


def _trajectory(name: str, scale: str, run: RunState, baseline: RunState | None) -> Trajectory:
    edges = tuple(
        RangeEdge(decision.started.epoch, axis.low, axis.high)
        for decision in run.decisions
        for axis in decision.started.axes
        if axis.name == name
    )
    chosen = {
        decision.chosen.epoch: decision.chosen.values[name]
        for decision in run.decisions
        if decision.chosen is not None and name in decision.chosen.values
    }
    points = _values_by_epoch(name, run) | chosen
    return Trajectory(
        name=name,
        title=HYPERPARAMETERS[name].title if name in HYPERPARAMETERS else name,
        scale=scale,
        points=tuple(
            TrajectoryPoint(epoch, value, _edge(value, epoch, edges)) for epoch, value in sorted(points.items())
        ),
        edges=edges,
        baseline=tuple(
            TrajectoryPoint(epoch, value)
            for epoch, value in (_values_by_epoch(name, baseline) if baseline else {}).items()
        ),
        repeated=tuple(
            TrajectoryPoint(decision.started.epoch, decision.repeated.values[name])
            for decision in run.decisions
            if decision.repeated is not None and name in decision.repeated.changed
        ),
    )


def _values_by_epoch(name: str, run: RunState) -> dict[int, float]:
    return {
        epoch.number: epoch.completed.values[name]
        for epoch in run.epochs
        if epoch.completed is not None and name in epoch.completed.values
    }


def _edge(value: float, epoch: int, edges: Sequence[RangeEdge]) -> Literal["low", "high"] | None:
    before = [edge for edge in edges if edge.epoch <= epoch]
    if not before:
        return None
    if math.isclose(value, before[-1].low, rel_tol=1e-9):
        return "low"
    return "high" if math.isclose(value, before[-1].high, rel_tol=1e-9) else None


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
    """One measure of the weights that would be delivered, per epoch; what is not finite or defined is left out."""
    values: dict[int, list[float]] = {}
    for run in runs:
        for epoch in run.epochs:
            found = epoch.validation if split == "validation" else epoch.test
            value = _evaluated(found, measure) if found is not None else None
            if value is not None:
                values.setdefault(epoch.number, []).append(value)
    return tuple(
        CurvePoint(epoch, len(found), math.fsum(found) / len(found), min(found), max(found))
        for epoch, found in sorted(values.items())
    )


def _evaluated(found: Evaluated, measure: CurveMeasure) -> float | None:
    match measure:
        case "accuracy":
            return found.accuracy
        case "loss":
            return found.loss
        case "sensitivity":
            return sensitivity(class_counts(found.confusion))
        case "specificity":
            return specificity(class_counts(found.confusion))
