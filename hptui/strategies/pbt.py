"""Population-based training (Jaderberg et al. 2017, arXiv 1711.09846) in one process, for comparison.

Members with values of their own train side by side: the run itself is the best one, and at each decision the others are
trained as far as it has come since the last. The worst member then takes over weights and values of the best
(truncation selection), its values perturbed by a factor of 0.8 or 1.2, and the run goes on as the best.

It costs a training per member, and is as greedy as the grid: a small rate looks good at once (FIRE PBT, Dalibard and
Jaderberg 2021, arXiv 2109.13800).
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

from hptui.hyperparameters import Values, hyperparameter
from hptui.metrics.scores import score_words
from hptui.plan import ONE_BATCH, Plan, Round, Stage
from hptui.space import Range, SearchSpace, describe
from hptui.strategies import Candidate, Choice, DecisionCourse, Outlook, Situation, StateName, Strategy

__all__ = ["Pbt"]

FACTORS = (0.8, 1.2)
SHIFTS = (-0.2, 0.2)
"""of a linear range, where a factor would never leave zero"""


class Pbt(Strategy):
    """A population of a few members; their values are in the memory of the run, their weights are kept states."""

    searches = True
    uses_horizon = False
    uses_steps = False
    has_probes = False  # what looks like a probe is the training of a member
    members = 4

    def decide(self, situation: Situation) -> DecisionCourse:
        measurements = yield self._train_on(situation, Random(f"{self.seed} {situation.epoch}"))
        random = Random(f"{self.seed} {situation.epoch}")
        order = sorted(range(len(measurements)), key=lambda index: measurements[index].score)
        best, worst = order[0], order[-1]
        if math.isinf(measurements[best].score):
            self.memory = {}
            return Choice({}, f"all {len(measurements)} members diverged; the next decision draws new ones")
        population: list[dict[str, Any]] = [{"values": one.candidate.values, "start": one.end} for one in measurements]
        for index in order:
            if math.isinf(measurements[index].score) or (index == worst and worst != best):
                values = perturbed(measurements[best].candidate.values, situation.space, random)
                population[index] = {"values": values, "start": measurements[best].end}
        self.memory |= {"population": population, "own": best, "at": situation.epoch}
        winner = measurements[best].candidate.values
        score = score_words(situation.score_name, measurements[best].score)
        reason = f"best of {len(measurements)} members: {describe(winner)}; score {score}"
        return Choice(winner, reason, candidate=best, start=measurements[best].end)

    def _train_on(self, situation: Situation, random: Random) -> list[Candidate]:
        """Every member as far as the run has come; drawn, where there are none yet."""
        if "population" not in self.memory:
            drawn = [self._drawn(situation.space, random) for _ in range(self.members)]
            self.memory |= {"population": [{"values": values, "start": None} for values in drawn], "own": 0}
        gap = situation.epoch - self.memory.get("at", situation.epoch)
        candidates = []
        for index, member in enumerate(self.memory["population"]):
            values = within(member["values"], situation.space, random)
            behind = gap > 0 and index != self.memory["own"]
            start, horizon = (member["start"], float(gap)) if behind else (None, ONE_BATCH)
            along = (situation.epoch - 1.0 - gap, situation.epoch - 1.0) if behind else None
            candidates.append(Candidate(values, horizon, start, keep=True, along=along))
        return candidates

    def needed(self) -> list[StateName]:
        starts = (member["start"] for member in self.memory.get("population", ()))
        return [start for start in starts if start is not None]

    def plan(self, outlook: Outlook) -> Plan:
        """The members that are beside the run are trained as far as it came since the decision before."""
        at = self.memory.get("at")
        gaps: dict[int, list[int]] = {}
        for epoch in (epoch for epoch in self.decision_epochs if epoch >= outlook.epoch):
            gaps.setdefault(epoch - at if at is not None else 0, []).append(epoch)
            at = epoch
        names = tuple(outlook.space)
        # of the winner's batch beyond the epoch's end the run trains one less
        return Plan(
            tuple(
                Stage(tuple(epochs), names, self._rounds(gap), f"{self.members} members", gained=ONE_BATCH)
                for gap, epochs in gaps.items()
            )
        )

    def _rounds(self, gap: int) -> tuple[Round, ...]:
        if gap == 0:
            return (Round(self.members, ONE_BATCH),)
        return (Round(1, ONE_BATCH), Round(self.members - 1, float(gap)))

    def _drawn(self, space: SearchSpace, random: Random) -> Values:
        return {name: usable(searched, searched.at(random.random())) for name, searched in space.items()}


def perturbed(values: Values, space: SearchSpace, random: Random) -> Values:
    """Each value a step down or up, within its range."""
    perturbed_values = {}
    for name, searched in space.items():
        if searched.scale == "log":
            value = values[name] * random.choice(FACTORS)
        else:
            value = values[name] + random.choice(SHIFTS) * (searched.high - searched.low)
        perturbed_values[name] = usable(searched, value)
    return perturbed_values


def within(values: Values, space: SearchSpace, random: Random) -> Values:
    """A member's values in ranges that may have been changed since: moved inside, or drawn where it has none."""
    return {
        name: usable(searched, values[name] if name in values else searched.at(random.random()))
        for name, searched in space.items()
    }


def usable(searched: Range, value: float) -> float:
    """A value within the range, and whole where it has to be."""
    return hyperparameter(searched.name).rounded(searched.inside(value))
