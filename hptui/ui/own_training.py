"""The training in this process, as the screen sees it: asked for, begun, alive, failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from hptui.config import StudyConfig


class Training(Protocol):
    """A training in this process; all members may be used from any thread."""

    @property
    def study(self) -> Path | None:
        """The study's folder, once data and model have been checked."""

    @property
    def error(self) -> str | None:
        """What went wrong, in one line."""

    @property
    def alive(self) -> bool:
        """Whether it still trains, or prepares to."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""


class OwnTraining:
    """The training of this process, one at a time at most; the next one may be asked for when it has ended."""

    def __init__(
        self,
        begin: Callable[[], Training] | None,
        start: Callable[[StudyConfig], Training] | None,
        detach: Callable[[StudyConfig], Training] | None = None,
    ) -> None:
        """Take what begins the training that the command line asks for, and what starts one from a form, if any.

        One that `detach` starts has a process of its own: it is this one's until it has begun.
        """
        self._begin, self._start, self._detach = begin, start, detach
        self._training: Training | None = None
        self._error_shown = self._end_seen = self._apart = False
        self.config: StudyConfig | None = None
        """what was asked for in the form"""

    @property
    def asked_for(self) -> bool:
        """Whether there is, or will be, a training."""
        return self._begin is not None

    @property
    def begun(self) -> bool:
        return self._training is not None

    @property
    def alive(self) -> bool:
        return self._training is not None and self._training.alive

    @property
    def study(self) -> Path | None:
        return self._training.study if self._training is not None else None

    @property
    def error(self) -> str | None:
        return self._training.error if self._training is not None else None

    @property
    def may_start(self) -> bool:
        """Whether a study from the form can be trained here and now."""
        return self._start is not None and not self.alive

    def ask_for(self, config: StudyConfig, *, detached: bool = False) -> None:
        """Have a study from the form trained, when `begin` is called; `detached`: in a process of its own."""
        start = self._detach if detached else self._start
        if start is not None:
            self._begin, self._training = partial(start, config), None
            self._error_shown = self._end_seen = False
            self._apart, self.config = detached, config

    def begin(self) -> None:
        """Begin what was asked for."""
        if self._begin is not None:
            self._training = self._begin()

    def new_error(self) -> str | None:
        """What went wrong, when it is asked for the first time."""
        if self._error_shown or self.error is None:
            return None
        self._error_shown = True
        return self.error

    def newly_ended(self) -> bool:
        """Whether it has ended, when that is asked for the first time; one in a process of its own goes on."""
        if self._end_seen or not self.begun or self.alive or self._apart:
            return False
        self._end_seen = True
        return True

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""
        if self._training is not None:
            self._training.stop(reason)
