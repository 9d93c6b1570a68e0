"""What goes to the streams of this process: nothing that a terminal would obey, whoever reads it, or nobody.

Names, labels, notes and messages come from files that others may have written; all that a command prints goes through
here (tables: `cli.console`), so that no sign of theirs moves a cursor, renames a window or turns a line around.

Readers may go: `2>&1 | head`, a terminal that is closed. Nobody who prints has to think of that: a line that nobody
reads is no reason to leave work undone or to call it failed.
"""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING

import click

from hptui.record.harmless import OBEYED, harmless

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ForgivingFile(io.FileIO):
    """A stream's file that takes everything, also once its reader has gone."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            told = not self._reader_has_gone(error)
            with suppress(OSError):  # from here on nothing fails any more, not even Python's own last flush
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if told:
                raise
        return memoryview(data).nbytes

    def _reader_has_gone(self, error: OSError) -> bool:
        """Whether a pipe has no reader, or a terminal was closed; on a disk that fails, an error is an error."""
        if error.errno == errno.EPIPE:
            return True
        return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)


def outlive_readers() -> None:
    """Let stdout and stderr, and all that Python code prints there, take everything from here on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _forgiving(stream))


def _forgiving(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(ForgivingFile(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


@contextmanager
def prints_apart() -> Iterator[Callable[[str], None]]:
    """Send what any other code prints to stdout to stderr, and give what prints a line, or several, to stdout itself.

    A user's network may print, as may libraries written in C; a table for a program must hold nothing else.
    """
    out = sys.stdout
    out.flush()
    if not _is_descriptor(out, 1):
        with redirect_stdout(sys.stderr):  # no stream of this process: there is nothing below it
            yield lambda line: click.echo(harmless(line), file=out)
        return
    kept = os.dup(1)
    own = io.TextIOWrapper(
        io.BufferedWriter(ForgivingFile(kept, "wb")),
        encoding=out.encoding,
        errors=out.errors,
        line_buffering=bool(out.line_buffering),
    )
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield lambda line: click.echo(harmless(line), file=own)
    finally:
        own.flush()
        os.dup2(kept, 1)
        own.close()


def _is_descriptor(stream: object, number: int) -> bool:
    """Whether a stream writes to this descriptor of the process."""
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == number
    except (OSError, ValueError):
        return False


def print_line(line: object) -> None:
    """Print a line to stdout, or several."""
    click.echo(harmless(str(line)))


def print_to_stderr(line: str) -> None:
    """Print a line to stderr, or several."""
    click.echo(harmless(line), err=True)


def rewrite_on_stderr(line: str) -> None:
    """Put a line in the place of the one that the terminal's cursor is in; it has to be short enough for that."""
    click.echo(f"\r\x1b[K{harmless(line)}", err=True, nl=False)


def print_json(encoded: bytes) -> None:
    """Print JSON to stdout; what a terminal would obey is escaped, so that a program reads what there is."""
    click.echo(OBEYED.sub(lambda sign: json.dumps(sign[0])[1:-1], encoded.decode()))
