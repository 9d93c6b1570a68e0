"""How the adaptive strategy compares candidates: on evidence, and of those within noise the careful one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hptui.hyperparameters import Values, hyperparameter
from hptui.strategies import Measurement

MOST = 0.05
"""share of its score within which the best may be given up for a stronger one, because few images have large standard
errors; and by which a smaller rate has to be better. A score is a distance to perfect in its own unit: nats of a loss,
a share of wrong images, 1 - AUC. So 0.05 is one error in twenty, at 50 % as at 99 %, and no fixed number of points,
which would be nothing at the one and out of reach at the other"""
ROUNDING = 1e-12
"""of a score: a difference below it is none"""


def careful(
    measurements: Sequence[Measurement],
    in_force: Measurement | None,
    strong: Callable[[Measurement], float],
    evidence: float,
    ties: float,
) -> Measurement:
    """What is in force, unless the best is better beyond luck; else the strongest that is hardly worse than the best.

    Args:
        measurements: to choose from.
        in_force: the one of them that has the values in force; None: there is none, so the values change.
        strong: how careful one is.
        evidence: standard errors by which the best has to be better than what is in force.
        ties: standard errors, or MOST of the score, within which one is hardly worse.
    """
    best = min(measurements, key=order_of)
    if in_force is not None and lead(best, in_force) <= evidence:
        return in_force
    most = (1 + MOST) * best.score
    tied = [one for one in measurements if one is best or (lead(best, one) <= ties and one.score <= most)]
    strongest = max(map(strong, tied))
    return min((one for one in tied if strong(one) == strongest), key=order_of)


def without_flattered(measurements: Sequence[Measurement], in_force: Measurement | None) -> list[Measurement]:
    """Candidates with a rate that is not smaller than the one in force, or that are better by MOST of the score."""
    if in_force is None:
        return list(measurements)
    limit = in_force.score / (1 + MOST)
    return [one for one in measurements if rate(one) >= rate(in_force) or one.score <= limit]


def luck(tried: int) -> float:
    """About the largest of so many standard normal numbers: standard errors that the best of equal ones leads by."""
    return math.sqrt(2 * math.log(max(tried, 2)))


def strength(name: str, in_force: Values) -> Callable[[Measurement], float]:
    """The careful side of a hyperparameter: strong regularisation; else what is in force."""
    if hyperparameter(name).careful == "larger":
        return lambda one: one.values.get(name, 0.0)
    return lambda one: float(one.candidate.values.get(name) == in_force.get(name))


def order_of(measurement: Measurement) -> tuple[float, float]:
    """Order of candidates, the best first: by the score; by the loss where a coarse score cannot tell them apart."""
    return measurement.score, measurement.loss


def lead(best: Measurement, other: Measurement) -> float:
    """Number of standard errors by which the score of `other` is worse, paired over the same validation images.

    0 where nothing is known of the error, as of a class with a single image: then nothing speaks for either.
    """
    difference, error = other.score - best.score, other.error(best)
    if error is None or abs(difference) < ROUNDING:
        return 0.0
    return difference / error if error > 0 else math.copysign(math.inf, difference)


def changed(measurement: Measurement, values: Values) -> set[str]:
    """Names of which a candidate had other values."""
    return {name for name, value in measurement.candidate.values.items() if value != values.get(name)}


def rate(measurement: Measurement) -> float:
    """Learning rate that it was measured with: the larger one is the careful side of a tie."""
    return measurement.values["lr"]
