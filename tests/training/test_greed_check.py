"""A decision repeated with longer probes: what it says, and that it changes nothing but the cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hptui.errors import ConfigError
from hptui.planning import new_strategy, plan_arm
from hptui.reading.run_state import state_of
from hptui.record.events import AnyEvent, CandidateScored, DecisionRepeated, HyperparametersChosen, RunCompleted
from hptui.strategies import Candidate, Choice, DecisionCourse, Situation, Strategy
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.decision import DecisionMaker

from .conftest import Prepared, decide, make_run
from .test_exactness import assert_same, timeless

Make = Callable[..., Prepared]


def without_cost(events: list[AnyEvent]) -> list[dict[str, Any]]:
    plain = [timeless(event) for event in events if not isinstance(event, DecisionRepeated)]
    return [{key: value for key, value in event.items() if key not in ("images_probed", "cost")} for event in plain]


@pytest.mark.parametrize(("strategy", "epochs"), [("grid", 2), ("adaptive", 8)])
def test_it_changes_nothing_but_the_cost(prepare: Make, strategy: str, epochs: int) -> None:
    search = {"lr": "1e-3:1e-1:log:3", "weight_decay": "1e-6:1e-2:log:3"}
    logs, ends = [], []
    for every in (0, 1):
        made = prepare(epochs=epochs, strategy=strategy, greed_check=every, search=search, budget=6.0)
        run, events = make_run(made)
        assert run.execute().completed
        logs.append(events)
        ends.append(run.state.snapshot())
    assert_same(*ends)
    assert without_cost(logs[0]) == without_cost(logs[1])
    repeated = [event for event in logs[1] if isinstance(event, DecisionRepeated)]
    decided = [event for event in logs[1] if isinstance(event, HyperparametersChosen)]
    assert [event.decision for event in repeated] == [event.decision for event in decided]
    assert len(decided) >= 2
    for event in repeated:
        probes = [e.images for e in logs[1] if isinstance(e, CandidateScored) and e.decision == event.decision]
        assert sum(probes) < event.images < 2.2 * sum(probes)  # a round that one of them has, the other may not need
    first, second = (log[-1] for log in logs)
    assert isinstance(first, RunCompleted)
    assert isinstance(second, RunCompleted)
    assert second.images_probed - first.images_probed == sum(event.images for event in repeated)
    state = state_of(logs[1])
    assert state.images_probed == second.images_probed
    assert all(decision.repeated is not None for decision in state.decisions)


class Greedy(Strategy):
    """Takes the smallest of two rates after a short probe, the largest after a long one."""

    searches = True

    def decide(self, situation: Situation) -> DecisionCourse:
        yield [Candidate({"lr": 1e-3}, 0.5), Candidate({"lr": 1e-1}, keep=True)]
        return Choice({"lr": 1e-1 if self.seed == 7 else 1e-3}, "by its length")


def test_it_says_what_longer_probes_would_have_chosen_every_so_many_decisions(
    prepare: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(epochs=4, greed_check=2)
    monkeypatch.setattr(DecisionMaker, "_twin", twin_that_sees_more)
    run, events = make_run(made)
    run.strategy = Greedy(4, (1, 2, 3, 4))
    assert run.execute().completed
    repeated = [event for event in events if isinstance(event, DecisionRepeated)]
    assert [(event.decision, event.changed, event.values["lr"]) for event in repeated] == [
        (0, ["lr"], 1e-1),
        (2, ["lr"], 1e-1),
    ]
    assert repeated[0].images == 2 * 2 * 120
    assert {event.values["lr"] for event in events if isinstance(event, HyperparametersChosen)} == {1e-3}


def twin_that_sees_more(maker: DecisionMaker) -> Strategy:
    return Greedy(maker.strategy.epochs, maker.strategy.decision_epochs, seed=7)


def test_a_stop_within_it_leaves_the_decision_pending(prepare: Make) -> None:
    class StopAtLast(Control):
        def __init__(self) -> None:
            super().__init__()
            self.checks = 0

        def check(self, *, now: bool = False) -> None:
            self.checks += 1
            if self.checks > 60:
                raise StopRequested("test")

    run, events = make_run(prepare(greed_check=1), control=StopAtLast())
    before = run.state.snapshot()
    with pytest.raises(StopRequested):
        decide(run, 1)
    assert len([event for event in events if isinstance(event, CandidateScored)]) == 6
    pending = run.ledger.pending
    assert pending is not None
    assert pending.check is not None
    assert (pending.images_probed, pending.images_checked, len(pending.own.measured)) == (0, 0, 6)
    assert run.ledger.progress.images_probed == run.ledger.progress.images_checked + 6 * 120
    assert not any(isinstance(event, HyperparametersChosen) for event in events)
    assert_same(run.state.snapshot(), before)


def test_its_cost_is_planned_and_a_population_has_none(prepare: Make) -> None:
    config = prepare().config
    assert plan_arm(config, "optimized").cost == pytest.approx(1 + 6 * 0.5, rel=0.02)  # in whole batches
    assert plan_arm(prepare(greed_check=2).config, "optimized").cost == pytest.approx(1 + 2 * 6 * 0.5, rel=0.02)
    assert plan_arm(prepare(greed_check=2).config, "baseline").cost == 1
    assert plan_arm(prepare(greed_check=5).config, "optimized").cost == pytest.approx(1 + 2 * 6 * 0.5, rel=0.02)
    with pytest.raises(ConfigError, match=r"greed_check: strategy 'pbt' has no probes that could be twice as long"):
        new_strategy(prepare(strategy="pbt", greed_check=1).config, "optimized")
