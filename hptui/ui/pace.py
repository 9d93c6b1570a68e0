"""How often the screen looks for news: rarely enough that a training beside it, and a slow line, do not notice."""

from __future__ import annotations

import time
from collections.abc import Callable

BESIDE_TRAINING, ALONE = 0.02, 0.4
"""shares of one processor that looking may take: a training in the same process waits for the interpreter meanwhile,
one in another process may have other processors; with 64 of 1,000 runs at work a look takes a quarter of a second"""
LEAST_SECONDS, MOST_SECONDS = 0.2, 2.0


class Pace:
    """Waits in proportion to what the last look cost; keys are answered at once all the same.

    Where a cell of the grid takes 20 ms, drawing each one would halve the training speed.
    """

    def __init__(self, share: float, clock: Callable[[], float] = time.thread_time) -> None:
        self._share, self._clock = share, clock
        self._spent = clock()

    def seconds(self) -> float:
        """Until the next look, by the processor time that this thread has taken since the last call."""
        before, self._spent = self._spent, self._clock()
        return min(max((self._spent - before) / self._share, LEAST_SECONDS), MOST_SECONDS)
