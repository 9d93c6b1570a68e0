"""What the measured candidates of a decision let one expect between them: a Gaussian process with its uncertainty.

    value of a candidate = f(values) + g(values) of its round + level of its round + noise

f and g are processes over the places in the searched ranges (Matern 5/2). Every round has a level of its own, and a g,
because its probes were longer, or began further on, than those of another, and differences grow or vanish with that:
what was tried in several rounds informs one f, and no loss after a tenth of an epoch is mixed with one after half of
it. What is predicted is what a probe of one round would show. Losses are modelled by their logarithm.

A decision has some ten points, too few to tell length scales, noise, and how far rounds agree: predictions are the mean
over a grid of these, each weighed by its marginal likelihood (Rasmussen and Williams 2006, Gaussian Processes for
Machine Learning, chapters 2 and 5), so that what the points leave open widens the deviation. Exact, in some
milliseconds: scikit-learn knows no level for each round, fits one length scale, and takes a second to be imported by a
screen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Rounds = npt.NDArray[np.int64]

LEAST_POINTS = 4
"""different places that have to be measured before anything is said of others"""
MOST_POINTS = 80
"""of more only the last are fitted"""
LENGTHS = ((0.15, 0.4, 1.0, 2.5), (0.3, 1.2), (0.6,))
"""length scales, as shares of a range: as many as MOST_MODELS allows"""
NOISES = (0.02, 0.15)
"""standard deviations, where that of the points of a round is 1"""
MOST_MODELS = 1024
LEVEL = 2.0
"""standard deviation of the level of a round, likewise"""
OWN = (0.2, 1.0, 2.0)
"""standard deviations of g, where that of f is 1: of rounds that agree, and of some that have little in common"""
UNLIKELY = 1e-3
"""of the likelihood of the best: models below it are left out"""
VAGUE = 0.9
"""deviation, likewise, from which on a prediction says hardly more than that nothing is known"""


class Point(NamedTuple):
    """A measured candidate."""

    place: tuple[float, ...]
    """in the range of each hyperparameter that the decision varied: 0 (low) to 1 (high)"""
    round: int
    value: float


class Prediction(NamedTuple):
    """What a probe of one round would show at a place."""

    value: float
    deviation: float
    """standard deviation"""
    vague: bool
    """whether that is nearly as large as if nothing had been measured"""


@dataclass(frozen=True)
class Landscape:
    """Processes that were fitted to n measured points: m of them, over d hyperparameters."""

    places: Numbers
    """(n, d)"""
    rounds: Rounds
    """(n,)"""
    middle: dict[int, float]
    """of each round, which its points are taken relative to"""
    scale: float
    """standard deviation of the points around these"""
    logarithmic: bool
    lengths: Numbers
    """(m, d)"""
    noises: Numbers
    """(m,)"""
    own: Numbers
    """(m,) standard deviations of g"""
    roots: Numbers
    """(m, n, n) lower triangles: Cholesky's roots of the covariances"""
    solved: Numbers
    """(m, n) covariance^-1 times the points"""
    shares: Numbers
    """(m,) of each process in what is predicted"""

    @property
    def points(self) -> int:
        """How many it was fitted to."""
        return len(self.places)

    def predicted(self, places: Sequence[tuple[float, ...]], number: int) -> list[Prediction]:
        """Predictions for what a round would show, in the order of `places`."""
        import numpy as np

        new, there = np.array(places, dtype=float), np.full(len(places), number)
        across = _covariances(self.places, self.rounds, new, there, self.lengths, self.own)  # (m, n, places)
        means = np.einsum("mnp,mn->mp", across, self.solved)
        explained = (np.linalg.solve(self.roots, across) ** 2).sum(1)
        variances = np.clip(1.0 + self.own[:, None] ** 2 + LEVEL**2 - explained, 0.0, None) + self.noises[:, None] ** 2
        mean = self.shares @ means
        deviation = np.sqrt(np.clip(self.shares @ (variances + means**2) - mean**2, 0.0, None))
        values = self.middle[number] + self.scale * mean
        values = np.exp(values) if self.logarithmic else values
        spreads = self.scale * deviation * (values if self.logarithmic else 1.0)
        found = zip(values.tolist(), spreads.tolist(), (deviation > VAGUE).tolist(), strict=True)
        return [Prediction(*one) for one in found]


@lru_cache(maxsize=64)
def landscape(points: tuple[Point, ...], *, lower_is_better: bool) -> Landscape | None:
    """Landscape of these points; None where too little was measured, or nothing differs, to say anything of others."""
    points = points[-MOST_POINTS:]
    if len({point.place for point in points}) < LEAST_POINTS or len({point.value for point in points}) < 2:
        return None
    import numpy as np

    logarithmic = lower_is_better and all(point.value > 0 for point in points)
    values = np.array([math.log(point.value) if logarithmic else point.value for point in points])
    places, rounds = np.array([point.place for point in points]), np.array([point.round for point in points])
    middle = {int(number): float(np.median(values[rounds == number])) for number in np.unique(rounds)}
    apart = values - np.array([middle[point.round] for point in points])
    scale = float(np.sqrt(np.mean(apart**2))) or 1.0
    lengths, noises, own = _models(places.shape[1], len(middle))
    covariances = _covariances(places, rounds, places, rounds, lengths, own)
    roots = np.linalg.cholesky(covariances + noises[:, None, None] ** 2 * np.eye(len(points)))
    target = np.broadcast_to((apart / scale)[:, None], (len(lengths), len(points), 1))
    solved = np.linalg.solve(roots.swapaxes(1, 2), np.linalg.solve(roots, target))[:, :, 0]
    likelihoods = -0.5 * solved @ (apart / scale) - np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1)
    shares = np.exp(likelihoods - likelihoods.max())
    kept = shares > UNLIKELY
    shares = shares[kept] / shares[kept].sum()
    fitted = lengths[kept], noises[kept], own[kept], roots[kept], solved[kept], shares
    return Landscape(places, rounds, middle, scale, logarithmic, *fitted)


def _models(dimensions: int, rounds: int) -> tuple[Numbers, Numbers, Numbers]:
    """Length scales (m, d), noise (m,) and deviation of what is a round's own (m,), of each process."""
    import numpy as np

    owns = OWN if rounds > 1 else OWN[:1]
    others = len(NOISES) * len(owns)
    scales = next((one for one in LENGTHS if others * len(one) ** dimensions <= MOST_MODELS), LENGTHS[-1])
    every = itertools.product(itertools.product(scales, repeat=dimensions), NOISES, owns)
    lengths, noises, own = zip(*every, strict=True)
    return np.array(lengths), np.array(noises), np.array(own)


def _covariances(
    one: Numbers, rounds: Rounds, other: Numbers, other_rounds: Rounds, lengths: Numbers, own: Numbers
) -> Numbers:
    """(m, n, p) of n points with p others, without noise, by each of m processes."""
    import numpy as np

    apart = (one[:, None, :] - other[None, :, :]) ** 2
    far = np.sqrt(5 * np.einsum("md,npd->mnp", 1 / lengths**2, apart))
    same = (rounds[:, None] == other_rounds[None, :]).astype(float)
    alike = (1 + far + far**2 / 3) * np.exp(-far)
    found: Numbers = alike * (1 + own[:, None, None] ** 2 * same) + LEVEL**2 * same
    return found
