"""What one heatmap shows: plain numbers, no drawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hptui.metrics.classification import METRIC_TITLES
from hptui.metrics.scores import lower_is_better, score_title
from hptui.reading.views.colour_scale import ColourScale, colour_scale
from hptui.reading.views.probe_rounds import ProbeRound
from hptui.record.events import Axis

Measure = Literal["score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity"]
MEASURES: tuple[Measure, ...] = ("score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity")
Position = tuple[int, int]
"""row and column"""
BEST = 3
"""different values that can be told apart wherever they stand"""


def low_is_good(measure: Measure, score_name: str) -> bool:
    """Whether the lowest number is the best one."""
    return measure == "loss" or (measure == "score" and lower_is_better(score_name))


@dataclass(frozen=True)
class Cell:
    """One cell of a heatmap."""

    candidates: tuple[int, ...] = ()
    """candidates that fall here; several where the round tried more than the two axes shown"""
    value: float | None = None
    """of the chosen one, else of the best of them; None: not measured yet, or all diverged"""
    diverged: bool = False
    """measured, and none was finite"""
    failed: str = ""
    """of a cell where none was finite, why one of its candidates failed"""
    predicted: float | None = None
    """what a model of the landscape expects here, where nothing was measured"""
    passed_over: bool = False
    """its value was not to be chosen: the strategy left the candidate out, or took another one in spite of its score"""
    better: bool = False
    """it was passed over for another one in spite of its score, and not left out"""
    error: float | None = None
    """standard error of the value alone over the validation images, or standard deviation of what is predicted; None:
    nobody knows it"""
    paired_error: float | None = None
    """of the difference of the value from that of the chosen cell, over the same images"""
    vague: bool = False
    """predicted, and hardly more is known of it than if nothing had been measured"""
    accuracy: float | None = None
    """on validation images, of the candidate whose value it is"""
    went_on: bool = False
    """another probe began where its candidate ended"""
    left_out: int = 0
    """how many of its candidates the strategy left out, whatever their score; others may be the ones that are shown"""

    @property
    def shown(self) -> float | None:
        """The measured value, else the predicted one."""
        return self.value if self.value is not None else self.predicted

    @property
    def told_error(self) -> float | None:
        """How sure the number is: what is measured against the choice, what is predicted alone."""
        return self.paired_error if self.value is not None else self.error

    @property
    def hides_left_out(self) -> bool:
        """Whether candidates were left out behind a value that was not."""
        return self.left_out > 0 and not self.passed_over


def lost_words(cells: Iterable[Cell]) -> str:
    """What became of the cells that have no finite value: diverged, failed, or some the one and some the other."""
    kinds = {bool(cell.failed) for cell in cells if cell.diverged}
    return " or ".join(["diverged"] * (kinds != {True}) + ["failed"] * (True in kinds))


@dataclass(frozen=True)
class Beyond:
    """How many cells lie beyond the ends of the colours, without those of which hardly anything is known."""

    worse: int = 0
    """measured; none is better than the best"""
    predicted_worse: int = 0
    predicted_better: int = 0


@dataclass(frozen=True)
class HeatmapGrid:
    """One round of a decision over two hyperparameters. Rows follow `y`, from low to high; columns follow `x`."""

    decision: int
    epoch: int
    measure: Measure
    x: Axis
    """its values are those of the columns, in equal steps or not"""
    y: Axis | None
    """None where only one hyperparameter has several values: a single row"""
    cells: tuple[tuple[Cell, ...], ...]
    chosen: Position | None
    """of the choice; None: not chosen yet, no candidate was, or not one of this round"""
    low: float | None
    high: float | None
    """smallest and largest value among the cells, measured or predicted; None: no cell has one"""
    round: ProbeRound | None = None
    """None: nothing was measured"""
    rounds: int = 1
    """of the decision so far"""
    others: tuple[str, ...] = ()
    """further hyperparameters with several values: a cell shows the best over them"""
    fixed: Mapping[str, float] | None = None
    """searched hyperparameters of which this round tried one value alone"""
    measured: tuple[float, ...] = ()
    """of all candidates of the round, also those that are behind the best of their cell"""
    predicted_from: int = 0
    """candidates of the decision that a landscape was fitted to, by which cells are predicted; 0: none was"""
    predicted_at: Mapping[str, float] | None = None
    """values of further hyperparameters that the predictions are for"""
    shared_scale: ColourScale | None = None
    """of several grids together; None: its own"""
    score_name: str = "loss"
    """what the decision compared"""

    @cached_property
    def scale(self) -> ColourScale | None:
        """Scale of the colours, by what its round measured: what is predicted alone stretches none. None: no values."""
        return self.shared_scale or colour_scale(self.measured or self.values, lower_is_better=self.lower_is_better)

    @property
    def values(self) -> list[float]:
        """All that is shown, measured or predicted."""
        return [cell.shown for _, _, cell in self.places if cell.shown is not None]

    @cached_property
    def beyond(self) -> Beyond:
        """Cells that have the colour of an end of the scale, and lie beyond it."""
        if self.scale is None:
            return Beyond()
        ends = self.scale.best, self.scale.worst
        best, worst = ends if self.lower_is_better else (-ends[0], -ends[1])
        losses = [
            (cell.shown if self.lower_is_better else -cell.shown, cell.value is None)
            for _, _, cell in self.places
            if cell.shown is not None and not cell.vague
        ]
        return Beyond(
            worse=sum(loss > worst and not guessed for loss, guessed in losses),
            predicted_worse=sum(loss > worst and guessed for loss, guessed in losses),
            predicted_better=sum(loss < best and guessed for loss, guessed in losses),
        )

    @property
    def is_paired(self) -> bool:
        """Whether errors of measured cells are known, against the chosen one."""
        return any(cell.paired_error is not None for _, _, cell in self.places)

    @property
    def predicts(self) -> bool:
        """Whether a cell is predicted from a landscape that was fitted to the candidates."""
        return self.predicted_from > 0 and any(
            cell.value is None and cell.predicted is not None for _, _, cell in self.places
        )

    @cached_property
    def places(self) -> list[tuple[int, int, Cell]]:
        """Row, column and cell of each."""
        return [(row, column, cell) for row, line in enumerate(self.cells) for column, cell in enumerate(line)]

    @property
    def lower_is_better(self) -> bool:
        return low_is_good(self.measure, self.score_name)

    @property
    def title(self) -> str:
        """What its numbers are; a score that is no loss by its name."""
        is_metric = self.measure == "score" and self.score_name in METRIC_TITLES
        return score_title(self.score_name) if is_metric else self.measure

    @cached_property
    def close_values(self) -> frozenset[float]:
        """What a reader compares: the best few measured values, that of the chosen cell, and those around it."""
        values = {(row, column): cell.value for row, column, cell in self.places if cell.value is not None}
        if not values:
            return frozenset()
        best = sorted(set(values.values()), reverse=not self.lower_is_better)[:BEST]
        middle = self.chosen or next(place for place, value in values.items() if value == best[0])
        around = [(middle[0] + row, middle[1] + column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
        return frozenset((*best, *(values[place] for place in around if place in values)))
