"""Runs on a Ray cluster: what the engine does with it, told from one that only pretends, and two nodes of a real one.

The second part is skipped where Ray is not installed, and so in CI: `pip install -e '.[ray]'`, then
`python -m pytest tests/engines/test_ray.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nursery
import psutil
import pytest
from fabricate import python, wait_until
from training.test_exactness import timeless
from training.test_side_by_side import Trained, assert_equal_weights, begin, events, gone, runs

from hptui.config import Layer, StudyConfig, resolve
from hptui.engines import RunEnd, RunPlan, Work, _ray_cluster
from hptui.engines import ray as engine
from hptui.engines._ray_cluster import Share
from hptui.engines.ray import Ray
from hptui.errors import ConfigError
from hptui.record.commands import AddEpochs, ChangeRanges, CommandSender, Continue, Pause, StopStudy
from hptui.record.events import (
    BatchesTrained,
    CandidateScored,
    EpochCompleted,
    EpochsAdded,
    Evaluated,
    HyperparametersChosen,
    RangesChanged,
    RunPaused,
    RunResumed,
    RunStopped,
)
from hptui.record.presence import is_written, read_heartbeat
from hptui.record.study_directory import open_study
from hptui.training import Control, train_study

FACTS = (CandidateScored, Evaluated, HyperparametersChosen)
"""events that a run which went on from a checkpoint has as one that was not disturbed"""
BOTH = ("optimized-0", "baseline-0")


def configured(**settings: Any) -> StudyConfig:
    return resolve([Layer("test", {"dataset": "digits", "strategy": "grid", "engine": "ray", **settings})]).config


class Pretended:
    """A cluster whose runs end when the test says so."""

    address = "local"

    def __init__(self, *nodes: dict[str, float]) -> None:
        self.nodes = list(nodes) or [{"CPU": 2.0}]
        self.begun: list[RunPlan] = []
        self.cancelled: list[str] = []
        self.done: list[str] = []
        self.is_left = False

    def task(self, share: Share, trainer: object) -> Any:
        def begin_one(plan: RunPlan) -> str:
            self.begun.append(plan)
            return plan.name

        return begin_one

    def cancel(self, tasks: Collection[str]) -> None:
        self.cancelled += tasks
        self.done += tasks

    def ended(self, tasks: Collection[str], seconds: float, of_them: int = 1) -> list[str]:
        return [one for one in tasks if one in self.done]

    def end(self, task: str, plan: RunPlan, stopped: str) -> RunEnd:
        return RunEnd(task, stopped="study" if stopped else "", reason=stopped)

    def leave(self) -> None:
        self.is_left = True


class Stage:
    """A study of three pairs on a pretended cluster."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.cluster = Pretended()
        monkeypatch.setattr(_ray_cluster, "_reached", [self.cluster])
        config = configured(runs=3, **settings)
        plans = [
            RunPlan(config, arm, seed, str(folder / f"{arm}-{seed}"), {}) for seed in range(3) for arm in config.arms
        ]
        self.reason = ""
        self.ends = Ray().train(plans, Work(self._nobody, self._nobody, lambda: self.reason))

    def _nobody(self, *_: object) -> RunEnd:
        raise AssertionError("nothing is trained here")

    def first(self) -> RunEnd:
        self.cluster.done.append("optimized-0")
        return next(self.ends)


@pytest.mark.parametrize(("parallel", "begun"), [("1", 6), ("auto", 6), ("2", 2)])
def test_ray_decides_how_many_are_at_work_unless_somebody_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel: str, begun: int
) -> None:
    stage = Stage(tmp_path, monkeypatch, parallel=parallel)
    assert stage.first() == RunEnd("optimized-0")
    assert len(stage.cluster.begun) == begun
    assert {plan.name for plan in stage.cluster.begun[:2]} == set(BOTH)  # a pair
    stage.cluster.done += [f"{arm}-{seed}" for arm in ("baseline", "optimized") for seed in range(3)]
    assert len(list(stage.ends)) == 5
    assert stage.cluster.is_left


def test_a_stop_reaches_all_and_no_other_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, monkeypatch, parallel="2")
    stage.first()
    stage.reason = "SIGHUP"
    assert [(end.stopped, end.reason) for end in stage.ends] == [("study", "SIGHUP")]
    assert (len(stage.cluster.begun), stage.cluster.cancelled) == (2, ["baseline-0"])


def test_whoever_stops_the_study_is_heard_while_no_run_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, monkeypatch)
    stage.first()
    CommandSender(tmp_path).send(StopStudy())
    ends = list(stage.ends)
    assert len(ends) == 5
    assert all(end.reason.startswith("by ") for end in ends)


def test_runs_that_are_left_behind_are_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, monkeypatch, parallel="2")
    stage.first()
    stage.ends.close()  # type: ignore[attr-defined]
    assert (stage.cluster.cancelled, stage.cluster.is_left) == (["baseline-0"], True)


@pytest.mark.parametrize(
    ("settings", "nodes", "cpus", "gpus", "most", "threads", "device"),
    [
        ({}, [{"CPU": 16.0}, {"CPU": 4.0}], 1, 0, 20, 1, "cpu"),
        ({"threads": 3}, [{"CPU": 16.0}], 3, 0, 5, 3, "cpu"),
        ({"threads": 3, "engine_args": "cpus=4"}, [{"CPU": 16.0}], 4, 0, 4, 3, "cpu"),
        ({"engine_args": "cpus=4"}, [{"CPU": 16.0, "GPU": 2.0}], 4, 1, 2, 4, "auto"),
        ({"engine_args": "gpus=0.25"}, [{"CPU": 16.0, "GPU": 1.0}, {"CPU": 64.0}], 1, 0.25, 4, 1, "auto"),
        ({"device": "cpu"}, [{"CPU": 16.0, "GPU": 2.0}], 1, 0, 16, 1, "cpu"),
    ],
)
def test_what_a_run_has_of_its_node(
    settings: dict[str, Any],
    nodes: list[dict[str, float]],
    cpus: float,
    gpus: float,
    most: int,
    threads: int,
    device: str,
) -> None:
    config = configured(**settings)
    share = Share(config, Pretended(*nodes))  # type: ignore[arg-type]
    assert (share.cpus, share.gpus, share.most) == (cpus, gpus, most)
    placed = share.placed(RunPlan(config, "baseline", 0, "x")).config
    assert (placed.threads, placed.device) == (threads, device)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("cores=2", "engine_args: engine ray takes no 'cores'."),
        ("cpus=many", "engine_args cpus = 'many': write a number from 1 to 1024."),
        ("cpus=0", "engine_args cpus = 0: write a number from 1 to 1024."),
        ("gpus=2", "engine_args gpus = 2: write a number from 0 to 1."),
        ("cpus=3", "a run needs 3 cpus and 0 gpus, and this machine has 2 cpus and 0 gpus"),
    ],
)
def test_what_nobody_can_have_is_refused(monkeypatch: pytest.MonkeyPatch, given: str, words: str) -> None:
    monkeypatch.setattr(_ray_cluster, "_reached", [Pretended()])
    with pytest.raises(ConfigError) as refused:
        Ray().check(configured(engine_args=given))
    assert words in str(refused.value)


def test_without_ray_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the package ray; .* pip install 'hptui\[ray\]'$"):
        Ray().check(configured())
    assert _ray_cluster._reached == []


@pytest.mark.parametrize("kind", ["", "ray://"])
def test_a_cluster_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(_ray_cluster, "find_spec", lambda name: True)
    monkeypatch.setenv("RAY_ADDRESS", f"{kind}127.0.0.1:1")
    with pytest.raises(ConfigError, match=rf"^engine ray: no cluster answers at {kind}127.0.0.1:1: .*refused; start"):
        Ray().check(configured())
    with pytest.raises(ConfigError, match=r"no cluster answers at localhost:2: "):
        Ray().check(configured(engine_args="address=localhost:2"))


def test_another_address_is_another_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(address: str) -> Pretended:
        made = Pretended()
        made.address = address
        return made

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(_ray_cluster, "_reached", [])
    monkeypatch.setattr(_ray_cluster, "Cluster", reached)
    here: Any = _ray_cluster.reach(configured())
    assert _ray_cluster.reach(configured()) is here
    there = _ray_cluster.reach(configured(engine_args="address=head:1"))
    assert (there.address, here.is_left) == ("head:1", True)
    assert _ray_cluster._reached == [there]


def test_the_engine_is_known_without_ray_and_loads_it_late() -> None:
    done = python("import sys, hptui.engines.ray\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert "hptui.engines.ray" in (loaded := done.stdout.split())
    assert "ray" not in loaded
    assert engine.TAKES_ARGUMENTS


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each; a study is attached to the first, as Ray wants it."""
    utils = pytest.importorskip("ray.cluster_utils", reason="ray is not installed: pip install 'hptui[ray]'")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
        monkeypatch.setenv("RAY_worker_niceness", "0")
        made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


def facts(folder: Path, run: str) -> list[Any]:
    return [timeless(event) for event in events(folder, run) if isinstance(event, FACTS)]


def assert_equal(one: Path, other: Path) -> None:
    for run in runs(one):
        assert facts(one, run) == facts(other, run)
    assert_equal_weights(one, other)


def test_what_is_asked_reaches_every_run_and_a_stop_leaves_checkpoints(cluster: Any, tmp_path: Path) -> None:
    ray = {"engine": "ray", "engine_args": {"address": cluster.address}}
    trained = Trained(tmp_path / "two", epochs=2000, runs=1, decide_every=2, **ray)  # no run ends by itself
    wait_until(lambda: trained.has(EpochCompleted, *BOTH))
    trained.send(Pause())
    wait_until(lambda: trained.has(RunPaused, *BOTH))
    trained.send(ChangeRanges(search={"lr": "0.002:0.02:log:2"}))
    trained.send(AddEpochs(epochs=200))
    trained.send(Continue())
    wait_until(lambda: trained.has(RangesChanged, *BOTH) and trained.has(EpochsAdded, *BOTH))
    trained.control.stop("SIGHUP")
    trained.ended()
    assert (trained.completed, trained.failure) == (False, None)
    assert all(isinstance(events(tmp_path / "two", run)[-1], RunStopped) for run in BOTH)
    assert not any(is_written(tmp_path / "two" / run) for run in BOTH)
    assert open_study(tmp_path / "two").config.epochs == 2200


def test_a_node_that_dies_takes_no_run_along(cluster: Any, tmp_path: Path) -> None:
    given: dict[str, Any] = {"checkpoint_every": "4steps", "epochs": 12}
    trained = Trained(tmp_path / "two", engine="ray", engine_args={"address": cluster.address}, **given)
    wait_until(lambda: trained.has(BatchesTrained, *BOTH))
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    trained.ended()
    assert (trained.completed, trained.failure) == (True, None)
    assert train_study(begin(tmp_path / "one", **given), Control())
    (again,) = (run for run in runs(tmp_path / "two") if trained.has(RunResumed, run))
    assert again in BOTH
    assert_equal(tmp_path / "one", tmp_path / "two")


def test_where_the_study_is_killed_its_runs_stop_with_a_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'hptui[ray]'")
    folder = tmp_path / "study"
    flags = ["--dataset", "digits", "--model", "lenet", "--train-size", 200, "--threads", 1, "--device", "cpu"]
    flags += ["--runs", 1, "--epochs", 2000, "--strategy", "fixed", "--engine", "ray"]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    environment.pop("RAY_ADDRESS", None)
    parent = nursery.start(
        *("run", *flags, "--headless", "--out", folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        wait_until(lambda: all(any(isinstance(one, BatchesTrained) for one in events(folder, run)) for run in BOTH))
        beats = [read_heartbeat(folder / run) for run in BOTH]
        trainers = [psutil.Process(beat.pid) for beat in beats if beat is not None]
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    finally:
        parent.kill()
    wait_until(lambda: not any(is_written(folder / run) for run in BOTH))
    assert all(isinstance(events(folder, run)[-1], RunStopped) for run in BOTH)
    gone(trainers)
