"""How the outside asks a training to stop. Signal handlers and other threads only set a flag."""

from __future__ import annotations

import threading


class StopRequested(Exception):
    """Raised by `Control.check` at a safe point; the run answers with a checkpoint."""


class Control:
    """Looked at by the trainer at its safe points: before every batch, in runs and in probes."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.reason = ""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end of the training; safe to call from a signal handler."""
        self.reason = self.reason or reason
        self._stop.set()

    def check(self) -> None:
        """Raise StopRequested if a stop was asked for."""
        if self._stop.is_set():
            raise StopRequested(self.reason)
