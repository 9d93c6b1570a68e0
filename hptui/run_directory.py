"""Names inside a run, and its log: one writer appends, any number of readers follow.

    STUDY/study.toml               what was asked, resolved (hptui.studies)
    STUDY/sources/                 copies of the user's own files
    STUDY/baseline-0/run.json      the plain data that started the run: arm, seed, configuration
                     events.jsonl  one fact per line (hptui.events), append-only
                     checkpoints/  the two newest
                     model.pt      the delivered weights, once the run is completed
                     error.log     the traceback, if the run failed
                     lock, heartbeat.json   while it is written

No path in any of these files is absolute: a folder can be copied and read anywhere.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from hptui.config import Arm
from hptui.errors import RunDirectoryError, TrainingError
from hptui.events import SCHEMA, AnyEvent, RunStarted, decode, encode
from hptui.presence import Presence, replace_file

RUN_FILE = "run.json"
EVENTS_FILE = "events.jsonl"
CHECKPOINTS = "checkpoints"
MODEL_FILE = "model.pt"
ERROR_FILE = "error.log"

READ_BYTES = 1 << 20
"""largest piece read at once, so that a reader of a huge log stays responsive"""


class RunFile(msgspec.Struct, frozen=True):
    """run.json: all that is needed to start this run anywhere, and to know what it was."""

    schema: int
    hptui: str
    arm: Arm
    seed: int
    config: dict[str, Any]
    """the study's settings, as in study.toml"""


def run_name(arm: str, seed: int) -> str:
    """The run's folder within its study."""
    return f"{arm}-{seed}"


def create_run(directory: Path, run_file: RunFile) -> None:
    """Make the run's folder with its run.json; an existing run.json is left as it is."""
    try:
        (directory / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        if not (directory / RUN_FILE).exists():
            replace_file(directory / RUN_FILE, msgspec.json.format(msgspec.json.encode(run_file)) + b"\n")
    except OSError as error:
        raise RunDirectoryError(f"cannot write in {directory}: {error.strerror}.") from None


def read_run_file(directory: Path) -> RunFile:
    """Read run.json; raise RunDirectoryError if it is not there, damaged, or of another format."""
    path = directory / RUN_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunDirectoryError(
            f"{directory} is not a run of hptui: cannot read {RUN_FILE}, {error.strerror}."
        ) from None
    try:
        plain = msgspec.json.decode(content)
        check_schema(plain.get("schema") if isinstance(plain, dict) else None, path)
        return msgspec.convert(plain, RunFile)
    except msgspec.DecodeError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from None


def check_schema(schema: object, path: Path) -> None:
    """Refuse a directory that another version of the format wrote."""
    if schema != SCHEMA:
        raise RunDirectoryError(
            f"{path} has format {schema!r}, this hptui reads format {SCHEMA}; use the hptui version that wrote it."
        )


class RunWriter:
    """Append events to a run, alone. A context manager: entering takes the run's lock and starts its heartbeat."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._presence = Presence(directory)
        self._file = -1

    def __enter__(self) -> RunWriter:
        self._presence.__enter__()
        try:
            self._file = os.open(self._directory / EVENTS_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _cut_torn_line(self._file)
        except OSError as error:
            self._presence.__exit__(None, None, None)
            raise RunDirectoryError(f"cannot write {self._directory / EVENTS_FILE}: {error.strerror}.") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            os.close(self._file)
        finally:
            self._presence.__exit__(kind, error, traceback)

    def append(self, event: AnyEvent) -> None:
        """Hand one line to the operating system, so that it outlives this process however it ends.

        Raises:
            TrainingError: the disk is full or gone.
        """
        line = encode(msgspec.structs.replace(event, time=time.time()))
        try:
            written = os.write(self._file, line)
            while written < len(line):  # a nearly full disk takes a part, then says so
                written += os.write(self._file, line[written:])
        except OSError as error:
            with contextlib.suppress(OSError):  # what may still be written (why the run failed) needs a line of its own
                _cut_torn_line(self._file)
            raise TrainingError(f"cannot write {self._directory / EVENTS_FILE}: {error.strerror}.") from None


def _cut_torn_line(file: int) -> None:
    """Remove the unfinished last line that a killed process or a full disk left: it never was a fact."""
    size = os.fstat(file).st_size
    position = size
    while position > 0:
        start = max(0, position - READ_BYTES)
        newline = os.pread(file, position - start, start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position < size:
        os.ftruncate(file, position)


class RunReader:
    """Follow a run's log from any process; a torn last line means "not yet"."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / EVENTS_FILE
        self._offset = 0
        self._lines = 0

    def read(self, seconds: float = float("inf")) -> list[AnyEvent]:
        """Events that were completed since the last call, stopping after about `seconds`.

        Raises:
            RunDirectoryError: another version wrote the run, or a whole line is not an event this version knows.
        """
        if self._lines == 0 and (self._directory / RUN_FILE).exists():
            read_run_file(self._directory)  # its format is told before any line is misread
        until = time.monotonic() + seconds
        events: list[AnyEvent] = []
        try:
            with self._path.open("rb") as file:
                while piece := self._whole_lines(file.fileno()):
                    lines = piece.splitlines()
                    events += [self._decode(line, number) for number, line in enumerate(lines, self._lines + 1)]
                    self._lines += len(lines)
                    self._offset += len(piece)
                    if time.monotonic() > until:
                        break
        except FileNotFoundError:
            return []
        return events

    def _whole_lines(self, file: int) -> bytes:
        size = READ_BYTES
        while True:
            piece = os.pread(file, size, self._offset)
            end = piece.rfind(b"\n") + 1
            if end or len(piece) < size:
                return piece[:end]
            size *= 2  # one line longer than the piece: a confusion matrix of very many classes

    def _decode(self, line: bytes, number: int) -> AnyEvent:
        try:
            event = decode(line)
            if isinstance(event, RunStarted):
                check_schema(event.schema, self._path)
            return event
        except msgspec.DecodeError as error:
            raise RunDirectoryError(f"{self._path}, line {number} cannot be read: {error}.") from None


def last_event(directory: Path) -> AnyEvent | None:
    """The last whole event of a run's log, read from the end; None if there is none."""
    try:
        with (directory / EVENTS_FILE).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            length = 0
            while length < size:
                length = min(size, max(2 * length, 1 << 16))
                file.seek(size - length)
                lines = file.read(length).rpartition(b"\n")[0].splitlines()
                if len(lines) > 1 or (lines and length == size):
                    return decode(lines[-1])
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise RunDirectoryError(f"{directory / EVENTS_FILE}: its last line cannot be read: {error}.") from None
    return None
