"""A study whose runs are jobs of a real SLURM: what happens to jobs there, and the same bits all the same."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import slurm_cluster
import tomli_w
from fabricate import PATIENCE_SECONDS, wait_until
from slurm_cluster import Cluster
from training.test_exactness import assert_same, timeless
from training.test_side_by_side import SETTINGS, events, runs, weights

from hptui.__main__ import main
from hptui.config import Layer, resolve
from hptui.engines import slurm
from hptui.reading.studies import AT_WORK, follow
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import CommandSender, Continue, StepEpoch
from hptui.record.events import (
    CheckpointSaved,
    DecisionsPlanned,
    RunContinued,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStopped,
)
from hptui.record.localizing import localized
from hptui.record.mending import mend_logs
from hptui.record.presence import is_written, read_heartbeat
from hptui.record.study_directory import open_study
from hptui.training import Control, start_study, train_study
from hptui.training.study import resume_study

HOW_IT_WENT = (CheckpointSaved, RunContinued, RunPaused, RunResumed, RunStopped)
"""events that tell of disturbances, and not of the training"""
SMALL = SETTINGS | {"runs": 3, "epochs": 2}
ASKED = ["--engine", "slurm", "--engine-args", "time=10", "--engine-args", "cpus=1", "--engine-args", "partition=short"]
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
        if is_written(tmp_path / "study"):  # a test that failed has left it
            kill_trainer(tmp_path / "study")
        made.stop()


def written(folder: Path) -> Path:
    """The settings as a file."""
    (folder / "study.toml").write_text(tomli_w.dumps(SMALL), "utf-8")
    return folder / "study.toml"


class Waiting(threading.Thread):
    """A study that is gone on with, and waits for its jobs, in a thread of this process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        study = open_study(folder)
        mend_logs(study, runs_go_on=True)
        self._prepared = resume_study(study, localized(study))
        self._control = Control(CommandInbox(folder))
        self._failure: Exception | None = None
        self._completed = False
        self.start()

    def run(self) -> None:
        try:
            self._completed = train_study(self._prepared, self._control)
        except Exception as error:
            self._failure = error

    def ended(self) -> bool:
        """Whether all is trained."""
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()
        assert self._failure is None
        return self._completed


def has(folder: Path, run: str, kind: type, count: int = 1) -> bool:
    return (folder / run).exists() and sum(isinstance(event, kind) for event in events(folder, run)) >= count


def jobs_of(folder: Path) -> dict[str, str]:
    """The job that has a run, by the run's name."""
    (file,) = (folder.parent / "state").glob("hptui/jobs/*/jobs.json")
    return msgspec.json.decode(file.read_bytes(), type=dict[str, str])


def kill_trainer(folder: Path) -> None:
    """Kill the process that waits for the jobs of a study."""
    beat = read_heartbeat(folder)
    assert beat is not None
    os.kill(beat.pid, signal.SIGKILL)
    wait_until(lambda: not is_written(folder))


def stops(folder: Path, run: str) -> list[str]:
    return [event.reason for event in events(folder, run) if isinstance(event, RunStopped)]


def told(folder: Path, run: str) -> list[Any]:
    """What a log tells of the training itself; what lies ahead is told anew where a run goes on."""
    kept = [event for event in events(folder, run) if not isinstance(event, (*HOW_IT_WENT, DecisionsPlanned))]
    return [timeless(event) for event in kept]


@needs_daemons
@pytest.mark.timeout(900)  # a dozen new processes, each of which imports torch: beside others that takes minutes
def test_jobs_that_are_cancelled_warned_and_killed_with_their_node_come_to_the_same_bits(
    cluster: Cluster, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    assert main(["run", str(written(tmp_path)), *ASKED, "--detach", "--headless", "--out", str(folder)]) == 0
    CommandSender(folder).send(StepEpoch())
    wait_until(lambda: all(has(folder, run, RunPaused) for run in runs(folder)))
    assert follow(folder).status == "paused"
    numbers = jobs_of(folder)
    nodes = dict(line.split() for line in cluster.ask("squeue", "-r", "-h", "-o", "%i %N").splitlines())
    on_two = [run for run in runs(folder) if nodes[numbers[run]] == "two"]
    on_one = [run for run in runs(folder) if run not in on_two]
    cancelled, warned = on_one[:2]
    cluster.ask("scancel", numbers[cancelled])
    cluster.ask("scancel", "--signal=USR1", numbers[warned])  # as SLURM does before the time limit
    wait_until(lambda: stops(folder, cancelled) and stops(folder, warned))
    cluster.kill_daemon("one")
    cluster.kill_node("two")
    cluster.start_node("one")
    cluster.start_node("two")
    wait_until(lambda: all(has(folder, run, RunResumed) for run in (*on_two, warned)))
    kill_trainer(folder)  # as on a login node that is started again
    assert follow(folder).status in AT_WORK
    going_on = Waiting(folder)
    wait_until(lambda: stops(folder, cancelled) and has(folder, cancelled, RunResumed))
    CommandSender(folder).send(Continue())
    assert going_on.ended()
    assert stops(folder, cancelled) == [f"SLURM job {numbers[cancelled]}: cancelled or preempted (SIGTERM)"]
    assert stops(folder, warned) == [f"SLURM job {numbers[warned]}: time limit or preemption, to be queued again"]
    assert all(sum(isinstance(one, RunStarted) for one in events(folder, run)) == 1 for run in runs(folder))
    assert train_study(start_study(resolve([Layer("test", SMALL)]).config, tmp_path / "alone"), Control())
    for run in runs(folder):
        assert told(folder, run) == told(tmp_path / "alone", run)
        assert_same(weights(folder, run), weights(tmp_path / "alone", run), run)
    assert not list((tmp_path / "state").glob("hptui/jobs/*"))
