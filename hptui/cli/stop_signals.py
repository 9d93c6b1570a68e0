"""Signals that stop a training with a checkpoint, and the process that is left without unwinding."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Protocol

from hptui.cli.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from types import FrameType


class Stoppable(Protocol):
    """Something that a signal stops."""

    @property
    def reason(self) -> str:
        """Reason why it was stopped; empty if it was not."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""


def on_signals(target: Stoppable, *, screen: bool = False) -> None:
    """Stop `target` with a checkpoint at the first signal; leave at once at a second Ctrl+C: the last checkpoint stays.

    A signal that is ignored from the start stays ignored: that is how nohup keeps a training alive. Not so with a
    screen, which cannot go on without its terminal.
    """

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if target.reason and number == signal.SIGINT:
            os._exit(INTERRUPTED)
        target.stop(signal.Signals(number).name)

    for number in stopping_signals():
        if screen or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def stopping_signals() -> list[signal.Signals]:
    """Signals that stop a training, as far as this system has them."""
    return [number for number in signal.Signals if number.name in ("SIGINT", "SIGTERM", "SIGHUP")]
