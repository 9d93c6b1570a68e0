"""Stop a study that another process trains, and wait until it has ended."""

from __future__ import annotations

import time

from hptui.cli.detaching import typed
from hptui.cli.output import print_to_stderr
from hptui.errors import RunDirectoryError, TrainingError
from hptui.reading.studies import FollowedStudy, Status
from hptui.record.commands import CommandSender, StopStudy
from hptui.record.presence import is_written, read_heartbeat
from hptui.record.study_directory import Study
from hptui.record.study_folders import shown

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
"""a stop is answered between two batches; after so long it is said how the process can be ended all the same"""


def stop_study(study: Study) -> None:
    """Ask for a checkpoint and the end, and wait for it; say what has become of the study.

    Raises:
        RunDirectoryError: nobody trains it, or the folder cannot be written.
        TrainingError: who trained it ended in another way than by stopping.
    """
    directory = study.directory
    places = [directory, *(run for _, _, run in study.runs())]  # jobs of a cluster go on without the study's process
    beat = next((beat for place in places if (beat := read_heartbeat(place)) is not None and is_written(place)), None)
    if beat is None:
        raise RunDirectoryError(f"nobody trains {shown(directory)}: {_state(study)[1]}.")
    CommandSender(directory).send(StopStudy())
    print_to_stderr(f"{beat.writer} is asked to stop with a checkpoint ...")
    told = time.monotonic() + PATIENCE_SECONDS
    while any(map(is_written, places)):
        if time.monotonic() > told:
            told = float("inf")
            print_to_stderr(
                f"it has not answered in {PATIENCE_SECONDS:.0f} s and is waited for; kill {beat.pid} there "
                "ends it, and hptui resume goes on from the last checkpoint"
            )
        time.sleep(POLL_SECONDS)
    status, words = _state(study)
    if status not in ("stopped", "finished"):
        raise TrainingError(f"{shown(directory)}: {beat.writer} ended without an answer: {words}.")
    print_to_stderr(f"{shown(directory)}: {words}")


def _state(study: Study) -> tuple[Status, str]:
    """The state of a study that nobody trains, and what can be done with it."""
    followed = FollowedStudy(study)
    followed.refresh()
    if followed.status == "finished":
        return "finished", "it is finished"
    return followed.status, f"it is {followed.status}; go on with it: hptui resume {typed(study.directory)}"
