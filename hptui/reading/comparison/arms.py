"""The completed runs of one arm in numbers: means and standard deviations, and every run's own value."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hptui.metrics.classification import balanced_accuracy
from hptui.reading.comparison.evidence import decisive_test, final_test_accuracy
from hptui.reading.comparison.measuring import RunMeasurement
from hptui.reading.studies import FollowedRun


class Summary(msgspec.Struct, frozen=True):
    """Mean and spread of some numbers; sd with n - 1, null for fewer than two."""

    mean: float | None
    sd: float | None
    values: list[float]


class ArmSummary(msgspec.Struct, frozen=True):
    """The completed runs of one arm, ordered by seed."""

    n: int
    strategy: str
    seeds: list[int]
    """of the runs that were tested, as all lists here have them"""
    test_accuracy: Summary
    balanced_accuracy: Summary
    """mean over the classes of the share that was called so (sensitivity), on test images"""
    cost: Summary
    """images of probes and training, as a multiple of one plain training"""
    seconds: Summary
    epochs: Summary
    """trained"""
    asked: Summary
    """epochs that they were to have"""
    measured: Summary
    """the metric that was asked for, of the model that was asked for"""
    thresholds: list[float]
    """of each run, on the probability of the second class; empty: none was asked for"""
    intervals: list[tuple[float, float] | None]
    """95 %, of each run's metric: what its test images allow; empty: not asked for"""


def summarize(values: Iterable[float]) -> Summary:
    """Mean and standard deviation (n - 1)."""
    numbers = [float(value) for value in values]
    mean = math.fsum(numbers) / len(numbers) if numbers else None
    sd = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Summary(mean, sd, numbers)


def summarize_arm(runs: Sequence[FollowedRun], strategy: str, by_seed: Mapping[int, RunMeasurement]) -> ArmSummary:
    """Summarize completed runs, and what was measured of each."""
    tested = [run for run in runs if not run.state.untested]
    measurements = [by_seed[run.seed] for run in tested]
    intervals = [measurement.interval for measurement in measurements]
    ends = [run.state.completed for run in runs if run.state.completed is not None]
    return ArmSummary(
        n=len(runs),
        strategy=strategy,
        seeds=[run.seed for run in tested],
        test_accuracy=summarize(final_test_accuracy(run.state) for run in tested),
        balanced_accuracy=summarize(_balanced_accuracy(run) for run in tested),
        cost=summarize(end.cost for end in ends),
        seconds=summarize(end.seconds for end in ends),
        epochs=summarize(end.epoch for end in ends),
        asked=summarize(end.asked for end in ends),
        measured=summarize(measurement.value for measurement in measurements),
        thresholds=[measurement.threshold for measurement in measurements if measurement.threshold is not None],
        intervals=intervals if any(intervals) else [],
    )


def _balanced_accuracy(run: FollowedRun) -> float:
    share = balanced_accuracy(decisive_test(run, "final").classes)
    assert share is not None  # there are test images
    return share
