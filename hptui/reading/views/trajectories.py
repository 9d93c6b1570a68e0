"""The values of each searched hyperparameter over a run, with the ranges they were searched in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hptui.hyperparameters import title
from hptui.reading.run_state import RunState
from hptui.record.events import Axis


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
        title=title(name),
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
