"""A process that trains runs, one after another, and what whoever started it knows of it.

It is forked from a server that has imported torch and has no threads yet: that takes 0.02 s, where a new Python takes
four seconds of a core and 300 MB for imports alone. Orders come through a pipe. When its other end has gone, however
that happened, the run is stopped with a checkpoint, and the process ends.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from queue import SimpleQueue

import psutil

from hptui.engines import RunEnd, RunPlan, RunTrainer
from hptui.machine import looks_in_current_folder

IMPORTED = ("hptui.training.elsewhere", "torch._dynamo", "scipy.optimize", "hptui.engines._frozen")
"""by the server that forks, and so by no worker; the second one by every optimizer of torch, when one is built first,
the third one by the evaluation after every first epoch"""
OF_THE_TERMINAL = {signal.SIGINT, signal.SIGHUP}
"""signals that reach every process in front of a terminal; one of them passes them on"""
LAST_LINES = 20
LEAVING_SECONDS = 10.0
"""for a process that has nothing left to do to end by itself"""
GONE = "the process that trained the study has gone"


def start_server() -> None:
    """Start what forks, unless it runs; it imports by itself, and nobody waits for that before the first worker."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(IMPORTED))
    with _kept_apart():
        with contextlib.redirect_stderr(sys.__stderr__):  # that of a screen has no number to be handed on
            resource_tracker.ensure_running()
        forkserver.ensure_running()


class Worker:
    """Process that trains runs, as whoever started it sees it."""

    def __init__(self, number: int, trainer: Callable[[], RunTrainer]) -> None:
        """Have the process started, which nobody waits for.

        Args:
            number: from 0, among those of this study.
            trainer: makes what trains; a class that can be imported by its name.
        """
        self.number = number
        self.plan: RunPlan | None = None
        """that it is at work on"""
        self._asked_to_stop = False
        self._said: deque[str] = deque(maxlen=LAST_LINES)
        start_server()
        context = multiprocessing.get_context("forkserver")
        self.answers, orders = context.Pipe()
        output, printed = context.Pipe(duplex=False)
        given = (orders, printed, trainer, dict(os.environ), os.getcwd())  # noqa: PTH109 (a text)
        self._process = context.Process(target=_serve, args=given, name=f"hptui-worker-{number}")
        self._started = threading.Event()
        atexit.register(self.answers.close)  # before Python waits for processes that wait for this end
        self._thread = threading.Thread(
            target=self._attend, args=(orders, output, printed), name=f"hptui-worker-{number}", daemon=True
        )
        self._thread.start()

    @property
    def memory(self) -> int:
        """Bytes that are its own, and not shared with the others, as it is now; 0: nobody knows."""
        with contextlib.suppress(psutil.Error, OSError):
            if self.is_started and self._process.pid is not None:
                return int(psutil.Process(self._process.pid).memory_full_info().uss)
        return 0

    @property
    def is_started(self) -> bool:
        """Whether there is a process, or could be none; it takes seconds where the first one is started."""
        return self._started.is_set()

    @property
    def is_alive(self) -> bool:
        """Whether it may get another run."""
        return not self.answers.closed

    def begin(self, plan: RunPlan) -> None:
        """Have a run trained."""
        self.plan = plan
        with contextlib.suppress(OSError):  # it has gone, which its end tells
            self.answers.send(plan)

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end of its run, once."""
        if not self._asked_to_stop:
            self._asked_to_stop = True
            with contextlib.suppress(OSError):
                self.answers.send(reason)

    def end(self) -> RunEnd:
        """How the run ended that it was at work on; to be called once there is something to read in `answers`."""
        assert self.plan is not None
        run, self.plan = self.plan.name, None
        try:
            end: RunEnd = self.answers.recv()
        except (EOFError, OSError):
            self.let_go()
            self.join()
            return RunEnd(run, failure=f"{run}: {self._death()}")
        return end

    def let_go(self) -> None:
        """Have the process end by itself, its run, if it has one, with a checkpoint."""
        atexit.unregister(self.answers.close)
        self.answers.close()

    def join(self) -> None:
        """Wait for its end, once it was let go; not for one that is being started, which finds nobody, and ends."""
        if self.is_started and self._process.pid is not None:
            self._process.join(LEAVING_SECONDS)

    def _attend(self, orders: Connection, output: Connection, printed: Connection) -> None:
        """Start it, and pass on what it prints."""
        try:
            with _kept_apart():
                self._process.start()
        except Exception as error:  # there is nobody else who could tell: the end of its run does
            self._said.append(f"{type(error).__name__}: {error}")
        finally:
            orders.close()
            printed.close()
        self._started.set()
        with open(output.fileno(), errors="replace", closefd=False) as lines:
            for line in lines:
                self._said.append(line.strip())
                with contextlib.suppress(OSError, ValueError):  # nobody reads it any more; the worker must not wait
                    sys.stderr.write(line)
        output.close()

    def _death(self) -> str:
        """What became of a process that gave no answer, and what it said last."""
        if self._process.pid is None:
            return f"no process could be started for it: {' '.join(self._said)}"
        self._thread.join(LEAVING_SECONDS)
        code = self._process.exitcode
        how = f"ended with exit code {code}" if code is None or code >= 0 else f"was killed by {_signal_name(-code)}"
        last = next((line for line in reversed(self._said) if line), "")
        return f"its process ({self._process.pid}) {how}{f', its last words: {last}' if last else ''}"


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


@contextlib.contextmanager
def _kept_apart() -> Iterator[None]:
    """Have the server that forks, if it is started here, deaf to signals, and look for modules where this process does.

    It is a Python with a command, which would look for them in the current folder, anybody's, before all others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_TERMINAL | {signal.SIGTERM})
    is_safe = os.environ.get("PYTHONSAFEPATH")
    try:
        if not looks_in_current_folder():
            os.environ["PYTHONSAFEPATH"] = "1"
        yield
    finally:
        if is_safe is None:
            os.environ.pop("PYTHONSAFEPATH", None)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    orders: Connection, printed: Connection, trainer: Callable[[], RunTrainer], environment: dict[str, str], folder: str
) -> None:
    """Train what comes until there is nobody any more who would send anything; the main thread of the process."""
    for number in (1, 2):
        os.dup2(printed.fileno(), number)
    printed.close()
    os.environ.clear()  # what forks has that of its own beginning
    os.environ.update(environment)
    os.chdir(folder)
    trains, plans = trainer(), SimpleQueue[RunPlan | None]()

    def leave(reason: str) -> None:
        trains.stop(reason)
        plans.put(None)

    for ignored in OF_THE_TERMINAL:
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: leave("SIGTERM"))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_TERMINAL | {signal.SIGTERM})

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                order = orders.recv()
                if isinstance(order, RunPlan):
                    plans.put(order)
                else:
                    trains.stop(order)
        nothing = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):  # own code that prints must not fail for want of a reader
            os.dup2(nothing, number)
        leave(GONE)

    threading.Thread(target=listen, name="hptui-orders", daemon=True).start()
    while (plan := plans.get()) is not None:
        end = trains.train(plan)
        with contextlib.suppress(OSError):
            orders.send(end)
