"""What the adaptive strategy will do, told ahead: its stages as they will come if nothing is changed meanwhile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hptui.plan import ONE_BATCH, Plan, Round, Stage
from hptui.space import SearchSpace
from hptui.strategies import Outlook
from hptui.strategies._memory import Memory
from hptui.strategies._plan import (
    FINAL,
    LEAST_STEPS,
    Shape,
    affordable,
    changes_of,
    largest_batch,
    room_of,
    surveyed,
    units_of_survey,
)
from hptui.strategies._race import LEGS, Race, coming_race, race_of


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


def coming_stages(strategy: Shape, memory: Memory, outlook: Outlook, allowed: Sequence[int]) -> Plan:
    """The surveys, races with their legs, and screens that `memory` has as due, and what the budget does not reach.

    Args:
        strategy: whose they are.
        memory: of the strategy; before the first decision what `begin_memory` would make.
        outlook: what is known now.
        allowed: epochs for which there may still be a decision, ascending, at least one.
    """
    stages, left_out = [], [name for name in memory["left_out"] if name in outlook.space]
    by_then, race = Ahead(outlook), race_of(memory)
    for due, name in sorted(memory["due"], key=lambda entry: max(entry[0], allowed[0])):
        epoch = next((epoch for epoch in allowed if epoch >= due), None)
        if epoch is None:
            continue
        if epoch != by_then.epoch:
            race = race.after(by_then.ahead)
        by_then = by_then.at(epoch)
        if name in ("race", *LEGS):
            stage, race = _of_race(strategy, name, memory, by_then, race)
            if stage is not None:
                stages.append(stage)
                by_then = by_then.after(probed(stage), 0.0)
            if race.count or name in LEGS:
                continue
        for kind, names in _searched_in(name, outlook.space, memory):
            stage = _coming(strategy, kind, names, memory, by_then, race, anew=name == "changed")
            left_out = [other for other in left_out if other not in names] + (names if stage is None else [])
            if stage is not None:
                stages.append(stage)
                by_then = by_then.after(probed(stage), stage.gained)
    return Plan(tuple(stages), tuple(left_out))


def probed(stage: Stage) -> float:
    """Epochs of all its probes."""
    return sum(one.candidates * one.epochs for one in stage.rounds)


def _of_race(strategy: Shape, name: str, memory: Memory, by_then: Ahead, race: Race) -> tuple[Stage | None, Race]:
    """The beginning of a race, or a leg, and the race after it; no stage where nothing is left of it."""
    step, begins = largest_batch(by_then.situation), name == "race"
    if not begins and race.at == by_then.epoch:
        return None, race  # it has only begun, or this one is for two
    race = coming_race(memory, by_then.epoch, by_then.ahead, step) if begins else race.ending(by_then.epoch)
    race = race.within(room_of(strategy, by_then), step)
    if not race.count or (begins and by_then.ahead):  # branches begin from the state that a survey chose
        return None, race
    rounds = (Round(1, ONE_BATCH), *([] if begins else [Round(race.count, race.gap)]))
    names = tuple(name for name in by_then.situation.space if name in memory["raced"])
    stage = Stage((by_then.epoch,), names, rounds, "race", at_most=True)
    return stage, race if begins else race.next_leg(by_then.ahead)


def _searched_in(stage: str, space: SearchSpace, memory: Memory) -> list[tuple[str, list[str]]]:
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
    strategy: Shape, kind: str, names: list[str], memory: Memory, by_then: Ahead, race: Race, *, anew: bool
) -> Stage | None:
    """A survey or screen that is to come, `anew` after a change of ranges; None where the budget does not reach it."""
    outlook, unit, rates = by_then.situation, memory["unit"], memory["rates"]
    if anew:
        unit = max(unit, LEAST_STEPS * largest_batch(outlook))
    if kind == "survey":
        if anew:
            rates = strategy.rates
            unit = affordable(strategy, by_then, units_of_survey(rates, strategy.finalists), unit, race)
        finals = Round(min(strategy.finalists, rates), FINAL * unit)
        rounds, gained = (Round(rates, unit), finals), surveyed(unit)
    else:
        changes = changes_of(names, outlook.space, outlook.values, memory["levels"])
        length = affordable(strategy, by_then, 1 + len(changes), strategy.length * unit, race)
        rounds, gained = (Round(1 + len(changes), length), Round(2, length)), 2 * length
    if gained == 0:
        return None
    return Stage((by_then.epoch,), tuple(names), rounds, kind, at_most=True, gained=gained)
