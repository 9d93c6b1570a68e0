"""When the stages of the adaptive strategy come, and how long their probes are, so that a budget is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from hptui.hyperparameters import Values, hyperparameter
from hptui.plan import ONE_BATCH, Plan, Round, Stage
from hptui.space import Range, SearchSpace
from hptui.strategies import Outlook
from hptui.strategies._race import MARGIN, NO_RACE, Race, branches_of, coming_race, ends, race_of, raced

LEAST_STEPS = 10
"""of the shortest probe; a budget that allows fewer does without a stage"""


ONE_LEVEL = (0.5,)
"""of each further hyperparameter, where the budget allows no more"""


class Shape(Protocol):
    """What a plan has to know of its strategy."""

    decision_epochs: tuple[int, ...]
    budget: float
    rates: int
    finalists: int
    screen_at: float
    length: float
    longest_unit: float
    levels: tuple[float, ...]
    races: tuple[int, ...]


class Standing(Protocol):
    """How far a decision has come."""

    @property
    def situation(self) -> Outlook:
        """What is known where it began."""

    @property
    def wasted(self) -> float:
        """Epochs of probes since then, without those that the run goes on from."""

    @property
    def ahead(self) -> float:
        """Epochs that the run came on by going on from the winners."""


class Ahead(NamedTuple):
    """How far a decision that is still to come will have come, in a plan."""

    situation: Outlook
    """now"""
    wasted: float = 0.0
    """in all decisions until then"""
    ahead: float = 0.0
    """in that decision"""
    epoch: int = 0
    """that it is for"""

    def after(self, probed: float, gained: float) -> Ahead:
        """How far once a stage is over that probes for so many epochs, and gains some of them."""
        return self._replace(wasted=self.wasted + probed - gained, ahead=self.ahead + gained)

    def at(self, epoch: int) -> Ahead:
        """How far at the decision for `epoch`: an epoch that the run came into has been trained to its end."""
        if epoch == self.epoch:
            return self
        return self._replace(wasted=self.wasted + math.floor(self.ahead), ahead=0.0, epoch=epoch)


def plan(strategy: Shape, situation: Outlook) -> dict[str, Any]:
    """Which stage comes before which epoch, the length of a survey's probe in epochs, and its number of rates."""
    first, space = situation.epoch, situation.space
    shares = {"survey": 0.0, "screen": strategy.screen_at}
    step = largest_batch(situation)
    legs = ends(first, situation.epochs, strategy.decision_epochs)
    most = len(branches_of(raced(space), space, situation.values)) if legs else 0
    # what matters least is left out first
    for rates, positions, left_out, branches in (
        *((strategy.rates, strategy.levels, (), size) for size in strategy.races if size <= most),
        (strategy.rates, strategy.levels, (), 0),
        (strategy.rates, ONE_LEVEL, (), 0),
        (strategy.finalists, ONE_LEVEL, (), 0),
        (strategy.rates, (), ("screen",), 0),
        (strategy.finalists, (), ("screen",), 0),
        (0, (), ("survey", "screen"), 0),
    ):
        names = raced(space) if branches else []
        others = [levels(searched, positions) for name, searched in space.items() if name not in ("lr", *names)]
        sizes = {"survey": rates if "lr" in space else 0, "screen": 1 + sum(map(len, others)) if others else 0}
        kept = {name: size for name, size in sizes.items() if size and name not in left_out}
        stages = []
        for name, size in kept.items():
            wanted = first + round(shares[name] * (situation.epochs - first + 1))
            allowed = (epoch for epoch in sorted(strategy.decision_epochs) if epoch >= wanted)
            stages.append((next(allowed, max(strategy.decision_epochs)), name, size))
        race = Race(branches, first, MARGIN * step, tuple(legs)) if branches else NO_RACE
        spare = (strategy.budget - 1) * situation.epochs - race.expense(step) - (step if branches else 0.0)
        unit = longest(strategy, stages, spare, step, branches)
        unit = min(unit, max(LEAST_STEPS * step, strategy.longest_unit * situation.epochs))
        if unit >= LEAST_STEPS * step:
            break
    # branches begin from what a survey chose, and a leg ends before a screen takes the run further
    race_due = [[first, "race"], *([at, "leg"] for at in legs)] if branches else []
    due = {name: [[epoch, name]] for epoch, name, _ in stages}
    return {
        "due": [*due.get("survey", []), *race_due, *due.get("screen", [])],
        "unit": unit,
        "rates": kept.get("survey", 0),
        "levels": list(positions or ONE_LEVEL),
        "branches": branches,
        "raced": names,
        "left_out": [
            name for name in space if name not in names and ("survey" if name == "lr" else "screen") not in kept
        ],
    }


def longer(decision_epochs: tuple[int, ...], epochs: int, later: int) -> tuple[int, ...]:
    """Epochs of decisions of a run of `later` epochs, as those of `epochs` are spaced; named ones stay as they are."""
    step = decision_epochs[1] - decision_epochs[0] if len(decision_epochs) > 1 else 1
    spaced = decision_epochs == tuple(range(1, epochs + 1, step))
    return tuple(range(1, later + 1, step)) if spaced else decision_epochs


def largest_batch(situation: Outlook) -> float:
    """The largest batch that may be tried, as a share of an epoch: what a probe's length may be rounded by.

    0 where nobody has counted the images: then no probe is too short.
    """
    if not situation.images_per_epoch:
        return 0.0
    searched = situation.space.get("batch_size")
    largest = max(situation.values["batch_size"], searched.high if searched is not None else 0.0)
    return largest / situation.images_per_epoch


def room_of(strategy: Shape, stage: Standing) -> float:
    """Epochs that may still be probed at this moment, as ranges and epochs are now."""
    situation = stage.situation
    images = situation.images_trained + situation.images_probed
    done = (images / situation.images_per_epoch if images else 0.0) + stage.wasted
    left = situation.epochs - situation.epoch + 1 if situation.left is None else situation.left
    return strategy.budget * situation.epochs - done - left


def affordable(strategy: Shape, stage: Standing, candidates: int, wanted: float, race: Race = NO_RACE) -> float:
    """How long the probes of a screen may be at this moment, at most `wanted`; 0: too short to tell anything.

    Ranges and epochs may have been changed since it was planned. The branches of a `race` have to follow the run.
    """
    step, length = largest_batch(stage.situation), wanted
    room = room_of(strategy, stage) - race.expense(step)
    while length > 0 and length >= LEAST_STEPS * step:
        waste = candidates * (length + step) + 2 * step + math.floor(stage.ahead + 2 * length + 2 * step)
        if waste + race.count * math.ceil(3 * length + 2 * step) <= room:
            return length
        length *= 0.95
    return 0.0


def longest(
    strategy: Shape, stages: Sequence[tuple[int, str, int]], spare: float, step: float, branches: int = 0
) -> float:
    """The length of a survey's probe, in epochs, with which all stages waste no more than `spare` epochs.

    What the winner of a stage was trained is no waste, except that the run does one epoch more for each end of an epoch
    that it came past.

    Args:
        strategy: says how long the stages are, one to the other.
        stages: epoch, name and number of candidates of each.
        spare: epochs that may be wasted.
        step: a batch in epochs, by which a probe may be rounded.
        branches: of a race, which follow the run as far as it comes on by a screen.
    """

    def waste(unit: float) -> float:
        total, ahead, before = 0.0, 0.0, 0
        for epoch, name, size in stages:
            if epoch != before:
                total, ahead, before = total + math.floor(ahead), 0.0, epoch
            total += size * step
            if name == "survey":
                kept = min(strategy.finalists, size)
                total += (size - 1 + 2 * (kept - 1)) * unit
                ahead += 3 * unit + 2 * step
            else:  # and the best of each hyperparameter alone are tried together
                total += size * strategy.length * unit + 2 * step
                gained = 2 * (strategy.length * unit + step)
                ahead += gained
                total += branches * math.ceil(gained)
        return total + math.floor(ahead)

    low, high = 0.0, max(spare, step)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if waste(middle) <= spare else (low, middle)
    return low


def levels(searched: Range, positions: Sequence[float]) -> list[float]:
    """Values at these positions of a range, without repeats."""
    return list(dict.fromkeys(map(hyperparameter(searched.name).rounded, map(searched.at, positions))))


def changes_of(
    names: Sequence[str], space: SearchSpace, values: Values, positions: Sequence[float]
) -> list[dict[str, float]]:
    """What a screen tries of these hyperparameters beside the values that it begins with, one at a time."""
    in_force = {name: space[name].inside(values[name]) for name in names if name in values}
    return [{name: value} for name in names for value in levels(space[name], positions) if value != in_force.get(name)]


def coming_stages(strategy: Shape, memory: Mapping[str, Any], outlook: Outlook, allowed: Sequence[int]) -> Plan:
    """The surveys and screens that `memory` has as due, and what the budget does not reach.

    Args:
        strategy: whose they are.
        memory: of the strategy, or what `plan` makes of an empty one.
        outlook: what is known now.
        allowed: epochs for which there may still be a decision, ascending, at least one.
    """
    stages, left_out = [], [name for name in memory["left_out"] if name in outlook.space]
    standing, race = Ahead(outlook), race_of(memory)
    for due, name in sorted(memory["due"], key=lambda entry: max(entry[0], allowed[0])):
        epoch = next((epoch for epoch in allowed if epoch >= due), None)
        if epoch is None:
            continue
        if epoch != standing.epoch:
            race = race.after(standing.ahead)
        standing = standing.at(epoch)
        if name in ("race", "leg"):
            stage, race = _of_race(strategy, name, memory, standing, race)
            if stage is not None:
                stages.append(stage)
                standing = standing.after(probed(stage), 0.0)
            if race.count or name == "leg":
                continue
        for kind, names in _searched_in(name, outlook.space, memory):
            stage = _coming(strategy, kind, names, memory, standing, race, anew=name == "changed")
            left_out = [other for other in left_out if other not in names] + (names if stage is None else [])
            if stage is not None:
                stages.append(stage)
                standing = standing.after(probed(stage), stage.gained)
    return Plan(tuple(stages), tuple(left_out))


def probed(stage: Stage) -> float:
    """Epochs of all its probes."""
    return sum(one.candidates * one.epochs for one in stage.rounds)


def _of_race(
    strategy: Shape, name: str, memory: Mapping[str, Any], standing: Ahead, race: Race
) -> tuple[Stage | None, Race]:
    """The beginning of a race, or a leg, and the race after it; no stage where nothing is left of it."""
    step, begins = largest_batch(standing.situation), name == "race"
    if not begins and race.at == standing.epoch:
        return None, race  # it has only begun, or this one is for two
    race = coming_race(memory, standing.epoch, standing.ahead, step) if begins else race.ending(standing.epoch)
    race = race.within(room_of(strategy, standing), step)
    if not race.count or (begins and standing.ahead):  # branches begin from the state that a survey chose
        return None, race
    rounds = (Round(1, ONE_BATCH), *([] if begins else [Round(race.count, race.gap)]))
    names = tuple(name for name in standing.situation.space if name in memory["raced"])
    stage = Stage((standing.epoch,), names, rounds, "race", at_most=True)
    return stage, race if begins else race.next_leg(standing.ahead)


def _searched_in(stage: str, space: SearchSpace, memory: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Survey and screen, with the hyperparameters that this stage searches with each."""
    names = {kind: [name for name in space if (name == "lr") == (kind == "survey")] for kind in ("survey", "screen")}
    if stage == "changed":
        changed = memory.get("changed", ())
        names = {kind: [name for name in found if name in changed] for kind, found in names.items()}
    else:  # a race that cannot begin any more is a screen
        raced = memory.get("raced", ())
        names["screen"] = [name for name in names["screen"] if (name in raced) == (stage == "race")]
        stage = "screen" if stage == "race" else stage
    return [(kind, found) for kind, found in names.items() if found and stage in (kind, "changed")]


def _coming(
    strategy: Shape, kind: str, names: list[str], memory: Mapping[str, Any], standing: Ahead, race: Race, *, anew: bool
) -> Stage | None:
    """A survey or screen that is to come, `anew` after a change of ranges; None where the budget does not reach it."""
    outlook, unit, rates = standing.situation, float(memory["unit"]), int(memory["rates"])
    if anew:
        unit = max(unit, LEAST_STEPS * largest_batch(outlook))
    if kind == "survey":
        if anew:
            rates = strategy.rates
            unit = affordable(strategy, standing, rates + 2 * strategy.finalists, unit, race)
        rounds, gained = (Round(rates, unit), Round(min(strategy.finalists, rates), 2 * unit)), 3 * unit
    else:
        changes = changes_of(names, outlook.space, outlook.values, memory["levels"])
        length = affordable(strategy, standing, 1 + len(changes), strategy.length * unit, race)
        rounds, gained = (Round(1 + len(changes), length), Round(2, length)), 2 * length
    if gained == 0:
        return None
    return Stage((standing.epoch,), tuple(names), rounds, kind, at_most=True, gained=gained)
