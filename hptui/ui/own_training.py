"""The training in this process, as the screen sees it: asked for, begun, alive, failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hptui.config import StudyConfig


class Training(Protocol):
    """A training in this process; all members may be used from any thread."""

    @property
    def study(self) -> Path | None:
        """The study's folder, once data and model have been checked."""

    @property
    def doing(self) -> str:
        """What takes long before there is a study, and how far it is; empty where nothing is said."""

    @property
    def error(self) -> str | None:
        """What went wrong, in one line."""

    @property
    def alive(self) -> bool:
        """Whether it still trains, or prepares to; not once it was stopped before there was anything to save."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""


class OwnTraining:
    """The training of this process, one at a time at most; the next one may be asked for when it has ended.

    An attempt is asked for, begun, alive, and over; a failure belongs to it, and goes when another one is asked for.
    """

    def __init__(
        self,
        begin: Callable[[], Training] | None,
        start: Callable[[StudyConfig], Training] | None,
        resume: Callable[[Path], Training] | None = None,
        detach: Callable[[StudyConfig], Training] | None = None,
    ) -> None:
        """Take what begins the training of the command line, what starts one from a form, and what resumes one.

        One that `detach` starts has a process of its own: it is this one's until it has begun.
        """
        self._begin, self._start, self._resume, self._detach = begin, start, resume, detach
        self._training: Training | None = None
        self._error_shown = self._end_seen = self._apart = False
        self.config: StudyConfig | None = None
        """what was asked for in the form"""

    @property
    def asked_for(self) -> bool:
        """Whether a training is about to begin."""
        return self._begin is not None

    @property
    def alive(self) -> bool:
        return self._training is not None and self._training.alive

    @property
    def study(self) -> Path | None:
        return self._training.study if self._training is not None else None

    @property
    def doing(self) -> str:
        return self._training.doing if self._training is not None else ""

    @property
    def error(self) -> str | None:
        return self._training.error if self._training is not None else None

    @property
    def may_start(self) -> bool:
        """Whether a study from the form can be trained here and now."""
        return self._start is not None and not self.asked_for and not self.alive

    @property
    def may_resume(self) -> bool:
        """Whether a study that was interrupted can go on here and now."""
        return self._resume is not None and self.may_start

    def ask_for(self, config: StudyConfig, *, detached: bool = False) -> bool:
        """Have a study from the form trained when `begin` is called; False, and nothing done, if none `may_start`.

        Args:
            config: its settings.
            detached: in a process of its own.
        """
        start = self._detach if detached else self._start
        return start is not None and self._ask(partial(start, config), config, apart=detached)

    def ask_to_resume(self, directory: Path) -> bool:
        """Have an interrupted study go on when `begin` is called; False, and nothing done, if none `may_start`."""
        return self._resume is not None and self._ask(partial(self._resume, directory))

    def _ask(self, begin: Callable[[], Training], config: StudyConfig | None = None, *, apart: bool = False) -> bool:
        if not self.may_start:
            return False
        self._begin, self._training = begin, None
        self._error_shown = self._end_seen = False
        self._apart, self.config = apart, config
        return True

    def begin(self) -> None:
        """Begin what was asked for, once."""
        begin, self._begin = self._begin, None
        if begin is not None:
            self._training = begin()

    def new_error(self) -> str | None:
        """What went wrong, when it is asked for the first time."""
        if self._error_shown or self.error is None:
            return None
        self._error_shown = True
        return self.error

    def newly_ended(self) -> bool:
        """Whether it has ended, when that is asked for the first time; one in a process of its own goes on."""
        if self._end_seen or self._training is None or self.alive or self._apart:
            return False
        self._end_seen = True
        return True

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""
        if self._training is not None:
            self._training.stop(reason)
