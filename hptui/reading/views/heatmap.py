"""One decision over two hyperparameters, as a grid of cells: each at the values that its candidates were tried with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.run_state import Decision
from hptui.reading.views.colour_scale import ColourScale, colour_scale
from hptui.reading.views.heatmap_axes import Guess, guesses_of, index_of, placed_at, shown_axes, varied
from hptui.reading.views.probe_stages import ProbeStage, probe_stages
from hptui.record.events import Axis, CandidateScored

Measure = Literal["score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity"]
MEASURES: tuple[Measure, ...] = ("score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity")
LOWER_IS_BETTER: frozenset[Measure] = frozenset({"score", "loss"})
Position = tuple[int, int]
"""row and column"""


@dataclass(frozen=True)
class Cell:
    """One cell of a heatmap."""

    candidates: tuple[int, ...] = ()
    """candidates that fall here; several where the stage tried more than the two axes shown"""
    value: float | None = None
    """of the chosen one, else of the best of them; None: not measured yet, or all diverged"""
    diverged: bool = False
    """measured, and none was finite"""
    predicted: float | None = None
    """score that the strategy's model of the landscape expects here, where nothing was measured"""
    passed_over: bool = False
    """its value was not to be chosen: the strategy left the candidate out, or took another one in spite of its score"""

    @property
    def shown(self) -> float | None:
        """The measured value, else the predicted one."""
        return self.value if self.value is not None else self.predicted


@dataclass(frozen=True)
class HeatmapGrid:
    """One stage of a decision over two hyperparameters. Rows follow `y`, from low to high; columns follow `x`."""

    decision: int
    epoch: int
    measure: Measure
    x: Axis
    """its values are those of the columns, in equal steps or not"""
    y: Axis | None
    """None where only one hyperparameter has several values: a single row"""
    cells: tuple[tuple[Cell, ...], ...]
    chosen: Position | None
    """of the choice; None: not chosen yet, no candidate was, or not one of this stage"""
    low: float | None
    high: float | None
    """smallest and largest value among the cells, measured or predicted; None: no cell has one"""
    stage: ProbeStage | None = None
    """None: nothing was measured"""
    stages: int = 1
    """of the decision so far"""
    others: tuple[str, ...] = ()
    """further hyperparameters with several values: a cell shows the best over them"""
    fixed: Mapping[str, float] | None = None
    """searched hyperparameters of which this stage tried one value alone"""
    shared_scale: ColourScale | None = None
    """of several grids together; None: its own"""

    @cached_property
    def scale(self) -> ColourScale | None:
        """Of the colours; None: no cell has a value."""
        return self.shared_scale or colour_scale(self.values, lower_is_better=self.lower_is_better)

    @property
    def values(self) -> list[float]:
        """All that is shown, measured or predicted."""
        return [cell.shown for _, _, cell in self.places if cell.shown is not None]

    @property
    def places(self) -> list[tuple[int, int, Cell]]:
        """Row, column and cell of each."""
        return [(row, column, cell) for row, line in enumerate(self.cells) for column, cell in enumerate(line)]

    @property
    def lower_is_better(self) -> bool:
        return self.measure in LOWER_IS_BETTER


class HeatmapPart(NamedTuple):
    """A stage of a decision over one pair of hyperparameters: what one heatmap shows."""

    stage: int | None
    """None: nothing was measured yet"""
    x: str
    y: str
    """the same as `x` where one hyperparameter has several values"""


def heatmap_pairs(decision: Decision, stage: int | None = None) -> list[tuple[str, str]]:
    """Every pair (x, y) of what has several values in a stage, the first name upwards and the second across first."""
    return _pairs(_Setting(decision, stage, "score").names)


def heatmap_parts(decision: Decision) -> list[HeatmapPart]:
    """Heatmaps that together show every value that the decision tried.

    In each stage the first hyperparameter that was varied stands upwards, and each of the others across in turn.
    """
    parts = []
    for stage in range(len(probe_stages(decision))) or (None,):
        setting = _Setting(decision, stage, "score")
        pairs = _pairs(setting.tried or setting.names)
        parts += [HeatmapPart(stage, x, y) for x, y in pairs if y == pairs[0][1]]
    return parts


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(x, y) for y in names for x in names if x != y] or [(names[0], names[0])]


def heatmap(
    decision: Decision,
    x: str | None = None,
    y: str | None = None,
    measure: Measure = "score",
    stage: int | None = None,
) -> HeatmapGrid:
    """Grid of one stage of a decision.

    Args:
        decision: with its candidates.
        x: across; without names the first two hyperparameters with several values, the first one upwards.
        y: upwards; the same as `x` for a single row.
        measure: what the cells show.
        stage: the last one, if None.

    Raises:
        ValueError: the decision searched nothing, or not the named hyperparameter.
    """
    setting = _Setting(decision, stage, measure)
    x_axis, y_axis = setting.pair(x, y)
    cells = setting.cells(x_axis, y_axis)
    values = [cell.shown for row in cells for cell in row if cell.shown is not None]
    winner = setting.winner
    named = {x_axis.name} | ({y_axis.name} if y_axis is not None else set())
    others = tuple(name for name in setting.names if name not in named)
    fixed = {name: axis.values[0] for name, axis in setting.axes.items() if name not in {*named, *others}}
    return HeatmapGrid(
        decision=decision.started.decision,
        epoch=decision.started.epoch,
        measure=measure,
        x=x_axis,
        y=y_axis,
        cells=cells,
        chosen=placed_at(winner, x_axis, y_axis) if winner is not None else None,
        low=min(values, default=None),
        high=max(values, default=None),
        stage=setting.stage,
        stages=max(len(setting.stages), 1),
        others=others,
        fixed=fixed,
    )


class _Setting:
    """What all cells of a stage are made from."""

    def __init__(self, decision: Decision, stage: int | None, measure: Measure) -> None:
        if not decision.started.axes:
            raise ValueError("the decision searched nothing")
        self.measure = measure
        self.stages = probe_stages(decision)
        self.stage = self.stages[-1 if stage is None else stage] if self.stages else None
        last = self.stage is None or self.stage is self.stages[-1]
        # what is predicted, is so for the longest probes
        self.guesses: list[Guess] = guesses_of(decision) if measure == "score" and last else []
        self.axes = shown_axes(decision, self.stage, self.guesses)
        self.tried = varied(shown_axes(decision, self.stage, ()))
        """names of what was tried with several values"""
        guessed = [name for name in varied(self.axes) if name not in self.tried]
        self.names = [*self.tried, *guessed] or list(self.axes)[:1]
        """of what has several values in the grid; what was tried comes first"""
        self.candidates = self.stage.candidates if self.stage is not None else ()
        choice = decision.chosen
        number = choice.candidate if choice is not None else None
        self.winner = next((one for one in self.candidates if one.candidate == number), None)
        self.excluded = frozenset(choice.excluded if choice is not None else ())

    def pair(self, x: str | None, y: str | None) -> tuple[Axis, Axis | None]:
        """Axes across and upwards; raise ValueError if they were not searched."""
        y = y or next((name for name in self.names if name != x), None)
        x = x or next((name for name in self.names if name != y), self.names[0])
        if x not in self.axes or (y is not None and y not in self.axes):
            raise ValueError(f"searched are {', '.join(self.axes)}; not {x}, {y}")
        return self.axes[x], self.axes[y] if y is not None and y != x else None

    def cells(self, x: Axis, y: Axis | None) -> tuple[tuple[Cell, ...], ...]:
        """All cells, row by row."""
        here: dict[Position, list[CandidateScored]] = {}
        for one in self.candidates:
            if (place := placed_at(one, x, y)) is not None:
                here.setdefault(place, []).append(one)
        guessed: dict[Position, float] = {}
        for guess in self.guesses:  # the best, over what the decision searched beyond the two axes
            place = (index_of(guess.values[y.name], y) if y is not None else 0), index_of(guess.values[x.name], x)
            guessed[place] = min(guess.score, guessed.get(place, math.inf))
        return tuple(
            tuple(
                self._cell(here.get((row, column), []), guessed.get((row, column))) for column in range(len(x.values))
            )
            for row in range(len(y.values) if y is not None else 1)
        )

    def _cell(self, candidates: Sequence[CandidateScored], predicted: float | None) -> Cell:
        if not candidates:
            return Cell(predicted=predicted)
        numbers = tuple(one.candidate for one in candidates)
        best = min(self._measured(candidates), default=None)
        if best is None:
            return Cell(numbers, None, diverged=all(one.diverged for one in candidates))
        return Cell(numbers, best.value, passed_over=best.passed_over)

    def _measured(self, candidates: Sequence[CandidateScored]) -> Iterator[_Ranked]:
        taken = self.winner.score if self.winner is not None else None
        for one in candidates:
            value = None if one.diverged else measured(one, self.measure)
            if value is not None:
                loss = value if self.measure in LOWER_IS_BETTER else -value
                out = one.candidate in self.excluded
                better = taken is not None and one.score is not None and one.score < taken
                yield _Ranked(one is not self.winner, out, loss, value, out or better)


class _Ranked(NamedTuple):
    """A measured value of a cell; the first in order is the one that is shown."""

    is_not_chosen: bool
    is_excluded: bool
    loss: float
    value: float
    passed_over: bool


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
