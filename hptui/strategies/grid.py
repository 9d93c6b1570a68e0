"""Every cell of the grid is probed from the run's own snapshot; the run goes on with the best one.

It is greedy by design: a choice looks no further than the probe. Scores of the last weights then favour ever
smaller rates (short-horizon bias, Wu et al. 2018, arXiv 1803.02021), which is why a score is taken of averaged
weights unless asked otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hptui.space import SearchSpace, describe, grid
from hptui.strategies import Candidate, Choice, Measurement, Situation, Strategy

__all__ = ["Grid"]


class Grid(Strategy):
    """One round of candidates per decision: all combinations of the searched values."""

    searches = True
    _told: Sequence[Measurement] = ()

    def ask(self, situation: Situation) -> list[Candidate] | Choice:
        if not self._told:
            return [Candidate(cell) for cell in grid(situation.space)]
        told, self._told = self._told, ()
        finite = [index for index, found in enumerate(told) if math.isfinite(found.score)]
        if not finite:
            return Choice({}, f"all {len(told)} cells diverged; the values in force stay")
        best = min(finite, key=lambda index: told[index].score)  # of equals the first: the lower value
        winner = told[best].candidate.values
        reason = (
            f"lowest score of {len(finite)} finite cells of {len(told)}: {told[best].score:.4g} at {describe(winner)}"
        )
        return Choice(winner, reason, candidate=best)

    def tell(self, measurements: Sequence[Measurement]) -> None:
        self._told = measurements

    def planned_cost(self, space: SearchSpace, horizon: float) -> float:
        return 1.0 + len(self.decision_epochs) * len(grid(space)) * horizon / self.epochs
