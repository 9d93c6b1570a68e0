"""Work is not lost: a decision that was stopped goes on, and checkpoints come by time and steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hptui.errors import ConfigError
from hptui.reading.run_state import RunState, state_of
from hptui.reading.studies import FollowedRun
from hptui.record.checkpoint_names import Moment, checkpoints, next_moment
from hptui.record.commands import AddEpochs
from hptui.record.events import AnyEvent, CandidateScored, CheckpointSaved, RunResumed
from hptui.record.run_directory import CHECKPOINTS, EVENTS_FILE, MODEL_FILE, RunFile, create_run, run_name
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.seals import check_archive
from hptui.record.study_directory import create_study
from hptui.strategies import Candidate, Choice, Strategy
from hptui.training.engine.loop import Trainer
from hptui.training.engine.plug_ins import load_schedule
from hptui.training.run.autosave import Autosave
from hptui.training.run.checkpoints import load_file
from hptui.training.run.control import Control, Request, StopRequested
from hptui.training.run.run import Run

from .conftest import Prepared, make_run, train_run, train_study
from .test_damage import facts
from .test_exactness import StopAfter, assert_same

Make = Callable[..., Prepared]
STRATEGIES: dict[str, dict[str, Any]] = {
    "pbt": {"strategy": "pbt", "epochs": 3},
    "adaptive": {"strategy": "adaptive", "epochs": 4, "budget": 4.0, "greed_check": 1},
    "grid": {"strategy": "grid", "search": {"lr": "1e-3:1e-1:log:2", "dropout": "0:0.5:lin:2"}, "greed_check": 2},
}


class Killed(BaseException):
    """As if the process were gone."""


def new_run(directory: Path) -> Path:
    create_run(directory, RunFile(1, "0", "optimized", 0, {}))
    return directory


def scored(run: Path) -> list[CandidateScored]:
    return [event for event in RunReader(run).read() if isinstance(event, CandidateScored)]


class CountSteps(Control):
    """Counts the safe points before steps; stops after so many, if it is to."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most
        self.steps = 0

    def check(self, *, now: bool = False) -> None:
        if self.most is not None and self.steps >= self.most:
            raise StopRequested("test")
        super().check(now=now)


def steps_of(
    made: Prepared, directory: Path, monkeypatch: pytest.MonkeyPatch, most: int | None = None
) -> tuple[bool, int]:
    """Train with at most so many steps; whether it is completed, and how many steps were trained, probes counted."""
    control, step = CountSteps(most), Trainer.step

    def counted(self: Trainer) -> Any:
        control.steps += 1
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", counted)
        return train_run(directory, made, "optimized", 0, control), control.steps


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Prepared], tuple[Path, int]]:
    """A run that nobody stops, and its steps, probes counted: trained once for all tests with the same settings."""
    done: dict[bytes, tuple[Path, int]] = {}

    def trained(made: Prepared) -> tuple[Path, int]:
        settings = msgspec.json.encode(made.config)
        if settings not in done:
            whole = new_run(tmp_path_factory.mktemp("whole") / "run")
            completed, steps = steps_of(made, whole, pytest.MonkeyPatch())
            assert completed
            done[settings] = whole, steps
        return done[settings]

    return trained


@pytest.mark.parametrize("name", STRATEGIES)
def test_however_often_it_is_stopped_no_step_is_trained_twice(
    prepare: Make,
    undisturbed: Callable[[Prepared], tuple[Path, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    made = prepare(**STRATEGIES[name])
    (whole, expected), stopped = undisturbed(made), new_run(tmp_path / "stopped")
    completed, trained, stops = False, 0, 0
    while not completed:
        completed, steps = steps_of(made, stopped, monkeypatch, 29)
        trained, stops = trained + steps, stops + 1
        assert stops <= expected
    assert trained == expected
    assert stops == expected // 29 + 1
    assert_same(load_file(stopped / MODEL_FILE), load_file(whole / MODEL_FILE))
    assert facts(stopped)[: len(scored(whole))] == facts(whole)[: len(scored(whole))]
    assert len(scored(stopped)) == len(scored(whole))  # every candidate has one line


def test_a_study_in_short_slots_comes_to_its_end(prepare: Make, tmp_path: Path) -> None:
    """Both arms, in slots of which one decision takes several."""
    made = prepare(**STRATEGIES["grid"], runs=1)
    whole, stopped = (
        create_study(tmp_path / name, made.config, made.data.fingerprint, {}) for name in ("whole", "stopped")
    )
    assert train_study(whole, made, Control())
    slots = 1
    while not train_study(stopped, made, StopAfter(9)):
        slots += 1
        assert slots < 100
    assert slots > 12
    for arm, seed, directory in stopped.runs():
        other = whole.directory / run_name(arm, seed)
        assert_same(load_file(directory / MODEL_FILE), load_file(other / MODEL_FILE))
        kept, wanted = ([one for one in facts(run) if one["event"] != "EpochCompleted"] for run in (directory, other))
        assert kept == wanted  # the training loss of an epoch is a sum of other sums: its last bits differ
        assert len(scored(directory)) == len(scored(other))


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("events", [4, 15, 33])
def test_a_kill_loses_no_more_than_asked_for(
    prepare: Make,
    undisturbed: Callable[[Prepared], tuple[Path, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    events: int,
) -> None:
    made = prepare(**STRATEGIES[name] | {"checkpoint_every": "19steps"})
    whole, expected = undisturbed(prepare(**STRATEGIES[name]))  # checkpoints change nothing of it
    killed = new_run(tmp_path / "killed")
    append, left = RunWriter.append, events

    def until_killed(self: RunWriter, event: AnyEvent) -> None:
        nonlocal left
        append(self, event)
        left -= 1
        if left == 0:
            raise Killed

    monkeypatch.setattr(RunWriter, "append", until_killed)
    with pytest.raises(Killed):
        train_run(killed, made, "optimized", 0, Control())
    monkeypatch.setattr(RunWriter, "append", append)
    completed, again = steps_of(made, killed, monkeypatch)
    assert completed
    assert_same(load_file(killed / MODEL_FILE), load_file(whole / MODEL_FILE))
    assert facts(killed) == facts(whole)
    assert again <= expected


def test_a_kill_between_two_checkpoints_costs_these_steps(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(strategy="grid", checkpoint_every="5steps", search={"lr": "1e-3:1e-1:log:2"})
    _, expected = steps_of(made, new_run(tmp_path / "whole"), monkeypatch)
    step = Trainer.step
    for kill_at in range(1, expected, 5):
        run, done = new_run(tmp_path / str(kill_at)), 0

        def killed(self: Trainer) -> Any:
            nonlocal done
            done += 1
            if done > kill_at:  # noqa: B023 (used within this pass of the loop alone)
                raise Killed
            return step(self)

        monkeypatch.setattr(Trainer, "step", killed)
        with pytest.raises(Killed):
            train_run(run, made, "optimized", 0, Control())
        monkeypatch.setattr(Trainer, "step", step)
        completed, again = steps_of(made, run, monkeypatch)
        assert completed
        assert 0 <= kill_at + again - expected <= 5


def test_the_log_has_the_same_lines_with_and_without_checkpoints_between(prepare: Make, tmp_path: Path) -> None:
    runs = {every: new_run(tmp_path / every) for every in ("3steps", "1h")}
    for every, run in runs.items():
        assert train_run(run, prepare(checkpoint_every=every), "optimized", 0, Control())
    lines = [
        [type(event).__name__ for event in RunReader(run).read() if not isinstance(event, CheckpointSaved)]
        for run in runs.values()
    ]
    assert lines[0] == lines[1]
    saved = [len([1 for event in RunReader(run).read() if isinstance(event, CheckpointSaved)]) for run in runs.values()]
    assert saved[0] > 10 * saved[1]
    assert_same(load_file(runs["3steps"] / MODEL_FILE), load_file(runs["1h"] / MODEL_FILE))


def test_a_reader_that_passes_over_candidates_has_those_that_stand(prepare: Make, tmp_path: Path) -> None:
    """Killed in a later decision, and gone on with from a checkpoint within an earlier one."""
    made, run = prepare(strategy="grid", epochs=1), new_run(tmp_path / "run")
    assert not train_run(run, made, "optimized", 0, StopAfter(30))
    lines = (run / EVENTS_FILE).read_bytes()
    assert train_run(run, made, "optimized", 0, Control())
    follower = FollowedRun("optimized", 0, run, RunReader(run), RunState())
    follower.refresh()
    (decision,) = state_of(RunReader(run).read()).decisions
    assert 1 < lines.count(b"CandidateScored") < 6
    assert [one.candidate for one in decision.candidates] == list(range(6))
    assert [one.candidate for one in follower.decision(0).candidates] == list(range(6))
    assert [one.candidate for one in follower.reader.candidates(0)] == list(range(6))


class Unsteady(Strategy):
    """Draws without a seed."""

    searches = True
    drawn = np.random.default_rng(0)

    def decide(self, situation: Any) -> Any:
        measured = yield [Candidate({"lr": float(self.drawn.uniform(0.001, 0.1))}, 0.3) for _ in range(4)]
        return Choice(measured[0].candidate.values, "the first", candidate=0)


def stopped_unsteady(made: Prepared, run: Path, steps: int) -> Run:
    """A run that was stopped after so many steps of its decision, and resumed to its end."""
    with RunWriter(run) as writer:
        first, _ = make_run(made, emit=writer.append, directory=run, control=StopAfter(steps))
        first.strategy = Unsteady(1, (1,))
        assert not first.execute().completed
    with RunWriter(run) as writer:
        second, _ = make_run(made, emit=writer.append, directory=run)
        second.strategy = Unsteady(1, (1,))
        assert second.execute(resume=True).completed
    return second


def test_a_strategy_that_wants_other_candidates_decides_anew(prepare: Make, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    second = stopped_unsteady(prepare(strategy="grid", epochs=1), run, steps=12)
    events = RunReader(run).read()
    (decision,) = state_of(events).decisions
    (resumed,) = [event for event in events if isinstance(event, RunResumed)]
    assert resumed.candidates == 2
    assert [one.candidate for one in decision.candidates] == [0, 1, 2, 3]
    assert second.ledger.progress.images_probed == sum(one.images for one in decision.candidates)


@pytest.mark.parametrize("replicas", ["one", "stacked"])
def test_a_candidate_in_training_is_not_taken_for_another(prepare: Make, tmp_path: Path, replicas: str) -> None:
    """Stopped within its probe, with nothing measured yet; of a stack all are in training."""
    run = new_run(tmp_path / "run")
    second = stopped_unsteady(prepare(strategy="grid", epochs=1, replicas=replicas), run, steps=2)
    (decision,) = state_of(RunReader(run).read()).decisions
    assert second.ledger.progress.images_probed == sum(one.images for one in decision.candidates)
    assert decision.chosen is not None
    assert decision.chosen.values["lr"] == decision.candidates[0].values["lr"]


def test_ranges_that_change_while_it_is_stopped_begin_the_decision_anew(prepare: Make, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    assert not train_run(run, prepare(strategy="grid"), "optimized", 0, StopAfter(30))
    made = prepare(strategy="grid", search={"lr": "1e-3:1e-2:log:2"})
    assert train_run(run, made, "optimized", 0, Control())
    first = state_of(RunReader(run).read()).decisions[0]
    assert [one.values["lr"] for one in first.candidates] == pytest.approx([0.001, 0.01])
    assert first.chosen is not None
    assert first.chosen.images_probed == sum(one.images for one in first.candidates)


def test_checkpoints_come_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("hptui.training.run.autosave.time.monotonic", lambda: now)
    autosave = Autosave("1.5m", lambda: None)
    assert not autosave.is_due()
    now = 89.0
    assert not autosave.is_due()
    now = 90.0
    assert autosave.is_due()
    autosave.saved()
    assert not autosave.is_due()


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "0s", "0 steps", "1e3s", "ten minutes", "10d"])
def test_an_interval_that_is_none_is_refused(prepare: Make, text: str) -> None:
    with pytest.raises(ConfigError, match=r"checkpoint_every = .*: write 90s, 10m, 1h, or 500steps\."):
        prepare(checkpoint_every=text)


def test_checkpoints_within_a_decision_have_names_of_their_own(prepare: Make, tmp_path: Path) -> None:
    """So that a damaged newest one costs no more than the time since the one before."""
    made, run = prepare(strategy="grid", checkpoint_every="5steps", decide_at=[2]), new_run(tmp_path / "run")
    assert not train_run(run, made, "optimized", 0, StopAfter(37))
    names = sorted(path.name for path in (run / CHECKPOINTS).iterdir())
    assert len(names) == 2
    assert all(re.fullmatch(r"step-000000012-\d{3}\.pt", name) for name in names), names
    assert list(checkpoints(run)) == sorted(checkpoints(run))


@pytest.mark.parametrize("damage", ["cut", "removed"])
def test_a_damaged_checkpoint_of_a_decision_costs_one_interval(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    made = prepare(strategy="grid", checkpoint_every="5steps", decide_at=[2])
    whole, run = new_run(tmp_path / "whole"), new_run(tmp_path / "run")
    _, expected = steps_of(made, whole, monkeypatch)
    completed, trained = steps_of(made, run, monkeypatch, 29)
    assert not completed
    before, newest = checkpoints(run).values()
    if damage == "cut":
        newest.write_bytes(newest.read_bytes()[:-100])
    else:
        newest.unlink()
    completed, again = steps_of(made, run, monkeypatch)
    assert completed
    assert 0 < trained + again - expected <= 5
    assert not before.exists()
    assert_same(load_file(run / MODEL_FILE), load_file(whole / MODEL_FILE))
    assert facts(run) == facts(whole)


def test_a_damaged_checkpoint_is_replaced_not_kept(prepare: Make, tmp_path: Path) -> None:
    """Or the two that are kept would be it and the new one."""
    made, run = prepare(strategy="grid", checkpoint_every="5steps", decide_at=[2]), new_run(tmp_path / "run")
    assert not train_run(run, made, "optimized", 0, StopAfter(37))
    _, newest = checkpoints(run).values()
    newest.write_bytes(newest.read_bytes()[:-100])
    assert not train_run(run, made, "optimized", 0, StopAfter(1))
    for path in checkpoints(run).values():
        check_archive(path)
    assert len(checkpoints(run)) == 2


def test_names_of_checkpoints(tmp_path: Path) -> None:
    """In the order in which they were written; those of an older hptui have no number."""
    moments = [Moment(0), Moment(8), Moment(8, 1), Moment(8, 2), Moment(8, 1000), Moment(12), Moment(10**9)]
    (tmp_path / CHECKPOINTS).mkdir()
    for moment in reversed(moments):
        (tmp_path / CHECKPOINTS / moment.file).touch()
    (tmp_path / CHECKPOINTS / "step-what.pt").touch()
    assert list(checkpoints(tmp_path)) == moments
    assert Moment(8).file == "step-000000008.pt"
    assert Moment(8, 2).file == "step-000000008-002.pt"
    assert next_moment(tmp_path, 9, Moment(8, 2)) == Moment(9)
    assert next_moment(tmp_path, 8, Moment(8, 1)) == Moment(8, 2)  # the one that is there cannot be used
    assert next_moment(tmp_path, 8, Moment(12)) == Moment(8, 1001)  # a strategy went back


class StopAndAddEpochs(StopAfter):
    """Asks for epochs too, in the moment of the stop."""

    def take_requests(self) -> list[Request]:
        return [AddEpochs(epochs=2, author="test")] if self.left < 0 else []


def test_epochs_that_are_added_to_a_decision_that_is_stopped_change_its_factor(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its probes train with the factor that the epoch begins with, and all with the same."""
    made = prepare(strategy="grid", schedule="cosine", decide_at=[2], checkpoint_every="1h")
    run, taken = new_run(tmp_path / "run"), made.config.epochs + 2
    assert not train_run(run, made, "optimized", 0, StopAndAddEpochs(30))
    assert scored(run)
    factors = []
    step = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self: factors.append(self.state.values.rate_factor) or step(self))
    assert train_run(run, made.changed(epochs=taken), "optimized", 0, Control())
    probes = 6 * 6  # candidates, and steps of each
    assert factors[:probes] == [load_schedule("cosine")(1 / taken)] * probes
    assert len(state_of(RunReader(run).read()).decisions[0].candidates) == 6


def test_epochs_that_are_added_leave_a_decision_as_it_is_where_its_factor_stays(prepare: Make, tmp_path: Path) -> None:
    made, run = prepare(strategy="grid", checkpoint_every="1h"), new_run(tmp_path / "run")
    assert not train_run(run, made, "optimized", 0, StopAndAddEpochs(28))
    measured = scored(run)
    assert measured
    assert train_run(run, made.changed(epochs=4), "optimized", 0, Control())
    assert state_of(RunReader(run).read()).decisions[0].candidates[: len(measured)] == measured
