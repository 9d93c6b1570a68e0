"""Runs on the nodes of a Ray cluster, as many at a time as it has room for; without one, on this machine.

Ray places the runs, and begins a run again elsewhere where its node has died: it goes on from its checkpoint. The nodes
need hptui, the data, and the study's folder under the same paths. Everything but the order to begin, and how a run
ended, goes through that folder. What it may be asked for (`--engine-args`):

    address  of the cluster: HOST:PORT, ray://HOST:PORT or auto; RAY_ADDRESS where it is left out
    cpus     cores of a run, and threads of torch where --threads says nothing; --threads, or 1
    gpus     GPUs of a run, or a share of one; 1 where the cluster has any, unless --device is cpu
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from hptui.config import AUTO, StudyConfig
from hptui.engines import Engine, RunEnd, RunPlan, Work
from hptui.engines._elsewhere import StudyStop
from hptui.engines._ray_cluster import Share, close, reach
from hptui.engines._worker import LEAVING_SECONDS
from hptui.engines.processes import in_order

__all__ = ["Ray"]

TAKES_ARGUMENTS = True
POLL_SECONDS = 0.1
EVERYWHERE = ("1", AUTO)
"""of `parallel`: as many runs as the cluster has room for; 1 is what stands there where nobody said anything"""


class Ray(Engine):
    """Each run is one task of Ray."""

    def check(self, config: StudyConfig) -> None:
        """Reach the cluster, or start one.

        Raises:
            ConfigError: Ray is not installed, the cluster does not answer, or a run has no room in it.
        """
        Share(config, reach(config)).require_room()

    def train(self, plans: Sequence[RunPlan], work: Work) -> Iterator[RunEnd]:
        if not plans:
            return
        config = plans[0].config
        cluster = reach(config)
        share = Share(config, cluster)
        most = share.most if config.parallel in EVERYWHERE else int(config.parallel)
        waiting = deque(share.placed(plan) for plan in in_order(plans, most))
        asked = StudyStop(plans[0])
        begin, at_work, stopped = cluster.task(share, work.trainer), dict[Any, RunPlan](), ""
        try:
            while waiting or at_work:
                if not stopped and (stopped := work.stopped() or asked.asked()):
                    waiting.clear()
                    cluster.cancel(at_work)
                while waiting and (config.parallel in EVERYWHERE or len(at_work) < most):
                    plan = waiting.popleft()
                    at_work[begin(plan)] = plan
                for task in cluster.ended(at_work, POLL_SECONDS):
                    yield cluster.end(task, at_work.pop(task), stopped)
        finally:
            cluster.cancel(at_work)
            cluster.ended(at_work, LEAVING_SECONDS, of_them=len(at_work))
            close()
