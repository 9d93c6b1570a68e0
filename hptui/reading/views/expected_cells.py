"""What a heatmap shows of values that nobody tried, where few candidates are spread over ranges: a predicted landscape.

A grid that is probed cell by cell has none. The cells stand at all values that the decision tried, and at the steps of
each range between them; what is not on the axes is predicted at the values of the choice, or of the best candidate.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hptui.reading.run_state import Decision
from hptui.reading.views.heatmap_axes import covers_grid, distinct, tried_values
from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid, Measure, Position, low_is_good
from hptui.reading.views.landscape import Landscape, Point, landscape
from hptui.reading.views.measured import measured
from hptui.reading.views.probe_rounds import ProbeRound, probe_rounds
from hptui.record.events import Axis, CandidateScored
from hptui.space import Range, describe

APART = 0.5
"""of the distance between two steps of a range: a step that is nearer to a value that was tried has no cell"""


@dataclass(frozen=True)
class ExpectedCells:
    """Predictions for one round of a decision."""

    landscape: Landscape
    ranges: Mapping[str, Axis]
    """of what the decision varied, with the values that have cells"""
    round: int
    at: Mapping[str, float]
    """values that the predictions are for, of what is not on the axes"""
    within: tuple[float, float]
    """ends of what can be: a share, an agreement from -1 on, or any loss"""

    @property
    def names(self) -> Collection[str]:
        return self.ranges.keys()

    @property
    def points(self) -> int:
        """Candidates that it rests on."""
        return self.landscape.points

    def axes(self, names: Collection[str]) -> dict[str, Axis]:
        """Axes of those that may stand on them."""
        return {name: axis for name, axis in self.ranges.items() if name in names}

    def cells(self, x: Axis, y: Axis | None) -> dict[Position, Cell]:
        """A predicted cell at every place of these axes."""
        at = [
            ((row, column), {x.name: across} | ({y.name: upwards} if y is not None else {}))
            for row, upwards in enumerate(y.values if y is not None else [0.0])
            for column, across in enumerate(x.values)
        ]
        places = [_place({**self.at, **values}, self.ranges) for _, values in at]
        found = self.landscape.predicted(places, self.round)
        return {
            position: Cell(
                predicted=min(max(one.value, self.within[0]), self.within[1]),
                error=one.deviation,
                vague=one.vague,
            )
            for (position, _), one in zip(at, found, strict=True)
        }


def prediction_words(grid: HeatmapGrid) -> str:
    """What the predicted cells of a heatmap rest on, and which values of further hyperparameters they are for."""
    rounds = f" of {grid.rounds} rounds, each with a level of its own" if grid.rounds > 1 else ""
    members = grid.round.candidates if grid.round is not None else ()
    if any(one.start is not None and one.start[0] != grid.decision for one in members):
        rounds = ", each from weights of its own"
    at = f", at {describe(grid.predicted_at)}" if grid.predicted_at else ""
    return f"predicted from {grid.predicted_from} candidates{rounds}{at}"


def landscape_of(decision: Decision, shown: ProbeRound | None, measure: Measure) -> ExpectedCells | None:
    """Predictions for one round; None for a grid, and where too little was measured or nothing varied."""
    if shown is None or covers_grid(decision):
        return None
    name = decision.started.score_name
    varied = {
        axis.name: axis for axis in decision.started.axes if len(tried_values(decision.candidates, axis.name)) > 1
    }
    every = [(found.number, one) for found in probe_rounds(decision) for one in found.candidates if not one.diverged]
    known = [
        (number, one, value)
        for number, one in every
        if (value := measured(one, measure, name)) is not None and varied.keys() <= one.values.keys()
    ]
    here = [(one, value) for number, one, value in known if number == shown.number]
    if not varied or not here:
        return None
    # of very many the last ones are fitted: those that are shown
    known.sort(key=lambda one: one[0] == shown.number)
    points = tuple(Point(_place(one.values, varied), number, value) for number, one, value in known)
    lower = low_is_good(measure, name)
    fitted = landscape(points, lower_is_better=lower)
    if fitted is None:
        return None
    ranges = {name: _with_cells(axis, decision.candidates) for name, axis in varied.items()}
    best = _leading(decision, here, lower)
    at = {axis.name: best.values[axis.name] for axis in decision.started.axes if axis.name in best.values}
    least = -1.0 if measure == "score" and name == "quadratic_kappa" else 0.0
    return ExpectedCells(fitted, ranges, shown.number, at, (0.0, math.inf) if lower else (least, 1.0))


def _leading(
    decision: Decision, here: Sequence[tuple[CandidateScored, float]], lower_is_better: bool
) -> CandidateScored:
    """The chosen candidate, if it is one of these; else the best of them."""
    winner = decision.chosen.candidate if decision.chosen is not None else None
    chosen = next((one for one, _ in here if one.candidate == winner), None)
    best = min if lower_is_better else max
    return chosen or best(here, key=lambda pair: pair[1])[0]


def _place(values: Mapping[str, float], ranges: Mapping[str, Axis]) -> tuple[float, ...]:
    """Places of values in the ranges; one beyond an end, which was set by hand, stands at that end."""
    return tuple(_position(values[name], axis) for name, axis in ranges.items())


def _position(value: float, axis: Axis) -> float:
    searched = Range(axis.name, axis.low, axis.high, "log" if axis.scale == "log" else "linear", 2)
    return searched.position(searched.inside(value))


def _with_cells(axis: Axis, candidates: Sequence[CandidateScored]) -> Axis:
    """The axis with all values that were tried, and the steps of its range that lie apart from them."""
    tried = distinct((), tried_values(candidates, axis.name))
    near = APART / max(len(axis.values) - 1, 1)
    steps = [
        step
        for step in axis.values
        if all(abs(_position(step, axis) - _position(value, axis)) >= near for value in tried)
    ]
    return Axis(axis.name, axis.low, axis.high, axis.scale, distinct(steps, tried))
