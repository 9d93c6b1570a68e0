"""Checkpoints between those at the ends of epochs: by time or by steps, whichever the study asks for."""

from __future__ import annotations

import time
from collections.abc import Callable

from hptui.config import parse_interval


class Autosave:
    """Says when a checkpoint is due, and lets it be written; asked before every step, in runs and probes."""

    def __init__(self, every: str, save: Callable[[], object]) -> None:
        """Count from now on.

        Args:
            every: see `hptui.config.parse_interval`.
            save: writes a checkpoint, and calls `saved`.
        """
        self._interval, self._unit = parse_interval(every)
        self.save = save
        self.saved()

    def saved(self) -> None:
        """A checkpoint was written, for whatever reason."""
        self._steps, self._time = 0, time.monotonic()

    def stepped(self) -> None:
        """A step was done."""
        self._steps += 1

    def is_due(self) -> bool:
        """Whether a checkpoint is due before the next step."""
        passed = self._steps if self._unit == "steps" else time.monotonic() - self._time
        return passed >= self._interval
