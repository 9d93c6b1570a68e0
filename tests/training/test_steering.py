"""Pause, single epochs, ranges, values by hand, more epochs: asked for through command files, recorded as events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fabricate import PATIENCE_SECONDS

from hptui.record.command_inbox import CommandInbox, Unusable
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
    CommandRefused,
    DecisionsPlanned,
    DecisionStarted,
    EpochCompleted,
    EpochsAdded,
    HyperparametersChosen,
    RangesChanged,
    RunCompleted,
    RunContinued,
    RunPaused,
    RunStopped,
    ValuesRequested,
)
from hptui.record.run_reader import RunReader
from hptui.record.steering import steered
from hptui.record.study_directory import Study, create_study, open_study
from hptui.training.run.control import Control

from .conftest import Prepared, delivered, make_run, train_study
from .test_exactness import assert_same
from .test_optimizers import PlainNet

Make = Callable[..., Prepared]


class Scripted(Control):
    """Sends commands through a real command file when given events happen."""

    def __init__(self, study: Path, script: dict[Callable[[AnyEvent], bool], AnyCommand]) -> None:
        study.mkdir(exist_ok=True)
        super().__init__(CommandInbox(study))
        self._sender = CommandSender(study)
        self._script = dict(script)
        self.events: list[AnyEvent] = []

    def emit(self, event: AnyEvent) -> None:
        self.events.append(event)
        for condition in [condition for condition in self._script if condition(event)]:
            self._sender.send(self._script.pop(condition))

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def epoch_done(number: int) -> Callable[[AnyEvent], bool]:
    return lambda event: isinstance(event, EpochCompleted) and event.epoch == number


def execute(made: Prepared, control: Scripted) -> bool:
    run, _ = make_run(made, emit=control.emit, control=control)
    return run.execute().completed


def test_changed_ranges_take_effect_at_the_next_decision(prepare: Make, tmp_path: Path) -> None:
    change = ChangeRanges(search={"lr": "0.002:0.02:log:2", "weight_decay": "1e-4:1e-2:log:3"})
    control = Scripted(tmp_path, {epoch_done(1): change})
    assert execute(prepare(epochs=3), control)
    first, second, third = control.of(DecisionStarted)
    assert [axis.name for axis in first.axes] == ["lr", "dropout"]
    for later in (second, third):
        assert [(axis.name, axis.low, axis.high, len(axis.values)) for axis in later.axes] == [
            ("lr", 0.002, 0.02, 2),
            ("weight_decay", 1e-4, 1e-2, 3),
        ]
    (changed,) = control.of(RangesChanged)
    assert (changed.epoch, changed.old, changed.new) == (2, first.axes, second.axes)
    assert "@" in changed.by
    for chosen in control.of(HyperparametersChosen)[1:]:
        assert chosen.values["lr"] in second.axes[0].values
        assert chosen.values["weight_decay"] in second.axes[1].values


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (ChangeRanges(search={"lr": "1:0.1:log:3"}), "low"),
        (ChangeRanges(search={"nothing": "0:1:lin:3"}), "unknown hyperparameter"),
        (ChangeRanges(search={}), "nothing to search"),
        (UseValues(run="optimized-0", values={"lr": -1.0}), "out of bounds"),
        (AddEpochs(epochs=-5), "epochs"),
    ],
)
def test_a_wrong_request_is_refused_in_the_log_and_training_goes_on(
    prepare: Make, tmp_path: Path, command: AnyCommand, reason: str
) -> None:
    control = Scripted(tmp_path, {epoch_done(1): command})
    assert execute(prepare(), control)
    (refused,) = control.of(CommandRefused)
    assert reason in refused.reason
    assert len(control.of(EpochCompleted)) == 2
    assert not control.of(RangesChanged)


@pytest.mark.parametrize(
    "command",
    [
        UseValues(run="optimized-0", values={"momentum": 0.0}),
        ChangeRanges(search={"momentum": "0:0.9:lin:3"}),
        ChangeRanges(search={"lr": "1e-3:1e-2:log:2", "momentum": "0:0.9:lin:3"}),
    ],
)
def test_values_that_the_optimizer_cannot_train_with_are_refused_and_not_kept(
    prepare: Make, tmp_path: Path, command: AnyCommand
) -> None:
    """They would end the training, and again after every resume."""
    control = Scripted(tmp_path, {epoch_done(1): command})
    made = prepare(PlainNet, optimizer="schedule_free", search={"lr": "1e-3:1e-2:log:2"})
    assert execute(made, control)
    (refused,) = control.of(CommandRefused)
    assert "schedule_free needs a momentum above 0" in refused.reason
    assert len(control.of(EpochCompleted)) == 2


def test_values_by_hand_hold_until_the_strategy_is_asked_again(prepare: Make, tmp_path: Path) -> None:
    by_hand = UseValues(run="optimized-0", values={"lr": 0.0123, "dropout": 0.25})
    control = Scripted(tmp_path, {epoch_done(1): by_hand, epoch_done(3): UseValues(run="optimized-0", values={})})
    assert execute(prepare(epochs=4), control)
    assert [event.values for event in control.of(ValuesRequested)] == [by_hand.values, {}]
    chosen = control.of(HyperparametersChosen)
    assert [event.epoch for event in chosen] == [1, 2, 4]
    assert (chosen[1].values["lr"], chosen[1].values["dropout"]) == (0.0123, 0.25)
    assert "by hand" in chosen[1].reason
    for event in control.of(BatchesTrained):
        if event.epoch in (2, 3):
            assert (event.values["lr"], event.values["dropout"]) == (0.0123, 0.25)
    assert chosen[2].candidate is not None
    # no plan of a strategy that is not asked; and all that is to come when it is asked again
    assert [(event.epoch, event.stages[0].epochs) for event in control.of(DecisionsPlanned)] == [
        (1, (1, 2, 3, 4)),
        (4, (4,)),
    ]


def test_added_epochs_are_trained(prepare: Make, tmp_path: Path) -> None:
    control = Scripted(tmp_path, {epoch_done(1): AddEpochs(epochs=2)})
    assert execute(prepare(epochs=2), control)
    assert [event.epoch for event in control.of(EpochCompleted)] == [1, 2, 3, 4]
    assert [event.epochs for event in control.of(EpochsAdded)] == [4]
    assert [event.epoch for event in control.of(DecisionStarted)] == [1, 2, 3, 4]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_pause_holds_within_a_batch_and_changes_nothing(prepare: Make, tmp_path: Path) -> None:
    straight, _ = make_run(prepare(epochs=3))
    assert straight.execute().completed
    control = Scripted(tmp_path, {lambda event: isinstance(event, BatchesTrained) and event.step == 17: Pause()})
    run, _ = make_run(prepare(epochs=3), emit=control.emit, control=control)
    thread = threading.Thread(target=run.execute, daemon=True)
    thread.start()
    wait_for(lambda: control.of(RunPaused))
    step = run.state.step
    count = len(control.events)
    time.sleep(0.5)  # long enough for some hundred batches
    assert (run.state.step, len(control.events)) == (step, count)
    seconds = run.ledger.progress.seconds
    sender = CommandSender(tmp_path)
    sender.send(Continue())
    thread.join(PATIENCE_SECONDS)
    assert control.of(RunContinued)
    assert isinstance(control.events[-1], RunCompleted)
    assert_same(dict(delivered(run)), dict(delivered(straight)))
    after = control.events.index(control.of(RunContinued)[0])
    next_batches = next(event for event in control.events[after:] if isinstance(event, BatchesTrained))
    assert next_batches.seconds < 0.5  # the pause is not counted as training
    assert run.ledger.progress.seconds >= seconds


def test_a_step_trains_one_epoch_and_pauses_before_the_next_decision(prepare: Make, tmp_path: Path) -> None:
    control = Scripted(tmp_path, {epoch_done(1): Pause()})
    run, _ = make_run(prepare(epochs=4), emit=control.emit, control=control)
    thread = threading.Thread(target=run.execute, daemon=True)
    thread.start()
    sender = CommandSender(tmp_path)
    for pauses, epochs in ((1, 1), (2, 2), (3, 3)):
        wait_for(lambda pauses=pauses: len(control.of(RunPaused)) == pauses)
        assert len(control.of(EpochCompleted)) == epochs
        assert len(control.of(DecisionStarted)) == epochs
        sender.send(StepEpoch() if pauses < 3 else Continue())
    thread.join(PATIENCE_SECONDS)
    assert isinstance(control.events[-1], RunCompleted)


def test_a_paused_training_can_be_stopped(prepare: Make, tmp_path: Path) -> None:
    control = Scripted(tmp_path, {epoch_done(1): Pause()})
    run, _ = make_run(prepare(epochs=4), emit=control.emit, control=control)
    thread = threading.Thread(target=run.execute, daemon=True)
    thread.start()
    wait_for(lambda: control.of(RunPaused))
    control.stop("SIGTERM")
    thread.join(PATIENCE_SECONDS)
    assert isinstance(control.events[-1], RunStopped)


@pytest.fixture
def study(prepare: Make, tmp_path: Path) -> tuple[Study, Prepared]:
    made = prepare(epochs=3, runs=2)
    planned = {"baseline": 1.0, "optimized": 2.0}
    return create_study(tmp_path / "study", made.config, made.data.fingerprint, planned), made


class AtEvent(Control):
    """Sends a command when the given run has completed the given epoch."""

    def __init__(self, study: Study, run: str, epoch: int, command: AnyCommand) -> None:
        super().__init__(CommandInbox(study.directory))
        self._reader = RunReader(study.directory / run)
        self._epoch, self._command, self._sender = epoch, command, CommandSender(study.directory)
        self._sent = False

    def check(self, *, now: bool = False) -> None:
        if not self._sent and any(epoch_done(self._epoch)(event) for event in self._reader.read()):
            self._sent = True
            self._sender.send(self._command)
            self._next_look = 0.0
        super().check(now=now)


def epochs_of(study: Study, run: str) -> int:
    return sum(isinstance(event, EpochCompleted) for event in RunReader(study.directory / run).read())


def test_changed_ranges_hold_for_later_runs_and_survive_resume(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    change = ChangeRanges(search={"lr": "0.002:0.02:log:2"})
    assert train_study(the_study, made, AtEvent(the_study, "optimized-0", 1, change))
    for run, expected in (("optimized-0", ["lr dropout", "lr", "lr"]), ("optimized-1", ["lr", "lr", "lr"])):
        events = RunReader(the_study.directory / run).read()
        names = [" ".join(axis.name for axis in event.axes) for event in events if isinstance(event, DecisionStarted)]
        assert names == expected
    assert open_study(the_study.directory).config.search == {"lr": "0.002:0.02:log:2"}


class Killed(BaseException):
    """As SIGKILL does: nothing is written any more."""


def test_ranges_that_were_changed_just_before_a_kill_are_searched_after_resume(prepare: Make, tmp_path: Path) -> None:
    """They are kept for the study at once, what the strategy remembers only with the next checkpoint."""
    made = prepare(epochs=10, strategy="adaptive", budget=6.0, search={"lr": "1e-3:1e-1:log:3"})
    change = ChangeRanges(search={"lr": "1e-6:1e-5:log:3"})

    class KilledAfter(Scripted):
        def check(self, *, now: bool = False) -> None:
            if self.of(RangesChanged) and self.of(BatchesTrained)[-1].epoch == 5:
                raise Killed
            super().check(now=now)

    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    control = KilledAfter(tmp_path / "commands", {epoch_done(4): change})
    killed, _ = make_run(made, emit=control.emit, control=control, directory=tmp_path / "run")
    with pytest.raises(Killed):
        killed.execute()
    assert steered(made.config, tmp_path).search == {"lr": "1e-06:1e-05:log:3"}
    again, events = make_run(made.changed(search=steered(made.config, tmp_path).search), directory=tmp_path / "run")
    assert again.execute(resume=True).completed
    (chosen,) = [event for event in events if isinstance(event, HyperparametersChosen)]
    assert 1e-6 <= chosen.values["lr"] <= 1e-5


def test_added_epochs_are_trained_in_runs_that_were_done_already(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    assert train_study(the_study, made, AtEvent(the_study, "optimized-0", 3, AddEpochs(epochs=1)))
    assert [epochs_of(the_study, directory.name) for _, _, directory in the_study.runs()] == [4, 4, 4, 4]
    straight, _ = make_run(made.changed(epochs=4), "baseline", 0)
    assert straight.execute().completed
    saved = torch.load(the_study.directory / "baseline-0" / "model.pt", weights_only=True)["network"]
    assert_same(dict(saved), dict(delivered(straight)))


def test_one_run_or_the_study_may_be_stopped(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    assert not train_study(the_study, made, AtEvent(the_study, "optimized-0", 1, StopRun(run="optimized-0")))
    assert [epochs_of(the_study, directory.name) for _, _, directory in the_study.runs()] == [3, 1, 3, 3]
    again = Control(CommandInbox(the_study.directory))  # what was asked of the first one is void now
    assert train_study(the_study, made, again)
    assert [epochs_of(the_study, directory.name) for _, _, directory in the_study.runs()] == [3, 3, 3, 3]


def test_what_is_asked_just_before_a_stop_holds_after_resume(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    control = AtEvent(the_study, "optimized-0", 1, AddEpochs(epochs=1))
    sender = CommandSender(the_study.directory)
    original = control._obey

    def then_stop(command: AnyCommand) -> None:
        original(command)
        if isinstance(command, AddEpochs):
            sender.send(UseValues(run="optimized-0", values={"lr": 0.0123}))
            sender.send(ChangeRanges(search={"lr": "0.002:0.02:log:2"}))
            for request in control._inbox.receive():
                original(request)
            control.stop("quit")

    control._obey = then_stop  # type: ignore[method-assign]
    assert not train_study(the_study, made, control)
    events = RunReader(the_study.directory / "optimized-0").read()
    assert {EpochsAdded, ValuesRequested, RangesChanged} <= {type(event) for event in events}
    reopened = open_study(the_study.directory).config
    assert (reopened.epochs, reopened.search) == (4, {"lr": "0.002:0.02:log:2"})
    assert train_study(the_study, made, Control(CommandInbox(the_study.directory)))
    chosen = [e for e in RunReader(the_study.directory / "optimized-0").read() if isinstance(e, HyperparametersChosen)]
    assert chosen[-1].values["lr"] == 0.0123
    assert epochs_of(the_study, "optimized-0") == 4


def reasons(study: Study, run: str) -> list[str]:
    return [event.reason for event in RunReader(study.directory / run).read() if isinstance(event, CommandRefused)]


@pytest.mark.parametrize(
    ("at", "command", "reason"),
    [
        (("baseline-1", 1), UseValues(run="optimized-0", values={"lr": 0.0123}), "baseline-1 is trained now"),
        (("baseline-1", 1), UseValues(run="baseline-1", values={"lr": 0.0123}), "a baseline run keeps its values"),
        (("optimized-0", 3), UseValues(run="optimized-0", values={"lr": 0.0123}), "has no decision left"),
        (("optimized-1", 1), StopRun(run="optimized-0"), "optimized-0 is not trained now"),
    ],
)
def test_what_is_asked_of_one_run_reaches_no_other(
    study: tuple[Study, Prepared], at: tuple[str, int], command: AnyCommand, reason: str
) -> None:
    """A baseline that was trained with values of somebody's choice would be compared as an ordinary one."""
    the_study, made = study
    assert train_study(the_study, made, AtEvent(the_study, *at, command))
    (refused,) = reasons(the_study, at[0])
    assert reason in refused
    for _, _, directory in the_study.runs():
        events = RunReader(directory).read()
        assert not any(isinstance(event, ValuesRequested) for event in events)
        assert not any(event.values["lr"] == 0.0123 for event in events if isinstance(event, BatchesTrained))
        assert isinstance(events[-1], RunCompleted)


def test_epochs_added_in_the_last_epoch_of_the_last_run_are_trained(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    assert train_study(the_study, made, AtEvent(the_study, "optimized-1", 3, AddEpochs(epochs=1)))
    assert [epochs_of(the_study, directory.name) for _, _, directory in the_study.runs()] == [4, 4, 4, 4]


def test_a_single_epoch_that_is_the_last_one_pauses_before_the_run_is_over(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    control = AtEvent(the_study, "baseline-0", 2, StepEpoch())
    thread = threading.Thread(target=train_study, args=(the_study, made, control), daemon=True)
    thread.start()
    events = RunReader(the_study.directory / "baseline-0").read
    seen: list[AnyEvent] = []
    wait_for(lambda: seen.extend(events()) or any(isinstance(event, RunPaused) for event in seen))
    assert sum(isinstance(event, EpochCompleted) for event in seen) == 3
    assert not any(isinstance(event, RunCompleted) for event in seen)
    CommandSender(the_study.directory).send(Continue())
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    for _, _, directory in the_study.runs()[1:]:
        assert not any(isinstance(event, RunPaused) for event in RunReader(directory).read())


def test_a_run_that_begins_while_paused_says_so_and_a_stopped_one_leaves_no_pause() -> None:
    told: list[AnyEvent] = []
    control = Control()
    control.begin("baseline-0", told.append)
    control._obey(Pause(author="me"))
    control.begin("optimized-0", told.append)
    assert [type(event) for event in told] == [RunPaused, RunPaused]
    control._obey(StepEpoch(author="me"))
    control._obey(StopRun(author="me", run="optimized-0"))
    assert control.run_stopped()
    control.begin("baseline-1", told.append)
    control.epoch_completed()
    assert [type(event) for event in told[2:]] == [RunContinued]


def test_stopping_the_study_begins_no_other_run(study: tuple[Study, Prepared]) -> None:
    the_study, made = study
    assert not train_study(the_study, made, AtEvent(the_study, "baseline-0", 1, StopStudy()))
    assert not (the_study.directory / "optimized-0" / "events.jsonl").exists()


def test_torn_and_foreign_lines_in_command_files_are_passed_over(tmp_path: Path) -> None:
    inbox = CommandInbox(tmp_path)
    folder = tmp_path / "commands"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b'{"command":"Pause"}\nnonsense\n{"command":"Fly"}\n{"command":"Cont')
    told, command = inbox.receive()
    assert isinstance(told, Unusable)
    assert command == Pause()
    with (folder / "a.jsonl").open("ab") as file:
        file.write(b'inue"}\n')
    assert inbox.receive() == [Continue()]
    assert inbox.receive() == []
    assert CommandInbox(tmp_path).receive() == []
