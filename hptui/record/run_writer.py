"""Append to a run's log, alone: every line is handed to the operating system at once, or was never a fact."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType

import msgspec

from hptui.errors import RunDirectoryError, TrainingError
from hptui.record.events import AnyEvent, CheckpointSaved, encode
from hptui.record.files import open_to_append
from hptui.record.left_overs import remove_left_overs_of_run
from hptui.record.mending import mend_log
from hptui.record.presence import Presence
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.write_errors import cannot_write

TAIL_BYTES = 1 << 20
"""piece of the log's end in which the last whole line is looked for at once"""


DIGITS = 6
"""of a second"""


class RunWriter:
    """The only writer of a run's events. A context manager: entering locks the run and starts its heartbeat."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._presence = Presence(directory)
        self._file = -1
        self._end = 0
        """length of the log; counted here, so that what somebody else takes off it shows"""

    def __enter__(self) -> RunWriter:
        self._presence.__enter__()
        try:
            self._file = open_to_append(self._directory / EVENTS_FILE)
            _cut_torn_line(self._file)
            mend_log(self._directory)
            remove_left_overs_of_run(self._directory)
            self._end = os.fstat(self._file).st_size
        except OSError as error:
            self._leave(None, None, None)
            raise RunDirectoryError(cannot_write(self._directory / EVENTS_FILE, error)) from None
        except BaseException:
            self._leave(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(kind, error, traceback)

    def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._file >= 0:
                os.close(self._file)
        finally:
            self._presence.__exit__(kind, error, traceback)

    def append(self, event: AnyEvent) -> None:
        """Hand one line to the operating system, so that it outlives this process however it ends.

        Raises:
            TrainingError: the disk is full or gone, or another process took over.
        """
        self._presence.require_held()
        line = encode(_timed(event), self._end)
        try:
            written = os.write(self._file, line)
            while written < len(line):  # a nearly full disk takes a part, then says so
                written += os.write(self._file, line[written:])
        except OSError as error:
            with contextlib.suppress(OSError):  # what may still be written (why the run failed) needs a line of its own
                _cut_torn_line(self._file)
            raise TrainingError(cannot_write(self._directory / EVENTS_FILE, error, len(line))) from None
        self._end += len(line)
        if isinstance(event, CheckpointSaved) and not self._is_there():
            raise TrainingError(
                f"{self._directory / EVENTS_FILE} was removed or cut while it was written; "
                "hptui resume puts it back from the checkpoint."
            )

    def _is_there(self) -> bool:
        """Whether the file under the log's name is still the one that is written, and holds all of it."""
        try:
            written = os.fstat(self._file)
            return written.st_size >= self._end and os.path.samestat((self._directory / EVENTS_FILE).stat(), written)
        except FileNotFoundError:
            return False


def _timed(event: AnyEvent) -> AnyEvent:
    """The event with its time, in microseconds: what clocks say beyond would make a line longer than its seal does."""
    seconds = getattr(event, "seconds", None)
    clocks = {"time": time.time()} | ({"seconds": seconds} if seconds is not None else {})
    return msgspec.structs.replace(event, **{name: round(value, DIGITS) for name, value in clocks.items()})


def _cut_torn_line(file: int) -> None:
    """Remove the unfinished last line that a killed process or a full disk left: it never was a fact."""
    size = os.fstat(file).st_size
    position = size
    while position > 0:
        start = max(0, position - TAIL_BYTES)
        newline = os.pread(file, position - start, start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position < size:
        os.ftruncate(file, position)
