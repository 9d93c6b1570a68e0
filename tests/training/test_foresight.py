"""What is planned before the start, and what the record shows afterwards: the same candidates, at the same cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hptui.plan import plan_lines
from hptui.planning import plan_arm
from hptui.record.commands import AddEpochs, ChangeRanges
from hptui.record.events import (
    AnyEvent,
    CandidateScored,
    DecisionsPlanned,
    DecisionStarted,
    EpochCompleted,
    HyperparametersChosen,
    RunCompleted,
)
from hptui.training.run.control import Control, StopRequested

from .conftest import Prepared, make_run
from .test_steering import Scripted, epoch_done, execute

Make = Callable[..., Prepared]
LR = {"lr": "1e-4:1e-2:log:3"}
THREE = LR | {"weight_decay": "1e-6:1e-3:log:3", "dropout": "0:0.4:lin:3"}
CASES: dict[str, dict[str, Any]] = {
    "grid": {"strategy": "grid", "search": LR | {"dropout": "0:0.5:lin:2"}, "horizon": 0.25},
    "grid, some checked": {"strategy": "grid", "search": LR, "horizon": 0.25, "greed_check": 2, "decide_at": [1, 3, 4]},
    "pbt": {"strategy": "pbt", "search": THREE},
    "pbt, now and then": {"strategy": "pbt", "search": THREE, "decide_at": [2, 3, 5]},
    "adaptive": {"strategy": "adaptive", "search": THREE, "budget": 6.0},
    "adaptive, a screen beside a race": {
        "strategy": "adaptive",
        "search": LR | {"dropout": "0:0.4:lin:3", "momentum": "0.5:0.9:lin:3"},
        "budget": 9.0,
    },
    "adaptive, one range": {"strategy": "adaptive", "search": LR, "budget": 3.0},
    "adaptive, at once": {"strategy": "adaptive", "search": THREE, "budget": 6.0, "decide_at": [1]},
    "fixed": {"strategy": "fixed"},
}


def by_decision(events: list[AnyEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("case", CASES)
def test_what_happens_is_what_was_planned(prepare: Make, case: str) -> None:
    made = prepare(epochs=6, **CASES[case])
    before = plan_arm(made.config, "optimized", len(made.data.train))
    run, events = make_run(made)
    assert run.execute().completed
    told, started = by_decision(events, DecisionsPlanned), by_decision(events, DecisionStarted)
    assert [event.plan for event in told[:1]] == [before.plan] * bool(before.plan.stages)
    tried = [event for event in started if any(one.decision == event.decision for one in events_of(events))]
    planned = [*before.plan.decisions()]
    assert [event.epoch for event in tried] == planned[: len(tried)]
    needless = [stage for epoch in planned[len(tried) :] for stage in before.plan.decisions()[epoch]]
    assert all(stage.title == "race" for stage in needless)  # it was decided before its last leg
    unneeded = sum(one.candidates * one.epochs for stage in needless for one in stage.rounds) / 6
    for event in tried:
        scored = [one for one in events_of(events) if one.decision == event.decision]
        stages = before.plan.decisions()[event.epoch]
        assert event.planned_most == sum(stage.candidates for stage in stages)
        assert event.planned in (None, len(scored))
        assert event.planned_most - 2 * len(stages) <= len(scored) <= event.planned_most
        assert len(scored) == event.planned_most or any(stage.at_most for stage in stages)
    (end,) = by_decision(events, RunCompleted)
    assert before.cost is not None
    fewer = sum(event.planned_most or 0 for event in tried) - len(events_of(events))  # the last round of a screen
    longest = max((one.images for one in events_of(events)), default=0) / (6 * len(made.data.train))
    batch = 20 * len(events_of(events)) / (6 * len(made.data.train))
    less = longest if fewer else 0.0  # without the last round the run goes on from earlier, and may train an epoch less
    most = pytest.approx(before.cost - unneeded - fewer * longest, abs=batch * 0.2 + 0.02 + less)
    stayed = "adaptive" in case and any(
        one.start is None and one.candidate is not None for one in by_decision(events, HyperparametersChosen)
    )
    # where nothing was chosen, the branches of a race have not so far to go to be with the run
    assert end.cost == most or (stayed and end.cost < before.cost)
    near = pytest.approx(end.cost, abs=2 * longest + batch + unneeded)
    assert all(event.cost == near or (stayed and event.cost is not None and event.cost > end.cost) for event in told)
    assert len(told) == len(before.plan.stages[:1]) + (len(needless) or stayed)  # and what it saves is told at once
    assert not needless or told[-1].cost == pytest.approx(end.cost, abs=2 * longest + batch)


def events_of(events: list[AnyEvent]) -> list[CandidateScored]:
    return by_decision(events, CandidateScored)


def test_nothing_is_told_anew_as_long_as_nothing_changes(prepare: Make) -> None:
    for case in ("grid", "pbt", "adaptive, one range"):
        run, events = make_run(prepare(epochs=6, **CASES[case]))
        run.execute()
        assert len(by_decision(events, DecisionsPlanned)) == 1


def test_other_ranges_and_more_epochs_change_the_plan(prepare: Make, tmp_path: Path) -> None:
    script = {
        epoch_done(1): ChangeRanges(search={"lr": "0.002:0.02:log:2"}),
        epoch_done(2): AddEpochs(epochs=2),
    }
    control = Scripted(tmp_path, script)
    made = prepare(epochs=4, strategy="grid", search=LR, horizon=0.25)
    assert execute(made, control)
    first, second, third = control.of(DecisionsPlanned)
    assert plan_lines(first.plan) == ["before epochs 1 to 4: grid of lr, 3 candidates for 0.25 epochs"]
    assert (second.epoch, plan_lines(second.plan)) == (
        2,
        ["before epochs 2 to 4: grid of lr, 2 candidates for 0.25 epochs"],
    )
    assert (third.epoch, third.stages[0].epochs) == (3, (3, 4, 5, 6))
    (end,) = control.of(RunCompleted)
    assert third.cost == pytest.approx(end.cost, abs=0.03)


def test_a_new_range_after_its_stage_is_planned_for_the_next_decision(prepare: Make, tmp_path: Path) -> None:
    wider = LR | {"dropout": "0:0.4:lin:3"}
    script = {epoch_done(2): ChangeRanges(search=wider), epoch_done(1): AddEpochs(epochs=6)}  # with their budget
    control = Scripted(tmp_path, script)
    assert execute(prepare(epochs=6, strategy="adaptive", search=LR, budget=6.0), control)
    first, *_, last = control.of(DecisionsPlanned)
    assert [stage.names for stage in first.stages] == [("lr",)]
    (stage,) = last.stages
    assert (stage.epochs, stage.names, stage.title) == ((3,), ("dropout",), "screen")
    scored = [one for one in control.of(CandidateScored) if one.decision == 1]
    assert stage.rounds[0].candidates <= len(scored) <= stage.candidates


def test_what_the_budget_does_not_reach_is_told_before_and_afterwards(prepare: Make) -> None:
    made = prepare(epochs=2, strategy="adaptive", search=THREE, budget=1.2)
    plan = plan_arm(made.config, "optimized", len(made.data.train)).plan
    assert plan.left_out
    run, events = make_run(made)
    run.execute()
    assert by_decision(events, HyperparametersChosen)[-1].left_out == [*plan.left_out]


def test_who_goes_on_tells_the_plan_again(prepare: Make, tmp_path: Path) -> None:
    class StopInEpoch(Control):
        def check(self, *, now: bool = False) -> None:
            if any(isinstance(event, EpochCompleted) for event in events):
                raise StopRequested("test")

    (tmp_path / "checkpoints").mkdir()
    made = prepare(epochs=4, strategy="grid", search=LR, horizon=0.25)
    run, events = make_run(made, control=StopInEpoch(), directory=tmp_path)
    assert not run.execute().completed
    again, later = make_run(made, directory=tmp_path)
    assert again.execute(resume=True).completed
    (told,) = by_decision(later, DecisionsPlanned)
    assert (told.epoch, told.stages[0].epochs) == (2, (2, 3, 4))
