"""The values of each searched hyperparameter over a run, with the ranges they were searched in.

Chosen and in force are two things: a schedule multiplies the learning rate that was chosen with its factor, which
changes with every step. What was chosen holds, in steps, until the next decision; what is in force is known at the end
of each epoch, and may lie outside the range that was searched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from hptui.hyperparameters import title
from hptui.reading.by_hand import epochs_by_hand
from hptui.reading.run_state import RunState
from hptui.record.events import Axis


@dataclass(frozen=True)
class TrajectoryPoint:
    """A value in one epoch."""

    epoch: int
    value: float
    on_edge: Literal["low", "high"] | None = None
    """the chosen value sits on an edge of its range: the best may lie outside; of none that was set by hand"""


Piece = tuple[TrajectoryPoint, ...]


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
    """as chosen for each epoch, from the first one on"""
    edges: tuple[RangeEdge, ...]
    """of the choice, at decisions that tried its values; what is in force may lie outside"""
    decided_from: int | None = None
    """the first epoch for which its value was decided; None: it is held as it was at the start"""
    baseline: tuple[TrajectoryPoint, ...] = ()
    """as chosen; it searches nothing"""
    in_force: tuple[TrajectoryPoint, ...] = ()
    """at the end of each completed epoch"""
    baseline_in_force: tuple[TrajectoryPoint, ...] = ()
    repeated: tuple[TrajectoryPoint, ...] = ()
    """what longer probes would have chosen, where a greed check found another value"""
    by_hand: tuple[Piece, ...] = ()
    """those of the points that somebody set; each piece has one value, in epochs that follow one another"""

    @property
    def scheduled(self) -> tuple[Piece, ...]:
        """Values in force, if some of them are others than those that were chosen; else empty."""
        return _pieces(self.in_force, self.points)

    @property
    def baseline_scheduled(self) -> tuple[Piece, ...]:
        return _pieces(self.baseline_in_force, self.baseline)


def _pieces(in_force: Piece, chosen: Piece) -> tuple[Piece, ...]:
    """Pieces within each of which the choice stays the same, so that the value goes from point to point."""
    by_epoch = {point.epoch: point.value for point in chosen}
    if all(math.isclose(p.value, by_epoch.get(p.epoch, p.value), rel_tol=1e-9) for p in in_force):
        return ()
    by_choice = groupby(in_force, key=lambda point: by_epoch.get(point.epoch))
    return tuple(tuple(points) for _, points in by_choice)


def trajectories(run: RunState, baseline: RunState | None = None) -> tuple[Trajectory, ...]:
    """Trajectory of each searched hyperparameter; `baseline` is the run of the same seed, for the overlay."""
    searched: dict[str, Axis] = {axis.name: axis for axis in run.started.searched} if run.started else {}
    for decision in run.decisions:
        searched |= {axis.name: axis for axis in decision.started.axes}
    return tuple(_trajectory(name, axis.scale, run, baseline) for name, axis in searched.items())


def _trajectory(name: str, scale: str, run: RunState, baseline: RunState | None) -> Trajectory:
    edges = tuple(
        RangeEdge(decision.started.epoch, axis.low, axis.high)
        for decision in run.decisions
        for axis in decision.started.axes
        if axis.name == name and decision.tries(name)
    )
    chosen, by_hand = _chosen(name, run), epochs_by_hand(name, run)
    points = tuple(
        TrajectoryPoint(epoch, value, None if epoch in by_hand else _edge(value, epoch, edges))
        for epoch, value in chosen.items()
    )
    return Trajectory(
        name=name,
        title=title(name),
        scale=scale,
        points=points,
        edges=edges,
        decided_from=_decided_from(name, run),
        baseline=_points(_chosen(name, baseline)) if baseline else (),
        in_force=_in_force(name, run),
        baseline_in_force=_in_force(name, baseline) if baseline else (),
        repeated=tuple(
            TrajectoryPoint(decision.started.epoch, decision.repeated.values[name])
            for decision in run.decisions
            if decision.repeated is not None and name in decision.repeated.changed
        ),
        by_hand=_spans([point for point in points if point.epoch in by_hand]),
    )


def _spans(points: Sequence[TrajectoryPoint]) -> tuple[Piece, ...]:
    """Pieces of one value each, in epochs that follow one another."""
    numbered = groupby(enumerate(points), key=lambda entry: (entry[1].epoch - entry[0], entry[1].value))
    return tuple(tuple(point for _, point in entries) for _, entries in numbered)


def _chosen(name: str, run: RunState) -> dict[int, float]:
    """Value as it was chosen for each epoch that is completed, or decided for; before a decision, that at the start."""
    decided = {
        decision.chosen.epoch: decision.chosen.values[name]
        for decision in run.decisions
        if decision.chosen is not None and name in decision.chosen.values
    }
    completed = [epoch.number for epoch in run.epochs if epoch.completed is not None]
    value = run.started.values.get(name) if run.started is not None else None
    by_epoch: dict[int, float] = {}
    for epoch in range(1, max([*decided, *completed], default=0) + 1):
        value = decided.get(epoch, value)
        if value is not None:
            by_epoch[epoch] = value
    return by_epoch


def _decided_from(name: str, run: RunState) -> int | None:
    """First epoch for which a decision tried values of a hyperparameter, or gave it another one."""
    before = run.started.values.get(name, math.nan) if run.started is not None else math.nan
    for decision in run.decisions:
        if (chosen := decision.chosen) is not None:
            another = not math.isclose(chosen.values.get(name, before), before, rel_tol=1e-9, abs_tol=1e-12)
            if decision.tries(name) or (another and not math.isnan(before)):
                return chosen.epoch
    return None


def _in_force(name: str, run: RunState) -> tuple[TrajectoryPoint, ...]:
    return tuple(
        TrajectoryPoint(epoch.number, epoch.completed.values[name])
        for epoch in run.epochs
        if epoch.completed is not None and name in epoch.completed.values
    )


def _points(by_epoch: Mapping[int, float]) -> tuple[TrajectoryPoint, ...]:
    return tuple(TrajectoryPoint(epoch, value) for epoch, value in by_epoch.items())


def _edge(value: float, epoch: int, edges: Sequence[RangeEdge]) -> Literal["low", "high"] | None:
    before = [edge for edge in edges if edge.epoch <= epoch]
    if not before:
        return None
    if math.isclose(value, before[-1].low, rel_tol=1e-9):
        return "low"
    return "high" if math.isclose(value, before[-1].high, rel_tol=1e-9) else None
