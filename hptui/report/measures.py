"""The comparison as tables: arms, statistics, every metric, every class; and which of it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from hptui.errors import UsageError
from hptui.metrics.classification import metric, metric_title, metrics_of
from hptui.metrics.groups import is_grouped
from hptui.reading.comparison import Comparison, Question, compare
from hptui.reading.comparison.by_class import by_class, class_cells, class_headings, few_images
from hptui.reading.comparison.number_words import between, mean_sd, probability, signed
from hptui.reading.comparison.words import arm_cells, headings, statistics_rows
from hptui.reading.outcomes import final_predictions
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.record.predictions import Model
from hptui.report.tables import PageTable

MODELS: dict[Model, str] = {
    "final": "delivered weights",
    "best": "weights of the epoch with the lowest validation loss",
}
METRIC_HEADINGS = ("metric", "baseline %", "optimized %", "difference (points)", "95 % interval", "p")


def arms_table(comparison: Comparison) -> PageTable:
    """Table of the arms, as `hptui compare` shows it."""
    arms = [("baseline", comparison.baseline), ("optimized", comparison.optimized)]
    rows = [arm_cells(comparison, name, arm) for name, arm in arms if arm.strategy != "none"]
    return PageTable("Arms: mean ± standard deviation over the completed runs", headings(comparison), rows, words=2)


def statistics_table(comparison: Comparison) -> PageTable | None:
    """Table of every number of the difference; None while there is no pair."""
    rows = statistics_rows(comparison)
    title = metric_title(comparison.metric, comparison.task)
    return PageTable(f"Difference in test {title}", ("statistic", "value"), rows) if rows else None


def metric_tables(study: FollowedStudy) -> Iterator[PageTable]:
    """Tables of every metric, one for each model; a dash where the runs saved no predictions, or it is not defined."""
    if not any(study.tested_runs(arm) for arm in study.study.config.arms):
        return
    for model in get_args(Model):
        rows = [_metric_row(study, Question(name, model)) for name in metrics_of(study.task)]
        yield PageTable(f"Test images, {MODELS[model]}", METRIC_HEADINGS, rows)
        if _has_groups(study):
            rows = [_metric_row(study, Question(name, model, per_group=True)) for name in metrics_of(study.task)]
            caption = f"Groups of test images, each by the mean probability of its images, {MODELS[model]}"
            yield PageTable(caption, METRIC_HEADINGS, rows)


def _has_groups(study: FollowedStudy) -> bool:
    """Whether every completed run knows of which group each test image is, and some are of one.

    Where an image may have several labels, those of a group differ, so that it has none of its own.
    """
    if study.task == "multi-label":
        return False
    runs = [run for arm in study.study.config.arms for run in study.completed_runs(arm)]
    found = [final_predictions(run) for run in runs]
    return all(not isinstance(one, str) and is_grouped(one) for one in found)


def _metric_row(study: FollowedStudy, question: Question) -> tuple[str, ...]:
    title = metric_title(question.metric, study.task)
    try:
        comparison = compare(study, question)
    except UsageError:  # `gaps` says why
        return (title, *["-"] * (len(METRIC_HEADINGS) - 1))
    difference = comparison.difference
    return (
        title,
        mean_sd(comparison.baseline.measured),
        mean_sd(comparison.optimized.measured),
        "-" if difference.mean is None else signed(difference.mean),
        between(difference.low, difference.high),
        probability(difference.p_value),
    )


def class_table(study: FollowedStudy) -> PageTable | None:
    """Table of every class, or label, of both arms; None while no run is completed."""
    rows = by_class(study, Question())
    each = "Every class against the rest" if study.task == "single-label" else "With and without every label"
    caption = (
        f"{each}: mean over the runs, with its 95 % interval over runs (Student) and test images "
        "(shares: Wilson 1927; F1: Lam, Gopal and Qian 2023; AUC: Newcombe 2006; average precision: Boyd, Eng and Page "
        "2013; where the images are of groups: other groups, by Rao and Scott 1992 or a bootstrap), whose distances "
        f"are added in squares (Zou and Donner 2008). {few_images(rows)}"
    )
    return PageTable(caption, class_headings(study.task), [class_cells(row) for row in rows], words=2) if rows else None


def gaps(study: FollowedStudy) -> list[str]:
    """Sentences on what the tables lack, and why."""
    runs_by_problem: dict[str, list[str]] = {}
    for arm in study.study.config.arms:
        for run in study.tested_runs(arm):
            if problem := _problem(run):
                runs_by_problem.setdefault(problem, []).append(run.name)
    return [f"AUC of {', '.join(names)}: {problem}" for problem, names in runs_by_problem.items()]


def _problem(run: FollowedRun) -> str:
    """Reason why a run has no AUC; empty if it has one."""
    predictions = final_predictions(run)
    if isinstance(predictions, str):
        return predictions
    undefined = metric("auc", predictions) is None
    return "a class has no test images, or the network has diverged" if undefined else ""
