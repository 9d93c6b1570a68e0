"""Every class against the rest, for each arm: what a single run reaches, and what its test images leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from hptui.config import Arm
from hptui.metrics.classification import METRIC_TITLES
from hptui.metrics.intervals import ClassMetrics
from hptui.reading.comparison.measuring import Question, class_metrics
from hptui.reading.comparison.number_words import percent
from hptui.reading.studies import FollowedStudy

CLASS_METRICS = ("sensitivity", "specificity", "f1", "auc")
CLASS_HEADINGS = ("arm", "class", "images", *(f"{METRIC_TITLES[name]} %" for name in CLASS_METRICS))


class ClassEstimate(msgspec.Struct, frozen=True):
    """Mean over the runs of an arm, with that of their intervals."""

    mean: float
    low: float | None
    high: float | None
    """mean ends of the runs' own 95 % intervals: what a test set of this size leaves open of one run"""


class ClassRow(msgspec.Struct, frozen=True):
    """One class of one arm; null: not defined, or (AUC) no predictions saved."""

    arm: Arm
    name: str
    support: int
    """test images of the class"""
    sensitivity: ClassEstimate | None
    specificity: ClassEstimate | None
    f1: ClassEstimate | None
    auc: ClassEstimate | None


def by_class(followed: FollowedStudy, question: Question) -> list[ClassRow]:
    """Rows of every arm that completed a run, in the order of the classes.

    Raises:
        UsageError: a threshold is asked for, and a run saved no predictions.
    """
    rows = []
    for arm in followed.study.config.arms:
        runs = followed.completed_runs(arm)
        by_run = [class_metrics(run, question) for run in runs]
        names = next((run.state.started.class_names for run in runs if run.state.started is not None), [])
        rows += [_row(arm, name, runs_of) for name, runs_of in zip(names, zip(*by_run, strict=True), strict=True)]
    return rows


def _row(arm: Arm, name: str, runs: Sequence[ClassMetrics]) -> ClassRow:
    return ClassRow(arm, name, runs[0].support, *(_mean(runs, metric) for metric in CLASS_METRICS))


def _mean(runs: Sequence[ClassMetrics], metric: str) -> ClassEstimate | None:
    estimates = [getattr(run, metric) for run in runs]
    known = [estimate for estimate in estimates if estimate is not None]
    if not known or len(known) < len(estimates):
        return None
    ends = [estimate.interval for estimate in known if estimate.interval is not None]
    low, high = (math.fsum(side) / len(ends) for side in zip(*ends, strict=True)) if ends else (None, None)
    return ClassEstimate(math.fsum(estimate.value for estimate in known) / len(known), low, high)


def class_cells(row: ClassRow) -> tuple[str, ...]:
    """One class as a row under CLASS_HEADINGS."""
    return row.arm, row.name, str(row.support), *(_estimate_words(getattr(row, metric)) for metric in CLASS_METRICS)


def _estimate_words(estimate: ClassEstimate | None) -> str:
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return percent(estimate.mean)
    return f"{percent(estimate.mean)} ({percent(estimate.low)} to {percent(estimate.high)})"
