"""A training in a worker thread of this process, for a screen or a progress report that only reads its files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import HptuiError, TrainingError
from hptui.headway import CalledOffError, listening
from hptui.record.command_inbox import CommandInbox
from hptui.record.study_folders import STUDY_FILE

if TYPE_CHECKING:
    from hptui.training import Control, PreparedStudy

Preparation = Callable[[], "PreparedStudy"]
"""reads data and builds the network, in the worker thread; raises UsageError before anything is written"""
POLL_SECONDS = 0.05
TIDY_SECONDS = 0.5
"""for what is decoded to be put away, once nobody wants it any more"""


class Session:
    """A training that starts at once. All members may be used from any thread, `stop` also from a signal handler."""

    def __init__(self, prepare: Preparation, resumes: Path | None = None) -> None:
        """Begin; `resumes` is the study that it goes on with, if it exists already."""
        self._prepare, self._resumes = prepare, resumes
        self._control: Control | None = None
        self._stop_reason = ""
        self._handover = threading.RLock()
        """held while a training that was prepared begins; a signal handler may interrupt a `stop` with another"""
        self.study: Path | None = None
        self.doing = ""
        """what takes long before there is a study, and how far it is"""
        self.failure: Exception | None = None
        self.finished = threading.Event()
        self._abandoned = False
        """stopped before there was anything to save; a flag alone, because a signal handler must not wait for a lock"""
        self.completed = False
        """all runs of the study are done"""
        self._thread = threading.Thread(target=self._work, name="hptui-training", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still trains, or prepares to; not once it was stopped before there was anything to save."""
        return not self._abandoned and not self.finished.is_set()

    @property
    def resumable(self) -> Path | None:
        """The study that can be gone on with, if there is one: perhaps it was made an instant ago."""
        directory: Path | None = self.study or self._resumes or getattr(self._prepare, "directory", None)
        return directory if directory is not None and (directory / STUDY_FILE).exists() else None

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

    @property
    def stopped_by_signal(self) -> bool:
        """Whether its process was asked to go."""
        return self._stop_reason.startswith("SIG")

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end. While data are read, or torch is imported, nothing has to be saved."""
        with self._handover:
            self._stop_reason = self._stop_reason or reason
            if self._control is not None:
                self._control.stop(reason)
            else:
                self._abandoned = True

    def wait(self) -> None:
        """Wait while it is alive."""
        while self.alive:
            self.finished.wait(POLL_SECONDS)
        if self._abandoned and self.doing:  # it notices
            self.finished.wait(TIDY_SECONDS)

    def join(self) -> None:
        """Wait until it is finished and its thread is gone: a program that ends while torch unwinds is aborted."""
        self.finished.wait()
        self._thread.join()

    def _hear(self, words: str) -> None:
        if self._abandoned:
            raise CalledOffError(f"stopped ({self._stop_reason}).")
        self.doing = words

    def _work(self) -> None:
        try:
            with listening(self._hear):
                prepared = self._prepare()
            self.doing = ""
            from hptui.training import Control, train_study

            with self._handover:
                self.study = prepared.study.directory
                if self._stop_reason:
                    return
                self._control = Control(CommandInbox(self.study))
            self.completed = train_study(prepared, self._control)
        except CalledOffError:
            pass  # it was stopped
        except Exception as error:  # raised again, or shown, by the main thread
            self.failure = error
        except SystemExit as left:  # own code may leave; a thread would end without a word
            self.failure = TrainingError(f"own code ended the training: SystemExit: {left}")
        finally:
            self.finished.set()
