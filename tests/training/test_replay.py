"""A completed run trained again with its recorded values, without search, comes to the same weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from hptui.cli.recipe import epochs_by_position, recipe_of
from hptui.cli.replay import _moved
from hptui.config import StudyConfig
from hptui.errors import RunDirectoryError
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import AddEpochs, ChangeRanges, CommandSender, StopStudy, UseValues
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    DecisionsPlanned,
    DecisionStarted,
    EpochCompleted,
    EpochsAdded,
    HyperparametersChosen,
    RunCompleted,
    RunResumed,
    RunStarted,
)
from hptui.record.run_directory import EVENTS_FILE, RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.strategies._racing import NeededLead
from hptui.strategies.adaptive import Adaptive
from hptui.training.replaying import Recipe, train_again
from hptui.training.run.checkpoints import largest_difference
from hptui.training.run.control import Control

from .conftest import NormDropNet, Once, Prepared, train_run
from .test_exactness import StopAfter

Make = Callable[..., Prepared]
RUN = RunFile(1, "0", "optimized", 0, {})
SETTINGS: dict[str, dict[str, Any]] = {
    "grid": {"strategy": "grid", "search": {"lr": "1e-3:1e-1:log:3", "batch_size": "10:40:log:2"}},
    "cosine": {"strategy": "fixed", "schedule": "cosine", "epochs": 3},
    "greed": {"strategy": "adaptive", "epochs": 4, "budget": 6.0, "greed_check": 1},
    "adaptive": {"strategy": "adaptive", "epochs": 8, "budget": 6.0},
    "adaptive, nothing chosen": {"strategy": "adaptive", "epochs": 4, "budget": 1.5, "set": {"lr": 0.02}},
    "adaptive, late decay": {
        "strategy": "adaptive",
        "epochs": 4,
        "budget": 1.5,
        "set": {"lr": 0.02},
        "schedule": "late_decay",
    },
    "pbt": {"factory": NormDropNet, "strategy": "pbt", "epochs": 4},
    "pbt, cosine": {"strategy": "pbt", "epochs": 3, "schedule": "cosine"},
}


def train(made: Prepared, run: Path, control: Control | None = None) -> bool:
    create_run(run, RUN)
    return train_run(run, made, "optimized", 0, control or Control())


def undisturbed(once: Once, made: Prepared) -> Path:
    """A run from its start to its end."""
    return once("undisturbed", made, lambda folder: train(made, folder))


def of(run: Path, kind: type) -> list[Any]:
    return [event for event in RunReader(run).read() if isinstance(event, kind)]


def train_as_recorded(made: Prepared, run: Path, to: Path, recipe: Recipe | None = None) -> float:
    """Largest difference of the final weights."""
    create_run(to, RUN)
    with RunWriter(to) as writer:
        recipe = recipe or recipe_of(RunReader(run).read(), run)
        train_again(made.config, made.inputs, recipe, "optimized", 0, directory=to, emit=writer.append)
    return largest_difference(run / "model.pt", to / "model.pt")[2]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_replay_ends_at_the_same_weights(prepare: Make, once: Once, tmp_path: Path, name: str) -> None:
    made = prepare(**SETTINGS[name])
    run = undisturbed(once, made)
    assert train_as_recorded(made, run, tmp_path / "again") == 0
    before, now = (RunReader(folder).read()[-1] for folder in (run, tmp_path / "again"))
    assert isinstance(before, RunCompleted)
    assert isinstance(now, RunCompleted)
    assert before.test_accuracy == now.test_accuracy
    assert before.best_epoch == now.best_epoch
    assert before.images_trained == now.images_trained
    if name == "grid":
        assert now.images_probed == 0 < before.images_probed
    if name in ("adaptive", "greed", "pbt", "pbt, cosine"):
        assert 0 < now.images_probed < before.images_probed


@pytest.mark.parametrize(("name", "falls"), [("adaptive, nothing chosen", False), ("adaptive, late decay", True)])
def test_where_nothing_is_chosen_the_rate_falls_if_the_study_says_so(
    prepare: Make, once: Once, name: str, falls: bool
) -> None:
    run = undisturbed(once, prepare(**SETTINGS[name]))
    (started,) = of(run, RunStarted)
    assert (started.schedule, started.schedule_waits) == ("late_decay", not falls)
    decided = of(run, HyperparametersChosen)
    assert [(chosen.values["lr"], chosen.follows_schedule) for chosen in decided] == [(0.02, falls)] * len(decided)
    assert decided
    rates = [event.values["lr"] for event in of(run, EpochCompleted)]
    assert [rate < 0.02 for rate in rates] == [False, False, falls, falls]


def test_another_choice_ends_at_other_weights(prepare: Make, once: Once, tmp_path: Path) -> None:
    """The comparison can fail, and a replay does obey what it is given."""
    made = prepare(**SETTINGS["grid"], deliver="last")
    run = undisturbed(once, made)
    recipe = recipe_of(RunReader(run).read(), tmp_path)
    last = recipe.decisions[2]
    other = dataclasses.replace(last, values=last.values | {"lr": last.values["lr"] * 1.01})
    changed = dataclasses.replace(recipe, decisions={**recipe.decisions, 2: other})
    assert train_as_recorded(made, run, tmp_path / "again", changed) > 1e-6


@pytest.mark.parametrize("name", ["adaptive", "pbt"])
def test_only_ancestors_are_probed_again(prepare: Make, once: Once, tmp_path: Path, name: str) -> None:
    made = prepare(**SETTINGS[name])
    run = undisturbed(once, made)
    scored = of(run, CandidateScored)
    recipe = recipe_of(RunReader(run).read(), tmp_path)
    probes = {(d.number, number): probe for d in recipe.decisions.values() for number, probe in d.probes.items()}
    assert 0 < len(probes) < len(scored)
    followed = {event.start for event in of(run, HyperparametersChosen)} | {p.start for p in probes.values()}
    assert followed - {None} == set(probes)
    assert any(probe.start is not None for probe in probes.values())  # some began at the end of another
    assert sum(event.steps for event in scored if event.steps) > 0
    assert all(event.images <= 1.5 * event.steps * event.values["batch_size"] for event in scored)
    train_as_recorded(made, run, tmp_path / "again")
    assert len(of(tmp_path / "again", CandidateScored)) == len(probes)


def test_going_back_to_an_earlier_state_is_replayed(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time after stops in between, so that the state gone back to comes from a checkpoint."""
    made = prepare(NormDropNet, **SETTINGS["adaptive"])
    monkeypatch.setattr(Adaptive, "races", ())
    monkeypatch.setattr(Adaptive, "_went_wrong", lambda self, epoch, loss: self.memory.get("watched") == epoch)
    for place in ("run", "stopped"):
        while place == "stopped" and not train(made, tmp_path / place, StopWhileWatched(tmp_path / place)):
            pass
        assert train(made, tmp_path / place)
        events = RunReader(tmp_path / place).read()
        back = [e for e in events if isinstance(e, HyperparametersChosen) and "back to where" in e.reason]
        assert len(back) == 4  # twice after the survey, and after the screen
        assert [event.start for event in back[:2]] == [back[0].start] * 2
        assert all(event.start is not None and event.start[0] < event.decision for event in back)
        assert sum(isinstance(event, RunResumed) for event in events) == (6 if place == "stopped" else 0)
        assert train_as_recorded(made, tmp_path / place, tmp_path / f"{place}-again") == 0
    assert largest_difference(tmp_path / "run" / "model.pt", tmp_path / "stopped" / "model.pt")[2] == 0


class StopWhileWatched(Control):
    """Stops after each choice that brought weights with it, before the first batch."""

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._reader = RunReader(run)
        self._last: AnyEvent | None = None

    def check(self, *, now: bool = False) -> None:
        for event in self._reader.read():
            if not isinstance(event, DecisionsPlanned):
                self._last = event
        if isinstance(self._last, HyperparametersChosen) and self._last.start is not None:
            self.stop("test")
        super().check(now=now)


@pytest.mark.parametrize(("name", "stops"), [("grid", [5, 60]), ("adaptive", [120, 100]), ("pbt", [30, 75, 20])])
def test_a_run_that_was_stopped_and_resumed_is_replayed(
    prepare: Make, tmp_path: Path, name: str, stops: list[int]
) -> None:
    """In a decision, which is then made again, and in an epoch."""
    made = prepare(**SETTINGS[name])
    for stop in stops:
        assert not train(made, tmp_path / "run", StopAfter(stop))
    assert train(made, tmp_path / "run")
    assert len(of(tmp_path / "run", RunResumed)) == len(stops)
    assert train_as_recorded(made, tmp_path / "run", tmp_path / "again") == 0


def test_a_last_leg_is_resumed_and_replayed(prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run that goes on as the branch whose rate fell as its own did, stopped within that leg."""
    monkeypatch.setattr(Adaptive, "race_evidence", NeededLead(before=math.inf, after=-math.inf))
    made = prepare(**SETTINGS["adaptive"])
    assert train(made, tmp_path / "run")
    *_, last = (event for event in of(tmp_path / "run", CandidateScored) if event.along is not None)
    assert last.along is not None
    assert last.along[1] > made.config.epochs / 2  # where the rate falls
    *_, chosen = of(tmp_path / "run", HyperparametersChosen)
    assert chosen.start == (last.decision, last.candidate)
    assert train_as_recorded(made, tmp_path / "run", tmp_path / "again") == 0
    assert not train(made, tmp_path / "stopped", StopWithin(tmp_path / "stopped", last.decision))
    assert train(made, tmp_path / "stopped")
    assert largest_difference(tmp_path / "run" / "model.pt", tmp_path / "stopped" / "model.pt")[2] == 0


class StopWithin(Control):
    """Stops a few steps into the last probe of a decision."""

    def __init__(self, run: Path, decision: int) -> None:
        super().__init__()
        self._reader, self._decision, self._left = RunReader(run), decision, 5

    def check(self, *, now: bool = False) -> None:
        started = [event for event in self._reader.read() if isinstance(event, DecisionStarted)]
        self._left -= any(event.decision == self._decision for event in started) or self._left < 5
        if self._left == 0:
            self.stop("test")
        super().check(now=now)


class Scripted(Control):
    """Sends commands through a real command file when given events happen."""

    def __init__(self, folder: Path, script: dict[Callable[[AnyEvent], bool], list[Any]]) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(CommandInbox(folder))
        self._sender, self._script = CommandSender(folder), dict(script)

    def begin(self, run: str, tell: Callable[[AnyEvent], object]) -> None:
        super().begin(run, tell)
        self._log = tell.__self__  # type: ignore[attr-defined]

    def check(self, *, now: bool = False) -> None:
        events = RunReader(self._log._directory).read()
        for condition in [c for c in self._script if any(c(event) for event in events)]:
            for command in self._script.pop(condition):
                self._sender.send(command)
        super().check(now=True)


def after_epoch(number: int) -> Callable[[AnyEvent], bool]:
    return lambda event: isinstance(event, EpochCompleted) and event.epoch == number


def within_epoch(number: int) -> Callable[[AnyEvent], bool]:
    return lambda event: isinstance(event, BatchesTrained) and event.epoch == number


def test_a_run_that_went_on_with_other_threads_need_not_be_equal() -> None:
    begun = msgspec.structs.replace(started(3), device="cpu", threads=1)
    same, other = (msgspec.structs.replace(resumed(1, 3, 5), device="cpu", threads=threads) for threads in (1, 2))
    assert not _moved(begun, [begun, same, resumed(1, 3, 5)])
    assert _moved(begun, [begun, same, other])
    assert _moved(begun, [begun, msgspec.structs.replace(same, device="cuda:0: card")])


def test_what_was_steered_is_replayed(prepare: Make, tmp_path: Path) -> None:
    """Values by hand, ranges that leave the old ones, more epochs at their time, and a stop in between."""
    made = prepare(strategy="adaptive", epochs=4, budget=6.0)
    script = {
        after_epoch(1): [UseValues(run="optimized-0", values={"lr": 0.2, "batch_size": 30})],
        after_epoch(2): [
            UseValues(run="optimized-0", values={}),
            ChangeRanges(search={"lr": "1e-5:1e-4:log:3", "batch_size": "10:20:lin:2"}),
        ],
        within_epoch(3): [AddEpochs(epochs=2), StopStudy()],
    }
    assert not train(made, tmp_path / "run", Scripted(tmp_path, script))
    assert train(made, tmp_path / "run", Scripted(tmp_path, {after_epoch(5): [AddEpochs(epochs=1)]}))
    assert [event.epochs for event in of(tmp_path / "run", EpochsAdded)] == [6, 7]
    assert any(event.reason == "chosen by hand" for event in of(tmp_path / "run", HyperparametersChosen))
    recipe = recipe_of(RunReader(tmp_path / "run").read(), tmp_path)
    # the stop came within the third epoch, whose rate then fell to an end that was further away
    (first, four), (second, six), (third, seven) = recipe.epochs
    assert (first, four, second[0], six, third, seven) == ((1, -1), 4, 3, 6, (6, -1), 7)
    assert second[1] > 0
    other = prepare(strategy="adaptive", epochs=7, budget=6.0)  # as the study's settings are in the end
    assert train_as_recorded(other, tmp_path / "run", tmp_path / "again") == 0
    too_late = dataclasses.replace(recipe, epochs=[(first, four), ((4, -1), six), (third, seven)])
    assert train_as_recorded(other, tmp_path / "run", tmp_path / "late", too_late) > 0


def test_a_completed_run_that_went_on_is_replayed(prepare: Make, tmp_path: Path) -> None:
    made = prepare(strategy="fixed", schedule="cosine", epochs=2)
    assert train(made, tmp_path / "run")
    made = made.changed(epochs=3)
    assert train(made, tmp_path / "run")
    assert epochs_by_position(RunReader(tmp_path / "run").read()) == [((1, -1), 2), ((3, -1), 3)]
    assert train_as_recorded(made, tmp_path / "run", tmp_path / "again") == 0


def started(epochs: int) -> RunStarted:
    plain = {field: 0 for field in RunStarted.__struct_fields__ if field not in ("time", "threads")}
    texts = dict.fromkeys(("hptui", "arm", "strategy", "dataset", "model", "optimizer", "device"), "")
    return RunStarted(
        **plain | texts | {"class_names": [], "searched": [], "values": {}, "versions": {}, "epochs": epochs}
    )  # type: ignore[arg-type]


def resumed(epoch: int, epochs: int, step: int, decisions: int = 0) -> RunResumed:
    at = {"epoch": epoch, "epochs": epochs, "step": step, "decisions": decisions}
    return RunResumed(**at, images_trained=0, images_probed=0, seconds=0.0, by_hand={})  # type: ignore[arg-type]


def trained(epoch: int, batch: int, step: int) -> BatchesTrained:
    return BatchesTrained(epoch=epoch, step=step, batch=batch, batches=9, images=0, loss=None, values={}, seconds=0)


def ended(epoch: int) -> EpochCompleted:
    facts = {"step": 0, "train_loss": 0, "values": {}, "delivered": "", "images_trained": 0, "images_probed": 0}
    return EpochCompleted(epoch=epoch, seconds=0, **facts)  # type: ignore[arg-type]


def chosen(epoch: int, decision: int) -> HyperparametersChosen:
    facts = {"step": 0, "candidate": None, "values": {}, "reason": "", "images_probed": 0, "seconds": 0}
    return HyperparametersChosen(decision=decision, epoch=epoch, **facts)  # type: ignore[arg-type]


ADDED = EpochsAdded(by="", epochs=8)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([started(5)], [((1, -1), 5)]),
        ([started(5), ADDED], [((1, -1), 8)]),
        ([started(5), chosen(1, 0), ADDED, resumed(0, 8, 0, 1)], [((1, -1), 5), ((1, 0), 8)]),
        ([started(5), trained(1, 4, 4), ADDED, resumed(0, 8, 4)], [((1, -1), 5), ((1, 4), 8)]),
        # killed: the checkpoint is from before the epochs were added, but what was added holds
        ([started(5), ended(1), ADDED, trained(2, 3, 12), resumed(1, 8, 9)], [((1, -1), 5), ((2, -1), 8)]),
        ([started(5), trained(1, 9, 9), ended(1), ended(2), ADDED, resumed(0, 8, 0)], [((1, -1), 8)]),
        # added while another run was trained
        ([started(5), trained(1, 3, 3), resumed(0, 8, 3)], [((1, -1), 5), ((1, 3), 8)]),
        # a decision that was void, and the stop in it
        ([started(5), ended(1), resumed(1, 8, 9, 0), chosen(2, 0)], [((1, -1), 5), ((2, -1), 8)]),
    ],
)
def test_epochs_are_changed_where_they_were(events: list[AnyEvent], expected: list[Any]) -> None:
    assert epochs_by_position(events) == expected


def test_a_run_without_lineage_is_told(prepare: Make, tmp_path: Path) -> None:
    assert train(prepare(**SETTINGS["grid"]), tmp_path)
    log = tmp_path / EVENTS_FILE
    lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    older = [{key: value for key, value in line.items() if key not in ("start", "steps", "crc")} for line in lines]
    log.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in older))
    events = RunReader(tmp_path).read()
    assert any(isinstance(event, DecisionStarted) for event in events)
    with pytest.raises(RunDirectoryError, match=r"older hptui.*cannot be replayed"):
        recipe_of(events, tmp_path)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants:UserWarning")
def test_differences_are_found_wherever_they_are(tmp_path: Path) -> None:
    def written(name: str, **network: Any) -> Path:
        torch.save({"network": network}, tmp_path / name)
        return tmp_path / name

    a, b = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5])
    nan = torch.tensor([1.0, torch.nan])
    one = written("one", w=a, steps=torch.tensor(3))
    assert largest_difference(one, one) == ("steps", 2, 0.0)
    assert largest_difference(one, written("two", w=b, steps=torch.tensor(3))) == ("w", 2, 0.5)
    assert largest_difference(one, written("three", w=a, steps=torch.tensor(9))) == ("steps", 2, 6.0)
    rare = torch.sparse_coo_tensor([[0]], [1.0], (3,), check_invariants=True)
    several = written("sparse", w=rare, z=torch.tensor([1 + 1j]))
    assert largest_difference(several, several)[2] == 0
    assert largest_difference(several, written("imaginary", w=rare, z=torch.tensor([1 + 3j]))) == ("z", 2, 2.0)
    assert largest_difference(several, written("denser", w=rare * 3, z=torch.tensor([1 + 1j]))) == ("w", 2, 2.0)
    assert largest_difference(one, written("four", w=a))[2] == float("inf")
    assert largest_difference(one, written("five", w=nan, steps=torch.tensor(3)))[2] == float("inf")
    assert largest_difference(tmp_path / "five", tmp_path / "five")[2] == 0


@pytest.mark.parametrize("remainder", ["even", "joined"])
@pytest.mark.parametrize("strategy", ["grid", "pbt"])
def test_a_short_last_batch_is_replayed_as_it_was(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, remainder: str
) -> None:
    """Also that of a log in which it joined the one before although the size was searched, as it always did once."""
    search = {"batch_size": "69:70:lin:2", "lr": "1e-3:1e-2:log:2"}
    made = prepare(strategy=strategy, set={"batch_size": 70}, search=search)
    with monkeypatch.context() as older:
        older.setattr(StudyConfig, "remainder", remainder)
        assert train(made, tmp_path / "run")
    begun = RunReader(tmp_path / "run").read()[0]
    assert isinstance(begun, RunStarted)
    assert begun.remainder == remainder
    largest = max(event.images / event.steps for event in of(tmp_path / "run", CandidateScored))
    assert largest <= 70 or remainder == "joined"
    assert train_as_recorded(made, tmp_path / "run", tmp_path / "again") == 0
    recipe = recipe_of(RunReader(tmp_path / "run").read(), tmp_path)
    other = dataclasses.replace(recipe, remainder="even" if remainder == "joined" else "joined")
    assert train_as_recorded(made, tmp_path / "run", tmp_path / "other", other) > 0


def test_the_recorded_epoch_is_delivered_whatever_the_rule_is_today(prepare: Make, tmp_path: Path) -> None:
    made = prepare(strategy="fixed", epochs=3)
    assert train(made, tmp_path / "run")
    recipe = recipe_of(RunReader(tmp_path / "run").read(), tmp_path)
    (end,) = of(tmp_path / "run", RunCompleted)
    assert recipe.delivered_epoch == end.delivered_epoch == 3
    train_as_recorded(made, tmp_path / "run", tmp_path / "again", dataclasses.replace(recipe, delivered_epoch=2))
    (end,) = of(tmp_path / "again", RunCompleted)
    assert (end.epoch, end.delivered_epoch) == (3, 2)
