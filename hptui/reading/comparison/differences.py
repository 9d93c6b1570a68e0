"""Differences between two arms: interval, effect size, tests; plain numbers in, plain numbers out.

Student's t over pairs says how well the mean difference is known if the differences are about normal. Wilcoxon's
signed ranks and a bootstrap interval stand beside it because they do not suppose that: where the three disagree, n
is too small or one pair stands out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TypedDict

import msgspec

CONFIDENCE = 0.95
PAIRED = "paired t-test"
UNPAIRED = "Welch's t-test"
RESAMPLES = 9999
BOOTSTRAP_PAIRS = 5
"""fewer give a bootstrap too few distinct resamples (four pairs: 35) to read 2.5 % off both ends"""
EXACT_PAIRS = 14
"""with ties or zeros the exact distribution is counted over all 2^n signs; more take too long for a screen"""
NO_SPREAD = 1e-12
"""standard deviations below this are rounding"""


class Difference(msgspec.Struct, frozen=True):
    """One arm minus another, as a fraction: pair by pair, or of all runs where they are not paired."""

    n: int
    """pairs; the runs of both arms together where they are not paired"""
    mean: float | None
    low: float | None
    high: float | None
    """95 % confidence interval of the mean; null for fewer than two pairs, or where all differences are equal"""
    p_value: float | None
    effect_size: float | None
    """mean difference / its standard deviation (Cohen's dz for pairs; unpaired: / root of the mean of both
    variances); null where there is no spread"""
    test: str
    """what gave interval and p value"""
    sd: float | None = None
    """of the differences, with n - 1"""
    effect_size_corrected: float | None = None
    """the same without its bias for small n (Hedges' factor); null for two pairs"""
    wilcoxon_p: float | None = None
    """two-sided, signed ranks; differences of exactly zero are left out, as Wilcoxon did"""
    wilcoxon_exact: bool = False
    """counted over all signs, not from the normal approximation"""
    wilcoxon_n: int = 0
    """the differences that are left then"""
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    """95 %, BCa over pairs; null for fewer than five pairs"""


def paired_difference(baseline: Mapping[int, float], optimized: Mapping[int, float]) -> Difference:
    """Optimized minus baseline over the seeds that both have (Student's t; Cohen 1988 for d; Hedges 1981).

    Args:
        baseline: fractions by seed.
        optimized: likewise.
    """
    differences = _by_pair(baseline, optimized)
    difference = student_difference(baseline, optimized)
    if difference.n < 2:
        return difference
    signed = _wilcoxon(differences)
    if difference.low is None:
        return msgspec.structs.replace(difference, **signed)
    bootstrap_low, bootstrap_high = _bootstrap(differences)
    return msgspec.structs.replace(difference, bootstrap_low=bootstrap_low, bootstrap_high=bootstrap_high, **signed)


def student_difference(baseline: Mapping[int, float], optimized: Mapping[int, float]) -> Difference:
    """Difference without signed ranks and bootstrap, which take a hundred times as long: for a list of many studies."""
    differences = _by_pair(baseline, optimized)
    n = len(differences)
    if n < 2:
        return Difference(n, differences[0] if n else None, None, None, None, None, PAIRED)
    mean, sd = math.fsum(differences) / n, statistics.stdev(differences)
    if sd <= NO_SPREAD:  # equal differences: no spread to test against
        return Difference(n, mean, None, None, None, None, PAIRED, sd=0.0)
    low, high, p_value = _student(mean, sd / math.sqrt(n), n - 1)
    corrected = _corrected(mean / sd, n - 1)
    return Difference(n, mean, low, high, p_value, mean / sd, PAIRED, sd=sd, effect_size_corrected=corrected)


def _by_pair(baseline: Mapping[int, float], optimized: Mapping[int, float]) -> list[float]:
    return [optimized[seed] - baseline[seed] for seed in sorted(baseline.keys() & optimized.keys())]


def unpaired_difference(one: Sequence[float], other: Sequence[float]) -> Difference:
    """Difference of means, other minus one, of independent runs whose spread may differ (Welch 1947, Satterthwaite)."""
    n = len(one) + len(other)
    if not one or not other:
        return Difference(n, None, None, None, None, None, UNPAIRED)
    mean = math.fsum(other) / len(other) - math.fsum(one) / len(one)
    if min(len(one), len(other)) < 2:
        return Difference(n, mean, None, None, None, None, UNPAIRED)
    variances = statistics.variance(one), statistics.variance(other)
    shares = variances[0] / len(one), variances[1] / len(other)
    spread = math.sqrt(sum(variances) / 2)
    if spread <= NO_SPREAD:
        return Difference(n, mean, None, None, None, None, UNPAIRED)
    freedom = sum(shares) ** 2 / (shares[0] ** 2 / (len(one) - 1) + shares[1] ** 2 / (len(other) - 1))
    low, high, p_value = _student(mean, math.sqrt(sum(shares)), freedom)
    effect = mean / spread
    return Difference(n, mean, low, high, p_value, effect, UNPAIRED, effect_size_corrected=_corrected(effect, freedom))


def within_shares(difference: Difference) -> Difference:
    """A difference with an interval that ends where fractions do: two of them differ by 100 points at most."""
    if difference.low is None or difference.high is None:
        return difference
    return msgspec.structs.replace(difference, low=max(difference.low, -1.0), high=min(difference.high, 1.0))


def _student(mean: float, error: float, freedom: float) -> tuple[float, float, float]:
    """Low and high end of Student's interval, and the two-sided p value."""
    from scipy.special import stdtr  # a quarter of a second: not before there is something to test

    reach = error * _quantile(freedom)
    return mean - reach, mean + reach, 2 * float(stdtr(freedom, -abs(mean) / error))


def student_reach(sd: float, n: int) -> float:
    """How far Student's interval of a mean of n > 1 numbers reaches to either side."""
    return sd / math.sqrt(n) * _quantile(n - 1)


def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _corrected(effect: float, freedom: float) -> float | None:
    """Effect size without its small-sample bias; of two pairs there is none."""
    return effect * hedges_factor(freedom) if freedom > 1 else None


def hedges_factor(freedom: float) -> float:
    """Factor that makes an effect size unbiased, for more than one degree of freedom (Hedges 1981)."""
    return math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)


class _SignedRanks(TypedDict, total=False):
    """Fields of a Difference that Wilcoxon's test fills."""

    wilcoxon_p: float
    wilcoxon_exact: bool
    wilcoxon_n: int


def _wilcoxon(differences: Sequence[float]) -> _SignedRanks:
    """Wilcoxon's p value, and whether it is exact; nothing where no pair differs.

    Accuracies are multiples of 1/N: differences that are equal but for rounding are ties.
    """
    rounded = [value for value in (round(value, 12) for value in differences) if value != 0]
    if not rounded:
        return {}
    from scipy.stats import PermutationMethod, wilcoxon

    n = len(rounded)
    ties = len({abs(value) for value in rounded}) < n
    if not ties and n <= 50:
        p_value, exact = wilcoxon(rounded, method="exact").pvalue, True
    elif n <= EXACT_PAIRS:
        p_value, exact = wilcoxon(rounded, method=PermutationMethod(n_resamples=2**n)).pvalue, True
    else:
        p_value, exact = wilcoxon(rounded, method="asymptotic").pvalue, False
    return {"wilcoxon_p": float(p_value), "wilcoxon_exact": exact, "wilcoxon_n": n}


def _bootstrap(differences: Sequence[float]) -> tuple[float | None, float | None]:
    """Interval of the mean over resampled pairs, seeded: the same numbers every time.

    BCa, because plain percentiles are too narrow and blind to skew (Efron 1987). With few pairs it is still narrower
    than Student's, so the conclusion rests on the latter.
    """
    if len(differences) < BOOTSTRAP_PAIRS:
        return None, None
    import numpy as np
    from scipy.stats import bootstrap

    interval = bootstrap(
        (np.asarray(differences),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for that many comparisons, in the same order (Holm 1979): all below 0.05 may be claimed."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
