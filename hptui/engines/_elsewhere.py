"""Runs that other machines, or other jobs of this one, train: what such a process does, and whoever waits for it.

They share the study's folder and nothing else: commands go in, facts come out. A scheduler may begin a run anew before
its former process is dead, so a run waits until nobody writes it. Where whoever waits has gone, the runs go on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from hptui.config import StudyConfig
from hptui.engines import MOST_THREADS, RunEnd, RunPlan, RunTrainer
from hptui.errors import RunDirectoryError
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import CommandSender, StopStudy
from hptui.record.events import AnyEvent, RunFailed
from hptui.record.log_backwards import last_event
from hptui.record.log_end import has_all_epochs
from hptui.record.presence import is_written

__all__ = ["StudyStop", "cores_of", "decoded", "encoded", "end_of_gone", "is_done", "train_when_free", "with_threads"]

POLL_SECONDS = 0.25


def with_threads(plan: RunPlan, threads: int) -> RunPlan:
    """The plan with as many threads as its process has cores, unless the settings say how many."""
    if plan.config.threads is not None:
        return plan
    return msgspec.structs.replace(plan, config=msgspec.structs.replace(plan.config, threads=threads))


def cores_of(config: StudyConfig) -> int:
    """How many cores a run asks for where nobody said it."""
    return config.threads or MOST_THREADS


def never_stopped() -> str:
    """Nobody asks a run not to begin."""
    return ""


def train_when_free(trainer: RunTrainer, plan: RunPlan, stopped: Callable[[], str] = never_stopped) -> RunEnd:
    """Train a run in this process, as soon as no former process of it writes any more.

    Args:
        trainer: what `Work.trainer` makes.
        plan: with the paths of this machine, or of a file system that all share.
        stopped: why it is not to begin; empty: it is.
    """
    while is_written(Path(plan.directory)):
        if reason := stopped():
            return RunEnd(plan.name, stopped="study", reason=reason)
        time.sleep(POLL_SECONDS)
    return trainer.train(plan)


def is_done(plan: RunPlan) -> bool:
    """Whether a run has come to its end already: nothing need be begun for it."""
    return has_all_epochs(_last(plan), plan.config.epochs)


def end_of_gone(plan: RunPlan, words: str) -> RunEnd:
    """How a run ended whose process has gone without an answer: its log may have it, else it is a failure.

    Args:
        plan: of the run.
        words: what has become of the process, without a full stop.
    """
    if is_done(plan):
        return RunEnd(plan.name)
    if isinstance(last := _last(plan), RunFailed):
        return RunEnd(plan.name, failure=f"{plan.name} failed: {last.error}")
    return RunEnd(plan.name, failure=f"{plan.name}: {words}; hptui resume goes on from its last checkpoint.")


def _last(plan: RunPlan) -> AnyEvent | None:
    with suppress(RunDirectoryError):
        return last_event(Path(plan.directory))
    return None


class StudyStop:
    """Stop of a study, as told by its folder: whoever waits for runs has to look, as none may be at work."""

    def __init__(self, plan: RunPlan) -> None:
        """`plan`: any of the study's, which says from where on commands count."""
        self._study = Path(plan.directory).parent
        self._inbox = CommandInbox(self._study, plan.commands)
        self._asked = False

    def asked(self) -> str:
        """Who asked for it, in words; empty: nobody has. To be called again and again."""
        for command in self._inbox.receive():
            if isinstance(command, StopStudy):
                self._asked = True
                return f"by {command.author}"
        return ""

    def ask(self) -> None:
        """Ask all runs, wherever they are, for a checkpoint and the end; once.

        Raises:
            RunDirectoryError: the folder cannot be written.
        """
        if not self._asked:
            self._asked = True
            CommandSender(self._study).send(StopStudy())


def encoded(plan: RunPlan) -> str:
    """A plan as ASCII: a path may hold bytes that are no UTF-8, which only escapes can carry."""
    return json.dumps(msgspec.to_builtins(plan))


def decoded(text: str) -> RunPlan:
    """Inverse of `encoded`."""
    return msgspec.convert(json.loads(text), RunPlan)
