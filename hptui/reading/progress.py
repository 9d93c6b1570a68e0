"""How much of a study's work is done, and how much is left."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hptui.reading.run_state import RunState
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.record.events import Axis, DecisionStarted
from hptui.space import Range


def expected_work(followed: FollowedStudy, run: FollowedRun) -> float:
    """Images that a run will have processed in probes and training at its end, relative to one epoch's.

    Epochs that were added count. Where decisions go through a grid, probes go on to the end, and the size of the newest
    one counts, because ranges may have been changed; another strategy keeps to what it planned for the whole run.
    """
    state, done = run.state, work_done(run.state)
    if state.completed:
        return done
    config = followed.study.config
    epochs = state.epochs_planned or max(config.epochs, *(other.state.epochs_planned for other in followed.runs))
    probes = (followed.study.planned_cost[run.arm] - 1) * _newest_cells(followed) / _cells(config.space.values())
    if state.started is None or not state.started.images_per_epoch:
        return epochs * (1 + probes)
    per_epoch = state.started.images_per_epoch
    under_way = [decision for decision in state.decisions[-1:] if decision.chosen is None]
    probed = sum(candidate.images for decision in under_way for candidate in decision.candidates) / per_epoch
    left = max(epochs - state.images_trained / per_epoch, 0.0)
    if not _goes_through_grid(followed):
        return max(followed.study.planned_cost[run.arm] * config.epochs + epochs - config.epochs, done + left)
    return done + max(left * (1 + probes) - probed, 0.0)


def _newest_cells(followed: FollowedStudy) -> int:
    """Number of cells of the newest decision's grid in the whole study; before the first one, of the study's ranges."""
    newest = _newest_decision(followed)
    return _cells(newest.axes if newest is not None else followed.study.config.space.values())


def _goes_through_grid(followed: FollowedStudy) -> bool:
    """Whether the newest decision has a candidate for every cell."""
    newest = _newest_decision(followed)
    return newest is not None and newest.planned == _cells(newest.axes)


def _newest_decision(followed: FollowedStudy) -> DecisionStarted | None:
    started = [run.state.decisions[-1].started for run in followed.runs if run.state.decisions]
    return max(started, key=lambda decision: decision.time, default=None)


def _cells(axes: Iterable[Axis | Range]) -> int:
    return math.prod(len(axis.values() if isinstance(axis, Range) else axis.values) for axis in axes)


def work_done(state: RunState) -> float:
    """Images processed in probes and training, relative to one epoch's."""
    if state.started is None or not state.started.images_per_epoch:
        return 0.0
    return (state.images_trained + state.images_probed) / state.started.images_per_epoch


def seconds_left(followed: FollowedStudy) -> float | None:
    """Seconds of training until all runs are at their end, at the pace of this study so far; None before it has one.

    Each arm has its own pace, in seconds per work: probes are evaluated more often than training is. Pauses do not
    count. It is no better than `expected_work`, and a machine that became slower since is noticed late.
    """
    paces = {arm: pace for arm in ("baseline", "optimized") if (pace := _pace(followed, arm)) is not None}
    if not paces:
        return None
    any_pace = max(paces.values())
    left = ((run.arm, max(expected_work(followed, run) - work_done(run.state), 0.0)) for run in followed.runs)
    return sum(work * paces.get(arm, any_pace) for arm, work in left)


def _pace(followed: FollowedStudy, arm: str) -> float | None:
    """Seconds per work in the begun runs of one arm."""
    states = [run.state for run in followed.runs if run.arm == arm]
    work = sum(map(work_done, states))
    return sum(state.seconds for state in states) / work if work > 0 else None
