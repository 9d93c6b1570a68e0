"""Engines decide where the runs of a study are trained: in this process, side by side on this machine, elsewhere.

One file each, found by the registry. What is trained, and how, no engine knows: a run begins from plain data (its
`RunPlan`) and writes its own folder, whichever process trains it, so that the record is the same. Nobody asks a run
anything while it trains: whoever looks reads its log, and whoever steers writes a command file. What an engine has of
it is how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from hptui.config import Arm, StudyConfig

__all__ = ["MOST_THREADS", "Engine", "RunEnd", "RunPlan", "RunTrainer", "Work"]

MOST_THREADS = 4
"""of a run by default, where others are trained beside it: the small networks of a search gain little from more"""


class RunPlan(msgspec.Struct, frozen=True):
    """All that it takes to begin a run, or to go on with it, in any process: plain data, which JSON can hold."""

    config: StudyConfig
    """with the paths of the machine that trains; what was changed since the study began is read when the run begins"""
    arm: Arm
    seed: int
    directory: str
    """of the run; the study's folder lies above it"""
    commands: dict[str, int] | None = None
    """how far the file of each viewer's commands was written when this training of the study began: what follows is
    obeyed; None: what is there when the run begins is void"""

    @property
    def name(self) -> str:
        """The run's, within its study."""
        return Path(self.directory).name


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended: at its end, unless one of these says otherwise."""

    run: str
    """its name"""
    stopped: Literal["", "run", "study"] = ""
    """with a checkpoint, because somebody asked for that: this run alone, or all of the study"""
    reason: str = ""
    """why it was stopped"""
    failure: str = ""
    """what went wrong, in one line; its log has it too, unless its process was killed"""


class RunTrainer(Protocol):
    """Trains runs of one study in a process that may be any, one after another."""

    def train(self, plan: RunPlan) -> RunEnd:
        """Begin a run, or go on with it; it raises nothing that a run can have wrong."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end, now and of whatever is still to be trained; from any thread, or signal."""


@dataclass(frozen=True)
class Work:
    """What an engine may use, beside the plans of the runs."""

    here: Callable[[RunPlan], RunEnd]
    """trains in this process, with what it has prepared; raises what goes wrong"""
    trainer: Callable[[], RunTrainer]
    """makes what trains in another process: a class, which any of them imports by its name"""
    stopped: Callable[[], str]
    """why no other run is to begin, and those at work are to stop; empty: they go on. It raises TrainingError where
    another process has taken the study over"""
    gpus: int = 0
    """that the runs may be spread over; 0: they compute on the CPU, or on a GPU that was named"""


class Engine:
    """One subclass per file. It is made without arguments, anew for each training of a study."""

    def check(self, config: StudyConfig) -> None:
        """Look whether it can train such a study here, before anything is read or made.

        Raises:
            UsageError: it cannot: what is missing, and what to do.
        """

    def make_ready(self) -> None:
        """Begin what takes long and needs no data, before they are read; nobody waits for it."""

    def train(self, plans: Sequence[RunPlan], work: Work) -> Iterator[RunEnd]:
        """Train these runs of one study, and say of each how it ended, as it ends.

        A run that fails does so alone. Where `work.stopped()` gives a reason, those at work are asked to stop, and no
        other begins; that is looked at several times a second.

        Args:
            plans: in the order in which they are to begin, as far as it matters. `config.parallel` says how many may
                be at work at a time.
            work: what trains, and when to stop.
        """
        raise NotImplementedError
