"""What stands on the page, in the order it stands there: plain tables and sentences, nothing escaped yet."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from hptui.config import LOCAL, resolve
from hptui.export import missing
from hptui.reading.comparison import compare
from hptui.reading.comparison.words import (
    by_hand_words,
    difference_words,
    epochs_words,
    unfinished_words,
    verdict_lines,
)
from hptui.reading.studies import FollowedStudy
from hptui.record.data_summary import files_words, noticed, overview_words
from hptui.record.study_directory import Study
from hptui.report.data import images_table
from hptui.report.measures import arms_table, class_table, gaps, metric_tables, statistics_table
from hptui.report.runs import decision_tables, runs_table, warnings, wrong_tables
from hptui.report.tables import PageTable

LABEL_NOTES = (
    "An image may have several labels, or none: numbers are means over the labels, each with against without it. "
    "Labels that all test images have, or none, are left out where they define nothing. Label-wise accuracy counts "
    "every label of every image at a threshold of one half; exact match counts images of which all labels are right. "
    "Brier score and calibration error: the lower, the better. PPV and NPV are those at the share of each label among "
    "these images.",
)
METRIC_NOTES = (
    "Two classes: of the second one; more: mean of one class against the rest. Brier score and calibration error (ten "
    "bins of equally many images): the lower, the better. PPV and NPV are those at the share of each class among these "
    "images. Quadratic kappa supposes that the classes are grades in their order.",
)


@dataclass(frozen=True)
class Headline:
    """Words that are read first."""

    name: str
    facts: str
    conclusion: str
    verdicts: Sequence[str]
    """whether the search paid"""


@dataclass(frozen=True)
class Section:
    """Section of the page: a heading, sentences, tables."""

    title: str
    lines: Sequence[str] = ()
    tables: Sequence[PageTable] = ()
    remarks: Sequence[str] = ()
    """as a list"""


def headline(study: FollowedStudy) -> Headline:
    """Name, what it is about, and the conclusion in words."""
    config = study.study.config
    begun = time.strftime("%Y-%m-%d", time.gmtime(study.study.created))
    against = f"{config.strategy} against {config.baseline}" if config.baseline != "none" else config.strategy
    facts = (
        f"{config.dataset}, {config.model}, {config.epochs} epochs, {against}; {config.runs} runs of each arm planned, "
        f"begun {begun}, {study.status}"
    )
    comparison = compare(study)
    return Headline(study.study.name, facts, comparison.conclusion, verdict_lines(comparison))


def before_pictures(study: FollowedStudy, left_out: Sequence[str] = ()) -> Iterator[Section]:
    """Sections on the result, and on what is wrong with it; `left_out`: what the page has no room for."""
    comparison = compare(study)
    statistics = statistics_table(comparison)
    tables = [arms_table(comparison), *([statistics] if statistics else [])]
    words = [difference_words(comparison)]
    if trained := epochs_words(comparison):
        words.append(f"{trained}.")
    if comparison.unfinished:
        words.append(unfinished_words(comparison))
    if comparison.by_hand:
        words.append(f"{by_hand_words(comparison)}: what, when and by whom stands under Warnings.")
    yield Section("Result", words, tables)
    careful = warnings(study)
    if careful:
        yield Section("Warnings", remarks=careful)
    absent = [*missing(study), *gaps(study), *left_out]
    if absent:
        yield Section("Missing", remarks=absent)
    by_class = class_table(study)
    metrics = [*metric_tables(study), *([by_class] if by_class else [])]
    if metrics:
        yield Section("Metrics", METRIC_NOTES if study.task == "single-label" else LABEL_NOTES, metrics)


def after_pictures(study: FollowedStudy) -> Iterator[Section]:
    """Sections on how the result came about."""
    if (data := study.study.data) is not None:
        words = [f"{overview_words(data)}.", *([f"{files_words(data)}."] if data.files else [])]
        yield Section("Images", words, [images_table(data)], noticed(data))
    yield Section("Runs", tables=[runs_table(study)])
    decisions = list(decision_tables(study))
    if decisions:
        yield Section("Decisions", tables=decisions)
    wrong = list(wrong_tables(study))
    if wrong:
        title = "Images called by another class" if study.task == "single-label" else "Labels called by mistake"
        yield Section(title, tables=wrong)
    yield Section("Configuration", tables=[_settings(study.study), _facts(study)])
    yield Section("Versions", tables=[_versions(study)])


def _settings(study: Study) -> PageTable:
    """Every setting with its origin, as far as the study's folder knows."""
    default = msgspec.to_builtins(resolve([]).config)
    begun = msgspec.to_builtins(study.config_at_start)
    rows: list[tuple[str, str, str]] = []
    for name, value in msgspec.to_builtins(study.config).items():
        if name in LOCAL:
            continue
        origin = "default" if value == default[name] else "set for this study"
        if value != begun[name]:
            origin = f"changed while it ran; at the start {_setting(begun[name])}"
        rows.append((name, _setting(value), origin))
    return PageTable("Settings", ("setting", "value", "from"), rows, words=3)


def _setting(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {entry}" for name, entry in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _facts(study: FollowedStudy) -> PageTable:
    """Facts that the first run that began has recorded."""
    started = next((run.state.started for run in study.runs if run.state.started is not None), None)
    rows = [("fingerprint of images and labels (SHA-256)", study.study.fingerprint)]
    if started is not None:
        rows += [
            ("data", started.dataset),
            ("classes" if started.task == "single-label" else "labels", ", ".join(started.class_names)),
            ("training images in an epoch", str(started.images_per_epoch)),
            ("validation images", str(started.validation_images)),
            ("test images", str(started.test_images)),
            ("network", started.model),
            ("trainable weights", str(started.parameters)),
            ("optimizer", started.optimizer),
        ]
    return PageTable("Data and network", ("fact", "value"), rows, words=2)


def _versions(study: FollowedStudy) -> PageTable:
    """Versions that the runs were trained with, each set once."""
    starts = [run.state.started for run in study.runs if run.state.started is not None]
    rows = {
        (start.hptui, start.device, ", ".join(f"{name} {number}" for name, number in start.versions.items()))
        for start in starts
    }
    return PageTable("What the runs were trained with", ("hptui", "device", "versions"), sorted(rows), words=3)
