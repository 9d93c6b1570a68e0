"""What a long preparation says of itself on stderr: a line that is rewritten on a terminal, some lines elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hptui.cli.output import print_to_stderr, rewrite_on_stderr
from hptui.headway import listening

FIRST_SECONDS, LONGEST_SECONDS = 5.0, 60.0
"""before the first line in a file or a pipe, and between two of them at most: each time twice as long is waited"""


class HeadwayLine:
    """Shows words that replace one another; those that are there already cost nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._rewrites = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        self._clock = clock
        self._wait = FIRST_SECONDS
        self._next: float | None = None
        self._shown = ""

    def show(self, words: str) -> None:
        """Say what is done now; of nothing, nothing is said."""
        if words == self._shown or not words:
            return
        if self._rewrites:
            width = shutil.get_terminal_size().columns - 1  # a line that is wrapped cannot be rewritten
            rewrite_on_stderr(words[:width])
            self._shown = words
        elif self._is_time():
            print_to_stderr(words)
            self._shown = words

    def _is_time(self) -> bool:
        """Whether another line may go into a file."""
        now = self._clock()
        if self._next is None:
            self._next = now + self._wait
        if now < self._next:
            return False
        self._wait = min(2 * self._wait, LONGEST_SECONDS)
        self._next = now + self._wait
        return True

    def clear(self) -> None:
        """Leave the line to whoever prints next."""
        if self._shown and self._rewrites:
            rewrite_on_stderr("")
        self._shown = ""


@contextmanager
def showing_headway() -> Iterator[None]:
    """Show how far it is while something is prepared in this thread."""
    line = HeadwayLine()
    try:
        with listening(line.show):
            yield
    finally:
        line.clear()
