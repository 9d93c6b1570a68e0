"""The adaptive strategy against landscapes that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from deciding import run_decision

from hptui.hyperparameters import Values, default_values
from hptui.metrics.evidence import Evidence
from hptui.plan import ONE_BATCH
from hptui.space import parse_range
from hptui.strategies import Candidate, Choice, Measurement, Situation
from hptui.strategies._comparing import lead
from hptui.strategies._plan import LEAST_STEPS, begin_memory, levels, longest
from hptui.strategies.adaptive import Adaptive

IMAGES = 400
NOISE = np.random.default_rng(0).normal(0, 0.1, IMAGES).astype(np.float32)
LR = {"lr": "1e-4:1:log:7"}
BOTH = LR | {"weight_decay": "1e-6:1e-2:log:5"}
ALL = BOTH | {"dropout": "0:0.6:lin:4", "augmentation": "0:1:lin:5", "batch_size": "32:512:log:5"}

Loss = Callable[[Values], float]


def basin(found: Values) -> float:
    """Best at a rate of 0.03; a rate of 0.5 or more diverges."""
    return math.inf if found["lr"] >= 0.5 else 0.1 + 0.2 * abs(math.log10(found["lr"] / 0.03))


def situation(
    epoch: int = 1, *, search: dict[str, str] = BOTH, epochs: int = 10, images: int = 10_000, **given: float
) -> Situation:
    loss = given.pop("loss", 2.3)
    return Situation(
        epoch=epoch,
        epochs=epochs,
        images_per_epoch=images,
        images_trained=round(images * given.pop("trained", epoch - 1)),
        images_probed=round(images * given.pop("probed", 0)),
        values=default_values() | {"dropout": 0.0} | given,
        space={name: parse_range(name, text) for name, text in search.items()},
        loss=loss,
        losses=np.full(IMAGES, loss, np.float32),
        horizon=0.2,
    )


def measure(candidate: Candidate, at: Situation, loss: float) -> Measurement:
    """Losses that share most of their noise from candidate to candidate, as those of paired images do."""
    own = np.random.default_rng(abs(hash(tuple(candidate.values.values()))) % 1000).normal(0, 0.01, IMAGES)
    own -= own.mean()  # the mean is what the test says, to the last digit
    return Measurement(
        candidate=candidate,
        values=at.values | candidate.values,
        score=loss,
        loss=loss,
        accuracy=0.9,
        raw_loss=loss,
        raw_accuracy=0.9,
        diverged=math.isinf(loss),
        losses=(loss + NOISE + own).astype(np.float32),
        end={"reached by": candidate.values, "from": candidate.start},  # type: ignore[arg-type]  # a name that a strategy must not look into
    )


def decide(strategy: Adaptive, at: Situation, loss: Loss) -> tuple[list[list[Candidate]], Choice]:
    """One decision: the rounds of candidates, and the choice."""
    return run_decision(strategy, at, lambda candidate: measure(candidate, at, loss(at.values | candidate.values)))


def adaptive(epochs: int = 10, budget: float = 1.5) -> Adaptive:
    strategy = Adaptive(epochs, tuple(range(1, epochs + 1)))
    strategy.budget = budget
    return strategy


def screening(epochs: int = 10, budget: float = 1.5) -> Adaptive:
    """One that has no race, whatever its budget."""
    strategy = adaptive(epochs, budget)
    strategy.races = ()
    return strategy


def test_the_survey_covers_the_range_and_goes_on_with_the_best_from_their_own_ends() -> None:
    rounds, choice = decide(adaptive(), situation(), basin)
    first, second = rounds
    spread = [10 ** (-4 + 4 * step / 6) for step in range(7)]
    assert [one.values["lr"] for one in first] == pytest.approx([spread[0], 1e-3, *spread[2:]])  # 1e-3 is in force
    assert all(one.start is None and one.keep for one in first)
    # the two best, and what is in force, which is left for what was compared with it
    assert sorted(one.values["lr"] for one in second) == pytest.approx([0.001, 0.01, 0.0464], rel=1e-2)
    assert all(one.horizon == pytest.approx(2 * first[0].horizon) for one in second)
    assert all(one.start == {"reached by": one.values, "from": None} for one in second)
    assert choice.values["lr"] == pytest.approx(0.0464, rel=1e-2)
    assert choice.start is not None
    assert (choice.candidate, rounds[1][(choice.candidate or 0) - 7].values) == (choice.candidate, choice.values)


def test_it_decides_at_the_beginning_after_some_epochs_and_then_never_again() -> None:
    strategy, decided = adaptive(), []
    for epoch in range(1, 11):
        if strategy.decides(epoch, 0.1):
            decided.append(epoch)
            decide(strategy, situation(epoch, loss=0.1), basin)
    assert decided == [1, 3]


def test_decisions_keep_to_the_epochs_that_are_allowed() -> None:
    strategy, decided = Adaptive(10, (2, 5)), []
    for epoch in range(1, 11):
        if strategy.decides(epoch, 0.1):
            decided.append(epoch)
            decide(strategy, situation(epoch, loss=0.1), basin)
    assert decided == [2, 5]


def test_in_a_tie_what_is_in_force_stays() -> None:
    _, choice = decide(adaptive(), situation(), lambda found: math.inf if found["lr"] > 0.3 else 0.2)
    assert choice.values["lr"] == 1e-3
    assert (choice.candidate, choice.start) == (9, None)  # and the run goes on as one without a search


@pytest.mark.parametrize(("loss", "follows"), [(lambda _: 0.2, False), (basin, True), (lambda _: math.inf, True)])
def test_the_rate_stays_as_it_is_until_something_was_chosen(loss: Loss, follows: bool) -> None:
    strategy = adaptive()
    assert not strategy.follows_schedule()
    _, choice = decide(strategy, situation(), loss)
    assert (choice.values["lr"] != 1e-3, strategy.follows_schedule()) == (follows, follows)
    decide(strategy, situation(3, lr=choice.values["lr"]), lambda _: 0.2)  # and it is not taken back
    assert strategy.follows_schedule() == follows


def test_a_rate_outside_its_range_is_left_so_something_was_chosen() -> None:
    strategy = adaptive()
    _, choice = decide(strategy, situation(search={"lr": "1e-2:1:log:5"}), lambda _: 0.2)
    assert (choice.values["lr"], choice.start is not None, strategy.follows_schedule()) == (1e-2, True, True)


def test_where_nothing_is_tried_a_rate_outside_its_range_stays_as_it_is() -> None:
    strategy = adaptive(epochs=1, budget=1.01)
    rounds, choice = decide(strategy, situation(epochs=1, search={"lr": "1e-2:1:log:5"}), lambda _: 0.2)
    assert (rounds, choice.values, strategy.follows_schedule()) == ([], {}, False)


def test_what_an_older_hptui_remembers_follows_the_schedule() -> None:
    strategy = adaptive()
    decide(strategy, situation(), lambda _: 0.2)
    del strategy.memory["follows schedule"]
    assert strategy.follows_schedule()


def test_what_lies_outside_its_range_stays_there_until_something_is_chosen() -> None:
    _, nothing = decide(adaptive(), situation(), lambda _: 0.2)
    assert nothing.values == {"lr": 1e-3}  # and a weight decay of 0
    _, chosen = decide(adaptive(), situation(), basin)
    assert chosen.values["weight_decay"] == 1e-6


def test_where_what_is_in_force_is_worse_the_largest_rate_of_a_tie_is_taken() -> None:
    def known(found: Values) -> float:
        return math.inf if found["lr"] > 0.3 else 0.4 if found["lr"] < 5e-3 else 0.2

    _, choice = decide(adaptive(), situation(), known)
    assert choice.values["lr"] == pytest.approx(0.215, rel=1e-2)


@pytest.mark.parametrize("start", [1e-4, 1e-3, 0.05, 0.3, 0.99])
def test_of_equal_candidates_luck_is_no_evidence(start: float) -> None:
    """The best of as many equal ones leads by some standard errors: the start stays, whatever it is."""
    random = np.random.default_rng(0)
    strategy, at = adaptive(budget=3), situation(lr=start)
    left = 0
    for _ in range(40):
        strategy.memory = {}

        def by_chance(candidate: Candidate) -> Measurement:
            losses = (1.0 + random.normal(0, 0.5, IMAGES)).astype(np.float32)
            measured = measure(candidate, at, float(losses.mean()))
            return replace(measured, losses=losses)

        _, choice = run_decision(strategy, at, by_chance)
        left += choice.values["lr"] != start
    assert left <= 6  # without the rule 6 to 32 times


def test_a_smaller_rate_has_to_be_much_better() -> None:
    """A short probe flatters it: by a clear lead, but a small one, a larger rate is taken and a smaller one is not."""

    def slope(down: float) -> Loss:
        return lambda found: math.inf if found["lr"] > 0.5 else 1.0 + 0.02 * down * math.log10(found["lr"] / 0.01)

    assert decide(adaptive(), situation(lr=0.01), slope(+1))[1].values["lr"] == 0.01
    assert decide(adaptive(), situation(lr=0.01), slope(-1))[1].values["lr"] > 0.01
    assert decide(adaptive(), situation(lr=0.01), slope(+9))[1].values["lr"] < 0.01


def test_a_clear_lead_is_obeyed() -> None:
    _, choice = decide(adaptive(), situation(), lambda found: 0.1 + abs(math.log10(found["lr"] / 1e-3)))
    assert abs(math.log10(choice.values["lr"] / 1e-3)) < 0.34


def test_of_regularisers_those_that_help_are_taken_and_all_are_tried_together() -> None:
    strategy = adaptive()
    decide(strategy, situation(), basin)

    def known(found: Values) -> float:
        helps = 0.01 * (found["dropout"] > 0) + 0.02 * (found["augmentation"] > 0)
        return 0.1 + (0.5 if found["dropout"] > 0.3 else 0.0) - helps

    search = LR | {"weight_decay": "1e-6:1e-2:log:5", "dropout": "0:0.6:lin:4", "augmentation": "0:1:lin:5"}
    strategy = adaptive()
    decide(strategy, situation(search=search), basin)
    rounds, choice = decide(strategy, situation(3, search=search, lr=0.05), known)
    first, second = rounds
    assert sum(len(set(one.values.items()) - set(first[0].values.items())) for one in first) == len(first) - 1
    strongest = {name: max(one.values[name] for one in first) for name in search}
    assert choice.values["weight_decay"] == first[0].values["weight_decay"]  # makes no difference: stays as it is
    assert choice.values["augmentation"] == strongest["augmentation"]  # helps, weakly or strongly
    assert choice.values["dropout"] == min(one.values["dropout"] for one in first if one.values["dropout"] > 0)
    assert second[1].values == choice.values  # all together were tried, from where the best alone had ended
    assert second[0].start == second[1].start == {"reached by": second[0].values, "from": None}
    assert choice.candidate == len(first) + 1


def test_what_does_no_harm_alone_but_does_together_is_not_taken() -> None:
    strategy = adaptive()
    search = LR | {"weight_decay": "1e-6:1e-2:log:5", "augmentation": "0:1:lin:5"}
    decide(strategy, situation(search=search), basin)

    def clash(found: Values) -> float:
        decays = found["weight_decay"] > 1e-5
        return 1.0 if found["augmentation"] > 0 and decays else 0.2 - 0.01 * found["augmentation"] - 0.003 * decays

    rounds, choice = decide(strategy, situation(3, search=search, lr=0.05), clash)
    assert clash(default_values() | rounds[1][1].values) == 1.0
    assert clash(default_values() | choice.values) < 0.2
    assert choice.values["augmentation"] > 0
    assert choice.values["weight_decay"] == 1e-6


def test_few_images_with_a_large_error_are_no_licence() -> None:
    """One standard error of them may be half of the loss."""
    strategy = adaptive()
    decide(strategy, situation(search=BOTH), basin)
    _, choice = decide(strategy, situation(3, lr=0.05), lambda found: 0.02 if found["weight_decay"] < 1e-5 else 0.0215)
    assert choice.values == {"lr": 0.05}  # nor is a weight decay of 0 one, to lift it into its range


def test_a_model_s_own_dropout_stays_where_nothing_else_is_better() -> None:
    search = LR | {"dropout": "0:0.6:lin:4"}
    strategy = adaptive()
    several = situation(search=search)
    del several.values["dropout"]
    rounds, choice = decide(strategy, several, basin)
    assert "dropout" not in choice.values
    later = situation(3, search=search, lr=0.05)
    del later.values["dropout"]
    rounds, choice = decide(strategy, later, lambda found: 0.1 + found.get("dropout", 0.0))
    assert "dropout" not in rounds[0][0].values
    assert "dropout" not in choice.values


def test_ranges_that_were_changed_hold_at_once() -> None:
    strategy = adaptive()
    decide(strategy, situation(), basin)
    narrow = {"lr": "1e-3:1e-2:log:3", "weight_decay": "1e-5:1e-4:log:3"}
    rounds, choice = decide(strategy, situation(3, search=narrow, lr=0.05), basin)
    assert all(one.values["lr"] == 1e-2 for one in rounds[0])
    assert all(1e-5 <= one.values["weight_decay"] <= 1e-4 for one in rounds[0])
    assert choice.values["lr"] == 1e-2


def test_a_range_that_came_or_changed_after_its_stage_is_searched_at_the_next_decision() -> None:
    strategy = screening(budget=4)
    decide(strategy, situation(), basin)
    decide(strategy, situation(3, lr=0.05), basin)
    assert not strategy.decides(4, 0.1)
    wide = BOTH | {"weight_decay": "1e-8:1e-2:log:5", "dropout": "0:0.6:lin:4"}
    strategy.ranges_changed(situation().space, situation(search=wide).space)
    assert strategy.decides(4, 0.1)
    rounds, choice = decide(
        strategy, situation(4, search=wide, lr=0.05, loss=0.1), lambda found: 0.1 + found["dropout"]
    )
    assert {one.values["dropout"] for one in rounds[0]} > {0.0}
    assert len({one.values["weight_decay"] for one in rounds[0]}) == 3
    assert {one.values["lr"] for one in rounds[0]} == {0.05}
    assert choice.values["dropout"] == 0.0
    assert not strategy.decides(5, 0.1)


def test_a_new_range_of_the_rate_is_surveyed_and_one_without_budget_holds_all_the_same() -> None:
    narrow = BOTH | {"lr": "1e-3:1e-2:log:3"}
    for budget, searched in ((6, 7), (1.5, 0)):
        strategy = screening(budget=budget)
        decide(strategy, situation(), basin)
        decide(strategy, situation(3, lr=0.05), basin)
        strategy.ranges_changed(situation().space, situation(search=narrow).space)
        at = situation(4, search=narrow, lr=0.05, loss=0.1, probed=5 * (budget < 2))
        rounds, choice = decide(strategy, at, basin)
        assert len(rounds[0] if rounds else []) == searched
        assert choice.values["lr"] == 1e-2
        assert ("no budget" in choice.reason) == (not searched)


def test_a_range_that_changes_before_the_screen_takes_nothing_from_it() -> None:
    """Both come in one decision, and the budget is for the screen."""
    strategy = adaptive()
    decide(strategy, situation(), basin)
    narrow = BOTH | {"lr": "1e-3:1e-2:log:3"}
    strategy.ranges_changed(situation().space, situation(search=narrow).space)
    strategy.memory["due"] = [[2, stage] for _, stage in strategy.memory["due"]]
    spent = strategy.memory["unit"] * 20
    _, choice = decide(strategy, situation(2, search=narrow, lr=0.05, loss=0.1, probed=spent), basin)
    assert choice.candidate is not None
    assert choice.start is not None
    assert strategy.memory["home"] is choice.start
    assert choice.reason.startswith("screen of 2 levels")
    assert "within the new range of lr; no budget to search lr" in choice.reason
    assert choice.values["lr"] == 1e-2


def test_going_back_keeps_within_ranges_that_were_changed() -> None:
    strategy = adaptive()
    decide(strategy, situation(), basin)
    narrow = BOTH | {"weight_decay": "1e-5:1e-4:log:3"}
    _, choice = decide(strategy, situation(2, search=narrow, lr=0.05, weight_decay=1e-2, loss=9.0), basin)
    assert "back" in choice.reason
    assert choice.values["weight_decay"] == 1e-4


def test_a_range_that_changes_before_its_stage_is_no_decision_of_its_own() -> None:
    strategy = adaptive()
    strategy.ranges_changed({}, situation().space)
    assert strategy.memory == {}
    decide(strategy, situation(), basin)
    strategy.ranges_changed(situation().space, situation(search=BOTH | {"weight_decay": "1e-5:1e-2:log:5"}).space)
    assert not strategy.decides(2, 0.1)
    strategy.ranges_changed(situation().space, situation(search=BOTH | {"lr": "1e-5:1:log:5"}).space)
    assert strategy.decides(2, 0.1)


def test_where_all_diverge_the_smallest_rate_is_left() -> None:
    _, choice = decide(adaptive(), situation(), lambda found: math.inf)
    assert (choice.values["lr"], choice.candidate, choice.start) == (1e-4, None, None)


@pytest.mark.parametrize("loss", [math.inf, math.nan, 1.0])
def test_after_an_epoch_that_went_wrong_it_goes_back_with_a_smaller_rate(loss: float) -> None:
    strategy = adaptive()
    _, survey = decide(strategy, situation(search=LR), basin)
    assert strategy.decides(2, loss)
    rounds, choice = decide(strategy, situation(2, search=LR, loss=loss, **survey.values), basin)
    assert rounds == []
    assert choice.start == survey.start
    assert choice.values["lr"] == pytest.approx(survey.values["lr"] / 4.64, rel=1e-2)
    assert "back" in choice.reason
    assert strategy.decides(3, loss)  # and once more, should that be too much too, but not for ever
    _, choice = decide(strategy, situation(3, search=LR, loss=loss, **choice.values), basin)
    assert not strategy.decides(4, loss)
    assert "home" not in strategy.memory


def test_going_back_keeps_what_was_screened_and_the_screen_is_made_up() -> None:
    strategy, search = adaptive(epochs=5, budget=1.7), LR | {"dropout": "0:0.6:lin:4"}
    _, survey = decide(strategy, situation(search=search, epochs=5), basin)
    assert strategy.decides(2, 9.0)
    at = situation(2, search=search, epochs=5, loss=9.0, **survey.values | {"dropout": 0.4})
    _, choice = decide(strategy, at, basin)
    assert choice.values["dropout"] == 0.4
    assert strategy.decides(3, 0.1)  # the screen was due before epoch 2
    rounds, _ = decide(strategy, situation(3, search=search, epochs=5, **choice.values), basin)
    assert {one.values["dropout"] for one in rounds[0]} == {0.2, 0.4}


@pytest.mark.parametrize("loss", [0.2, 0.5, None])
def test_a_loss_that_rises_a_little_is_no_reason_to_go_back(loss: float | None) -> None:
    """A regulariser costs at first."""
    strategy = adaptive()
    decide(strategy, situation(search=LR), basin)
    assert not strategy.decides(2, loss)
    assert "home" not in strategy.memory  # every later checkpoint would be twice as large


def test_a_stage_that_was_missed_is_made_up() -> None:
    """Somebody chose by hand meanwhile."""
    strategy = adaptive()
    decide(strategy, situation(), basin)
    assert strategy.decides(6, 0.1)
    rounds, _ = decide(strategy, situation(6, lr=0.05), basin)
    assert len({one.values["weight_decay"] for one in rounds[0]}) == 3
    assert not strategy.decides(7, 0.1)


def test_what_the_survey_found_stays_where_all_levels_of_the_screen_diverge() -> None:
    def brittle(found: Values) -> float:
        return basin(found) if found["dropout"] == 0.0 and strategy.memory.get("due") else math.inf

    strategy = screening(epochs=2, budget=4)
    search = LR | {"dropout": "0:0.6:lin:4"}
    rounds, choice = decide(strategy, situation(search=search, epochs=2), brittle)
    assert len(rounds) == 3
    assert choice.values["lr"] == pytest.approx(0.0464, rel=1e-2)
    assert choice.start is not None
    assert "diverged" in choice.reason


def test_more_ranges_than_were_planned_for_keep_to_the_budget() -> None:
    strategy = adaptive()
    rounds, _ = decide(strategy, situation(search=LR), basin)
    strategy.memory["due"] = [[3, "screen"]]
    probed = sum(one.horizon or 0 for found in rounds for one in found)
    at = situation(3, search=ALL, lr=0.05, trained=2 - 3 * strategy.memory["unit"] % 1, probed=probed)
    rounds, choice = decide(strategy, at, basin)
    assert rounds == []
    assert "no budget to search weight_decay, dropout" in choice.reason


@pytest.mark.parametrize("search", [LR, BOTH, ALL, {"dropout": "0:0.5:lin:3"}])
@pytest.mark.parametrize("epochs", [2, 3, 10, 14, 100])
@pytest.mark.parametrize("budget", [1.2, 1.5, 3.0])
@pytest.mark.parametrize("images", [1_000, 10_000, 55_000])
@pytest.mark.parametrize("gain", [0.0, 1e-6])
def test_the_whole_costs_no_more_than_the_budget(
    search: dict[str, str], epochs: int, budget: float, images: int, gain: float
) -> None:
    """Every image of a probe counts; those of a winner are spared in the training, to the end of its epoch.

    Where a regulariser gains too little to be taken, the last round of a screen is for nothing.
    """
    known: Loss = basin if "lr" in search else lambda _: 0.1

    def loss(found: Values) -> float:
        return known(found) - gain * (found["dropout"] > 0) - gain * (found["weight_decay"] > 1e-5)

    strategy = adaptive(epochs, budget)
    probed = trained = 0.0
    in_force: Values = {}
    for epoch in range(1, epochs + 1):
        place = 0.0
        if strategy.decides(epoch, 0.1):
            done = {"trained": trained, "probed": probed}
            at = situation(epoch, search=search, epochs=epochs, images=images, loss=0.1, **in_force, **done)
            rounds, choice = decide(strategy, at, loss)
            in_force |= choice.values
            for candidates in rounds:
                sizes = [one.values.get("batch_size", 100) for one in candidates]
                steps = [
                    max(1, round((one.horizon or 0) * images / size))
                    for one, size in zip(candidates, sizes, strict=True)
                ]
                shares = [count * size / images for count, size in zip(steps, sizes, strict=True)]
                raced = any(one.horizon == ONE_BATCH for one in candidates)
                assert raced or min(steps) >= LEAST_STEPS - 1
                probed += sum(shares)
                place += min(shares) if raced else max(shares)
            place *= choice.start is not None
        trained += 1 - place % 1  # a winner that ends with an epoch is followed by a whole one
    assert (probed + trained) / epochs <= budget + 1e-9


@pytest.mark.parametrize("budget", [4.0, 50.0])
def test_of_a_large_budget_no_more_is_spent_than_pays(budget: float) -> None:
    """The run goes on from the winners: what they go through before is no epoch that could be delivered."""
    strategy, epochs, ahead, probed = adaptive(30, budget), 30, 0.0, 0.0
    for epoch in range(1, epochs + 1):
        if strategy.decides(epoch, 0.1):
            rounds, _ = decide(strategy, situation(epoch, search=ALL, epochs=epochs, loss=0.1), basin)
            probed += sum(one.horizon or 0.0 for candidates in rounds for one in candidates)
            ahead += sum(candidates[0].horizon or 0.0 for candidates in rounds)
    assert ahead <= 11 / 24 * epochs + 1
    assert probed <= 3.5 * epochs


def test_a_budget_that_allows_little_does_without_the_later_stages() -> None:
    for budget, stages in ((1.5, ["survey", "screen"]), (1.1, ["survey"]), (1.01, [])):
        found = begin_memory(adaptive(budget=budget), situation())
        assert [name for _, name in found["due"]] == stages


def test_what_the_budget_cannot_search_is_told() -> None:
    _, choice = decide(adaptive(budget=1.1), situation(), basin)
    assert choice.reason.startswith("survey of 3 rates")
    assert choice.reason.endswith("no budget to search weight_decay")
    assert choice.values["weight_decay"] == 1e-6  # within its range all the same
    _, choice = decide(adaptive(budget=1.01), situation(), basin)
    assert (choice.values, choice.reason) == ({}, "nothing was tried; no budget to search lr, weight_decay")
    _, choice = decide(adaptive(), situation(search={"dropout": "0:0.5:lin:3"}), basin)
    assert (choice.values, choice.reason) == ({}, "the first candidates come before epoch 3")


def test_a_longer_probe_wastes_more() -> None:
    stages = [(1, "survey", 7), (3, "screen", 3)]
    units = [longest(adaptive(), stages, spare, 0.01) for spare in (0.5, 1, 2, 4, 8)]
    assert units == sorted(units)
    assert units[0] > 0
    least = units[2]
    cut = [longest(adaptive(), stages, spare, 0.01, least=least) for spare in (0.5, 1, 2, 4, 8)]
    assert cut[2:] == units[2:]
    assert max(cut[:2]) < least


def test_levels_of_whole_numbers_are_whole() -> None:
    assert levels(parse_range("batch_size", "2:4:lin:3"), (0.1, 0.2, 1.0)) == [2.0, 4.0]


def test_a_lead_is_told_in_standard_errors() -> None:
    best = measure(Candidate({}), situation(), 0.5)
    base = np.zeros(100, np.float32)
    noise = np.tile([0.9, 1.1], 50).astype(np.float32)

    def one(losses: np.ndarray) -> Measurement:
        return replace(best, score=float(losses.mean()), losses=losses)

    assert lead(one(base), one(noise)) == pytest.approx(1 / (0.1005 / 10), rel=1e-3)
    assert lead(one(base), one(base)) == 0
    assert lead(one(base), one(base + 1)) == math.inf


def by_auc(at: Situation, known: Loss) -> Callable[[Candidate], Measurement]:
    """Measurements whose AUC is that of 80 images with `known` as 1 - it, and whose losses are all the same."""

    def found(candidate: Candidate) -> Measurement:
        score = known(at.values | candidate.values)
        wiggle = np.random.default_rng(abs(hash(tuple(candidate.values.values()))) % 1000).normal(0, 0.01, 50)
        evidence = Evidence(score + wiggle, resampled=True)
        return replace(measure(candidate, at, 0.4), score=score, evidence=evidence)

    return found


def auc(good: float, better_by: float) -> Loss:
    """1 - AUC: 0.2 at every rate, less at one of them."""
    return lambda found: 0.2 - better_by * math.isclose(found["lr"], good, rel_tol=0.01)


@pytest.mark.parametrize(
    ("good", "better_by", "taken"),
    [
        (1e-2, 0.1, 1e-2),  # seven standard errors
        (1e-2, 0.01, 1e-3),  # less than what luck makes of the best of seven
        (1e-4, 0.1, 1e-4),  # half of the distance to perfect
        (1e-4, 0.0, 1e-3),
    ],
)
def test_another_score_than_the_loss_decides_on_its_own_evidence(good: float, better_by: float, taken: float) -> None:
    at = replace(situation(search={"lr": "1e-4:1:log:13"}), score_name="auc")
    _, choice = run_decision(adaptive(budget=3.0), at, by_auc(at, auc(good, better_by)))
    assert choice.values["lr"] == pytest.approx(taken, rel=0.01)
    reached = 80 + 100 * better_by * (taken == good)
    assert f"AUC {reached:.2f} %" in choice.reason
    if better_by == 0.01:
        assert "(highest 81.00 % at lr 0.01, within noise of it" in choice.reason


def test_a_smaller_rate_needs_a_share_of_the_distance_to_perfect() -> None:
    """At an AUC of 80 % a lead of 0.9 points is less than one error in twenty, at 98 % it is nearly half of all."""
    at = replace(situation(search={"lr": "1e-4:1:log:13"}), score_name="auc")

    def sure(known: Loss) -> Callable[[Candidate], Measurement]:
        by = by_auc(at, known)
        return lambda one: replace(by(one), evidence=Evidence(np.full(50, by(one).score), resampled=True))

    _, far = run_decision(adaptive(budget=3.0), at, sure(auc(1e-4, 0.009)))
    assert far.values["lr"] == 1e-3
    near = sure(lambda found: auc(1e-4, 0.009)(found) - 0.18)
    _, choice = run_decision(adaptive(budget=3.0), at, near)
    assert choice.values["lr"] == pytest.approx(1e-4, rel=0.01)
    _, larger = run_decision(adaptive(budget=3.0), at, sure(auc(1e-2, 0.009)))
    assert larger.values["lr"] == pytest.approx(1e-2)


def test_where_a_coarse_score_calls_all_equal_the_losses_order_them_and_are_no_evidence() -> None:
    at = replace(situation(search=LR), score_name="accuracy")

    def equal(candidate: Candidate) -> Measurement:
        found = measure(candidate, at, basin(at.values | candidate.values))
        return replace(found, score=0.5 if math.isfinite(found.loss) else math.inf, evidence=Evidence(NOISE > 0))

    rounds, choice = run_decision(adaptive(budget=3.0), at, equal)
    assert sorted(one.values["lr"] for one in rounds[1]) == pytest.approx([0.001, 0.01, 0.0464], rel=1e-2)
    assert choice.values["lr"] == 1e-3


def test_where_nothing_is_known_of_a_score_what_is_in_force_stays() -> None:
    at = replace(situation(search=LR), score_name="auc")
    by = by_auc(at, auc(1e-2, 0.1))
    _, choice = run_decision(adaptive(), at, lambda one: replace(by(one), evidence=Evidence(np.full(50, np.nan), True)))
    assert choice.values["lr"] == 1e-3


def test_a_rate_that_is_taken_though_another_scored_lower_says_so() -> None:
    """The differences are within noise: they are far smaller than the spread from image to image."""

    def flat(found: Values) -> float:
        return 0.5 if found["lr"] == 1e-2 else 0.5001

    why = "(lowest 0.5 at lr 0.01, within noise of it: what is in force, then a larger rate, first)"
    at = situation(search=LR)
    _, choice = decide(adaptive(), at, flat)
    assert choice.values["lr"] == 1e-3
    assert why in choice.reason
    _, clear = decide(adaptive(), situation(search=LR), basin)
    assert "lowest" not in clear.reason
