"""What a node of a Ray cluster does for one run: it has a process trained in that outlives whatever becomes of Ray.

Where a node, Ray's own process, or the process of the study is killed, the pipe to the one that trains breaks, and it
leaves a checkpoint, from which the run goes on when Ray begins the task again. It is forked from what has imported
torch, and kept for the next run that Ray begins in the same place: that finds its data read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait

from hptui.engines import RunEnd, RunPlan, RunTrainer
from hptui.engines._elsewhere import train_when_free
from hptui.engines._worker import Worker

POLL_SECONDS = 0.1
"""Ray cancels by a flag, which Python looks at between two calls of the system"""
STOPPED = "the study is stopped"
GPUS = "CUDA_VISIBLE_DEVICES"

_kept: dict[tuple[str, str], Worker] = {}
"""the process that trained the last run here, by the training it belongs to, and its GPUs"""


def train_there(plan: RunPlan, trainer: Callable[[], RunTrainer], training: str, folder: str) -> RunEnd:
    """Train one run, as a task of Ray; cancelled, it stops with a checkpoint.

    Args:
        plan: what is trained.
        trainer: makes what trains; a class that can be imported by its name.
        training: a name of this training of the study, which no other has.
        folder: where the process of the study was started; relative paths are of there.
    """
    with contextlib.suppress(OSError):
        os.chdir(folder)
    worker = _worker(trainer, training)
    worker.begin(plan)
    _await(worker)
    end = worker.end()
    if end.failure or not worker.is_alive:  # what has failed there is not to be the next one's trouble
        worker.let_go()
        worker.join()
        _kept.clear()
    return end


class Apart:
    """A `RunTrainer` in a session of its own: Ray kills all that it finds in that of its process."""

    def __init__(self, trainer: Callable[[], RunTrainer]) -> None:
        os.setsid()
        self._trainer, self._reason = trainer(), ""

    def train(self, plan: RunPlan) -> RunEnd:
        """Train it, once a former process of it has ended: Ray may begin it again before that."""
        return train_when_free(self._trainer, plan, lambda: self._reason)

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""
        self._reason = self._reason or reason
        self._trainer.stop(reason)


def _worker(trainer: Callable[[], RunTrainer], training: str) -> Worker:
    key = training, os.environ.get(GPUS, "")
    if key not in _kept:
        for one in _kept.values():
            one.let_go()
            one.join()
        _kept.clear()
        _kept[key] = Worker(0, partial(Apart, trainer))
    return _kept[key]


def _await(worker: Worker) -> None:
    """Wait for the end of its run, which comes soon after Ray has cancelled the task."""
    while True:
        try:
            while not wait([worker.answers], POLL_SECONDS):
                pass
            return
        except KeyboardInterrupt:
            worker.stop(STOPPED)
