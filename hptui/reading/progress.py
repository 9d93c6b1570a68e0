"""How much of a study's work is done, and how much is left: one count for a list, a dashboard and a terminal."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

from hptui.config import Arm
from hptui.reading.run_state import RunState
from hptui.reading.studies import AT_WORK, FollowedStudy
from hptui.record.events import Axis, DecisionStarted
from hptui.record.study_directory import Study
from hptui.space import Range


@dataclass(frozen=True)
class RunProgress:
    """How far a run is, whether its log was read from the beginning or from the end."""

    images_per_epoch: int = 0
    """0: it has not begun"""
    images_trained: int = 0
    images_probed: int = 0
    epochs: int = 0
    """that it was to have when its log was read; 0: it has not begun"""
    completed: int = 0
    """epochs that it was asked to have when it came to its end; 0: it did not yet"""
    end_moved: int = 0
    """by how many epochs its own losses moved its end"""
    probed_now: int = 0
    """images of the candidates of the decision under way, which are among those probed"""

    @property
    def work(self) -> float:
        """Images processed in probes and training, relative to one epoch's."""
        return (self.images_trained + self.images_probed) / self.images_per_epoch if self.images_per_epoch else 0.0


@dataclass(frozen=True)
class StudyProgress:
    """How far all planned runs of a study are."""

    study: Study
    runs: tuple[RunProgress, ...]
    """in the study's order"""
    newest: DecisionStarted | None
    """the decision of all runs that began last"""

    @property
    def epochs(self) -> int:
        """Epochs that every run is to have in the end; those that were added count, also for runs that are over."""
        return max(self.study.config.epochs, *(run.epochs for run in self.runs))

    @property
    def is_over(self) -> bool:
        """Whether all runs have all their epochs."""
        return min(run.completed for run in self.runs) >= self.epochs

    @property
    def share(self) -> float:
        """Share of the work that is done."""
        expected = sum(self.expected())
        return sum(run.work for run in self.runs) / expected if expected else 0.0

    def expected(self) -> tuple[float, ...]:
        """Work of each run at its end: images of probes and training, relative to one epoch's.

        Where decisions go through a grid, probes go on to the end, and the size of the newest one counts, because
        ranges may have been changed; another strategy keeps to what it planned for the whole run.
        """
        space, newest = self.study.config.space.values(), self.newest
        planned_cells = _cells(space)
        cells = _cells(newest.axes) if newest is not None else planned_cells
        through_grid = newest is not None and newest.planned == cells
        epochs = self.epochs
        found = []
        for run, (arm, _, _) in zip(self.runs, self.study.runs(), strict=True):
            probes = (self.study.planned_cost.get(arm, 1.0) - 1) * cells / planned_cells
            found.append(self._expected(run, arm, epochs, probes, through_grid=through_grid))
        return tuple(found)

    def _expected(self, run: RunProgress, arm: Arm, epochs: int, probes: float, *, through_grid: bool) -> float:
        if run.completed >= epochs:
            return run.work
        if not run.images_per_epoch:
            return epochs * (1 + probes)
        epochs += run.end_moved
        left = max(epochs - run.images_trained / run.images_per_epoch, 0.0)
        if through_grid:
            return run.work + max(left * (1 + probes) - run.probed_now / run.images_per_epoch, 0.0)
        planned = self.study.config.epochs
        return max(self.study.planned_cost.get(arm, 1.0) * planned + epochs - planned, run.work + left)


def study_progress(followed: FollowedStudy) -> StudyProgress:
    """Progress of a study whose logs were read."""
    started = [run.state.decisions[-1].started for run in followed.runs if run.state.decisions]
    newest = max(started, key=lambda decision: decision.time, default=None)
    return StudyProgress(followed.study, tuple(run_progress(run.state) for run in followed.runs), newest)


def run_progress(state: RunState) -> RunProgress:
    """Progress of a run whose log was read."""
    under_way = [decision for decision in state.decisions[-1:] if decision.chosen is None]
    return RunProgress(
        images_per_epoch=state.started.images_per_epoch if state.started is not None else 0,
        images_trained=state.images_trained,
        images_probed=state.images_probed,
        epochs=state.epochs_planned,
        completed=state.completed.asked if state.completed is not None else 0,
        end_moved=state.end_moved,
        probed_now=sum(candidate.images for decision in under_way for candidate in decision.candidates),
    )


def _cells(axes: Iterable[Axis | Range]) -> int:
    return math.prod(len(axis.values() if isinstance(axis, Range) else axis.values) for axis in axes)


def seconds_left(followed: FollowedStudy) -> float | None:
    """Seconds until all runs are at their end, at the pace of this study so far; None before it has one.

    As many runs are trained side by side as are now; each that waits begins where the first of them ends. Each arm has
    its own pace, in seconds per work: probes are evaluated more often than training is. Pauses do not count. It is no
    better than what is expected, and a machine that became slower since is noticed late.
    """
    progress = study_progress(followed)
    paces = {arm: pace for arm in ("baseline", "optimized") if (pace := _pace(followed, progress, arm)) is not None}
    if not paces:
        return None
    any_pace = max(paces.values())
    of_runs = zip(followed.runs, progress.runs, progress.expected(), strict=True)
    at_work, waiting = list[float](), list[float]()
    for run, done, expected in of_runs:
        seconds = max(expected - done.work, 0.0) * paces.get(run.arm, any_pace)
        (at_work if run.status in AT_WORK else waiting).append(seconds)
    return _side_by_side(at_work or [0.0], waiting)


def _side_by_side(at_work: list[float], waiting: list[float]) -> float:
    """Seconds until the last one ends, where each that waits begins as soon as another one has ended."""
    ends = list(at_work)
    heapq.heapify(ends)
    for seconds in waiting:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def _pace(followed: FollowedStudy, progress: StudyProgress, arm: str) -> float | None:
    """Seconds per work in the begun runs of one arm."""
    of_arm = [
        (run.state.seconds, done.work) for run, done in zip(followed.runs, progress.runs, strict=True) if run.arm == arm
    ]
    work = sum(done for _, done in of_arm)
    return sum(seconds for seconds, _ in of_arm) / work if work > 0 else None
