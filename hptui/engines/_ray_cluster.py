"""A Ray cluster as the process of a study sees it: reached or started, asked to train, and left."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from hptui.config import StudyConfig
from hptui.engines import RunEnd, RunPlan, RunTrainer
from hptui.engines._elsewhere import end_of_gone
from hptui.engines._ray_task import train_there
from hptui.engines._worker import OF_THE_TERMINAL
from hptui.errors import ConfigError, first_line, nearest

REACH_SECONDS = 5.0
"""for a cluster to answer; Ray itself tries for minutes, and talks meanwhile"""
TIMES_BEGUN_AGAIN = 3
"""of a run whose node has died"""
STORE_BYTES = 100 << 20
"""of memory, in a cluster that is started here, for what tasks hand on: nothing but orders"""
LOCAL = "local"
ARGUMENTS = ("address", "cpus", "gpus")
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # reports to nobody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a task without a GPU sees none
    "RAY_worker_niceness": "0",  # on this machine: trains as other engines do; by default Ray steps back (15)
}
"""where the user has not set them"""

_reached: list[Cluster] = []
"""none or one: Ray has one connection per process"""


def reach(config: StudyConfig) -> Cluster:
    """The cluster that the settings name, or RAY_ADDRESS; else one that is started on this machine.

    Raises:
        ConfigError: Ray is not installed, or the cluster does not answer.
    """
    _check_names(config)
    address = str(config.engine_args.get("address") or os.environ.get("RAY_ADDRESS") or LOCAL)
    if _reached and _reached[0].address != address:
        close()
    if not _reached:
        _reached.append(Cluster(address))
    return _reached[0]


def close() -> None:
    """Leave the cluster; one that was started here ends."""
    while _reached:
        _reached.pop().leave()


class Cluster:
    """The connection.

    A thread of its own holds it until it is left: what Ray starts here ends with the thread that has started it, and
    only in the main thread it would take the signals of this process.
    """

    def __init__(self, address: str) -> None:
        if find_spec("ray") is None:
            raise ConfigError("engine ray needs the package ray; install it with: pip install 'hptui[ray]'")
        self.address = address
        _require_answer(address)
        os.environ |= {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
        self._ray: Any = importlib.import_module("ray")
        logging.getLogger("ray").setLevel(logging.ERROR)  # its import sets another one
        self._error: BaseException | None = None
        self._is_ready, self._is_left = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, name="hptui-ray", daemon=True)
        self._thread.start()
        self._is_ready.wait()
        if self._error is not None:
            raise _no_answer(address, first_line(self._error))

    def _hold(self) -> None:
        store = {"object_store_memory": STORE_BYTES, "include_dashboard": False} if self.address == LOCAL else {}
        signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_TERMINAL)  # what is started here is deaf to a closed terminal
        try:
            self._ray.init(
                self.address, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR, **store
            )
        except BaseException as error:
            self._error = error
            return
        finally:
            self._is_ready.set()
        self._is_left.wait()
        self._ray.shutdown()

    def leave(self) -> None:
        """End the connection, and what still trains there, each with a checkpoint."""
        self._is_left.set()
        self._thread.join()

    @property
    def nodes(self) -> list[dict[str, float]]:
        """What each living node has, by name."""
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def task(self, share: Share, trainer: Callable[[], RunTrainer]) -> Callable[[RunPlan], Any]:
        """What has a run begun, in its turn, and gives a reference to it."""
        remote = self._ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=TIMES_BEGUN_AGAIN)(train_there)
        training, folder = secrets.token_hex(8), str(Path.cwd())
        return lambda plan: remote.options(name=plan.name).remote(plan, trainer, training, folder)

    def cancel(self, tasks: Collection[Any]) -> None:
        """Have runs at work stop with a checkpoint, and the others not begin."""
        for task in tasks:
            self._ray.cancel(task)

    def ended(self, tasks: Collection[Any], seconds: float, of_them: int = 1) -> Sequence[Any]:
        """Runs that have ended, as soon as there are so many, or after so long."""
        if not tasks:
            return ()
        ended: Sequence[Any] = self._ray.wait(list(tasks), num_returns=of_them, timeout=seconds)[0]
        return ended

    def end(self, task: Any, plan: RunPlan, stopped: str) -> RunEnd:
        """How a run ended; `stopped`: why all were asked to stop."""
        errors = self._ray.exceptions
        try:
            end: RunEnd = self._ray.get(task)
        except errors.TaskCancelledError:
            return RunEnd(plan.name, stopped="study", reason=stopped)
        except errors.RayTaskError as error:
            return RunEnd(plan.name, failure=f"{plan.name} could not be begun there: {first_line(error.cause)}")
        except errors.RayError as error:
            return end_of_gone(plan, f"Ray has lost it ({type(error).__name__}: {first_line(error).rstrip('.')})")
        return msgspec.structs.replace(end, reason=stopped) if stopped and end.stopped == "study" else end


class Share:
    """What each run has of its node."""

    def __init__(self, config: StudyConfig, cluster: Cluster) -> None:
        self._config, self._cluster = config, cluster
        self.cpus = _number(config, "cpus", config.threads or 1, most=1024)
        has_gpus = config.device != "cpu" and any(node.get("GPU") for node in cluster.nodes)
        self.gpus = _number(config, "gpus", 1 if has_gpus else 0, most=1)

    @property
    def most(self) -> int:
        """Runs that have room at a time in the cluster as it is."""
        return max(1, sum(self._fitting(node) for node in self._cluster.nodes))

    def require_room(self) -> None:
        """Raise ConfigError where no run will ever begin; a cluster of others may still grow."""
        nodes = self._cluster.nodes
        if self._cluster.address == LOCAL and not any(map(self._fitting, nodes)):
            wanted, there = f"{self.cpus:g} cpus and {self.gpus:g} gpus", nodes[0] if nodes else {}
            raise ConfigError(
                f"engine_args: a run needs {wanted}, and this machine has {there.get('CPU', 0):g} cpus and "
                f"{there.get('GPU', 0):g} gpus; ask for less, or name a cluster with address."
            )

    def _fitting(self, node: dict[str, float]) -> int:
        """Runs that have room in a node."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        return int(min(node.get(kind, 0) // number for kind, number in wanted.items() if number))

    def placed(self, plan: RunPlan) -> RunPlan:
        """The plan with its threads, and without a GPU where it has none."""
        config = msgspec.structs.replace(plan.config, threads=plan.config.threads or max(1, int(self.cpus)))
        if not self.gpus:
            config = msgspec.structs.replace(config, device="cpu")
        return msgspec.structs.replace(plan, config=config)


def _check_names(config: StudyConfig) -> None:
    for name in config.engine_args:
        if name not in ARGUMENTS:
            raise ConfigError(f"engine_args: engine ray takes no {name!r}.{nearest(name, ARGUMENTS)}")


def _number(config: StudyConfig, name: str, default: float, most: float) -> float:
    value = config.engine_args.get(name, default)
    least = 1 if name == "cpus" else 0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ConfigError(f"engine_args {name} = {value!r}: write a number from {least} to {most}.")
    return value


def _require_answer(address: str) -> None:
    """Raise ConfigError where nobody listens at HOST:PORT; Ray itself says what is wrong with other forms."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdecimal() and int(port) < 2**16):
        return
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise _no_answer(address, error.strerror or str(error)) from None


def _no_answer(address: str, why: str) -> ConfigError:
    if address == LOCAL:
        return ConfigError(f"engine ray: Ray cannot be started on this machine: {why.rstrip('.')}.")
    start = "start one (ray start --head), or name another: --engine-args address=HOST:PORT, or RAY_ADDRESS"
    return ConfigError(f"engine ray: no cluster answers at {address}: {why.rstrip('.')}; {start}.")
