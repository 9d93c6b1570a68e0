"""What goes to the streams of this process, whose readers may have gone: `2>&1 | head`, a terminal that was closed."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

import click


def print_to_stderr(line: str) -> None:
    """Print to stderr, if anybody still reads it."""
    try:
        click.echo(line, err=True)
    except OSError:
        discard_output(sys.stderr)


def discard_output(stream: TextIO) -> None:
    """Send what is written to `stream` from here on nowhere, so that it fails no more: its reader has gone."""
    with contextlib.suppress(OSError, ValueError):  # a stream in memory has no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
