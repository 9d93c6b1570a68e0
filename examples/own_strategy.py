"""Your own strategy in one file: random search around the values in force.

    hptui run --dataset digits --strategy examples/own_strategy.py:RandomNeighbours --runs 3 --epochs 5

At each decision eight neighbours of the values in force are probed, and the best one is taken if it beats staying.
"""

from __future__ import annotations

import math

import numpy as np

from hptui.plan import Round
from hptui.strategies import Candidate, Choice, DecisionCourse, Outlook, Situation, Strategy

NEIGHBOURS = 8
REACH = 0.15
"""standard deviation of a step, as a share of the range in its own scale"""


class RandomNeighbours(Strategy):
    """A decision is a generator: it yields candidates, gets their measurements, and returns its choice."""

    searches = True

    def decide(self, situation: Situation) -> DecisionCourse:
        drawn = self.memory.get("drawn", 0)
        self.memory["drawn"] = drawn + 1  # plain data, saved with every checkpoint: a resumed run draws on
        random = np.random.default_rng([self.seed, drawn])
        staying = {name: entry.inside(situation.values[name]) for name, entry in situation.space.items()}
        neighbours = [Candidate(self._neighbour(situation, random)) for _ in range(NEIGHBOURS)]
        measurements = yield [Candidate(staying), *neighbours]
        scores = [one.score for one in measurements]  # a diverged candidate scores infinity
        best = scores.index(min(scores))
        if math.isinf(scores[best]):
            return Choice({}, "all candidates diverged")
        winner = measurements[best].candidate.values
        return Choice(winner, f"best of {len(scores)}: {scores[best]:.4f}", candidate=best)

    def rounds(self, outlook: Outlook) -> tuple[Round, ...]:
        """What the form and `hptui plan` tell before the start: so many candidates, each for so many epochs."""
        return (Round(NEIGHBOURS + 1, outlook.horizon),)

    def _neighbour(self, situation: Situation, random: np.random.Generator) -> dict[str, float]:
        return {
            name: entry.inside(entry.at(entry.position(entry.inside(situation.values[name])) + REACH * random.normal()))
            for name, entry in situation.space.items()
        }
