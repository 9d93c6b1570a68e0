"""A run's log, put back from the copy that every checkpoint has: lines that are lost or damaged cost nothing.

A checkpoint says what a run goes on from, so the facts before it have to be in the log, and in no other form. What
follows the newest checkpoint is trained again in any case; of that, what cannot be read is cut off.
"""

from __future__ import annotations

import errno
import itertools
import os
import time
import zipfile
from pathlib import Path
from typing import BinaryIO

import msgspec

from hptui.errors import RunDirectoryError
from hptui.opening import open_regular
from hptui.record.checkpoint_names import checkpoints
from hptui.record.events import LogMended, decode, encode
from hptui.record.files import replace_file, require_sole
from hptui.record.presence import Presence, is_written
from hptui.record.run_directory import (
    DAMAGED_EVENTS_FILE,
    EVENTS_FILE,
    MODEL_FILE,
    check_first_line,
    read_origin,
    read_run_file,
)
from hptui.record.seals import check_archive, is_whole
from hptui.record.study_directory import Study
from hptui.record.write_errors import cannot_write

MOST_BYTES = 16 << 30
"""of a log: a hundred times that of any training"""
LOG_MEMBER = "archive/events.jsonl"
"""the copy within a checkpoint's archive, in the folder that torch names all its members by; torch passes over it"""


def add_log(checkpoint: BinaryIO, log: bytes) -> None:
    """Put a copy of the log into a checkpoint's archive, which is written to its end and not sealed yet."""
    member = zipfile.ZipInfo(LOG_MEMBER)  # with a date of its own, so that equal checkpoints are equal to the byte
    with zipfile.ZipFile(checkpoint, "a") as archive:
        archive.writestr(member, log, zipfile.ZIP_DEFLATED, compresslevel=1)


def durable_log(run: Path) -> bytes:
    """The whole lines of a run's log, once they are on the disk: a power loss takes none of them any more."""
    try:
        with open_regular(run / EVENTS_FILE) as file:
            os.fsync(file.fileno())
            log = file.read()
    except FileNotFoundError:
        return b""
    return _whole_lines(log)


def _content(path: Path) -> bytes:
    """All of a log; empty if there is none."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES >> 30} GB", str(path))
            return file.read()
    except FileNotFoundError:
        return b""


def _whole_lines(log: bytes) -> bytes:
    """All but an unfinished last line, which never was a fact."""
    return log[: log.rfind(b"\n") + 1]


def has_checkpoints(run: Path) -> bool:
    """Whether there is something that a run could go on from."""
    return bool(checkpoints(run))


def mend_log(run: Path) -> bool:
    """Make a run's log whole again before it is gone on with; whoever calls this is its only writer.

    What was done is a line of the log itself; the damaged one is kept beside it.

    Returns:
        False if it was whole, and nothing was done.

    Raises:
        RunDirectoryError: the folder cannot be written, the log is no file, a newer hptui wrote it, or the run is
            completed and there is no checkpoint to put it back from.
    """
    path = run / EVENTS_FILE
    try:
        require_sole(path)
        log = _whole_lines(_content(path))
        copy = _newest_copy(run)
        begin = _common_lines(log, copy)
        rest = log[len(copy) :] if begin == len(copy) else b""
        readable = _readable(rest, len(copy), path)
        if begin == len(copy) and len(readable) == len(rest):
            return False
        if (run / MODEL_FILE).exists() and not has_checkpoints(run):
            raise _lost(path, len(readable), rest)
        if log:
            replace_file(run / DAMAGED_EVENTS_FILE, log)
        lost = copy[begin:].count(b"\n")
        removed = max(0, log[begin:].count(b"\n") - readable.count(b"\n") - lost)
        mended = LogMended(time=time.time(), restored=lost, removed=removed)
        whole = copy[begin:] + readable
        _write_from(path, begin, whole + encode(mended, begin + len(whole)))
    except OSError as error:
        raise RunDirectoryError(cannot_write(path, error)) from None
    return True


def mend_logs(study: Study, *, runs_go_on: bool = False) -> None:
    """Mend the logs of all runs of a study that is gone on with, before any screen reads them.

    Args:
        study: that nobody trains.
        runs_go_on: whether runs may be at work all the same; these are left alone.

    Raises:
        RunDirectoryError: another process writes it, or a run is of another version.
    """
    with Presence(study.directory, with_runs=not runs_go_on):
        for _, _, run in study.runs():
            if run.exists() and not (runs_go_on and is_written(run)):
                read_run_file(run)
                with Presence(run):  # nobody trains this run by itself, and no heartbeat of a killed one stays
                    mend_log(run)


def _newest_copy(run: Path) -> bytes:
    """The log as the newest whole checkpoint has it; empty if none has one."""
    for moment, path in reversed(checkpoints(run).items()):
        try:
            origin = check_archive(path, read_origin(run))
            if origin is not None and moment != (origin.step, origin.number):
                continue
            with zipfile.ZipFile(path) as archive:
                return archive.read(LOG_MEMBER) if LOG_MEMBER in archive.namelist() else b""
        except Exception:  # damaged, in any of the ways that an archive can be; whoever resumes tells it
            continue
    return b""


def _common_lines(log: bytes, copy: bytes) -> int:
    """Length of what both begin with, in whole lines."""
    if log.startswith(copy):
        return len(copy)
    pairs = zip(log.splitlines(keepends=True), copy.splitlines(keepends=True), strict=False)
    return sum(len(line) for line, other in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _readable(lines: bytes, begin: int, path: Path) -> bytes:
    """The lines from byte `begin` of the log on, before the first that cannot be read, or stands in another place."""
    position = 0
    while (end := lines.find(b"\n", position)) >= 0:
        line = lines[position:end]
        try:
            decode(line, begin + position)
        except msgspec.DecodeError:
            check_first_line(line, path)
            if is_whole(line, begin + position):
                raise RunDirectoryError(
                    f"{path} holds facts that this hptui does not know; use the version that wrote it."
                ) from None
            return lines[:position]
        position = end + 1
    return lines


def _lost(path: Path, begin: int, log: bytes) -> RunDirectoryError:
    """What to say of a completed run whose log is damaged from byte `begin` on."""
    number = log[:begin].count(b"\n") + 1
    return RunDirectoryError(
        f"{path}, line {number}: here and after it lines are lost or damaged, and no checkpoint "
        f"has a copy. {MODEL_FILE} is as it was; put the log back from a copy of your own, or remove {path.parent} "
        "to train this run anew."
    )


def _write_from(path: Path, begin: int, content: bytes) -> None:
    """Replace the end of a file in place: the writer has it open. A process killed here leaves it to the next."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644), "wb") as file:
        file.truncate(begin)
        file.seek(begin)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
