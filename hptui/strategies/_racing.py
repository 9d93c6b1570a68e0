"""A race as decisions of the adaptive strategy: where it begins, what its legs find, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hptui.hyperparameters import Values
from hptui.plan import ONE_BATCH
from hptui.space import describe
from hptui.strategies import Candidate, Choice, DecisionCourse, StateName
from hptui.strategies._comparing import lead, order_of
from hptui.strategies._decision_so_far import DecisionSoFar
from hptui.strategies._memory import KnownBranch, Memory
from hptui.strategies._race import LEGS, Race, followed

Branch = tuple[Values, StateName | None]
"""what it changes, and where it is; None: it failed"""


class NeededLead(NamedTuple):
    """Standard errors by which the best branch has to lead the run, to take its place."""

    before: float
    """while the rate stands still; as many behind, and it is given up"""
    after: float
    """at the end of the last leg"""

    def at_next_end(self, race: Race) -> float:
        """How much is needed at the end of the next leg."""
        return self.before if race.ends else self.after


def begin(memory: Memory, so_far: DecisionSoFar, changes: Sequence[Values], lag: float) -> DecisionCourse:
    """Branches that change these values, at least one, from the state that the decision came to, or from the run's own.

    `lag`: epochs that they have to be trained more than the run is from the next epoch on.
    """
    start = so_far.start
    if start is None:  # the run's own state has no name
        (own,) = yield so_far.candidates([{}], ONE_BATCH)
        so_far.record([own], ONE_BATCH)
        start = own.end
    return _go_on(memory, so_far, [(change, start) for change in changes], lag, f"{len(changes)} branches begin")


def leg(memory: Memory, so_far: DecisionSoFar, race: Race, needed: NeededLead) -> DecisionCourse:
    """Branches trained as far as the run: all but the worst go on, or at the end the best, if it leads the run.

    Args:
        memory: with a race under way.
        so_far: the decision.
        race: with a leg that ends here, and as many branches as the budget allows.
        needed: what it takes to leave the run.
    """
    left = [(followed(one["values"], so_far.space), one["start"]) for one in memory["race"]["branches"]][: race.count]
    if not left:
        return end(memory, "no budget to race on: the run stays")
    own = Candidate(so_far.values, ONE_BATCH, so_far.start)
    found = yield [
        own,
        *(Candidate(so_far.values | change, race.gap, start, keep=True, along=race.along) for change, start in left),
    ]
    so_far.record(found, ONE_BATCH)
    order = sorted(zip((change for change, _ in left), found[1:], strict=True), key=lambda one: order_of(one[1]))
    (change, best), run = order[0], found[0]
    if not math.isfinite(best.score):
        return end(memory, "race: all branches diverged; the run stays")
    ahead = lead(best, run) if math.isfinite(run.score) else math.inf
    who = f"best of {len(left)} branches" if len(left) > 1 else "the branch that is left"
    words = f"{who}: {describe(change)}, {ahead:+.1f} standard errors ahead of the run"
    enough = needed.at_next_end(race)
    has_later_leg, is_level = len(race.ends) > 1, abs(ahead) <= enough
    may_go_on_alone = bool(race.ends and race.last)
    if has_later_leg or (may_go_on_alone and is_level):
        kept = [(change, one.end) for change, one in order[: race.next_leg(0.0).count]]
        return _go_on(memory, so_far, kept, -so_far.ahead, f"race, {words}")
    end(memory)
    if ahead > enough:
        return so_far.choice(best, f"race, {words}", found, "")
    return Choice({}, f"race: the run stays; {words}")


def _go_on(memory: Memory, so_far: DecisionSoFar, left: Sequence[Branch], lag: float, reason: str) -> Choice:
    """Remember the branches that go on; none where all of them failed."""
    kept: list[KnownBranch] = [{"values": change, "start": start} for change, start in left if start is not None]
    memory["race"] = {"branches": kept, "at": so_far.situation.epoch, "lag": lag}
    return Choice({}, reason) if kept else end(memory, "race: all branches failed; the run stays")


def end(memory: Memory, reason: str = "") -> Choice:
    """Forget the branches, and the legs that were due."""
    memory.pop("race", None)
    memory["due"] = [entry for entry in memory["due"] if entry[1] not in LEGS]
    return Choice({}, reason)


def begin_anew(memory: Memory, epoch: int) -> None:
    """Let a race that is under way begin once more, at the next decision after `epoch`: the run went back."""
    if "race" in memory:
        del memory["race"]
        memory["due"] = [[epoch, "race"], *memory["due"]]


def follow(memory: Memory, ahead: float) -> None:
    """Remember that the run came on so far in a decision that is over; branches have to follow."""
    if "race" in memory:
        memory["race"]["lag"] += math.floor(ahead)


def starts(memory: Memory) -> list[StateName]:
    """Where the branches are."""
    return [branch["start"] for branch in memory["race"]["branches"]] if "race" in memory else []
