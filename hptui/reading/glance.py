"""A run at a glance: state, epochs and result, from the end of its log alone, however long the log is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hptui.reading.studies import Status
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    DecisionRepeated,
    EpochCompleted,
    Evaluated,
    HyperparametersChosen,
    LandscapePredicted,
    RunCompleted,
    RunContinued,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStopped,
    start_of,
)
from hptui.record.log_end import check_completed, is_cut_at_its_end
from hptui.record.presence import is_written
from hptui.record.run_reader import check_format, events_backwards

PASSED = tuple(
    start_of(kind) for kind in (CandidateScored, DecisionRepeated, Evaluated, HyperparametersChosen, LandscapePredicted)
)
"""of the lines since the last epoch nearly all, and they say nothing that is looked for"""


@dataclass(frozen=True)
class RunGlance:
    """What `FollowedRun` would say of a run, as far as a list shows it."""

    status: Status
    epochs: int = 0
    """completed"""
    test_accuracy: float | None = None
    """of the delivered weights, a fraction; None: the run is not completed"""


def glance(directory: Path) -> RunGlance:
    """Look at a run.

    Raises:
        RunDirectoryError: another version wrote it, or its log is damaged where it was looked at.
    """
    check_format(directory)
    written = is_written(directory)
    last: AnyEvent | None = None
    paused: bool | None = None
    epochs = 0
    for event in events_backwards(directory, PASSED):
        last = last or event
        if isinstance(event, RunCompleted):
            check_completed(directory, event)
            return RunGlance("finished", event.epoch, event.test_accuracy)
        if paused is None and isinstance(event, (RunPaused, RunContinued, BatchesTrained)):
            paused = isinstance(event, RunPaused)
        if isinstance(event, (EpochCompleted, RunResumed, RunStopped, RunStarted)):
            epochs = 0 if isinstance(event, RunStarted) else event.epoch
            break
    status = _status(last, written=written, paused=paused is True)
    if status in ("stopped", "waiting") and is_cut_at_its_end(directory):
        status = "lost"
    return RunGlance(status, epochs)


def _status(last: AnyEvent | None, *, written: bool, paused: bool) -> Status:
    """State of a run that is not completed; see `FollowedRun.status`."""
    if written:
        return "paused" if paused else "running"
    if isinstance(last, RunFailed):
        return "failed"
    if isinstance(last, RunStopped):
        return "stopped"
    return "waiting" if last is None else "lost"
