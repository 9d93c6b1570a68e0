"""How the outside asks a training to stop, pause or change course. Others only set flags or append commands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from hptui.nothing import do_nothing
from hptui.record.command_inbox import CommandInbox, Unusable
from hptui.record.commands import (
    AddEpochs,
    AnyCommand,
    ChangeRanges,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
)
from hptui.record.events import AnyEvent, CommandRefused, RunContinued, RunPaused

POLL_SECONDS = 0.1
"""between two looks at the command files; a look costs some 20 microseconds"""

Request = ChangeRanges | UseValues | AddEpochs


class StopRequested(Exception):
    """Raised by `Control.check` at a safe point; the run answers with a checkpoint."""


class Control:
    """Looked at by the trainer at its safe points: before every batch, in runs and in probes."""

    def __init__(self, inbox: CommandInbox | None = None, *, among_others: bool = False) -> None:
        """`among_others`: runs of the study are at work in other processes, which take what is meant for them."""
        self._inbox, self._among_others = inbox, among_others
        self._stop = threading.Event()
        self._run_only = False
        self._paused_by = ""
        """who paused; empty while the training goes on"""
        self._pause_after_epoch = ""
        self._next_look = 0.0
        self._paused_seconds = 0.0
        self._requests: list[Request] = []
        self._obeyed: frozenset[str] = frozenset()
        """marks of requests that the settings have in them already"""
        self.reason = ""
        self._tell: Callable[[AnyEvent], object] = do_nothing
        self._run = ""

    def begin(self, run: str, tell: Callable[[AnyEvent], object]) -> None:
        """A run begins: its name, and where pauses are recorded. A pause that still holds is one of this run too."""
        self._run, self._tell = run, tell
        if self._paused_by:
            tell(RunPaused(by=self._paused_by))

    @property
    def offsets(self) -> dict[str, int] | None:
        """How far commands were read, for whoever obeys those that come next in another process; None: nowhere."""
        return self._inbox.offsets if self._inbox is not None else None

    @property
    def stopping(self) -> str:
        """Why the study is to stop; empty: it is not."""
        return self.reason if self._stop.is_set() and not self._run_only else ""

    def pass_over(self, requests: Iterable[str]) -> None:
        """Settings that were read a moment ago have these requests (their marks) in them: they are not done again."""
        self._obeyed = frozenset(requests)

    def catch_up(self) -> None:
        """Take in what was asked for before the first run begins here: no log has to tell of it."""
        self._look(now=True)

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end of the study; safe to call from a signal handler or another thread."""
        self.reason = self.reason or reason
        self._run_only = False
        self._stop.set()

    def leave_if_stopped(self) -> None:
        """Raise StopRequested if a stop was asked for, in the middle of what a pause or a command has to wait for."""
        if self._stop.is_set():
            raise StopRequested(self.reason)

    def check(self, *, now: bool = False) -> None:
        """Take in commands, wait while paused, and raise StopRequested if a stop was asked for.

        Args:
            now: look at the command files even if that was done a moment ago.
        """
        self._look(now=now)
        if self._paused_by:
            self._wait()
        self.leave_if_stopped()

    def clock(self) -> float:
        """Seconds that stand still while the training is paused."""
        return time.perf_counter() - self._paused_seconds

    def has_requests(self) -> bool:
        """Look whether something is to change at the next decision."""
        self._look(now=True)
        return bool(self._requests)

    def take_requests(self) -> list[Request]:
        """What is to change at the next decision, each once."""
        requests, self._requests = self._requests, []
        return [request for request in requests if not request.mark or request.mark not in self._obeyed]

    def epoch_completed(self) -> None:
        """Pause here if a single epoch was asked for."""
        if self._pause_after_epoch:
            self._pause(self._pause_after_epoch)

    def run_stopped(self) -> bool:
        """Whether only the current run was to stop; the flag is taken back, so that the next run can begin."""
        if not self._run_only:
            return False
        self._run_only, self.reason = False, ""
        self._paused_by = self._pause_after_epoch = ""  # whoever stops a paused run wants the next one to begin
        self._stop.clear()
        return True

    def _look(self, *, now: bool = False) -> None:
        if self._inbox is None or (time.monotonic() < self._next_look and not now):
            return
        self._next_look = time.monotonic() + POLL_SECONDS
        for command in self._inbox.receive():
            if isinstance(command, Unusable):
                self._tell(CommandRefused(by=command.by, reason=command.reason))
            else:
                self._obey(command)

    def _obey(self, command: AnyCommand) -> None:
        match command:
            case Pause():
                self._pause(command.author)
            case Continue():
                self._continue(command.author)
            case StepEpoch():
                self._continue(command.author)
                self._pause_after_epoch = command.author
            case StopStudy():
                self.stop(f"by {command.author}")
            case StopRun() if command.run == self._run:
                self.stop(f"by {command.author}")
                self._run_only = True
            case StopRun() | UseValues() if self._among_others and command.run != self._run:
                pass
            case StopRun():
                self._tell(
                    CommandRefused(by=command.author, reason=f"{command.run} is not trained now, {self._run} is")
                )
            case _:
                self._requests.append(command)

    def _pause(self, author: str) -> None:
        self._pause_after_epoch = ""
        if not self._paused_by:
            self._paused_by = author or "?"
            self._tell(RunPaused(by=self._paused_by))

    def _continue(self, author: str) -> None:
        self._pause_after_epoch = ""  # also of a run that begins after both were asked for
        if self._paused_by:
            self._paused_by = ""
            self._tell(RunContinued(by=author))

    def _wait(self) -> None:
        began = time.perf_counter()
        while self._paused_by and not self._stop.wait(POLL_SECONDS):
            self._look(now=True)
        self._paused_seconds += time.perf_counter() - began
