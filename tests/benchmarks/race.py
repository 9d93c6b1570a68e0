"""A strategy on trial: branches with weights of their own from the first epoch on, raced against the run itself.

Regularisers act early and show late (Golatkar et al. 2019, arXiv 1905.13277): a probe of a fraction of an epoch cannot
judge them. So each branch has other values of dropout or augmentation from the start, and is trained as far as the run
three times, until half of its epochs are over; of those that are left the worse half is dropped each time. Then the run
goes on as the best branch, if that is better than the run, with its weights and values.

With --deliver one-se a branch that is worse after all does little harm: the epochs of the run before stay deliverable.
"""

from __future__ import annotations

import math

from hptui.hyperparameters import Values
from hptui.plan import ONE_BATCH
from hptui.space import SearchSpace
from hptui.strategies import Candidate, Choice, DecisionCourse, Measurement, Situation, StateName, Strategy
from hptui.strategies._stage import lead

__all__ = ["Race", "StrictRace"]

LEGS = 3


class Race(Strategy):
    """Costs 1 + (4 + 2 + 1) / 6 plain trainings with four branches."""

    searches = True
    uses_horizon = False
    uses_steps = False
    schedule = "late_decay"

    demand = 0.0
    """standard errors of the best of as many equal ones by which the best branch has to lead"""

    def ends(self) -> list[int]:
        """Epochs before which it decides: where the race begins, and where its legs end."""
        leg = max(1, round(self.epochs / 2 / LEGS))
        return [1 + leg * number for number in range(LEGS + 1)]

    def decides(self, epoch: int, loss: float | None) -> bool:
        return epoch in self.ends() and not self.memory.get("over")

    def needed(self) -> list[StateName]:
        return [one["start"] for one in self.memory.get("branches", ())]

    def decide(self, situation: Situation) -> DecisionCourse:
        if "branches" not in self.memory:
            changes = changes_of(situation.space, situation.values)
            begun = yield [Candidate(change, ONE_BATCH, keep=True) for change in changes]
            self._keep(begun, situation.epoch)
            self.memory["tried"] = len(changes) + 1
            return Choice({}, f"{len(changes)} branches begin")
        gap = float(situation.epoch - self.memory["at"])
        branches = [Candidate(one["values"], gap, one["start"], keep=True) for one in self.memory["branches"]]
        found = yield [Candidate({}, ONE_BATCH), *branches]
        own, others = found[0], sorted(found[1:], key=lambda one: one.score)
        best, ahead = others[0], lead(others[0], own)
        if situation.epoch < self.ends()[-1]:
            self._keep(others[: (len(others) + 1) // 2], situation.epoch)
            return Choice({}, f"the best branch leads by {ahead:.1f} standard errors")
        tried, self.memory = self.memory["tried"], {"over": True}
        if not ahead > self.demand * math.sqrt(2 * math.log(tried)):
            return Choice({}, f"the run stays: the best branch leads by {ahead:.1f} standard errors")
        reason = f"the best branch leads by {ahead:.1f} standard errors"
        return Choice(best.candidate.values, reason, candidate=found.index(best), start=best.end)

    def _keep(self, branches: list[Measurement], epoch: int) -> None:
        left = [{"values": one.candidate.values, "start": one.end} for one in branches if one.end is not None]
        self.memory |= {"branches": left, "at": epoch}


class StrictRace(Race):
    """Leaves the run on evidence alone."""

    demand = 1.0


def changes_of(space: SearchSpace, values: Values) -> list[Values]:
    """Two strengths of augmentation, more dropout, and both."""
    dropout = {"dropout": space["dropout"].at(2 / 3 if values.get("dropout", 0.0) < 0.5 else 0.85)}
    weak, strong = ({"augmentation": space["augmentation"].at(share)} for share in (1 / 3, 2 / 3))
    return [weak, strong, dropout, strong | dropout]
