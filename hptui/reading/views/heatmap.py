"""One decision over two hyperparameters, as a grid of cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.run_state import Decision
from hptui.record.events import Axis, CandidateScored

Measure = Literal["score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity"]
MEASURES: tuple[Measure, ...] = ("score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity")
LOWER_IS_BETTER: frozenset[Measure] = frozenset({"score", "loss"})


@dataclass(frozen=True)
class Cell:
    """One cell of a heatmap."""

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
    """(row, column) of the choice; None: not chosen yet, or no candidate was"""
    low: float | None
    high: float | None
    """smallest and largest value among the cells, measured or predicted; None: no cell has one"""

    @cached_property
    def measured(self) -> tuple[float, float]:
        """Smallest and largest measured value; of a single one, or of none, those of all that is shown."""
        values = [cell.value for row in self.cells for cell in row if cell.value is not None]
        if len(values) < 2:
            return self.low or 0.0, self.high or 0.0
        return min(values), max(values)

    @property
    def lower_is_better(self) -> bool:
        return self.measure in LOWER_IS_BETTER


def heatmap(decision: Decision, x: str | None = None, y: str | None = None, measure: Measure = "score") -> HeatmapGrid:
    """Grid of one decision; without names the first two searched hyperparameters, the first one upwards.

    Raises:
        ValueError: the decision searched nothing, or not the named hyperparameter.
    """
    x_axis, y_axis = _axes(decision.started.axes, x, y)
    columns, rows = len(x_axis.values), len(y_axis.values) if y_axis else 1
    candidates_at: dict[tuple[int, int], list[CandidateScored]] = {}
    for candidate in decision.candidates:
        candidates_at.setdefault(_position(candidate.values, x_axis, y_axis), []).append(candidate)
    predicted = _predicted(decision, x_axis, y_axis) if measure == "score" else {}
    positions = [[(row, column) for column in range(columns)] for row in range(rows)]
    cells = tuple(
        tuple(_cell(candidates_at.get(position, []), measure, predicted.get(position)) for position in row)
        for row in positions
    )
    values = [cell.shown for row in cells for cell in row if cell.shown is not None]
    choice = decision.chosen
    return HeatmapGrid(
        decision=decision.started.decision,
        epoch=decision.started.epoch,
        measure=measure,
        x=x_axis,
        y=y_axis,
        cells=cells,
        chosen=None if choice is None or choice.candidate is None else _position(choice.values, x_axis, y_axis),
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


def _position(values: dict[str, float], x: Axis, y: Axis | None) -> tuple[int, int]:
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
            position = _position(dict(zip((axis.name for axis in axes), values, strict=True)), x, y)
            best[position] = min(score, best.get(position, math.inf))
    return best


def _cell(candidates: Sequence[CandidateScored], measure: Measure, predicted: float | None) -> Cell:
    if not candidates:
        return Cell(predicted=predicted)
    numbers = tuple(candidate.candidate for candidate in candidates)
    values = [value for c in candidates if not c.diverged and (value := measured(c, measure)) is not None]
    if not values:
        return Cell(numbers, None, diverged=all(candidate.diverged for candidate in candidates))
    return Cell(numbers, min(values) if measure in LOWER_IS_BETTER else max(values))


def measured(candidate: CandidateScored, measure: Measure) -> float | None:
    """Measured number of a candidate; None if it is not finite or not defined."""
    match measure:
        case "sensitivity":
            return sensitivity(candidate.classes)
        case "specificity":
            return specificity(candidate.classes)
        case _:
            value: float | None = getattr(candidate, measure)
            return value
