"""Branches of the run with weights of their own: how stronger regularisation is judged where a budget allows it.

Regularisers act early and show late (Golatkar et al. 2019, arXiv 1905.13277): a probe of a fraction of an epoch cannot
judge them, and of one that was introduced late there is little to see. So branches begin with other values while the
run is young, and are trained as far as the run leg by leg, after each of which the worst is dropped. Not the worse
half: after the first leg what is strong is behind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hptui.hyperparameters import Values, hyperparameter
from hptui.space import Range, SearchSpace

ENDS = (1 / 6, 1 / 3, 1 / 2)
"""of the epochs that are left where it begins: where its legs end, before the rate falls"""
LATEST = 2 / 3
"""of them: a leg that ends later, because no decision is allowed before, is none"""
MARGIN = 2.0
"""batches that branches come further than the run: however the probes of a survey were rounded, it goes on as one of
them from behind the end of an epoch; from before it, it would train the next epoch with a batch alone"""
WEAK, STRONG = 1 / 3, 2 / 3
"""of the way from what is in force to the strong end of a range"""
ROOM = 0.8
"""position in a range above which the strong end is so near that the way goes to the other one"""


@dataclass(frozen=True)
class Race:
    """How far a race has come, or will have."""

    count: int
    """branches that are left"""
    at: int
    """epoch before which they were last as far as the run"""
    lag: float
    """epochs that the run has come on since, beside those that it trained from then on"""
    ends: tuple[int, ...]
    """epochs before which the legs to come end"""

    @property
    def gap(self) -> float:
        """Epochs that the branches are behind where the next leg ends."""
        return self.ends[0] - self.at + self.lag

    def ending(self, epoch: int) -> Race:
        """With a leg that ends before `epoch`, instead of all that should have ended by then."""
        return replace(self, ends=(epoch, *(end for end in self.ends if end > epoch)))

    def after(self, ahead: float) -> Race:
        """Once a decision is over in which the run came on so far, into an epoch that it trains to its end."""
        return replace(self, lag=self.lag + math.floor(ahead))

    def next_leg(self, ahead: float) -> Race:
        """Once a leg is over, at a decision in which the run had come on so far."""
        return Race(max(self.count - 1, min(self.count, 1)), self.ends[0], -ahead, self.ends[1:])

    def expense(self, step: float) -> float:
        """Epochs that all legs to come take, each probe rounded up to whole batches of `step` epochs."""
        total, race = 0.0, self
        while race.count and race.ends:
            total += race.count * (race.gap + step) + step  # and a batch of the run, to compare with
            race = race.next_leg(0.0)
        return total

    def within(self, room: float, step: float) -> Race:
        """With as many of its branches as so many epochs allow."""
        sizes = range(self.count, 0, -1)
        return next((race for race in (replace(self, count=n) for n in sizes) if race.expense(step) <= room), NO_RACE)


NO_RACE = Race(0, 0, 0.0, ())


def race_of(memory: Mapping[str, Any]) -> Race:
    """The race that a strategy remembers as begun; one without branches where there is none."""
    if "race" not in memory:
        return NO_RACE
    known = memory["race"]
    ends = tuple(sorted(at for at, name in memory["due"] if name == "leg"))
    return Race(len(known["branches"]), known["at"], known["lag"], ends)


def coming_race(memory: Mapping[str, Any], epoch: int, ahead: float, step: float) -> Race:
    """One that is to begin before `epoch`, where the run has come on so far in the same decision; `step`: a batch."""
    ends = tuple(sorted(at for at, name in memory["due"] if name == "leg" and at > epoch))
    return Race(memory["branches"] if ends else 0, epoch, MARGIN * step - ahead, ends)


def raced(space: SearchSpace) -> list[str]:
    """Those that a race is for: the regularisers, whose larger values cost first and pay late."""
    return [name for name in space if name != "lr" and hyperparameter(name).careful == "larger"]


def ends(first: int, epochs: int, allowed: Sequence[int]) -> list[int]:
    """Epochs before which the legs of a race end that begins before `first`, among those that are `allowed`."""
    left = epochs - first + 1
    wanted = [first + round(share * left) for share in ENDS]
    found = (next((epoch for epoch in sorted(allowed) if epoch >= max(at, first + 1)), math.inf) for at in wanted)
    return sorted({int(epoch) for epoch in found if epoch - first <= LATEST * left})


def branches_of(names: Sequence[str], space: SearchSpace, values: Values) -> list[Values]:
    """What each branch changes: all of them weak, all strong, and each half of them strong."""
    weak, strong = (
        {name: toward_strong(space[name], values.get(name), share) for name in names} for share in (WEAK, STRONG)
    )
    middle = (len(names) + 1) // 2
    halves = ({name: strong[name] for name in half} for half in (names[:middle], names[middle:]))
    found = [weak, strong, *halves]
    changes = [{name: value for name, value in change.items() if value != values.get(name)} for change in found]
    return [change for place, change in enumerate(changes) if change and change not in changes[:place]]


def toward_strong(searched: Range, in_force: float | None, share: float) -> float:
    """The value that lies by `share` on the way from what is in force, or the low end, to the strong end."""
    position = 0.0 if in_force is None else searched.position(searched.inside(in_force))
    end = 1.0 if position <= ROOM else 0.0
    return hyperparameter(searched.name).rounded(searched.at(position + share * (end - position)))


def followed(change: Values, space: SearchSpace) -> Values:
    """What a branch changes, within ranges that may be others by now."""
    return {
        name: hyperparameter(name).rounded(space[name].inside(value)) for name, value in change.items() if name in space
    }
