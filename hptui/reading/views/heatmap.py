"""One decision over two hyperparameters, as a grid of cells: each at the values that its candidates were tried with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hptui.metrics.scores import told
from hptui.reading.run_state import Decision
from hptui.reading.views.expected_cells import landscape_of
from hptui.reading.views.heatmap_axes import (
    Guess,
    guesses_of,
    index_of,
    placed_at,
    planned_names,
    shown_axes,
    standing,
    varied,
)
from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid, Measure, Position, low_is_good
from hptui.reading.views.measured import measured, standard_error, went_on_from
from hptui.reading.views.probe_rounds import probe_rounds
from hptui.record.events import Axis, CandidateScored, HyperparametersChosen


class HeatmapPart(NamedTuple):
    """A round of a decision over one pair of hyperparameters: what one heatmap shows."""

    number: int | None
    """of the round; None: nothing was measured yet"""
    x: str
    y: str
    """the same as `x` where one hyperparameter has several values"""


def heatmap_pairs(decision: Decision, number: int | None = None) -> list[tuple[str, str]]:
    """Every pair (x, y) that shows a round; the first one has the axes of all heatmaps of its decision."""
    return _pairs(_Setting(decision, number, "score").names)


def heatmap_parts(decision: Decision) -> list[HeatmapPart]:
    """Heatmaps that together show every value that the decision tried.

    In all of its rounds the same hyperparameter stands upwards, and each of the others across in turn.
    """
    parts = []
    for number in range(len(probe_rounds(decision))) or (None,):
        setting = _Setting(decision, number, "score")
        upwards, *others = setting.names
        across = [name for name in others if name in setting.tried] or others[:1] or [upwards]
        parts += [HeatmapPart(number, x, upwards) for x in across]
    return parts


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(x, y) for y in names for x in names if x != y] or [(names[0], names[0])]


def heatmap(
    decision: Decision,
    x: str | None = None,
    y: str | None = None,
    measure: Measure = "score",
    number: int | None = None,
) -> HeatmapGrid:
    """Grid of one round of a decision.

    Args:
        decision: with its candidates.
        x: across; without names the axes are the same in all rounds of the decision.
        y: upwards; the same as `x` for a single row.
        measure: what the cells show.
        number: of the round; the last one, if None.

    Raises:
        ValueError: the decision searched nothing, or not the named hyperparameter.
    """
    setting = _Setting(decision, number, measure)
    x_axis, y_axis = setting.pair(x, y)
    cells = setting.cells(x_axis, y_axis)
    values = [cell.shown for row in cells for cell in row if cell.shown is not None]
    winner, expected = setting.winner, setting.expected
    named = {x_axis.name} | ({y_axis.name} if y_axis is not None else set())
    several = setting.tried if expected is not None else varied(setting.axes)
    others = tuple(name for name in several if name not in named)
    fixed = {
        name: expected.at.get(name, axis.values[0]) if expected is not None else axis.values[0]
        for name, axis in setting.axes.items()
        if name not in {*named, *others}
    }
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
        round=setting.round,
        rounds=max(len(setting.rounds), 1),
        others=others,
        fixed=fixed,
        measured=tuple(found for found in map(setting.value, setting.candidates) if found is not None),
        predicted_from=expected.points if expected is not None else 0,
        predicted_at={name: expected.at[name] for name in others} if expected is not None else None,
        score_name=setting.score_name,
    )


class _Setting:
    """What all cells of a round are made from."""

    def __init__(self, decision: Decision, number: int | None, measure: Measure) -> None:
        if not decision.started.axes:
            raise ValueError("the decision searched nothing")
        self.measure = measure
        self.rounds = probe_rounds(decision)
        self.round = self.rounds[-1 if number is None else number] if self.rounds else None
        last = self.round is None or self.round is self.rounds[-1]
        self.expected = landscape_of(decision, self.round, measure)
        """what is predicted of cells that were not measured; None: too little was measured, or a grid is"""
        # what a strategy predicts, is so for its longest probes; it does not say how sure it is
        recorded = self.expected is None and measure == "score" and last
        self.guesses: list[Guess] = guesses_of(decision) if recorded else []
        self.axes = shown_axes(decision, self.round, self.guesses)
        self.tried = varied(shown_axes(decision, self.round, ()))
        """names of what was tried with several values"""
        self.names = self._names(decision)
        """of what may stand on the axes: upwards the first, across the second, or the only one"""
        if self.expected is not None:
            self.axes |= self.expected.axes(self.names)
        self.candidates = self.round.candidates if self.round is not None else ()
        self.started_from = went_on_from(decision)
        self.score_name = decision.started.score_name
        choice = decision.chosen
        number = choice.candidate if choice is not None else None
        self.winner = next((one for one in self.candidates if one.candidate == number), None)
        self.paired_errors = self._paired_errors(choice)
        self.excluded = frozenset(choice.excluded if choice is not None else ())

    def _names(self, decision: Decision) -> list[str]:
        planned = planned_names(decision, self.round.number if self.round is not None else 0)
        several = planned if self.round is None and planned else varied(self.axes) or planned or list(self.axes)[:1]
        first = standing(decision, self.rounds)
        expected = self.expected.names if self.expected is not None else ()
        if first is not None and set(first) <= set(expected) and set(several) & set(first):
            # what this round left as it was is predicted from the other rounds
            return [*first, *(name for name in several if name not in first)]
        if first is None or first[0] not in self.axes or several[0] not in self.axes:
            return several
        if several == [first[0]]:
            return list(first)
        if len(several) > 1 or first[0] in several:
            across = first[1:] if first[1] in several else ()
            return [first[0], *across, *(name for name in several if name not in first)]
        return several

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
        guessed = self._guessed(x, y)
        return tuple(
            tuple(
                self._cell(here.get((row, column), []), guessed.get((row, column))) for column in range(len(x.values))
            )
            for row in range(len(y.values) if y is not None else 1)
        )

    def _guessed(self, x: Axis, y: Axis | None) -> dict[Position, Cell]:
        """What is expected of each cell, measured or not; none where nobody can tell."""
        if self.expected is not None:
            return self.expected.cells(x, y)
        guessed: dict[Position, float] = {}
        for guess in self.guesses:  # the best, over what the decision searched beyond the two axes
            place = (index_of(guess.values[y.name], y) if y is not None else 0), index_of(guess.values[x.name], x)
            guessed[place] = min(guess.score, guessed.get(place, math.inf))
        return {place: Cell(predicted=told(self.score_name, score)) for place, score in guessed.items()}

    def _cell(self, candidates: Sequence[CandidateScored], predicted: Cell | None) -> Cell:
        if not candidates:
            return predicted or Cell()
        numbers = tuple(one.candidate for one in candidates)
        left_out = sum(number in self.excluded for number in numbers)
        best = min(self._measured(candidates), default=None)
        if best is None:
            diverged = all(one.diverged for one in candidates)
            failed = next((one.failed for one in candidates if one.failed), "")
            return Cell(numbers, None, diverged=diverged, failed=failed, left_out=left_out)
        shown = next(one for one in candidates if one.candidate == best.candidate)
        return Cell(
            numbers,
            best.value,
            passed_over=best.passed_over,
            better=best.better,
            left_out=left_out,
            error=standard_error(shown, self.measure, self.score_name),
            paired_error=self._paired_error(shown),
            accuracy=shown.accuracy,
            went_on=any(number in self.started_from for number in numbers),
        )

    def _paired_error(self, one: CandidateScored) -> float | None:
        """Standard error of the difference from the winner, if both are of this round."""
        if self.winner is None or one is self.winner or one.candidate >= len(self.paired_errors):
            return None
        return self.paired_errors[one.candidate]

    def _paired_errors(self, choice: HyperparametersChosen | None) -> Sequence[float | None]:
        """Of the candidates, of what is shown; none where the log has none of it."""
        if choice is None or self.measure not in ("loss", "score"):
            return []
        of_losses = self.measure == "loss" or self.score_name == "loss"
        return choice.paired_errors if of_losses else choice.score_errors

    def value(self, one: CandidateScored) -> float | None:
        """What was measured of a candidate; None if it is not finite or not defined."""
        return None if one.diverged else measured(one, self.measure, self.score_name)

    def _measured(self, candidates: Sequence[CandidateScored]) -> Iterator[_Ranked]:
        taken = self.winner.score if self.winner is not None else None
        for one in candidates:
            value = self.value(one)
            if value is not None:
                loss = value if low_is_good(self.measure, self.score_name) else -value
                out = one.candidate in self.excluded
                better = taken is not None and one.score is not None and one.score < taken
                ranked = one is not self.winner, out, loss, value, out or better, better and not out
                yield _Ranked(*ranked, one.candidate)


class _Ranked(NamedTuple):
    """A measured value of a cell; the first in order is the one that is shown."""

    is_not_chosen: bool
    is_excluded: bool
    loss: float
    value: float
    passed_over: bool
    better: bool
    candidate: int
