"""A training in a worker thread of this process, for a screen or a progress report that only reads its files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import HptuiError, TrainingError
from hptui.record.commands import CommandInbox

if TYPE_CHECKING:
    from hptui.training import Control, PreparedStudy

Preparation = Callable[[], "PreparedStudy"]
"""reads data and builds the network, in the worker thread; raises UsageError before anything is written"""


class Session:
    """A training that starts at once. All members may be used from any thread, `stop` also from a signal handler."""

    def __init__(self, prepare: Preparation) -> None:
        self._prepare = prepare
        self._control: Control | None = None
        self._stop_reason = ""
        self.study: Path | None = None
        self.failure: Exception | None = None
        self.finished = threading.Event()
        self.completed = False
        """all runs of the study are done"""
        self._thread = threading.Thread(target=self._work, name="hptui-training", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return not self.finished.is_set()

    @property
    def error(self) -> str | None:
        if self.failure is None:
            return None
        kind = "" if isinstance(self.failure, HptuiError) else f"{type(self.failure).__name__}: "
        return f"{kind}{self.failure}"

    @property
    def reason(self) -> str:
        """Reason why it was stopped; empty if it was not."""
        return self._control.reason if self._control is not None else self._stop_reason

    @property
    def interrupted(self) -> Path | None:
        """The study, if the training has ended before it was done, and nothing was wrong."""
        return self.study if self.finished.is_set() and not self.completed and self.failure is None else None

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""
        self._stop_reason = self._stop_reason or reason
        if self._control is not None:
            self._control.stop(reason)

    def join(self) -> None:
        """Wait until it is finished and its thread is gone: a program that ends while torch unwinds is aborted."""
        self.finished.wait()
        self._thread.join()

    def _work(self) -> None:
        try:
            prepared = self._prepare()
            from hptui.training import Control, train_study

            self._control = Control(CommandInbox(prepared.study.directory))
            if self._stop_reason:  # asked for while the data were read
                self._control.stop(self._stop_reason)
            self.study = prepared.study.directory
            self.completed = train_study(prepared, self._control)
        except Exception as error:  # raised again, or shown, by the main thread
            self.failure = error
        except SystemExit as left:  # own code may leave; a thread would end without a word
            self.failure = TrainingError(f"own code ended the training: SystemExit: {left}")
        finally:
            self.finished.set()
