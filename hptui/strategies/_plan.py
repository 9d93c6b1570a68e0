"""When the stages of the adaptive strategy come, and how long their probes are, so that a budget is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from hptui.hyperparameters import hyperparameter
from hptui.space import Range
from hptui.strategies import Situation

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
    levels: tuple[float, ...]


class Standing(Protocol):
    """How far a decision has come."""

    situation: Situation
    wasted: float
    ahead: float


def plan(strategy: Shape, situation: Situation) -> dict[str, Any]:
    """Which stage comes before which epoch, the length of a survey's probe in epochs, and its number of rates."""
    first, space = situation.epoch, situation.space
    shares = {"survey": 0.0, "screen": strategy.screen_at}
    step = largest_batch(situation)
    # what matters least is left out first
    for rates, positions, left_out in (
        (strategy.rates, strategy.levels, ()),
        (strategy.rates, ONE_LEVEL, ()),
        (strategy.finalists, ONE_LEVEL, ()),
        (strategy.rates, (), ("screen",)),
        (strategy.finalists, (), ("screen",)),
        (0, (), ("survey", "screen")),
    ):
        others = [levels(searched, positions) for name, searched in space.items() if name != "lr"]
        sizes = {"survey": rates if "lr" in space else 0, "screen": 1 + sum(map(len, others)) if others else 0}
        kept = {name: size for name, size in sizes.items() if size and name not in left_out}
        stages = []
        for name, size in kept.items():
            wanted = first + round(shares[name] * (situation.epochs - first + 1))
            allowed = (epoch for epoch in sorted(strategy.decision_epochs) if epoch >= wanted)
            stages.append((next(allowed, max(strategy.decision_epochs)), name, size))
        unit = longest(strategy, stages, (strategy.budget - 1) * situation.epochs, step)
        if unit >= LEAST_STEPS * step:
            break
    return {
        "due": [[epoch, name] for epoch, name, _ in stages],
        "unit": unit,
        "rates": kept.get("survey", 0),
        "levels": list(positions or ONE_LEVEL),
        "left_out": [name for name in space if ("survey" if name == "lr" else "screen") not in kept],
    }


def largest_batch(situation: Situation) -> float:
    """The largest batch that may be tried, as a share of an epoch: what a probe's length may be rounded by."""
    searched = situation.space.get("batch_size")
    largest = max(situation.values["batch_size"], searched.high if searched is not None else 0.0)
    return largest / situation.images_per_epoch


def affordable(strategy: Shape, stage: Standing, candidates: int, wanted: float) -> float:
    """How long the probes of a screen may be at this moment, at most `wanted`; 0: too short to tell anything.

    Ranges and epochs may have been changed since it was planned.
    """
    situation, length = stage.situation, wanted
    step = largest_batch(situation)
    done = (situation.images_trained + situation.images_probed) / situation.images_per_epoch + stage.wasted
    room = strategy.budget * situation.epochs - done - (situation.epochs - situation.epoch + 1)
    while length >= LEAST_STEPS * step:
        waste = candidates * (length + step) + 2 * step + math.floor(stage.ahead + 2 * length + 2 * step)
        if waste <= room:
            return length
        length *= 0.95
    return 0.0


def longest(strategy: Shape, stages: Sequence[tuple[int, str, int]], spare: float, step: float) -> float:
    """The length of a survey's probe, in epochs, with which all stages waste no more than `spare` epochs.

    What the winner of a stage was trained is no waste, except that the run does one epoch more for each end of an epoch
    that it came past.

    Args:
        strategy: says how long the stages are, one to the other.
        stages: epoch, name and number of candidates of each.
        spare: epochs that may be wasted.
        step: a batch in epochs, by which a probe may be rounded.
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
                ahead += 2 * (strategy.length * unit + step)
        return total + math.floor(ahead)

    low, high = 0.0, max(spare, step)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if waste(middle) <= spare else (low, middle)
    return low


def levels(searched: Range, positions: Sequence[float]) -> list[float]:
    """Values at these positions of a range, without repeats."""
    return list(dict.fromkeys(map(hyperparameter(searched.name).rounded, map(searched.at, positions))))
