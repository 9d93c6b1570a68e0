"""A run's log from its end back: what only the end of a long log tells is there at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from hptui.errors import RunDirectoryError
from hptui.opening import open_regular
from hptui.record.events import AnyEvent, decode, start_of
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_reader import LONGEST_LINE, NO_LINES, READ_BYTES, Line

TAIL_BYTES = 1 << 14
"""first piece of a log that is read from its end"""


def last_event(directory: Path) -> AnyEvent | None:
    """The last whole event of a run's log, read from the end; None if there is none."""
    return next(events_backwards(directory), None)


def events_backwards(directory: Path, passed: tuple[bytes, ...] = ()) -> Iterator[AnyEvent]:
    """Whole events of a run's log from the last one back: what only the end of a long log tells is there at once.

    Args:
        directory: of the run; without a log there are none.
        passed: lines that begin so are passed over unread; see `start_of`.

    Raises:
        RunDirectoryError: a line that is reached cannot be read.
    """
    path, number = directory / EVENTS_FILE, 0
    try:
        with open_regular(path) as file:
            for number, (start, line) in enumerate(_lines_backwards(file)):  # noqa: B007 (for the message)
                if not line.startswith(passed):
                    event = decode(line, start)
                    yield event
    except FileNotFoundError:
        return
    except msgspec.DecodeError as error:
        which = f"its last line but {number}" if number else "its last line"
        raise RunDirectoryError(f"{path}: {which} cannot be read: {error}.") from None
    except ValueError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from None


def _lines_backwards(file: BinaryIO) -> Iterator[Line]:
    """Whole lines from the last one back, read in pieces; a torn last line means "not yet"."""
    end, length, whole, beginning, unended = file.seek(0, os.SEEK_END), TAIL_BYTES, False, b"", 0
    while end > 0:
        start = max(0, end - length)
        file.seek(start)
        piece = file.read(end - start) + beginning
        last, end, length = start + len(piece), start, min(2 * length, READ_BYTES)
        if not whole:  # what follows the last line break is torn
            piece, line_break, torn = piece.rpartition(b"\n")
            whole, beginning, last = bool(line_break), b"", last - len(line_break) - len(torn)
            unended += len(torn)
            if not whole and unended > LONGEST_LINE:
                raise ValueError(NO_LINES)
            if not whole:
                continue
        if start > 0:  # its first line may begin further ahead
            beginning, line_break, piece = piece.partition(b"\n")
            if not line_break and len(beginning) > LONGEST_LINE:
                raise ValueError(NO_LINES)
            if not line_break:
                continue
        for line in reversed(piece.split(b"\n")):
            yield last - len(line), line
            last -= len(line) + 1


def last_of_kind(directory: Path, kind: type[AnyEvent]) -> AnyEvent | None:
    """The last whole event of one kind that is not the log's first, without a look at what lies behind it.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    path, sign = directory / EVENTS_FILE, b"\n" + start_of(kind)
    try:
        with open_regular(path) as file:
            end = whole = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - READ_BYTES)
                file.seek(start)
                at = file.read(min(end + len(sign) - 1, whole) - start).rfind(sign)
                if at < 0:
                    end = start
                    continue
                file.seek(start + at + 1)
                if (line := file.readline()).endswith(b"\n"):
                    return decode(line[:-1])
                end = whole = start + at  # torn
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise RunDirectoryError(f"{path}: its last {kind.__name__} cannot be read: {error}.") from None
    return None
