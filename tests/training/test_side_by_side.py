"""Runs in processes of their own: the same bits as one after another, and nothing lost when one of them goes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import nursery
import psutil
import pytest
import torch
from fabricate import PATIENCE_SECONDS, make_study, wait_until

from hptui.config import Layer, resolve
from hptui.engines import Engine, RunEnd, RunPlan, Work
from hptui.errors import TrainingError
from hptui.reading.studies import follow
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import (
    AddEpochs,
    AnyCommand,
    ChangeRanges,
    CommandSender,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
)
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    EpochCompleted,
    EpochsAdded,
    RangesChanged,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunStopped,
)
from hptui.record.presence import Presence, is_written, read_heartbeat
from hptui.record.run_reader import RunReader
from hptui.record.steering import STEERING_FILE, Steering, keep_change, read_steering
from hptui.record.study_directory import open_study
from hptui.training import Control, PreparedStudy, prepare_inputs, start_study, train_study

from .test_exactness import assert_same, timeless

SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "model": "lenet",
    "train_size": 200,
    "validation_size": 50,
    "test_size": 30,
    "image_size": 16,
    "threads": 1,
    "device": "cpu",
    "runs": 2,
    "epochs": 2,
    "log_every": 2,
    "strategy": "grid",
    "set": {"batch_size": 20, "dropout": 0.2},
    "search": {"lr": "1e-3:1e-1:log:2"},
}
LONG = SETTINGS | {"epochs": 2000, "strategy": "fixed"}
BROKEN = """
from hptui.models.lenet import LeNet

class Broken(LeNet):
    def forward(self, images):
        import torch
        if self.training and len(images) == 20 and torch.initial_seed() == 1:
            raise ValueError("seed 1 is not liked")
        return super().forward(images)
"""


def begin(folder: Path, **settings: Any) -> PreparedStudy:
    return start_study(resolve([Layer("test", SETTINGS | settings)]).config, folder)


def go_on(folder: Path, **settings: Any) -> bool:
    """Resume it in this process."""
    config = resolve([Layer("test", SETTINGS | settings)]).config
    config = msgspec.structs.replace(config, epochs=(study := open_study(folder)).config.epochs)
    return train_study(PreparedStudy(study, config, prepare_inputs(config)), Control(CommandInbox(folder)))


def events(folder: Path, run: str) -> list[AnyEvent]:
    return RunReader(folder / run).read()


def weights(folder: Path, run: str) -> dict[str, Any]:
    return dict(torch.load(folder / run / "model.pt", weights_only=True)["network"])


def runs(folder: Path) -> list[str]:
    return [directory.name for _, _, directory in open_study(folder).runs()]


def assert_equal_weights(one: Path, other: Path) -> None:
    for run in runs(one):
        assert_same(weights(one, run), weights(other, run), run)


class Trained(threading.Thread):
    """A study that is trained in a thread of this process, so that the test can disturb it."""

    def __init__(self, folder: Path, *, asked: AnyCommand | None = None, **settings: Any) -> None:
        """`asked`: of all runs, before the first one begins."""
        super().__init__(daemon=True)
        self.prepared = begin(folder, **settings)
        self.folder = folder
        self.control = Control(CommandInbox(folder))
        self.completed = False
        self.failure: Exception | None = None
        if asked is not None:
            self.send(asked)
        self.start()

    def run(self) -> None:
        try:
            self.completed = train_study(self.prepared, self.control)
        except Exception as error:
            self.failure = error

    def send(self, command: AnyCommand) -> None:
        CommandSender(self.folder).send(command)

    def has(self, kind: type, *of: str) -> bool:
        return all(any(isinstance(one, kind) for one in events(self.folder, run)) for run in of)

    def ended(self) -> None:
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()

    def worker_of(self, run: str) -> psutil.Process:
        beat = read_heartbeat(self.folder / run)
        assert beat is not None
        assert beat.pid != os.getpid()
        return psutil.Process(beat.pid)


def test_a_process_that_begins_later_knows_what_holds_and_does_nothing_twice(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study").directory
    sender, offsets = CommandSender(study), CommandInbox(study).offsets
    for command in (Pause(), Continue(), StopRun(run="baseline-0"), UseValues(run="baseline-0", values={}), Pause()):
        sender.send(command)
    for epochs in (1, 2):
        sender.send(AddEpochs(epochs=epochs))
    control = Control(CommandInbox(study, offsets), among_others=True)
    control.catch_up()
    told: list[AnyEvent] = []
    control.begin("optimized-0", told.append)
    assert [type(event) for event in told] == [RunPaused]  # nothing of what is past
    assert not control.stopping
    first, second = (one for one in CommandInbox(study, offsets).receive() if isinstance(one, AddEpochs))
    control.pass_over([first.mark])  # the settings have it
    assert control.take_requests() == [second]


def test_a_process_that_begins_after_one_epoch_was_asked_for_and_then_all_does_not_pause(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study").directory
    sender, offsets = CommandSender(study), CommandInbox(study).offsets
    for command in (StepEpoch(), Continue()):
        sender.send(command)
    control = Control(CommandInbox(study, offsets), among_others=True)
    control.catch_up()
    told: list[AnyEvent] = []
    control.begin("optimized-0", told.append)
    control.epoch_completed()
    assert told == []


def test_a_change_counts_once_whichever_run_obeys_it_first(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=2).directory
    old, new = open_study(study).config.search, {"lr": "0.01:0.1:log:2"}
    for run in ("one", "other"):
        keep_change(study, "a", changed=Steering(5, old), more_epochs=3)
        if run == "one":  # the other one, which is slower, does not take this back
            keep_change(study, "b", changed=Steering(5, new))
            keep_change(study, "c", changed=Steering(6, new), more_epochs=1)
        assert read_steering(study) == Steering(6, new, ["a", "b", "c"])
    keep_change(study, "", changed=Steering(7, new), more_epochs=1)  # asked for by nobody outside
    assert read_steering(study) == Steering(7, new, ["a", "b", "c"])
    (study / STEERING_FILE).write_text("{")
    keep_change(study, "d", changed=Steering(9, new), more_epochs=2)
    assert read_steering(study) == Steering(9, new, ["d"])


class Looking(Engine):
    """Trains nothing, and says which runs nobody writes."""

    def train(self, plans: Sequence[RunPlan], work: Work) -> Iterator[RunEnd]:
        self.free = [plan.name for plan in plans if not is_written(Path(plan.directory))]
        return iter(())


def test_runs_whose_study_was_killed_a_moment_ago_are_waited_for(tmp_path: Path) -> None:
    prepared, engine = begin(tmp_path / "study"), Looking()
    former = Presence(tmp_path / "study" / "optimized-0")
    former._directory.mkdir()
    former.__enter__()
    leaves = threading.Timer(1.0, former.__exit__, (None, None, None))
    leaves.start()
    assert not train_study(prepared, Control(), engine)
    assert engine.free == runs(tmp_path / "study")
    leaves.join()


@pytest.mark.parametrize("strategy", ["grid", "adaptive"])
def test_every_run_is_the_same_to_the_bit_as_one_after_another(tmp_path: Path, strategy: str) -> None:
    by_resampling = {"budget": 9.0, "epochs": 2, "runs": 1, "score": "auc"}
    changes: dict[str, Any] = {"strategy": strategy} | (by_resampling if strategy == "adaptive" else {})
    for name, parallel in (("one", "1"), ("two", "2")):
        assert train_study(begin(tmp_path / name, parallel=parallel, **changes), Control())
    for run in runs(tmp_path / "one"):
        alone, beside = ([timeless(event) for event in events(tmp_path / name, run)] for name in ("one", "two"))
        assert alone == beside
        assert strategy == "grid" or run.startswith("baseline") or any(one.get("score_error") for one in alone)
    assert_equal_weights(tmp_path / "one", tmp_path / "two")
    config = open_study(tmp_path / "two").config
    assert (config.parallel, config.engine) == ("1", None)  # of this machine, not of the study


def test_a_run_that_is_killed_is_lost_alone_and_resumed(tmp_path: Path) -> None:
    trained = Trained(tmp_path / "two", asked=StepEpoch(), parallel="2", checkpoint_every="4steps", **{"epochs": 3})
    wait_until(lambda: trained.has(RunPaused, "optimized-0", "baseline-0"))
    killed = trained.worker_of("optimized-0")
    killed.kill()
    trained.send(Continue())
    trained.ended()
    assert isinstance(trained.failure, TrainingError)
    assert str(trained.failure).startswith(f"optimized-0: its process ({killed.pid}) was killed by SIGKILL")
    done = {run: trained.has(RunCompleted, run) for run in runs(tmp_path / "two")}
    assert done == {"baseline-0": True, "optimized-0": False, "baseline-1": True, "optimized-1": True}
    assert {run.name: run.status for run in follow(tmp_path / "two").runs}["optimized-0"] == "lost"
    assert go_on(tmp_path / "two", parallel="2")
    assert train_study(begin(tmp_path / "one", epochs=3), Control())
    assert_equal_weights(tmp_path / "one", tmp_path / "two")


def test_a_run_that_fails_does_so_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN, "utf-8")
    prepared = begin(tmp_path / "study", parallel="2", model=f"{tmp_path}/broken.py:Broken")
    with pytest.raises(TrainingError, match=r"2 of 4 runs failed; the first one: \w+-1") as failed:
        train_study(prepared, Control())
    assert "ValueError: seed 1 is not liked" in str(failed.value)
    for run in runs(tmp_path / "study"):
        kinds = {type(event) for event in events(tmp_path / "study", run)}
        assert (RunFailed in kinds, RunCompleted in kinds) == (run.endswith("-1"), run.endswith("-0"))


def test_a_stop_reaches_every_run_and_resuming_gives_the_same_bits(tmp_path: Path) -> None:
    trained = Trained(tmp_path / "two", parallel="2", epochs=8)
    wait_until(lambda: trained.has(BatchesTrained, "optimized-0", "baseline-0"))
    trained.control.stop("SIGHUP")
    trained.ended()
    assert (trained.completed, trained.failure) == (False, None)
    stopped = [events(tmp_path / "two", run)[-1] for run in ("optimized-0", "baseline-0")]
    assert "SIGHUP" in {event.reason for event in stopped if isinstance(event, RunStopped)}
    assert not any(is_written(tmp_path / "two" / run) for run in runs(tmp_path / "two"))
    assert go_on(tmp_path / "two", parallel="2")
    assert train_study(begin(tmp_path / "one", epochs=8), Control())
    assert_equal_weights(tmp_path / "one", tmp_path / "two")


def test_what_is_asked_reaches_every_run_at_work_and_the_later_ones(tmp_path: Path) -> None:
    trained = Trained(tmp_path / "study", parallel="2", runs=2, epochs=6, decide_every=2)
    both = ("optimized-0", "baseline-0")
    wait_until(lambda: trained.has(EpochCompleted, *both))
    trained.send(Pause())
    wait_until(lambda: trained.has(RunPaused, *both))
    assert follow(tmp_path / "study").status == "paused"
    trained.send(ChangeRanges(search={"lr": "0.002:0.02:log:2"}))
    trained.send(AddEpochs(epochs=2))
    trained.send(Continue())
    trained.ended()
    assert (trained.completed, trained.failure) == (True, None)
    config = open_study(tmp_path / "study").config
    assert (config.epochs, config.search) == (8, {"lr": "0.002:0.02:log:2"})
    for run in runs(tmp_path / "study"):
        log = events(tmp_path / "study", run)
        assert [event.epoch for event in log if isinstance(event, EpochCompleted)] == list(range(1, 9))
        asked = [type(event) for event in log if isinstance(event, (RangesChanged, EpochsAdded))]
        assert asked == ([RangesChanged, EpochsAdded] if run in both else [])


def test_one_of_those_at_work_is_stopped_and_then_all(tmp_path: Path) -> None:
    trained = Trained(tmp_path / "study", parallel="2", **LONG)
    wait_until(lambda: trained.has(BatchesTrained, "optimized-0", "baseline-0"))
    trained.send(StopRun(run="optimized-0"))
    wait_until(lambda: trained.has(BatchesTrained, "optimized-1"))
    assert isinstance(events(tmp_path / "study", "optimized-0")[-1], RunStopped)
    assert is_written(tmp_path / "study" / "baseline-0")
    trained.send(StopStudy())
    trained.ended()
    assert (trained.completed, trained.failure) == (False, None)
    assert trained.control.reason.startswith("by ")
    for run in ("baseline-0", "optimized-1"):
        assert isinstance(events(tmp_path / "study", run)[-1], RunStopped)
    assert not (tmp_path / "study" / "baseline-1" / "events.jsonl").exists()


def test_where_the_study_is_killed_its_runs_stop_with_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    flags = ["--dataset", "digits", "--model", "lenet", "--threads", 1, "--runs", 2, "--epochs", 2000]
    parent = nursery.start(
        *("run", *flags, "--strategy", "fixed", "--parallel", 2, "--headless", "--out", folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    both = ("optimized-0", "baseline-0")

    def train() -> bool:
        return all(any(isinstance(one, BatchesTrained) for one in events(folder, run)) for run in both)

    try:
        wait_until(train)
        beats = [read_heartbeat(folder / run) for run in both]
        workers = [psutil.Process(beat.pid) for beat in beats if beat is not None]
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    finally:
        parent.kill()
    wait_until(lambda: not any(is_written(folder / run) for run in both))
    for run in both:
        (stopped,) = [event for event in events(folder, run)[-1:] if isinstance(event, RunStopped)]
        assert stopped.reason == "the process that trained the study has gone"
    gone(workers)


def gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_auto_trains_all(tmp_path: Path) -> None:
    began = time.time()
    assert train_study(begin(tmp_path / "study", parallel="auto"), Control())
    logs: dict[str, list[AnyEvent]] = {run: events(tmp_path / "study", run) for run in runs(tmp_path / "study")}
    first = min(logs.values(), key=lambda log: log[0].time)
    others = [log[0].time for log in logs.values() if log is not first]
    trained: Callable[[AnyEvent], bool] = lambda event: isinstance(event, BatchesTrained)  # noqa: E731
    assert all(time > min(event.time for event in first if trained(event) or event.time > began) for time in others)
