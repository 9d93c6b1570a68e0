"""Same seed, same bits: between runs, between arms, around a decision, and across a stop."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import nursery
import pytest
import torch

from hptui.config import Layer, resolve
from hptui.engines import RunPlan
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    HyperparametersChosen,
    RunCompleted,
    RunResumed,
    RunStopped,
)
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.strategies.adaptive import Adaptive
from hptui.training.engine.plug_ins import load_factory
from hptui.training.planned_run import train_run as train_planned_run
from hptui.training.run.checkpoints import save_checkpoint
from hptui.training.run.control import Control
from hptui.training.run.run import Run

from .conftest import Prepared, decide, delivered, make_run, newest_checkpoint, train_epoch, train_run, train_steps

Make = Callable[..., Prepared]
Undisturbed = Callable[[Prepared], tuple[Run, list[AnyEvent]]]


def timeless(event: AnyEvent) -> Any:
    """The event without what depends on the machine's speed."""
    plain = msgspec.to_builtins(event)
    return {key: value for key, value in plain.items() if key not in ("time", "seconds")}


def assert_same(a: Any, b: Any, where: str = "") -> None:
    """Bit for bit, through dicts, lists and tensors."""
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, where
        assert a.stride() == b.stride(), where
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for index, (left, right) in enumerate(zip(a, b, strict=True)):
            assert_same(left, right, f"{where}[{index}]")
    else:
        assert a == b, where


@pytest.fixture(scope="module")
def undisturbed() -> Undisturbed:
    """A run that nothing interrupts, and its events: trained once for all tests with the same settings."""
    done: dict[bytes, tuple[Run, list[AnyEvent]]] = {}

    def trained(made: Prepared) -> tuple[Run, list[AnyEvent]]:
        settings = msgspec.json.encode(made.config)
        if settings not in done:
            run, events = make_run(made)
            assert run.execute().completed
            done[settings] = run, events
        return done[settings]

    return trained


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_same_seed_gives_equal_events(prepare: Make, optimizer: str) -> None:
    settings = {"optimizer": optimizer, "search": {"lr": "1e-3:1e-1:log:3", "augmentation": "0:0.5:lin:2"}}
    logs = []
    for _ in range(2):
        run, events = make_run(prepare(**settings))
        assert run.execute().completed
        logs.append([timeless(event) for event in events])
    assert logs[0] == logs[1]
    assert len([event for event in logs[0] if event["event"] == "CandidateScored"]) == 2 * 6


def test_another_seed_gives_another_run(prepare: Make) -> None:
    weights = [make_run(prepare(), seed=seed)[0].state.snapshot()["network"]["output.weight"] for seed in (0, 1)]
    assert not torch.equal(*weights)


@pytest.mark.parametrize("model", ["dtu_cnn", "lenet", "small_resnet"])
def test_arms_of_one_seed_start_equal_and_see_the_same_order(prepare: Make, model: str) -> None:
    data = prepare(factory=load_factory("small_resnet")).data
    assert data.channels == 1
    made = prepare() if model != "small_resnet" else prepare(factory=load_factory(model))
    baseline, _ = make_run(made, "baseline", 3)
    optimized, _ = make_run(made, "optimized", 3)
    assert_same(baseline.state.snapshot(), optimized.state.snapshot())
    orders = []
    for run in (baseline, optimized):
        seen: list[list[int]] = []
        inner = run.state.order.next_batch
        run.state.order.next_batch = lambda size, inner=inner, seen=seen: (
            seen.append(inner(size).tolist()) or torch.tensor(seen[-1])
        )  # type: ignore[method-assign]
        if run is optimized:
            decide(run, 1)  # probing draws batches of its own, and must not move the run's order
            seen.clear()
        train_epoch(run, 1)
        orders.append(seen)
    assert orders[0] == orders[1]
    assert sorted(index for batch in orders[0] for index in batch) == list(range(240))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_decision_leaves_the_training_at_the_same_bit(prepare: Make, optimizer: str) -> None:
    made = prepare(
        optimizer=optimizer,
        search={"lr": "1e-3:1e-1:log:3", "dropout": "0:0.5:lin:2", "batch_size": "10:40:log:3"},
        set={"batch_size": 20, "augmentation": 0.3},
    )
    run, events = make_run(made)
    train_epoch(run, 1)  # the optimizer has momentum, BatchNorm has statistics
    run.state.order.start_epoch()
    random.random()
    np.random.rand()
    before = run.state.snapshot()
    decide(run, 2)
    after = run.state.snapshot()
    scored = [event for event in events if isinstance(event, CandidateScored)]
    assert len(scored) == 18
    chosen = next(event for event in events if isinstance(event, HyperparametersChosen))
    for name in ("network", "unsaved_buffers", "average", "order", "augmentation", "random", "step"):
        assert_same(before[name], after[name], name)
    assert_same(before["optimizer"]["state"], after["optimizer"]["state"])
    assert before["unsaved_buffers"]["seen"].item() == 240
    assert chosen.values == run.state.values.chosen()
    assert chosen.values["dropout"] == run.network.dropout.p


def test_restoring_twice_from_one_snapshot_gives_the_same_training(prepare: Make) -> None:
    run, _ = make_run(prepare(optimizer="adam"))
    train_epoch(run, 1)
    home = run.state.snapshot()
    ends = []
    for _ in range(2):
        run.state.restore(home)
        train_steps(run, 7)
        ends.append(run.state.snapshot())
    assert_same(ends[0], ends[1])


class StopAfter(Control):
    """Asks to stop before the given batch, probes counted."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def check(self, *, now: bool = False) -> None:
        self.left -= 1
        if self.left < 0:
            self.stop("test")
        super().check(now=now)


@pytest.mark.parametrize("stop_after", [0, 3, 17, 40, 41, 60, 83])
def test_stopped_and_resumed_equals_uninterrupted(
    prepare: Make, undisturbed: Undisturbed, tmp_path: Path, stop_after: int
) -> None:
    """Within the first decision, at its end, within an epoch, between epochs, and in the last epoch."""
    made = prepare(strategy="grid", set={"batch_size": 20, "augmentation": 0.2})
    straight, _ = undisturbed(made)
    assert straight.ledger.progress.images_trained == 480
    stop_and_resume(made, tmp_path, straight, StopAfter(stop_after))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_stopped_and_resumed_equals_uninterrupted_where_winners_go_on(
    prepare: Make, undisturbed: Undisturbed, tmp_path: Path, share: float
) -> None:
    """A strategy that keeps states of the training in its memory, in each of its stages and between them."""
    search = {"lr": "1e-4:1e-1:log:5", "dropout": "0:0.4:lin:3", "momentum": "0.5:0.9:lin:3"}
    made = prepare(strategy="adaptive", epochs=8, budget=9.0, search=search)
    straight, events = undisturbed(made)
    reasons = "; ".join(event.reason for event in events if isinstance(event, HyperparametersChosen))
    assert [words in reasons for words in ("survey of", "branches begin", "race, best", "screen of")] == [True] * 4
    total = straight.ledger.progress.images_trained + straight.ledger.progress.images_probed
    assert 2 * 8 * 240 < total <= 9.0 * 8 * 240
    stop_and_resume(made, tmp_path, straight, StopAfter(round(share * total / 20)))


def test_a_run_for_which_nothing_is_chosen_is_its_baseline(prepare: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adaptive, "races", ())
    monkeypatch.setattr(Adaptive, "evidence", math.inf)
    ranges = {"lr": "1e-3:1e-1:log:3", "dropout": "0:0.5:lin:2", "weight_decay": "1e-6:1e-2:log:3"}
    made = prepare(strategy="adaptive", optimizer="adam", epochs=8, budget=9.0, search=ranges)
    ends = []
    for arm, candidates in (("optimized", 10), ("baseline", 0)):
        run, events = make_run(made, arm=arm)
        assert run.execute().completed
        assert sum(isinstance(event, CandidateScored) for event in events) >= candidates
        ends.append(dict(delivered(run)))
    assert_same(*ends)


def test_a_survey_ends_at_the_same_weights_from_any_start(prepare: Make) -> None:
    """Rates of the start that are not chosen leave no trace."""
    ends = []
    for rate in (1e-3, 10 ** (-3 + 1 / 3)):
        settings = {"strategy": "adaptive", "optimizer": "sgd", "epochs": 4, "budget": 4.0}
        run, _ = make_run(prepare(**settings, set={"batch_size": 20, "lr": rate}))
        assert run.execute().completed
        ends.append(dict(delivered(run)))
    assert_same(*ends)


@pytest.mark.parametrize("stop_after", [30, 75, 120])
def test_a_population_is_resumed_with_the_weights_of_all_members(
    prepare: Make, undisturbed: Undisturbed, tmp_path: Path, stop_after: int
) -> None:
    made = prepare(strategy="pbt", epochs=4)
    straight, _ = undisturbed(made)
    assert straight.state.step >= 4 * 12  # the run itself is one of the members: what it trained is not thrown away
    assert straight.ledger.progress.images_probed == 4 * 20 + 3 * (20 + 3 * 240)
    stop_and_resume(made, tmp_path, straight, StopAfter(stop_after))


class StopInEvaluation(Control):
    """Asks to stop within the given evaluation, probes counted, as a signal does: between two looks at the commands."""

    def __init__(self, evaluations: int) -> None:
        super().__init__()
        self.left = evaluations
        self._checked = True

    def check(self, *, now: bool = False) -> None:
        self._checked = True
        super().check(now=now)
        self._checked = False

    def leave_if_stopped(self) -> None:
        if not self._checked:  # the first batch of an evaluation since the last step
            self.left -= 1
        self._checked = True
        if self.left < 0:
            self.stop("test")
        super().leave_if_stopped()


@pytest.mark.parametrize("evaluation", [0, 3, 7, 15])
def test_stopped_within_an_evaluation_and_resumed_equals_uninterrupted(
    prepare: Make, undisturbed: Undisturbed, tmp_path: Path, evaluation: int
) -> None:
    """Before the probes, of one of six probes, of an epoch and of the last epoch: it alone is done again."""
    made = prepare(strategy="grid", set={"batch_size": 20, "augmentation": 0.2})
    straight, _ = undisturbed(made)
    stop_and_resume(made, tmp_path, straight, StopInEvaluation(evaluation))
    events = RunReader(tmp_path).read()
    trained = [event for event in events if isinstance(event, BatchesTrained)]
    assert [event.epoch for event in trained if event.batch == event.batches] == [1, 2]  # nothing twice
    stop = next(place for place, event in enumerate(events) if isinstance(event, RunStopped))
    done = {event.epoch for event in events[:stop] if isinstance(event, BatchesTrained)}
    assert done == {0: set(), 3: set(), 7: {1}, 15: {1, 2}}[evaluation]


def stop_and_resume(made: Prepared, tmp_path: Path, straight: Run, control: Control) -> None:
    """The same run with an interruption has the same weights at its end."""
    file = RunFile(1, "0", "optimized", 0, {})
    create_run(tmp_path, file)
    assert not train_run(tmp_path, made, "optimized", 0, control)
    events = RunReader(tmp_path).read()
    assert isinstance(events[-1], RunStopped)
    assert train_run(tmp_path, made, "optimized", 0, Control())
    events = RunReader(tmp_path).read()
    assert isinstance(events[-1], RunCompleted)
    assert sum(isinstance(event, RunResumed) for event in events) == 1

    saved = torch.load(tmp_path / "model.pt", weights_only=True)["network"]
    assert_same(dict(saved), dict(delivered(straight)))
    end = events[-1]
    assert (end.images_trained, end.images_probed) == (
        straight.ledger.progress.images_trained,
        straight.ledger.progress.images_probed,
    )


def test_chosen_values_are_those_trained_with(prepare: Make) -> None:
    run, events = make_run(prepare(strategy="grid"))
    assert run.execute().completed
    chosen: dict[str, float] = {}
    trained = 0
    for event in events:
        if isinstance(event, HyperparametersChosen):
            chosen = event.values
        if isinstance(event, BatchesTrained):
            assert event.values == chosen
            trained += 1
    assert trained > 0


def test_a_checkpoint_of_a_state_that_was_gone_back_to_is_the_newest(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for step in (10, 20, 30):
        save_checkpoint(tmp_path, step, {"step": step})
    save_checkpoint(tmp_path, 25, {"step": 25, "again": 1})
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step-000000020.pt",
        "step-000000025.pt",
    ]
    assert newest_checkpoint(tmp_path) == {"step": 25, "again": 1}


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"\x80\x02\x8a", b"not a checkpoint at all"])
def test_where_the_newest_checkpoint_is_damaged_the_one_before_is_taken(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "checkpoints").mkdir()
    for step in (10, 20):
        save_checkpoint(tmp_path, step, {"step": step})
    newest = tmp_path / "checkpoints" / "step-000000020.pt"
    newest.write_bytes(damage)
    assert newest_checkpoint(tmp_path) == {"step": 10}
    whole = tmp_path / "checkpoints" / "step-000000010.pt"
    content = whole.read_bytes()
    newest.write_bytes(content[: len(content) // 2] + damage + content[len(content) // 2 :])
    assert newest_checkpoint(tmp_path) == {"step": 10}


def test_a_run_begins_from_plain_data_in_another_process_with_the_same_bits(tmp_path: Path) -> None:
    """What starts a run is JSON: it needs nothing of the process that wrote it."""
    settings = {"dataset": "digits", "model": "lenet", "epochs": 1, "runs": 1, "train_size": 300, "threads": 1}
    config = resolve([Layer("test", {"strategy": "grid"} | settings | {"search": {"lr": "1e-3:1e-1:log:2"}})]).config
    plans = {}
    for place in ("here", "there"):
        create_run(tmp_path / place / "optimized-3", RunFile(1, "0", "optimized", 3, {}))
        plans[place] = RunPlan(config, "optimized", 3, str(tmp_path / place / "optimized-3"))
    assert train_planned_run(plans["here"], Control()).completed
    program = tmp_path / "train.py"
    program.write_text(
        "import sys, msgspec; from hptui.training import Control, RunPlan, train_run\n"
        "print(train_run(msgspec.json.decode(sys.argv[1], type=RunPlan), Control()).completed)"
    )
    done = nursery.run(msgspec.json.encode(plans["there"]).decode(), program=[str(program)], timeout=120)
    assert done.stdout == "True\n", done.stderr
    here, there = (torch.load(Path(plan.directory) / "model.pt", weights_only=True) for plan in plans.values())
    assert_same(here, there)
    logs = [[timeless(event) for event in RunReader(Path(plan.directory)).read()] for plan in plans.values()]
    assert logs[0] == logs[1]
