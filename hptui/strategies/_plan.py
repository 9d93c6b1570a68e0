"""When the stages of the adaptive strategy come, and how long their probes are, so that a budget is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from hptui.hyperparameters import Values, hyperparameter
from hptui.space import Range, SearchSpace
from hptui.strategies import Outlook
from hptui.strategies._memory import Memory
from hptui.strategies._race import MARGIN, NO_RACE, Race, branches_of, ends, last_end, raced

LEAST_STEPS = 10
"""of the shortest probe; a budget that allows fewer does without a stage"""
FINAL = 2
"""length of the second probe of a survey's finalists, where the first, from whose end it goes on, has 1"""
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


class HowFar(Protocol):
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


class Way(NamedTuple):
    """One way to spend a budget."""

    rates: int
    """of the survey"""
    positions: tuple[float, ...]
    """of the levels of a screen"""
    left_out: tuple[str, ...] = ()
    """stages"""
    branches: int = 0
    """of a race of the regularisers; 0: they are screened"""
    last: bool = False
    """whether it has a last leg"""


def begin_memory(strategy: Shape, situation: Outlook) -> Memory:
    """What is remembered from the first decision on: what comes before which epoch, and how long it may be."""
    step, space = largest_batch(situation), situation.space
    legs = ends(situation.epoch, situation.epochs, strategy.decision_epochs)
    most = len(branches_of(raced(space), space, situation.values)) if legs else 0
    last = last_end(situation.epoch, situation.epochs, strategy.decision_epochs)
    for way in _ways(strategy, most):
        stages = _stages(strategy, situation, way)
        at = situation.epoch
        race = Race(way.branches, at, MARGIN * step, tuple(legs), last * way.last) if way.branches else NO_RACE
        spare = (strategy.budget - 1) * situation.epochs - race.expense(step) - (step if way.branches else 0.0)
        unit = longest(strategy, stages, spare, step, way.branches, least=(least := LEAST_STEPS * step))
        unit = min(unit, max(least, strategy.longest_unit * situation.epochs))
        if unit >= least:
            break
    names = raced(space) if way.branches else []
    # branches begin from what a survey chose, and a leg ends before a screen takes the run further
    race_due = [[situation.epoch, "race"], *([at, "leg"] for at in legs)] if way.branches else []
    race_due += [[last, "last leg"]] if way.last and last else []
    due = {name: [[epoch, name]] for epoch, name, _ in stages}
    return {
        "due": [*due.get("survey", []), *race_due, *due.get("screen", [])],
        "unit": unit,
        "rates": way.rates if "survey" in due else 0,
        "levels": list(way.positions or ONE_LEVEL),
        "branches": way.branches,
        "raced": names,
        "left_out": [
            name for name in space if name not in names and ("survey" if name == "lr" else "screen") not in due
        ],
    }


def _ways(strategy: Shape, most: int) -> Iterator[Way]:
    """Ways from the largest to the smallest: what matters least is left out first. `most`: branches that there are."""
    sizes = [size for size in strategy.races if size <= most]
    yield from (Way(strategy.rates, strategy.levels, branches=n, last=last) for n in sizes for last in (True, False))
    yield Way(strategy.rates, strategy.levels)
    yield Way(strategy.rates, ONE_LEVEL)
    yield Way(strategy.finalists, ONE_LEVEL)
    yield Way(strategy.rates, (), ("screen",))
    yield Way(strategy.finalists, (), ("screen",))
    yield Way(0, (), ("survey", "screen"))


def _stages(strategy: Shape, situation: Outlook, way: Way) -> list[tuple[int, str, int]]:
    """Epoch, name and number of candidates of survey and screen."""
    first, space = situation.epoch, situation.space
    elsewhere = ["lr", *(raced(space) if way.branches else [])]
    others = [levels(searched, way.positions) for name, searched in space.items() if name not in elsewhere]
    sizes = {"survey": way.rates if "lr" in space else 0, "screen": 1 + sum(map(len, others)) if others else 0}
    stages = []
    for name, size in sizes.items():
        share = strategy.screen_at if name == "screen" else 0.0
        wanted = first + round(share * (situation.epochs - first + 1))
        allowed = (epoch for epoch in sorted(strategy.decision_epochs) if epoch >= wanted)
        if size and name not in way.left_out:
            stages.append((next(allowed, max(strategy.decision_epochs)), name, size))
    return stages


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


def room_of(strategy: Shape, how_far: HowFar) -> float:
    """Epochs that may still be probed at this moment, as ranges and epochs are now."""
    situation = how_far.situation
    images = situation.images_trained + situation.images_probed
    done = (images / situation.images_per_epoch if images else 0.0) + how_far.wasted
    left = situation.epochs - situation.epoch + 1 if situation.left is None else situation.left
    return strategy.budget * situation.epochs - done - left


def affordable(strategy: Shape, how_far: HowFar, candidates: int, wanted: float, race: Race = NO_RACE) -> float:
    """How long the probes of a screen may be at this moment, at most `wanted`; 0: too short to tell anything.

    Ranges and epochs may have been changed since it was planned. The branches of a `race` have to follow the run.
    """
    step, length = largest_batch(how_far.situation), wanted
    room = room_of(strategy, how_far) - race.expense(step)
    while length > 0 and length >= LEAST_STEPS * step:
        stays, moves = math.floor(how_far.ahead) + 2 * length, math.floor(how_far.ahead + 2 * length + 2 * step)
        waste = candidates * (length + step) + 2 * step + max(stays, moves)
        if waste + race.count * math.ceil(3 * length + 2 * step) <= room:
            return length
        length *= 0.95
    return 0.0


def units_of_survey(rates: int, finalists: int) -> int:
    """Units of all probes of a survey."""
    return rates + FINAL * finalists


def surveyed(unit: float) -> float:
    """Epochs that a finalist of a survey was trained, and the run comes on by going on from it."""
    return (1 + FINAL) * unit


def longest(
    strategy: Shape,
    stages: Sequence[tuple[int, str, int]],
    spare: float,
    step: float,
    branches: int = 0,
    *,
    least: float = 0.0,
) -> float:
    """The length of a survey's probe, in epochs, with which all stages waste no more than `spare` epochs.

    What the winner of a stage was trained is no waste, except that the run does one epoch more for each end of an epoch
    that it came past. Where nothing is chosen the run stays where it was, and all of it is: what follows is cut then,
    but nothing follows the last stage.

    Args:
        strategy: says how long the stages are, one to the other.
        stages: epoch, name and number of candidates of each.
        spare: epochs that may be wasted.
        step: a batch in epochs, by which a probe may be rounded.
        branches: of a race, which follow the run as far as it comes on by a screen.
        least: where the length is below that, some number below it is as good: to say which takes far longer.
    """

    def waste(unit: float) -> float:
        total, ahead, before = 0.0, 0.0, 0
        for epoch, name, size in stages:
            if epoch != before:
                total, ahead, before = total + math.floor(ahead), 0.0, epoch
            total += size * step
            if name == "survey":
                kept = min(strategy.finalists, size)
                total += units_of_survey(size - 1, kept - 1) * unit  # without the winner's own
                ahead += surveyed(unit) + 2 * step
            else:  # and the best of each hyperparameter alone are tried together
                total += size * strategy.length * unit + 2 * step
                gained = 2 * (strategy.length * unit + step)
                ahead += gained
                total += branches * math.ceil(gained)
        return total + (math.floor(ahead) if branches else ahead)

    low, high = 0.0, max(spare, step)
    for _ in range(50):
        if high < least:
            break
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
