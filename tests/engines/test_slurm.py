"""A study whose runs are jobs of a real SLURM: what happens to jobs there, and the same bits all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import slurm_cluster
from fabricate import PATIENCE_SECONDS, wait_until
from slurm_cluster import Cluster
from training.test_exactness import assert_same, timeless
from training.test_side_by_side import SETTINGS, events, runs, weights

from hptui.config import Layer, StudyConfig, resolve
from hptui.engines import slurm
from hptui.reading.studies import follow
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import CommandSender, Continue, StepEpoch
from hptui.record.events import (
    CheckpointSaved,
    DecisionsPlanned,
    RunContinued,
    RunPaused,
    RunResumed,
    RunStopped,
)
from hptui.record.localizing import localized
from hptui.record.study_directory import open_study
from hptui.training import Control, PreparedStudy, prepare_inputs, start_study, train_study

HOW_IT_WENT = (CheckpointSaved, RunContinued, RunPaused, RunResumed, RunStopped)
"""events that tell of disturbances, and not of the training"""
needs_daemons = pytest.mark.skipif(bool(slurm_cluster.missing()), reason=slurm_cluster.missing() or "-")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster()
    try:
        made.start()
        monkeypatch.setenv("SLURM_CONF", str(made.configuration))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setattr(slurm, "ASK_SECONDS", 0.5)
        monkeypatch.setattr(slurm, "GRACE_SECONDS", 1.0)
        yield made
    finally:
        made.stop()


def settings(**changes: Any) -> StudyConfig:
    return resolve([Layer("test", SETTINGS | {"runs": 3, "epochs": 2} | changes)]).config


class Waiting(threading.Thread):
    """A study that waits for its jobs in a thread of this process."""

    def __init__(self, prepared: PreparedStudy) -> None:
        super().__init__(daemon=True)
        self._prepared = prepared
        self.completed = False
        self.failure: Exception | None = None
        self.control = Control(CommandInbox(prepared.study.directory))
        self.start()

    def run(self) -> None:
        try:
            self.completed = train_study(self._prepared, self.control)
        except Exception as error:
            self.failure = error

    def ended(self) -> bool:
        """Whether all is trained."""
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()
        assert self.failure is None
        return self.completed


def has(folder: Path, run: str, kind: type, count: int = 1) -> bool:
    return (folder / run).exists() and sum(isinstance(event, kind) for event in events(folder, run)) >= count


def job_of(folder: Path, run: str) -> str:
    """The job that has a run."""
    (file,) = (folder.parent / "state").glob("hptui/jobs/*/jobs.json")
    return msgspec.json.decode(file.read_bytes(), type=dict[str, str])[run]


def stops(folder: Path, run: str) -> list[str]:
    return [event.reason for event in events(folder, run) if isinstance(event, RunStopped)]


def told(folder: Path, run: str) -> list[Any]:
    """What a log tells of the training itself; what lies ahead is told anew where a run goes on."""
    kept = [event for event in events(folder, run) if not isinstance(event, (*HOW_IT_WENT, DecisionsPlanned))]
    return [timeless(event) for event in kept]


@needs_daemons
def test_jobs_that_are_cancelled_warned_and_killed_with_their_node_come_to_the_same_bits(
    cluster: Cluster, tmp_path: Path
) -> None:
    asked = {"engine": "slurm", "engine_args": {"time": 10, "cpus": 1, "partition": "short"}}
    folder = tmp_path / "study"
    waiting = Waiting(start_study(settings(**asked), folder))
    CommandSender(folder).send(StepEpoch())
    wait_until(lambda: all(has(folder, run, RunPaused) for run in runs(folder)))
    assert follow(folder).status == "paused"
    nodes = dict(line.split() for line in cluster.ask("squeue", "-r", "-h", "-o", "%i %N").splitlines())
    on_two = [run for run in runs(folder) if nodes[job_of(folder, run)] == "two"]
    on_one = [run for run in runs(folder) if run not in on_two]
    cancelled, warned = on_one[:2]
    cluster.ask("scancel", job_of(folder, cancelled))
    cluster.ask("scancel", "--signal=USR1", job_of(folder, warned))  # as SLURM does before the time limit
    wait_until(lambda: stops(folder, cancelled) and stops(folder, warned))
    cluster.kill_daemon("one")
    cluster.kill_node("two")
    cluster.start_node("one")
    cluster.start_node("two")
    wait_until(lambda: all(has(folder, run, RunResumed) for run in (*on_two, warned)))
    CommandSender(folder).send(Continue())
    assert not waiting.ended()  # one was cancelled
    assert stops(folder, cancelled)[0].endswith("cancelled or preempted (SIGTERM)")
    assert stops(folder, warned)[0].endswith("time limit or preemption, to be queued again")
    study = open_study(folder)
    again = localized(study)
    assert (again.engine, again.engine_args) == (asked["engine"], asked["engine_args"])
    again = msgspec.structs.replace(again, device="cpu")
    assert Waiting(PreparedStudy(study, again, prepare_inputs(again))).ended()
    assert train_study(start_study(settings(), tmp_path / "alone"), Control())
    for run in runs(folder):
        assert told(folder, run) == told(tmp_path / "alone", run)
        assert_same(weights(folder, run), weights(tmp_path / "alone", run), run)
    assert not list((tmp_path / "state").glob("hptui/jobs/*"))
