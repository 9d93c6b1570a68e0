"""A job of SLURM: one run, in a process that submitit starts, asks for its end in time, and starts anew.

The run is trained in a thread, so that the main thread is free for signals. Ahead of the time limit, and of a
preemption where the cluster says so, SLURM sends what `submitit` waits for (USR1): it calls `checkpoint`, has the job
queued again, and leaves. SIGTERM (scancel, or a preemption without a warning) stops the run with a checkpoint too, and
leaves without an answer: whether SLURM begins the job anew is its own affair, and whoever waits asks SLURM.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from submitit.helpers import DelayedSubmission

from hptui.engines import RunEnd, RunPlan, RunTrainer
from hptui.engines._elsewhere import decoded, train_when_free

WAKE_SECONDS = 0.5
LIMIT = "time limit or preemption, to be queued again"
CANCELLED = "cancelled or preempted (SIGTERM)"


class Training(threading.Thread):
    """One run at work in a thread of its own."""

    def __init__(self, trainer: RunTrainer, plan: RunPlan) -> None:
        super().__init__(name="hptui-run", daemon=True)
        self.end: RunEnd | None = None
        """how it ended"""
        self._trainer, self._plan = trainer, plan
        self._reason = ""

    def run(self) -> None:
        self.end = train_when_free(self._trainer, self._plan, lambda: self._reason)

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end; the first one to ask is the one whose reason counts."""
        self._reason = self._reason or reason
        self._trainer.stop(reason)

    @property
    def was_stopped_here(self) -> bool:
        """Whether it ended because of `stop`, and neither by itself nor because somebody asked for that."""
        return self.end is not None and bool(self._reason) and self.end.reason == self._reason


class RunJob:
    """What a job does; it is pickled by submitit, and its plan is text."""

    def __init__(self, trainer: Callable[[], RunTrainer]) -> None:
        """`trainer`: makes what trains; a class that can be imported by its name."""
        self._trainer = trainer
        self._training: Training | None = None

    def __call__(self, plan: str) -> RunEnd:
        """Train the run, and say how it ended; SystemExit where SLURM has the last word on that."""
        training = self._training = Training(self._trainer(), decoded(plan))
        signal.signal(signal.SIGTERM, lambda *_: training.stop(f"{_job()}: {CANCELLED}"))
        training.start()
        try:
            while training.is_alive():  # a signal that another thread was given is handled when this one wakes up
                training.join(WAKE_SECONDS)
        except Exception as error:  # of `checkpoint`, which is called in this thread: the job was not queued again
            if training.was_stopped_here:
                return RunEnd(decoded(plan).name, stopped="run", reason=f"{_job()}: {error}")
        if training.was_stopped_here:
            raise SystemExit(128 + signal.SIGTERM)
        assert training.end is not None, "a trainer raises nothing"
        return training.end

    def checkpoint(self, plan: str) -> DelayedSubmission | None:
        """What is to be done once the job begins anew; None: nothing, the run has ended. A signal handler calls it."""
        assert self._training is not None, "the handler was installed before the run began"
        self._training.stop(f"{_job()}: {LIMIT}")
        self._training.join()
        return DelayedSubmission(RunJob(self._trainer), plan) if self._training.was_stopped_here else None


def _job() -> str:
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    number = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else os.environ.get("SLURM_JOB_ID", "?")
    return f"SLURM job {number}"
