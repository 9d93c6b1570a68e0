"""What a network's answers on labelled images are worth: every metric with its interval, per image and per group.

For images that are not part of the network's study: thresholds and recalibration come from the run's own validation
images, so that nothing of what is measured was fitted to what it is measured on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from hptui.errors import UsageError
from hptui.metrics.calibration import ReliabilityBin, reliability
from hptui.metrics.class_metrics import Estimate, per_class
from hptui.metrics.classification import METRIC_TITLES, counts_of, metric, metric_title, metrics_of
from hptui.metrics.decision_curve import NetBenefit, decision_curve
from hptui.metrics.groups import is_grouped, of_groups
from hptui.metrics.intervals import interval
from hptui.metrics.prevalence import npv_at, ppv_at
from hptui.metrics.recalibration import Recalibration, fit_recalibration
from hptui.metrics.several_labels import labels_left_out
from hptui.metrics.thresholds import choose_threshold, few_to_choose
from hptui.reading.wrong_images import WrongImage, most_wrong
from hptui.record.predictions import Predictions
from hptui.record.task import Task

OF_A_LABEL = ("auc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "f1")
"""metrics of one label"""
MOST_WRONG = 24
"""images that are shown: a sheet of four rows"""
FEW_TO_CALIBRATE = 20
"""validation images of a class: with fewer, the shift of its probabilities is hardly known"""


@dataclass(frozen=True)
class Wanted:
    """How answers are looked at."""

    threshold_for: str | None = None
    """two classes: chosen on validation images, as in "sensitivity=0.95"; None: the most probable class"""
    calibrate: bool = False
    prevalence: float | None = None
    """of the second of two classes where the network is to be used"""


class Measured(msgspec.Struct, frozen=True):
    """One metric; null: not defined."""

    name: str
    title: str
    value: float | None
    low: float | None
    high: float | None
    """95 %, over images, or over groups where the images are of groups"""


class LabelMeasured(msgspec.Struct, frozen=True):
    """One label of images that may have several."""

    name: str
    images: int
    """that have it"""
    metrics: list[Measured]


class Unit(msgspec.Struct, frozen=True):
    """All metrics of images, or of groups."""

    count: int
    by_class: dict[str, int]
    threshold: float | None
    metrics: list[Measured]


class Evaluation(msgspec.Struct, frozen=True):
    """What `hptui evaluate` found."""

    run: str
    dataset: str
    positive: str | None
    """class that two-class metrics are of; null: more classes, and means of one against the rest"""
    threshold_for: str | None
    prevalence: float | None
    calibration: Recalibration | None
    per_image: Unit
    per_group: Unit | None
    """null: nothing is known of groups"""
    reliability: list[ReliabilityBin]
    decision_curve: list[NetBenefit]
    most_wrong: list[WrongImage]
    notes: list[str]
    task: Task = "single-label"
    """multi-label: metrics are means over labels"""
    by_label: list[LabelMeasured] = []
    """every label by itself, where an image may have several"""
    groups: int = 0
    """that the images are of, and that intervals resample; 0: images are independent as far as is known"""


@dataclass(frozen=True)
class Evaluated:
    """Evaluation, with the answers that it is of."""

    evaluation: Evaluation
    predictions: Predictions
    """recalibrated where that was asked for"""
    groups: Predictions | None


def evaluate_answers(
    answers: Predictions,
    validation: Predictions | None,
    class_names: Sequence[str],
    wanted: Wanted,
    *,
    run: str,
    dataset: str,
    notes: Sequence[str] = (),
) -> Evaluated:
    """Measure answers on labelled images.

    Args:
        answers: on images of any data set with these classes.
        validation: answers of the same network on its run's validation images; None: not saved.
        class_names: in the order of the network.
        wanted: how they are looked at.
        run: its name, for tables.
        dataset: likewise.
        notes: on how the images were read.

    Raises:
        UsageError: what is wanted needs validation images or two classes.
    """
    several = answers.task == "multi-label"
    _refuse_prevalence(answers, wanted.prevalence)
    recalibration, told = None, list(notes)
    if wanted.calibrate:
        validation = _needed(validation, "--calibrate")
        recalibration = fit_recalibration(validation)
        told += _few_to_calibrate(validation, class_names)
        answers, validation = recalibration.apply(answers), recalibration.apply(validation)
    groups = of_groups(answers) if is_grouped(answers) and not several else None
    per_group = None
    if groups is not None and len(groups.predictions):
        per_group = _unit(groups.predictions, _per_group(validation), class_names, wanted)
    if groups is not None and groups.mixed:
        told.append(f"{len(groups.mixed)} groups have images of different classes: they count per image alone.")
    if several:
        told += _of_labels_notes(answers, class_names)
    per_image = _unit(answers, validation, class_names, wanted)
    if wanted.threshold_for is not None and validation is not None:
        told += _few_to_choose(validation, class_names, wanted.threshold_for, per_group=per_group is not None)
    evaluation = Evaluation(
        run=run,
        dataset=dataset,
        positive=class_names[1] if len(class_names) == 2 and not several else None,
        threshold_for=wanted.threshold_for,
        prevalence=wanted.prevalence,
        calibration=recalibration,
        per_image=per_image,
        per_group=per_group,
        reliability=reliability(answers),
        decision_curve=decision_curve(answers, wanted.prevalence),
        most_wrong=most_wrong(answers, class_names, MOST_WRONG, per_image.threshold),
        notes=told,
        task=answers.task,
        by_label=_by_label(answers, class_names) if several else [],
        groups=_count_groups(answers),
    )
    return Evaluated(evaluation, answers, groups.predictions if groups is not None else None)


def _refuse_prevalence(answers: Predictions, prevalence: float | None) -> None:
    several = answers.task == "multi-label"
    if prevalence is not None and (several or answers.classes != 2):
        has = "several labels per image" if several else str(answers.classes)
        raise UsageError(f"--prevalence is that of the second of two classes; this run has {has}.")


def _few_to_calibrate(validation: Predictions, class_names: Sequence[str]) -> Iterator[str]:
    """A line where a class has so few validation images that probabilities brought to them may be further off."""
    counts = dict(zip(class_names, counts_of(validation).support, strict=True))
    if few := {name: count for name, count in counts.items() if count < FEW_TO_CALIBRATE}:
        named = ", ".join(f"{count} of {name}" for name, count in few.items())
        yield (
            f"Recalibrated on few validation images ({named}): with fewer than {FEW_TO_CALIBRATE} of a class it may do "
            "more harm than good; see that Brier score and calibration error fall by it."
        )


def _few_to_choose(
    validation: Predictions, class_names: Sequence[str], wanted: str, *, per_group: bool
) -> Iterator[str]:
    """A line on each threshold that too few images, or groups, of a class have set."""
    units = [(validation, "images")]
    if per_group and (groups := _per_group(validation)) is not validation and groups is not None:
        units.append((groups, "groups"))
    for answers, unit in units:
        if line := few_to_choose(counts_of(answers).support, class_names, wanted, unit):
            yield line


def _needed(validation: Predictions | None, flag: str) -> Predictions:
    if validation is None:
        raise UsageError(f"{flag} needs the run's predictions of its validation images, and this run saved none.")
    return validation


def _count_groups(answers: Predictions) -> int:
    return len(set(answers.groups.tolist())) if is_grouped(answers) and answers.groups is not None else 0


def _per_group(validation: Predictions | None) -> Predictions | None:
    """The validation images by group, where it is known; else as they are: a threshold is then that of images."""
    if validation is None or not is_grouped(validation):
        return validation
    groups = of_groups(validation).predictions
    return groups if len(groups) else validation


def _unit(answers: Predictions, validation: Predictions | None, class_names: Sequence[str], wanted: Wanted) -> Unit:
    """Every metric; the threshold is chosen on validation images."""
    cut = None
    if wanted.threshold_for is not None:
        cut = choose_threshold(_needed(validation, "--threshold-for"), wanted.threshold_for)
    counts = counts_of(answers).support
    rows = [_measured(name, answers, cut) for name in metrics_of(answers.task)]
    if wanted.prevalence is not None:
        rows += _at_prevalence(answers, cut, wanted.prevalence)
    return Unit(len(answers), dict(zip(class_names, counts, strict=True)), cut, rows)


def _measured(name: str, answers: Predictions, cut: float | None) -> Measured:
    value = metric(name, answers, cut)
    low, high = (interval(name, answers, cut) if value is not None else None) or (None, None)
    return Measured(name, metric_title(name, answers.task), value, low, high)


def _by_label(answers: Predictions, class_names: Sequence[str]) -> list[LabelMeasured]:
    rows = []
    for name, found in zip(class_names, per_class(answers), strict=True):
        estimates = {metric: getattr(found, metric) for metric in OF_A_LABEL}
        measured = [
            Measured(metric, METRIC_TITLES[metric], *((one.value, *one.interval) if one else (None, None, None)))
            for metric, one in estimates.items()
        ]
        rows.append(LabelMeasured(name, found.support, measured))
    return rows


def _of_labels_notes(answers: Predictions, class_names: Sequence[str]) -> list[str]:
    """What means over labels leave out, and what there is not."""
    notes = ["An image may have several labels: there is no reliability diagram and no decision curve."]
    if is_grouped(answers):
        notes.append("Images of one group may have different labels, so that no number is per group.")
    if left_out := labels_left_out(answers, class_names):
        notes.append(
            f"All images, or none, have {', '.join(left_out)}: mean AUC and mean average precision leave that out."
        )
    return notes


def _at_prevalence(answers: Predictions, cut: float | None, prevalence: float) -> list[Measured]:
    positive = per_class(answers, cut, areas=False)[1]
    rows = []
    for name, at in (("ppv", ppv_at), ("npv", npv_at)):
        found: Estimate | None = None
        if positive.sensitivity is not None and positive.specificity is not None:
            found = at(prevalence, positive.sensitivity, positive.specificity)
        ends = found.interval if found is not None else (None, None)
        title = f"{METRIC_TITLES[name]} at a prevalence of {100 * prevalence:g} %"
        rows.append(Measured(f"{name}_at_prevalence", title, found.value if found is not None else None, *ends))
    return rows
