"""Population-based training against landscapes that are known."""

from __future__ import annotations

import math

from deciding import run_decision
from test_adaptive import BOTH, Loss, basin, measure, situation

from hptui.hyperparameters import Values, default_values
from hptui.strategies import Candidate, Choice
from hptui.strategies.pbt import ONE_BATCH, Pbt


def decide(strategy: Pbt, epoch: int, loss: Loss, search: dict[str, str] = BOTH) -> tuple[list[Candidate], Choice]:
    at = situation(epoch, search=search)
    (candidates,), choice = run_decision(strategy, at, lambda one: measure(one, at, loss(at.values | one.values)))
    return candidates, choice


def test_the_worst_member_takes_over_weights_and_values_of_the_best_and_steps_aside() -> None:
    strategy = Pbt(10, (1, 4), seed=3)
    first, choice = decide(strategy, 1, basin)
    assert all(one.start is None and one.keep and one.horizon == ONE_BATCH for one in first)
    assert len({one.values["lr"] for one in first}) == 4
    scores = [basin(default_values() | one.values) for one in first]
    best, worst = scores.index(min(scores)), scores.index(max(scores))
    assert choice.candidate == best
    assert choice.values == first[best].values
    second, _ = decide(strategy, 4, basin)
    assert second[best].values == first[best].values
    assert (second[best].start, second[best].horizon) == (None, ONE_BATCH)  # the run itself has trained it
    assert (second[worst].start, second[worst].horizon) == (choice.start, 3)
    for name, value in second[worst].values.items():
        ratio = value / first[best].values[name]
        assert min(abs(ratio - 0.8), abs(ratio - 1.2)) < 1e-9 or value in (1e-4, 1.0, 1e-6, 1e-2)
    for index in {0, 1, 2, 3} - {best, worst}:
        assert second[index].values == first[index].values
        assert second[index].start == {"reached by": first[index].values, "from": None}


def test_it_finds_the_basin_in_the_end() -> None:
    strategy = Pbt(40, tuple(range(1, 41)), seed=0)
    for epoch in range(1, 41):
        _, choice = decide(strategy, epoch, basin, {"lr": "1e-4:1:log:7"})
    assert abs(math.log10(choice.values["lr"] / 0.03)) < 0.2


def test_where_all_diverge_it_begins_anew() -> None:
    strategy = Pbt(10, (1, 2))
    _, choice = decide(strategy, 1, lambda found: math.inf)
    assert (choice.values, choice.candidate) == ({}, None)
    again, _ = decide(strategy, 2, basin)
    assert all(one.start is None for one in again)


def test_members_follow_ranges_that_were_changed() -> None:
    def flat(found: Values) -> float:
        return found["lr"]

    strategy = Pbt(10, (1, 2))
    decide(strategy, 1, flat)
    changed = {"lr": "1e-3:1e-2:log:3", "dropout": "0:0.5:lin:3", "batch_size": "16:64:log:3"}
    candidates, _ = decide(strategy, 2, flat, changed)
    for one in candidates:
        assert set(one.values) == set(changed)
        assert 1e-3 <= one.values["lr"] <= 1e-2
        assert one.values["batch_size"] in range(16, 65)
