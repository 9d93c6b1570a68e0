"""Read studies: the state of every run and of the whole, from the folder alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from hptui.config import Arm
from hptui.reading.run_state import Decision, RunState
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    DecisionStarted,
    LandscapePredicted,
    RunCompleted,
    RunResumed,
)
from hptui.record.log_end import check_completed, is_cut
from hptui.record.presence import is_written
from hptui.record.run_reader import RunReader, check_beginning
from hptui.record.study_directory import Study, open_study
from hptui.record.task import Task

Status = Literal["waiting", "running", "paused", "stopped", "lost", "failed", "finished"]

RESUMABLE: tuple[Status, ...] = ("stopped", "lost", "failed", "waiting")
"""states of a study that nobody trains, and that is not done"""
AT_WORK: tuple[Status, ...] = ("running", "paused")
"""states of a run, or a study, that somebody works on"""
NOTABLE = 2000


def is_notable(event: AnyEvent) -> bool:
    """Whether it is worth a line in a log: of candidates, which are many, only one that failed is."""
    if isinstance(event, CandidateScored):
        return bool(event.failed)
    return not isinstance(event, (BatchesTrained, LandscapePredicted))


@dataclass(eq=False)
class FollowedRun:
    """One run of a study, followed while it is written.

    Candidates are kept of its newest decision alone: `decision` reads those of an earlier one from the log. In
    memory, those of 100 decisions with 25 x 25 cells would take 100 MB a run.
    """

    arm: Arm
    seed: int
    directory: Path
    reader: RunReader
    state: RunState
    notable: deque[AnyEvent] = field(default_factory=lambda: deque(maxlen=NOTABLE))
    """what is worth a line in a log, see `is_notable`"""
    notable_total: int = 0
    """how many there were, also those that `notable` has forgotten"""
    _read_again: Decision | None = None
    """the earlier decision that was asked for last, with its candidates"""
    _held: list[Status] | None = None
    """none or one: what it was found to be at the moment that is held; None: none is, see `FollowedStudy.held`"""

    @cached_property
    def name(self) -> str:
        return self.directory.name

    @property
    def task(self) -> Task:
        """What it learns, as far as its log says it yet."""
        return self.state.started.task if self.state.started is not None else "single-label"

    def refresh(self, seconds: float = float("inf")) -> None:
        """Read what was written since, for about `seconds` at most.

        Raises:
            RunDirectoryError: the log cannot be read, or parts of it are missing.
        """
        events = self.reader.read(seconds, skim=True)
        if not self.state.time:
            check_beginning(events, self.directory)
        if events and isinstance(events[-1], RunCompleted) and not self.reader.behind:
            check_completed(self.directory, events[-1])
        for event in events:
            self.state.apply(event)
            if isinstance(event, DecisionStarted) and len(self.state.decisions) > 1:
                self.state.decisions[-2].candidates = []
            if isinstance(event, RunResumed) and event.candidates is not None:  # they may have been passed over
                self.state.decisions[-1].candidates = self.reader.candidates(event.decisions)[: event.candidates]
            if is_notable(event):
                self.notable.append(event)
                self.notable_total += 1

    def decision(self, index: int) -> Decision:
        """Decision of `state.decisions` with all its candidates."""
        known = self.state.decisions[index]
        if known is self.state.decisions[-1] and (known.candidates or known.chosen is None):
            return known
        if self._read_again is None or self._read_again.started is not known.started:
            self._read_again = replace(known, candidates=self.reader.candidates(known.started.decision))
        return self._read_again

    @property
    def status(self) -> Status:
        """State of the run. Lost: the log has no end, or not its own, and nobody writes it any more."""
        if self._held is None:
            return self._look()
        if not self._held:
            self._held.append(self._look())
        return self._held[0]

    def _look(self) -> Status:
        if self.state.completed is not None:
            return "finished"
        if is_written(self.directory):
            return "paused" if self.state.paused is not None else "running"
        if self.state.failed is not None:
            return "failed"
        if is_cut(self.directory, self.state.completed_at):
            return "lost"
        if self.state.stopped is not None:
            return "stopped"
        gone: Status = "running" if self.reader.has_news else "lost"  # it may have ended after it was read
        return gone if self.state.started is not None else "waiting"


class FollowedStudy:
    """A study with all its planned runs; `refresh` reads what was written since."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.runs = [
            FollowedRun(arm, seed, directory, RunReader(directory), RunState()) for arm, seed, directory in study.runs()
        ]

    def refresh(self) -> None:
        """Read on in every run."""
        for run in self.runs:
            run.refresh()

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the block lasts, a run's state is looked up once: that takes files, maybe over a network."""
        for run in self.runs:
            run._held = []
        try:
            yield
        finally:
            for run in self.runs:
                run._held = None

    def completed_runs(self, arm: Arm) -> list[FollowedRun]:
        """The runs of one arm that have come to their end, by seed."""
        return [run for run in self.runs if run.arm == arm and run.state.completed is not None]

    def tested_runs(self, arm: Arm) -> list[FollowedRun]:
        """Completed runs of one arm, by seed, that were measured on test images."""
        return [run for run in self.completed_runs(arm) if not run.state.untested]

    @property
    def untested(self) -> bool:
        """Whether there are no test images, as far as a run has begun."""
        return any(run.state.untested for run in self.runs)

    @property
    def task(self) -> Task:
        """What its runs learn, which is the same for all."""
        return next((run.task for run in self.runs if run.state.started is not None), "single-label")

    @property
    def epochs(self) -> int:
        """Epochs that every run was asked to have in the end; those that were added count."""
        return max(self.study.config.epochs, *(run.state.epochs_planned for run in self.runs))

    @property
    def status(self) -> Status:
        """State of the whole: running while its process lives; else the worst that its runs show."""
        done = [run.state.completed.asked for run in self.runs if run.state.completed is not None]
        goes_on = min(done, default=self.epochs) < self.epochs
        statuses = {run.status for run in self.runs}
        return status_of(statuses, written=is_written(self.study.directory), goes_on=goes_on)


def status_of(statuses: set[Status], *, written: bool, goes_on: bool) -> Status:
    """State of a study.

    Args:
        statuses: of its runs.
        written: whether a living process writes in its folder.
        goes_on: whether a finished run is to go on, because epochs were added since.
    """
    if statuses == {"finished"} and not goes_on:
        return "finished"
    if "paused" in statuses and "running" not in statuses:
        return "paused"
    if "running" in statuses or written:
        return "running"
    order: tuple[Status, ...] = ("failed", "lost", "stopped", "waiting")
    worst: Status = next((status for status in order if status in statuses), "stopped")
    return "stopped" if worst == "waiting" and "finished" in statuses else worst


def follow(directory: Path) -> FollowedStudy:
    """Open a study and read it as far as it is written."""
    followed = FollowedStudy(open_study(directory))
    followed.refresh()
    return followed
