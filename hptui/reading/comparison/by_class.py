"""Every class against the rest, for each arm: the mean over its runs, and what runs and test images leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from hptui.config import Arm
from hptui.metrics.classification import METRIC_TITLES
from hptui.metrics.intervals import ClassMetrics
from hptui.reading.comparison.arms import Summary, summarize
from hptui.reading.comparison.differences import student_reach
from hptui.reading.comparison.evidence import names_of_classes
from hptui.reading.comparison.measuring import Question, class_metrics
from hptui.reading.comparison.number_words import percent
from hptui.reading.studies import FollowedStudy
from hptui.record.task import Task

CLASS_METRICS = ("sensitivity", "specificity", "f1", "auc", "ppv", "npv", "average_precision")
FEW_IMAGES = 10
"""or groups, of a class: with fewer, one of them is worth more than 10 points of its sensitivity"""
CLASS_HEADINGS = ("arm", "class", "images", *(f"{METRIC_TITLES[name]} %" for name in CLASS_METRICS))


class ClassEstimate(msgspec.Struct, frozen=True):
    """Mean over the runs of an arm, with its 95 % interval over runs and over test images."""

    mean: float
    low: float
    high: float
    sd: float | None
    """over the runs, with n - 1; null for one run"""


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
    ppv: ClassEstimate | None
    npv: ClassEstimate | None
    average_precision: ClassEstimate | None
    groups: int = 0
    """that the images are of; 0: they are independent as far as is known"""


def by_class(followed: FollowedStudy, question: Question) -> list[ClassRow]:
    """Rows of every arm that completed a run and tested it, in the order of the classes.

    Raises:
        UsageError: a threshold is asked for, and a run saved no predictions; or the runs have different classes.
    """
    rows = []
    for arm in followed.study.config.arms:
        runs = followed.tested_runs(arm)
        by_run = [class_metrics(run, question) for run in runs]
        names = names_of_classes(runs, [len(metrics) for metrics in by_run]) if runs else ()
        rows += [_row(arm, name, runs_of) for name, runs_of in zip(names, zip(*by_run, strict=True), strict=True)]
    return rows


def _row(arm: Arm, name: str, runs: Sequence[ClassMetrics]) -> ClassRow:
    means: dict[str, Any] = {metric: _mean(runs, metric) for metric in CLASS_METRICS}
    return ClassRow(arm, name, runs[0].support, groups=runs[0].groups, **means)


def _mean(runs: Sequence[ClassMetrics], metric: str) -> ClassEstimate | None:
    estimates = [getattr(run, metric) for run in runs]
    known = [estimate for estimate in estimates if estimate is not None]
    if not known or len(known) < len(estimates):
        return None
    over_runs = summarize([estimate.value for estimate in known])
    assert over_runs.mean is not None
    low, high = _both(over_runs, [estimate.interval for estimate in known])
    return ClassEstimate(over_runs.mean, low, high, over_runs.sd)


def _both(over_runs: Summary, ends: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Ends of the interval of a mean over runs that all read the same test images.

    To each side the distance that other runs would move it (Student), and the one that other images would (that of the
    runs' own intervals, for they share their images), added in squares (MOVER: Zou and Donner 2008). The first alone
    says nothing of runs that are all at 100 %, the second nothing of runs at 100 and at 0 %.
    """
    mean, n = over_runs.mean, len(over_runs.values)
    assert mean is not None
    by_run = student_reach(over_runs.sd, n) if over_runs.sd is not None else 0.0
    low, high = (math.fsum(side) / n for side in zip(*ends, strict=True))
    return max(mean - math.hypot(by_run, mean - low), 0.0), min(mean + math.hypot(by_run, high - mean), 1.0)


def class_headings(task: Task) -> tuple[str, ...]:
    """Headings of the columns of `class_cells`."""
    return CLASS_HEADINGS if task == "single-label" else ("arm", "label", *CLASS_HEADINGS[2:])


def class_cells(row: ClassRow) -> tuple[str, ...]:
    """One class, or label, as a row under `class_headings`."""
    return row.arm, row.name, str(row.support), *(_estimate_words(getattr(row, metric)) for metric in CLASS_METRICS)


def _estimate_words(estimate: ClassEstimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{percent(estimate.mean)} ({percent(estimate.low)} to {percent(estimate.high)})"


def few_images(rows: Sequence[ClassRow]) -> str:
    """Sentence on classes that have too few test images, or groups, to tell anything; empty if there is none."""
    few = {row.name: row for row in rows if (row.groups or row.support) < FEW_IMAGES}
    of = {name: f", of {row.groups} group{'s' * (row.groups > 1)}" if row.groups else "" for name, row in few.items()}
    named = ", ".join(f"{name} ({row.support}{of[name]})" for name, row in few.items())
    return f"Too few test images to tell: {named}." if few else ""
