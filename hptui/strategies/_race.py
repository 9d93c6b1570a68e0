"""Branches of the run with weights of their own: how stronger regularisation is judged where a budget allows it.

Regularisers act early and show late (Golatkar et al. 2019, arXiv 1905.13277): a probe of a fraction of an epoch cannot
judge them, and of one that was introduced late there is little to see. So branches begin with other values while the
run is young, and are trained as far as the run leg by leg, after each of which the worst is dropped. Not the worse
half: after the first leg what is strong is behind. Where the two that are left are level, and the budget allows it, the
better one goes on beside the run while the rate falls, for what a regulariser brings shows last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hptui.hyperparameters import Values, hyperparameter
from hptui.space import Range, SearchSpace
from hptui.strategies._memory import Memory

ENDS = (1 / 6, 1 / 3, 1 / 2)
"""of the epochs that are left where it begins: where its legs end, before the rate falls"""
LATEST = 2 / 3
"""of them: a leg that ends later, because no decision is allowed before, is none"""
LAST = 0.8
"""of them: where the leg ends that the best branch has alone if none is ahead by then, nor the run"""
MARGIN = 2.0
"""batches that branches come further than the run: however the probes of a survey were rounded, it goes on as one of
them from behind the end of an epoch; from before it, it would train the next epoch with a batch alone"""
WEAK, STRONG = 1 / 3, 2 / 3
"""of the way from what is in force to the strong end of a range"""
LEGS = ("leg", "last leg")
"""what they are called among the stages of the strategy"""
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
    last: int = 0
    """epoch before which one more ends, of the best branch alone; 0: there is none"""

    @property
    def end(self) -> int:
        """Epoch before which the next leg ends."""
        return self.ends[0] if self.ends else self.last

    @property
    def gap(self) -> float:
        """Epochs that the branches are behind where the next leg ends."""
        return self.end - self.at + self.lag

    @property
    def along(self) -> tuple[float, float]:
        """Epochs of the run, over which its next leg goes."""
        return self.at - 1.0, self.end - 1.0

    def ending(self, epoch: int, *, last: bool = False) -> Race:
        """A race with a leg that ends before `epoch`, instead of all that should have ended by then."""
        if last or 0 < self.last <= epoch:
            return replace(self, ends=(), last=epoch)
        return replace(self, ends=(epoch, *(end for end in self.ends if end > epoch)))

    def after(self, ahead: float) -> Race:
        """Once a decision is over in which the run came on so far, into an epoch that it trains to its end."""
        return replace(self, lag=self.lag + math.floor(ahead))

    def next_leg(self, ahead: float) -> Race:
        """Once a leg is over, at a decision in which the run had come on so far."""
        later, last = self.ends[1:], self.last if self.ends else 0
        count = max(self.count - 1, 1) if later else 1
        return Race(min(self.count, count), self.end, -ahead, later, last)

    def expense(self, step: float) -> float:
        """Epochs that all legs to come take, each probe rounded up to whole batches of `step` epochs."""
        total, race = 0.0, self
        while race.count and race.end:
            total += race.count * (race.gap + step) + step  # and a batch of the run, to compare with
            race = race.next_leg(0.0)
        return total

    def within(self, room: float, step: float) -> Race:
        """A race with as many branches as so many epochs allow, and its last leg if they allow that too."""
        ways = ((size, last) for size in range(self.count, 0, -1) for last in dict.fromkeys((self.last, 0)))
        races = (replace(self, count=size, last=last) for size, last in ways if self.ends or last)
        return next((race for race in races if race.expense(step) <= room), NO_RACE)


NO_RACE = Race(0, 0, 0.0, ())


def race_of(memory: Memory) -> Race:
    """The race that a strategy remembers as begun; one without branches where there is none."""
    if "race" not in memory:
        return NO_RACE
    known = memory["race"]
    return Race(len(known["branches"]), known["at"], known["lag"], *_due_legs(memory, 0))


def coming_race(memory: Memory, epoch: int, ahead: float, step: float) -> Race:
    """One that is to begin before `epoch`, where the run has come on so far in the same decision; `step`: a batch."""
    ends, last = _due_legs(memory, epoch)
    return Race(memory["branches"] if ends else 0, epoch, MARGIN * step - ahead, ends, last)


def _due_legs(memory: Memory, epoch: int) -> tuple[tuple[int, ...], int]:
    """Epochs after `epoch` before which legs end, and the one before which the last does."""
    at = {kind: sorted(due for due, name in memory["due"] if name == kind and due > epoch) for kind in LEGS}
    return tuple(at["leg"]), (at["last leg"] or [0])[0]


def raced(space: SearchSpace) -> list[str]:
    """Hyperparameters that a race is for: regularisers, whose larger values cost first and pay late."""
    return [name for name in space if name != "lr" and hyperparameter(name).careful == "larger"]


def ends(first: int, epochs: int, allowed: Sequence[int]) -> list[int]:
    """Epochs before which the legs of a race end that begins before `first`, among those that are `allowed`."""
    left = epochs - first + 1
    found = (_allowed(max(first + round(share * left), first + 1), allowed) for share in ENDS)
    return sorted({epoch for epoch in found if epoch and epoch - first <= LATEST * left})


def last_end(first: int, epochs: int, allowed: Sequence[int]) -> int:
    """Epoch before which the last leg of such a race ends; 0 where it has none."""
    others = ends(first, epochs, allowed)
    found = _allowed(first + round(LAST * (epochs - first + 1)), allowed)
    return found if others and found > others[-1] else 0


def _allowed(wanted: int, allowed: Sequence[int]) -> int:
    """The first of the `allowed` epochs from `wanted` on; 0 where there is none."""
    return min((epoch for epoch in allowed if epoch >= wanted), default=0)


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
