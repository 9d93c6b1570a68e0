"""Your own strategy in one file: random search around the values in force.

    hptui run --dataset digits --strategy examples/own_strategy.py:RandomNeighbours --runs 3 --epochs 5

At each decision eight neighbours of the values in force are probed, and the best one is taken if it beats staying.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hptui.space import Range, SearchSpace
from hptui.strategies import Candidate, Choice, Measurement, Situation, Strategy

NEIGHBOURS = 8
REACH = 0.15
"""standard deviation of a step, as a share of the range in its own scale"""


class RandomNeighbours(Strategy):
    """`ask` gives candidates until it answers with a Choice; `tell` brings the measurements in between."""

    searches = True
    _told: Sequence[Measurement] = ()

    def ask(self, situation: Situation) -> list[Candidate] | Choice:
        if not self._told:
            drawn = self.memory.get("drawn", 0)
            self.memory["drawn"] = drawn + 1  # plain data, saved with every checkpoint: a resumed run draws on
            random = np.random.default_rng([self.seed, drawn])
            staying = {name: clipped(situation.values[name], entry) for name, entry in situation.space.items()}
            return [Candidate(staying), *(Candidate(self._neighbour(situation, random)) for _ in range(NEIGHBOURS))]
        told, self._told = self._told, ()
        best = min(range(len(told)), key=lambda index: told[index].score)  # a diverged candidate scores infinity
        if math.isinf(told[best].score):
            return Choice({}, "all candidates diverged")
        return Choice(told[best].candidate.values, f"best of {len(told)}: {told[best].score:.4f}", candidate=best)

    def tell(self, measurements: Sequence[Measurement]) -> None:
        self._told = measurements

    def planned_cost(self, space: SearchSpace, horizon: float) -> float:
        return 1 + len(self.decision_epochs) * (NEIGHBOURS + 1) * horizon / self.epochs

    def _neighbour(self, situation: Situation, random: np.random.Generator) -> dict[str, float]:
        return {
            name: clipped(entry.at(position_of(situation.values[name], entry) + REACH * random.normal()), entry)
            for name, entry in situation.space.items()
        }


def position_of(value: float, entry: Range) -> float:
    """Where `value` lies in the range, 0 to 1, in the range's scale."""
    value = clipped(value, entry)
    if entry.scale == "log":
        return math.log(value / entry.low) / math.log(entry.high / entry.low)
    return (value - entry.low) / (entry.high - entry.low)


def clipped(value: float, entry: Range) -> float:
    """Ranges are never left."""
    return min(max(value, entry.low), entry.high)
