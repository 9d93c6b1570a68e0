"""The race of the adaptive strategy: branches of the run with other regularisers, and weights of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from deciding import run_decision
from test_adaptive import LR, Loss, adaptive, basin, measure, situation

from hptui.hyperparameters import Values, default_values, hyperparameter
from hptui.plan import ONE_BATCH
from hptui.space import SearchSpace, parse_range
from hptui.strategies import Candidate, Choice, Measurement
from hptui.strategies._race import LEGS, branches_of, ends, last_end, raced
from hptui.strategies.adaptive import Adaptive

TWO = LR | {"dropout": "0:0.6:lin:4", "augmentation": "0:1:lin:5"}
AFTER = 0.1
"""loss after every epoch: nothing went wrong"""

FOUR = ["weight_decay", "zoom", "noise", "blur"]
Decided = dict[int, tuple[list[list[Candidate]], Choice]]


def strong_helps(found: Values) -> float:
    return basin(found) - 0.05 * found["augmentation"] - 0.02 * found["dropout"]


def strong_harms(found: Values) -> float:
    return basin(found) + 0.05 * found["augmentation"] + 0.02 * found["dropout"]


def race(
    strategy: Adaptive,
    loss: Loss,
    search: dict[str, str] = TWO,
    *,
    until: int = 11,
    since: int = 1,
    by: Callable[[Candidate, Measurement], Measurement] = lambda _, found: found,
    **given: float,
) -> Decided:
    """The decisions before some epochs of ten, as what each chose is in force for the next."""
    decided: Decided = {}
    in_force: Values = {}
    for epoch in range(since, until):
        if strategy.decides(epoch, AFTER):
            at = situation(epoch, search=search, loss=AFTER, **given | in_force)
            decided[epoch] = run_decision(
                strategy, at, lambda one, at=at: by(one, measure(one, at, loss(at.values | one.values)))
            )
            in_force |= decided[epoch][1].values
    return decided


def space_of(search: dict[str, str]) -> SearchSpace:
    return {name: parse_range(name, text) for name, text in search.items()}


def legs(decided: Decided) -> list[list[Candidate]]:
    """The rounds in which branches were trained."""
    return [rounds[-1] for epoch, (rounds, _) in decided.items() if epoch > 1]


def test_branches_are_trained_as_far_as_the_run_and_the_worst_is_dropped() -> None:
    strategy = adaptive(budget=4)
    decided = race(strategy, strong_helps)
    assert list(decided) == [1, 3, 4, 6]
    survey = decided[1][1]
    assert survey.reason.endswith("; 4 branches begin")
    (_, *first), (_, *second), (_, *third) = legs(decided)
    came = 3 * strategy.memory["unit"]  # the run trains the epoch that it came into to its end
    lengths = [one.horizon for one in (*first, *second, *third)]
    assert lengths == pytest.approx(
        [2 - came % 1 + 0.02] * 4 + [1] * 3 + [2] * 2
    )  # two batches past the end of an epoch
    assert all(one.keep for one in (*first, *second, *third))
    assert {one.values["lr"] for one in first} == {survey.values["lr"]}
    assert [one.start for one in first] == [survey.start] * 4
    best = sorted(first, key=lambda one: strong_helps(default_values() | one.values))[:3]
    assert [one.start for one in second] == [{"reached by": one.values, "from": one.start} for one in best]


def test_where_nothing_was_chosen_before_branches_begin_from_the_run_s_own_state() -> None:
    search = {name: text for name, text in TWO.items() if name != "lr"}
    decided = race(adaptive(budget=4), strong_helps, search, lr=0.05)
    ((own,),), choice = decided[1]
    assert (own.horizon, own.start, own.keep, choice.start) == (ONE_BATCH, None, True, None)
    first, *_ = legs(decided)
    assert [one.horizon for one in first[1:]] == pytest.approx([2.02] * 4)
    assert [one.start for one in first[1:]] == [{"reached by": own.values, "from": None}] * 4


def test_the_values_in_force_are_among_the_contenders_of_every_leg() -> None:
    decided = race(adaptive(budget=4), strong_helps)
    for own, *left in legs(decided):
        assert own.horizon == ONE_BATCH
        assert own.values == decided[1][1].values
        assert all(one.values != own.values for one in left)


def test_the_run_goes_on_as_the_best_branch_with_its_weights_and_values() -> None:
    strategy = adaptive(budget=4)
    rounds, choice = race(strategy, strong_helps, until=7)[6]
    _, best, _ = rounds[-1]
    assert choice.values == best.values
    assert (choice.values["augmentation"], choice.values["dropout"]) == pytest.approx((2 / 3, 0.4))
    assert choice.start == {"reached by": best.values, "from": best.start}
    assert choice.candidate == 1
    assert "race, best of 2 branches: dropout 0.4, augmentation 0.667, +" in choice.reason
    assert strategy.needed() == [choice.start]  # to go back to, for one epoch


def gain_of(augmentation: float) -> Loss:
    """A loss that augmentation lowers by so much, however strong it is; 0.0007 is a standard error."""

    def known(found: Values) -> float:
        return basin(found) - augmentation * (found["augmentation"] > 0)

    return known


@pytest.mark.parametrize(("gain", "taken"), [(3e-4, False), (3e-3, True)])
def test_the_run_is_left_for_more_than_one_standard_error_alone_where_no_last_leg_is_to_come(
    gain: float, taken: bool
) -> None:
    strategy = adaptive(budget=4)
    strategy.decision_epochs = tuple(range(1, 8))
    _, choice = race(strategy, gain_of(gain))[6]
    assert (choice.values["augmentation"] > 0, choice.start is not None) == (taken, taken)
    assert ("the run stays" in choice.reason) == (not taken)


@pytest.mark.parametrize(("gain", "taken"), [(3e-4, True), (-3e-4, False)])
def test_where_run_and_branches_are_level_the_best_goes_on_while_the_rate_falls(gain: float, taken: bool) -> None:
    strategy = adaptive(budget=4)
    decided = race(strategy, gain_of(gain))
    assert list(decided) == [1, 3, 4, 6, 9]
    rounds, level = decided[6]
    assert (level.start, "the run stays" in level.reason) == (None, False)
    (own, branch), choice = decided[9][0][-1], decided[9][1]
    assert (own.along, branch.along) == (None, (5.0, 8.0))
    assert (own.values, branch.horizon) == (decided[1][1].values, pytest.approx(3))
    best = min(rounds[-1][1:], key=lambda one: gain_of(gain)(default_values() | one.values))
    assert (branch.values, branch.start) == (best.values, {"reached by": best.values, "from": best.start})
    assert (choice.values == branch.values, choice.start is not None) == (taken, taken)
    assert ("the run stays" in choice.reason) == (not taken)
    assert strategy.memory["due"] == []


def test_where_a_race_begins_the_run_comes_as_far_as_its_branches_and_the_rate_falls() -> None:
    """Also where nothing else was chosen: the rate in force is the best one."""
    strategy = adaptive(budget=4)
    _, choice = race(strategy, strong_harms, until=2, lr=0.0464158883)[1]
    assert (choice.values["lr"], choice.start is not None) == (0.0464158883, True)
    assert strategy.follows_schedule()


def test_a_last_leg_that_the_budget_does_not_allow_is_none() -> None:
    def decided_with(probed: float) -> Decided:
        strategy = adaptive(budget=4)
        race(strategy, gain_of(3e-4), until=6)
        return race(strategy, gain_of(3e-4), since=6, probed=probed, lr=0.05)

    assert list(decided_with(20.0)) == [6, 9]
    late = decided_with(24.0)
    assert list(late) == [6]
    assert "the run stays" in late[6][1].reason


def test_a_leg_that_was_missed_is_the_last_one_s() -> None:
    strategy = adaptive(budget=4)
    race(strategy, gain_of(3e-4), until=6)
    ((own, *branches),) = (rounds[-1] for rounds, _ in [race(strategy, gain_of(3e-4), since=9, lr=0.05)[9]])
    assert [one.along for one in branches] == [(3.0, 8.0)] * 2
    assert (own.horizon, strategy.memory["due"]) == (ONE_BATCH, [])


@pytest.mark.parametrize(
    ("allowed", "found"), [(range(1, 31), 25), ((1, 9, 14, 20, 28), 28), ((1, 15), 0), ((1, 29), 0)]
)
def test_the_last_leg_ends_late(allowed: tuple[int, ...], found: int) -> None:
    assert last_end(1, 30, tuple(allowed)) == found


def test_where_no_branch_leads_the_run_stays_as_it_is() -> None:
    strategy = adaptive(budget=4)
    decided = race(strategy, strong_harms)
    assert all((choice.start, choice.candidate) == (None, None) for _, choice in list(decided.values())[1:])
    in_force = decided[1][1].values
    assert all(choice.values == in_force for _, choice in decided.values())
    assert decided[6][1].reason.startswith("race: the run stays; best of 2 branches: ")
    assert (strategy.needed(), strategy.memory["due"]) == ([], [])


def test_what_the_branches_are_is_kept_until_the_race_is_over() -> None:
    strategy = adaptive(budget=4)
    for until, left in ((2, 4), (4, 3), (5, 2), (7, 0)):
        strategy.memory = {}
        race(strategy, strong_harms, until=until)
        home = ["home" in strategy.memory] * ("home" in strategy.memory)
        assert len(strategy.needed()) == left + len(home)


@pytest.mark.parametrize("names", [["mixup"], ["label_smoothing", "rotation"], FOUR])
def test_branches_are_of_whatever_regularisers_are_searched(names: list[str]) -> None:
    space = space_of(LR | {"batch_size": "32:512:log:5"} | {name: hyperparameter(name).suggested for name in names})
    assert raced(space) == names
    changes = branches_of(names, space, {name: hyperparameter(name).default or 0.0 for name in names})
    assert len(changes) == (2 if len(names) == 1 else 4)
    for change in changes:
        for name, value in change.items():
            assert space[name].low < value < space[name].high
    weak, strong, *halves = changes
    assert list(weak) == list(strong) == names
    assert all(weak[name] < strong[name] for name in names)
    assert [name for half in halves for name in half] == (names if halves else [])
    assert all(value == strong[name] for half in halves for name, value in half.items())


def test_branches_go_on_from_what_is_in_force_and_down_where_it_is_strong_already() -> None:
    space = space_of({"dropout": "0:0.8:lin:5", "augmentation": "0:1:lin:5"})
    weak, strong, *_ = branches_of(["dropout", "augmentation"], space, {"dropout": 0.5, "augmentation": 0.9})
    assert weak == pytest.approx({"dropout": 0.6, "augmentation": 0.6})
    assert strong == pytest.approx({"dropout": 0.7, "augmentation": 0.3})
    weak, _ = branches_of(["dropout"], space, {})  # a model may have several dropout rates of its own
    assert weak == pytest.approx({"dropout": 0.8 / 3})


def test_what_is_no_regulariser_is_screened_beside_and_the_branches_follow_it() -> None:
    search = TWO | {"momentum": "0.5:0.99:lin:3"}

    def known(found: Values) -> float:
        return strong_helps(found) - (0.05 if found["momentum"] < 0.7 else 0.0)

    strategy = adaptive(budget=6)
    decided = race(strategy, known, search, momentum=0.9)
    screened = next(epoch for epoch, (_, choice) in decided.items() if "screen of 2 levels" in choice.reason)
    probes = [candidates[0] for candidates in decided[screened][0]]
    came = sum(one.horizon or 0.0 for one in probes if one.horizon != ONE_BATCH)
    momentum = decided[screened][1].values["momentum"]
    assert momentum < 0.7
    after = next(epoch for epoch in decided if epoch > screened)
    own, *left = decided[after][0][-1]
    assert {one.values["momentum"] for one in (own, *left)} == {momentum}
    assert left[0].horizon == pytest.approx(after - screened - came + math.floor(came) + came)
    assert decided[6][1].values["momentum"] == momentum


@pytest.mark.parametrize(("budget", "branches", "later"), [(3.0, 4, {*LEGS}), (2.2, 2, {*LEGS}), (1.5, 0, {"screen"})])
def test_where_the_budget_is_too_small_for_a_race_regularisers_are_screened(
    budget: float, branches: int, later: set[str]
) -> None:
    strategy, at = adaptive(30, budget), situation(search=TWO, epochs=30)
    rounds, _ = run_decision(strategy, at, lambda one: measure(one, at, 0.5))
    assert len(rounds) == 2
    assert strategy.memory["branches"] == branches
    assert {stage for _, stage in strategy.memory["due"]} == later


@pytest.mark.parametrize(
    ("allowed", "found"),
    [(range(1, 31), [6, 11, 16]), ((1, 9, 14, 20), [9, 14, 20]), ((1, 15), [15]), ((1, 29), []), ((1,), [])],
)
def test_legs_end_where_decisions_are_allowed_and_not_late(allowed: tuple[int, ...], found: list[int]) -> None:
    assert ends(1, 30, tuple(allowed)) == found


def test_without_a_decision_to_end_it_there_is_no_race() -> None:
    strategy = Adaptive(10, (1,))
    strategy.budget = 6
    at = situation(search=TWO)
    _, choice = run_decision(strategy, at, lambda one: measure(one, at, 0.5))
    assert "screen of 4 levels" in choice.reason
    assert strategy.memory["due"] == []


def test_a_race_that_somebody_s_own_values_kept_from_beginning_is_a_screen() -> None:
    strategy = adaptive(budget=6)
    race(strategy, strong_helps, until=2, since=1)
    strategy.memory["due"] = [[1, "race"], *strategy.memory["due"]]
    del strategy.memory["race"]
    _, choice = race(strategy, strong_helps, since=7, lr=0.05)[7]
    assert "screen of 4 levels" in choice.reason
    assert not strategy.decides(8, AFTER)


def test_a_leg_that_was_missed_is_made_up_at_its_whole_length() -> None:
    strategy = adaptive(budget=6)
    race(strategy, strong_helps, until=4)
    decided = race(strategy, strong_helps, since=5, lr=0.05)
    assert list(decided) == [5, 6]
    assert [one.horizon for own, *left in legs(decided) for one in left] == pytest.approx([2, 2, 2, 1, 1])


def test_branches_keep_within_ranges_that_changed_and_those_are_searched_after_the_race() -> None:
    strategy, narrow = adaptive(budget=8), TWO | {"dropout": "0.1:0.3:lin:3"}
    race(strategy, strong_harms, until=2)
    strategy.ranges_changed(space_of(TWO), space_of(narrow))
    decided = race(strategy, strong_harms, narrow, since=2, lr=0.05, dropout=0.1)
    assert list(decided) == [3, 4, 6]
    assert all(0.1 <= one.values["dropout"] <= 0.3 for candidates in legs(decided) for one in candidates)
    assert "screen of 2 levels" in decided[6][1].reason
    tried = sorted({one.values["dropout"] for one in decided[6][0][1]})
    assert tried == pytest.approx([0.1, 0.1 + 0.2 / 3, 0.1 + 0.4 / 3])


def test_where_the_run_goes_back_the_race_begins_anew_with_the_smaller_rate() -> None:
    strategy = adaptive(budget=6)
    survey = race(strategy, strong_helps, until=2)[1][1]
    assert strategy.decides(2, 9.0)
    at = situation(2, search=TWO, loss=9.0, **survey.values)
    _, back = run_decision(strategy, at, lambda one: measure(one, at, 0.5))
    assert strategy.needed() == [survey.start]
    decided = race(strategy, strong_helps, since=3, **back.values)
    assert decided[3][1].reason == "4 branches begin"
    (begun,), (_, *left) = decided[3][0][-1], decided[4][0][-1]
    assert [(one.horizon, one.values["lr"]) for one in left] == [(pytest.approx(1.02), back.values["lr"])] * 4
    assert [one.start for one in left] == [{"reached by": begun.values, "from": None}] * 4


def test_branches_for_which_no_budget_is_left_are_dropped_the_worst_first() -> None:
    def left_at(probed: float) -> tuple[list[Candidate], Choice]:
        strategy = adaptive(budget=4)
        race(strategy, strong_helps, until=4)
        rounds, choice = race(strategy, strong_helps, since=4, until=5, probed=probed, lr=0.05)[4]
        return (rounds[-1] if rounds else []), choice

    left = {probed: left_at(probed)[0][1:] for probed in (20.0, 24.0, 26.5)}
    assert [len(candidates) for candidates in left.values()] == [3, 2, 1]
    (best,) = left[26.5]
    assert (best.values["dropout"], best.values["augmentation"]) == pytest.approx((0.4, 2 / 3))
    none, choice = left_at(29.0)
    assert none == []
    assert "no budget to race on: the run stays" in choice.reason


def test_a_branch_that_diverges_is_dropped_and_where_all_do_the_run_stays() -> None:
    def brittle(found: Values) -> float:
        return math.inf if found["dropout"] > 0 else strong_helps(found)

    _, choice = race(adaptive(budget=4), brittle)[6]
    assert (choice.values["dropout"], choice.values["augmentation"]) == pytest.approx((0.0, 2 / 3))
    strategy = adaptive(budget=4)
    decided = race(strategy, lambda found: math.inf if found["dropout"] + found["augmentation"] > 0 else basin(found))
    assert list(decided) == [1, 3]
    assert decided[3][1].reason == "race: all branches diverged; the run stays"
    assert strategy.needed() == []


def test_a_race_whose_branches_cannot_even_begin_is_over() -> None:
    def fails(one: Candidate, found: Measurement) -> Measurement:
        return replace(found, score=math.inf, end=None) if one.horizon == ONE_BATCH else found

    strategy = adaptive(budget=4)
    search = {name: text for name, text in TWO.items() if name != "lr"}
    decided = race(strategy, strong_helps, search, by=fails, lr=0.05)
    assert list(decided) == [1]
    assert "race: all branches failed; the run stays" in decided[1][1].reason


def test_the_plan_says_what_happens() -> None:
    search = TWO | {"weight_decay": "1e-6:1e-2:log:5"}
    strategy = adaptive(budget=6)
    plan = strategy.plan(situation(search=search))
    decided = race(strategy, gain_of(3e-4), search)  # neither is ahead before the last leg
    assert list(plan.decisions()) == list(decided) == [1, 3, 4, 6, 9]
    for epoch, stages in plan.decisions().items():
        told = [(one.candidates, pytest.approx(one.epochs)) for stage in stages for one in stage.rounds]
        found = [(len(part), part[0].horizon) for candidates in decided[epoch][0] for part in equally_long(candidates)]
        assert found == told


def equally_long(candidates: list[Candidate]) -> list[list[Candidate]]:
    """Candidates of one round by the length of their probes, in their order."""
    lengths = dict.fromkeys(one.horizon for one in candidates)
    return [[one for one in candidates if one.horizon == length] for length in lengths]
