"""A run at a glance: state, progress and result, from the end of its log alone, however long the log is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hptui.reading.progress import RunProgress
from hptui.reading.studies import Status
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    DecisionRepeated,
    DecisionStarted,
    EpochCompleted,
    EpochsAdded,
    Evaluated,
    HyperparametersChosen,
    LandscapePredicted,
    RunCompleted,
    RunContinued,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStopped,
    start_of,
)
from hptui.record.log_backwards import events_backwards
from hptui.record.log_end import check_completed, is_cut_at_its_end
from hptui.record.presence import is_written
from hptui.record.run_reader import check_format

PASSED = tuple(start_of(kind) for kind in (Evaluated, LandscapePredicted))
"""they say nothing that is looked for"""


@dataclass(frozen=True)
class RunGlance:
    """What `FollowedRun` would say of a run, as far as a list shows it."""

    status: Status
    progress: RunProgress
    epochs: int = 0
    """completed"""
    test_accuracy: float | None = None
    """of the delivered weights, a fraction; None: the run is not completed"""
    time: float = 0.0
    """of its last event, seconds since 1970; 0: it has not begun"""


def glance(directory: Path) -> RunGlance:
    """Look at a run.

    Raises:
        RunDirectoryError: another version wrote it, or its log is damaged where it was looked at.
    """
    started = check_format(directory)
    written = is_written(directory)
    last: AnyEvent | None = None
    paused: bool | None = None
    tally = _Tally(started.epochs if started is not None else 0)
    for event in events_backwards(directory, PASSED):
        last = last or event
        if isinstance(event, RunCompleted):
            check_completed(directory, event)
            accuracy, images = event.test_accuracy, started.images_per_epoch if started is not None else 0
            done = RunProgress(
                images, event.images_trained, event.images_probed, event.asked, event.asked, event.end_moved
            )
            return RunGlance("finished", done, event.epoch, accuracy, event.time)
        if paused is None and isinstance(event, (RunPaused, RunContinued, BatchesTrained)):
            paused = isinstance(event, RunPaused)
        if not tally.goes_on(event):
            break
    status = _status(last, written=written, paused=paused is True)
    if status in ("stopped", "waiting") and is_cut_at_its_end(directory):
        status = "lost"
    progress = tally.progress(started.images_per_epoch if started is not None else 0)
    return RunGlance(status, progress, tally.completed, time=last.time if last is not None else 0.0)


@dataclass
class _Tally:
    """What a log comes to, read from its end backwards: the same as `RunState` makes of it from the beginning."""

    epochs: int
    """that the run is to have"""
    completed: int = 0
    """epochs"""
    trained: int = 0
    probed: int = 0
    candidates: dict[int, int] = field(default_factory=dict)
    """images of each candidate of the decision under way"""
    end_moved: int = 0
    _is_decided: bool = False
    """whether a decision ended, or the one under way began, after what is met now"""
    _knows_probed: bool = False
    _resumed: RunResumed | None = None
    """where the run went on last: what was met before that is void, but for candidates that it did not measure again"""
    _standing: int | None = None
    """how many candidates that are; None: all"""

    def goes_on(self, event: AnyEvent) -> bool:
        """Take in the fact before those that were met; whether older ones matter."""
        match event:
            case EpochsAdded():
                self.epochs = max(self.epochs, event.epochs)
            case BatchesTrained() if self._resumed is None:
                self.trained += event.images
            case DecisionRepeated() if not self._knows_probed:
                self.probed += event.images
            case CandidateScored():
                self._add(event)
            case HyperparametersChosen() if not self._knows_probed:
                self.probed += event.images_probed
                self._knows_probed = self._is_decided = True
            case DecisionStarted():
                self._is_decided = True
                return self._resumed is None or event.decision != self._resumed.decisions
            case EpochCompleted() if self._resumed is None:
                self._stand(event)
                return False
            case RunResumed():
                return self._go_back(event)
        return True

    def _add(self, event: CandidateScored) -> None:
        if not self._knows_probed:
            self.probed += event.images
        if not self._is_decided and (self._standing is None or event.candidate < self._standing):
            self.candidates.setdefault(event.candidate, event.images)

    def _stand(self, event: EpochCompleted | RunResumed) -> None:
        self.trained += event.images_trained
        self.probed += event.images_probed if not self._knows_probed else 0
        self.completed, self.end_moved, self._knows_probed = event.epoch, event.end_moved, True

    def _go_back(self, event: RunResumed) -> bool:
        """Whether it went on within a decision, so that candidates before it stand."""
        if self._resumed is None:
            self._stand(event)
            self.epochs = max(self.epochs, event.epochs)
            self._resumed, self._standing = event, event.candidates
            return not self._is_decided and bool(event.candidates)
        self._standing = min(self._standing or 0, event.candidates or 0)
        return self._standing > 0

    def progress(self, images_per_epoch: int) -> RunProgress:
        """What it comes to."""
        now = sum(self.candidates.values())
        return RunProgress(
            images_per_epoch, self.trained, self.probed, self.epochs, end_moved=self.end_moved, probed_now=now
        )


def _status(last: AnyEvent | None, *, written: bool, paused: bool) -> Status:
    """State of a run that is not completed; see `FollowedRun.status`."""
    if written:
        return "paused" if paused else "running"
    if isinstance(last, RunFailed):
        return "failed"
    if isinstance(last, RunStopped):
        return "stopped"
    return "waiting" if last is None else "lost"
