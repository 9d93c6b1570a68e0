"""How far a preparation that takes long has come: told where the work is done, heard by whoever asked for it.

Between the two lie functions of data sets, also of users, that need not know of it; so who listens is a variable of
the context, and each thread has its own. Who listens may raise, which ends the work: there is nothing to lose yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from hptui.errors import HptuiError

EVERY_SECONDS = 0.1
"""between two reports: as often as a screen is drawn"""
SETTLED_SECONDS = 1.0
"""after which a rate says something about the time that is left"""

Listener = Callable[[str], object]
"""is told what is done, in words"""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class CalledOffError(HptuiError):
    """Whoever asked for the work does not want it any more."""

    exit_code = 130


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` told what is done within the block, in this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(words: str) -> None:
    """Say what is done now: "comparing 30,000 images"."""
    if (listener := _listener.get()) is not None:
        listener(words)


class Headway:
    """Work of known length: "decoding 1,240 of 3,000 images, 12 s left", ten times a second at most."""

    def __init__(self, doing: str, total: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._doing, self._total, self._what = doing, total, what
        self._clock = clock
        self._began = self._told = clock()

    def reach(self, done: int) -> None:
        """Say that so much is done."""
        now = self._clock()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            tell(self._words(done, now - self._began))

    def _words(self, done: int, seconds: float) -> str:
        words = f"{self._doing} {done:,} of {self._total:,} {self._what}"
        if seconds < SETTLED_SECONDS or not done:
            return words
        return f"{words}, {duration(seconds * (self._total - done) / done)} left"


def duration(seconds: float) -> str:
    """Two units at most: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"
