"""Runs side by side on this machine, each in a process of its own, with cores and GPUs shared out among them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol

import msgspec

from hptui.config import AUTO, StudyConfig
from hptui.engines import MOST_THREADS, Engine, RunEnd, RunPlan, RunTrainer, Work
from hptui.engines._worker import Worker, start_server
from hptui.errors import RunDirectoryError
from hptui.machine import free_memory, usable_cores
from hptui.record.events import DecisionStarted, RunResumed, RunStarted
from hptui.record.log_backwards import last_event

__all__ = ["Processes"]

POLL_SECONDS = 0.1
SHARE = 0.8
"""of the memory that is free, which runs may be planned for"""
MARGIN = 1.5
"""times what the first run takes as it begins: evaluations, and states that decisions keep, come later"""


class AtWork(Protocol):
    """A process that trains, see `Worker`."""

    answers: Connection
    plan: RunPlan | None

    @property
    def memory(self) -> int: ...
    @property
    def is_started(self) -> bool: ...
    @property
    def is_alive(self) -> bool: ...
    def begin(self, plan: RunPlan) -> None: ...
    def stop(self, reason: str) -> None: ...
    def end(self) -> RunEnd: ...
    def let_go(self) -> None: ...
    def join(self) -> None: ...


class Processes(Engine):
    """A process is kept for the next run, which finds its data read, unless a run has failed in it."""

    def __init__(self, start: Callable[[int, Callable[[], RunTrainer]], AtWork] = Worker) -> None:
        """`start` makes a process that trains, with its number from 0."""
        self._start = start
        self._places: dict[int, AtWork] = {}
        """by number"""

    def make_ready(self) -> None:
        start_server()

    def train(self, plans: Sequence[RunPlan], work: Work) -> Iterator[RunEnd]:
        if not plans:
            return
        room = Room(plans[0].config, work.gpus)
        waiting = deque(in_order(plans, room.most))
        try:
            while waiting or self._at_work:
                if reason := work.stopped():
                    waiting.clear()
                    self._stop(reason)
                self._fill(waiting, room, work)
                yield from self._ended()
        finally:
            for one in self._places.values():
                one.let_go()
            for one in self._places.values():
                one.join()
            self._places.clear()

    @property
    def _at_work(self) -> list[AtWork]:
        return [one for one in self._places.values() if one.plan is not None]

    def _stop(self, reason: str) -> None:
        """Ask all to stop; a process that is still being started has nothing to save, and is not waited for."""
        for number, one in list(self._places.items()):
            if one.is_started and one.plan is not None:
                one.stop(reason)
            elif not one.is_started:
                one.let_go()
                del self._places[number]

    def _fill(self, waiting: deque[RunPlan], room: Room, work: Work) -> None:
        """Begin as many runs as there is room for."""
        while waiting and len(at_work := self._at_work) < room.now(at_work):
            free = (one for one in range(room.most) if one not in self._places or self._places[one].plan is None)
            number = next(free)
            if number not in self._places:
                self._places[number] = self._start(number, work.trainer)
            self._places[number].begin(room.placed(waiting.popleft(), number))

    def _ended(self) -> Iterator[RunEnd]:
        """Runs that have ended, after a moment at most."""
        ready = wait([one.answers for one in self._at_work], POLL_SECONDS)
        for number, one in list(self._places.items()):
            if one.answers in ready:
                end = one.end()
                if end.failure or not one.is_alive:  # what has failed there is not to be the next one's trouble
                    one.let_go()
                    one.join()
                    del self._places[number]
                yield end


class Room:
    """How many runs may be at work on this machine at a time, and what each has of it."""

    def __init__(self, config: StudyConfig, gpus: int) -> None:
        self._gpus = gpus
        cores = usable_cores()
        self._measures = config.parallel == AUTO and not gpus
        if config.parallel != AUTO:
            self.most = int(config.parallel)
        else:
            self.most = gpus or max(1, cores // (config.threads or 1))
        self._threads = config.threads
        if config.threads is None and self.most > 1:  # one alone has what a training has by default
            self._threads = max(1, min(MOST_THREADS, cores // self.most))
        self._needed = 0
        """bytes that a run takes, as far as it was seen"""
        self._since = time.time()

    def placed(self, plan: RunPlan, number: int) -> RunPlan:
        """The plan with its share of the machine."""
        config = msgspec.structs.replace(plan.config, threads=self._threads)
        if self._gpus:
            config = msgspec.structs.replace(config, device=f"cuda:{number % self._gpus}")
        return msgspec.structs.replace(plan, config=config)

    def now(self, at_work: Sequence[AtWork]) -> int:
        """How many may be at work; where memory decides, one alone until it has begun to train."""
        if not self._measures or not at_work:
            return self.most
        first = at_work[0]
        assert first.plan is not None
        self._needed = max(self._needed, first.memory)
        if not self._needed or not has_begun(Path(first.plan.directory), self._since):
            return 1
        self._measures = False
        more = SHARE * free_memory() / (MARGIN * self._needed)
        self.most = min(self.most, 1 + int(more))
        return self.most


def has_begun(directory: Path, since: float) -> bool:
    """Whether a run has trained some batches, or a candidate: from then on its memory says what it needs."""
    try:
        last = last_event(directory)
    except RunDirectoryError:
        return False
    if last is None or last.time < since:
        return False
    return not isinstance(last, (RunStarted, RunResumed, DecisionStarted))


def in_order(plans: Sequence[RunPlan], side_by_side: int) -> list[RunPlan]:
    """Pair by pair, the arm that takes longer ahead by half as many pairs as there are runs at work: those that end
    last are short then, and no core waits for long; a comparison has pairs early all the same.
    """
    lead = side_by_side // 2
    return sorted(plans, key=lambda plan: plan.seed - (lead if plan.arm == "optimized" else 0))
