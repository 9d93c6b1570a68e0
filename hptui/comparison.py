"""Baseline against optimized runs of one study, paired by seed: difference, interval, effect size, test, cost.

All accuracies are fractions. Student's distribution is SciPy's. Only completed runs count; a difference is taken
over the seeds that both arms completed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec

from hptui.run_state import RunState
from hptui.studies import FollowedRun, FollowedStudy

CONFIDENCE = 0.95
TEST = "paired t-test"
NO_BASELINE = "This study has no baseline arm, so there is nothing to compare the optimized runs with."


class Summary(msgspec.Struct, frozen=True):
    """Some numbers; sd with n - 1, null for fewer than two."""

    mean: float | None
    sd: float | None
    values: list[float]


class ArmSummary(msgspec.Struct, frozen=True):
    """The completed runs of one arm, ordered by seed."""

    n: int
    strategy: str
    seeds: list[int]
    test_accuracy: Summary
    balanced_accuracy: Summary
    """mean over the classes of the share that was found (sensitivity), on test images"""
    cost: Summary
    """images of probes and training, as a multiple of one plain training"""
    seconds: Summary


class Difference(msgspec.Struct, frozen=True):
    """Optimized minus baseline in test accuracy, pair by pair."""

    n: int
    mean: float | None
    low: float | None
    high: float | None
    """95 % confidence interval of the mean; null for fewer than two pairs, or where all differences are equal"""
    p_value: float | None
    effect_size: float | None
    """mean difference / its standard deviation (Cohen's d for pairs); null where there is no spread"""
    test: str


class Comparison(msgspec.Struct, frozen=True):
    """What `hptui compare` prints."""

    study: str
    planned: int
    """runs of each arm"""
    baseline: ArmSummary
    optimized: ArmSummary
    difference: Difference
    conclusion: str


def compare(followed: FollowedStudy) -> Comparison:
    """Compare the arms of one study as far as it is done."""
    config = followed.study.config
    completed = {arm: [run for run in followed.runs if run.arm == arm and run.state.completed] for arm in config.arms}
    baseline, optimized = completed.get("baseline", []), completed["optimized"]
    difference = paired_difference(
        {run.seed: test_accuracy(run.state) for run in baseline},
        {run.seed: test_accuracy(run.state) for run in optimized},
    )
    return Comparison(
        study=followed.study.name,
        planned=config.runs,
        baseline=_summarize_arm(baseline, config.baseline),
        optimized=_summarize_arm(optimized, config.strategy),
        difference=difference,
        conclusion=conclusion(difference) if "baseline" in config.arms else NO_BASELINE,
    )


def test_accuracy(state: RunState) -> float:
    """Of the delivered weights, after the last epoch."""
    assert state.completed is not None
    return state.completed.test_accuracy


test_accuracy.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of its name


def balanced_accuracy(confusion: Sequence[Sequence[int]]) -> float:
    """Mean over the classes that occur of hits / images of the class; rows: true, columns: predicted."""
    shares = [row[index] / sum(row) for index, row in enumerate(confusion) if sum(row)]
    return math.fsum(shares) / len(shares)


def paired_difference(baseline: dict[int, float], optimized: dict[int, float]) -> Difference:
    """Optimized minus baseline over the seeds that both have (Student's t; Cohen 1988 for d)."""
    pairs = sorted(baseline.keys() & optimized.keys())
    differences = [optimized[seed] - baseline[seed] for seed in pairs]
    n = len(differences)
    if n < 2:
        return Difference(n, differences[0] if n else None, None, None, None, None, TEST)
    mean, sd = math.fsum(differences) / n, statistics.stdev(differences)
    if sd <= 1e-12:  # equal differences: no spread to test against
        return Difference(n, mean, None, None, None, None, TEST)
    from scipy.special import stdtr, stdtrit  # a quarter of a second: not before there is something to test

    error = sd / math.sqrt(n)
    reach = error * float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    p_value = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Difference(n, mean, mean - reach, mean + reach, p_value, mean / sd, TEST)


def conclusion(difference: Difference) -> str:
    """One plain sentence that says what this many pairs allow one to conclude."""
    n = difference.n
    if difference.mean is None:
        return "No pair of runs is completed yet, so there is nothing to compare."
    if n > 1 and difference.low is None:
        return f"All {n} differences are equal ({_signed(difference.mean)} points), so no interval can be given."
    if difference.low is None or difference.high is None:
        return f"{n} pair cannot show a difference: its spread is unknown. Use --runs 10 or more."
    if difference.low <= 0 <= difference.high:
        return (
            f"With {n} pairs the difference cannot be told from zero: "
            f"anything from {_signed(difference.low)} to {_signed(difference.high)} points fits the data."
        )
    better = "better" if difference.mean > 0 else "worse"
    caution = " With so few pairs the interval itself is uncertain." if n < 5 else ""
    return (
        f"Over {n} pairs the optimized runs are {better} by {100 * abs(difference.mean):.2f} points "
        f"(95 % interval {_signed(difference.low)} to {_signed(difference.high)}).{caution}"
    )


def _signed(fraction: float) -> str:
    return f"{100 * fraction:+.2f}"


def _summarize_arm(runs: Sequence[FollowedRun], strategy: str) -> ArmSummary:
    states = [run.state for run in runs]
    return ArmSummary(
        n=len(runs),
        strategy=strategy,
        seeds=[run.seed for run in runs],
        test_accuracy=summarize([test_accuracy(state) for state in states]),
        balanced_accuracy=summarize([_balanced(state) for state in states]),
        cost=summarize([state.completed.cost for state in states if state.completed]),
        seconds=summarize([state.completed.seconds for state in states if state.completed]),
    )


def _balanced(state: RunState) -> float:
    test = state.epochs[-1].test
    assert test is not None
    return balanced_accuracy(test.confusion)


def summarize(values: Sequence[float]) -> Summary:
    """Mean and standard deviation (n - 1)."""
    numbers = [float(value) for value in values]
    mean = math.fsum(numbers) / len(numbers) if numbers else None
    sd = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Summary(mean, sd, numbers)
