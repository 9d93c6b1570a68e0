"""The arms of several studies side by side, and which of their differences can be tested.

Within each study optimized against baseline; then the optimized arm of every later study against that of the first.
Two arms of different studies are paired by seed where all that a seed stands for agrees: data, split, network and
epochs; then one seed means the same initial weights and the same order of the images, and a pair differs in what was
done with them. Where the test images are the same but one of these is not, a pair would be no pair: Welch's test of
all runs, and the reason beside it. Where the test images differ, a difference would be one of the images: nothing is
tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hptui.config import Arm
from hptui.errors import RunDirectoryError, UsageError
from hptui.reading.comparison.arms import ArmSummary
from hptui.reading.comparison.differences import (
    Difference,
    holm,
    paired_difference,
    unpaired_difference,
    within_shares,
)
from hptui.reading.comparison.evidence import decisive_test, saved_predictions
from hptui.reading.comparison.measuring import Question, RunMeasurement
from hptui.reading.comparison.sampling import SamplingError
from hptui.reading.comparison.study import Comparison, by_seed, compare, measure_arm, sampling_error
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.record.predictions import Model, Predictions
from hptui.record.study_folders import shown

USED = ("train_size", "validation_size")
"""settings that decide how many images are used, of which those for the test are not"""
SEED_MEANS = ("model", "epochs", *USED)
"""settings that have to agree for one seed to mean the same initial weights and the same images in the same order"""
TEST_MEANS = (
    *("dataset", "image_size", "split_seed", "test_size", "resize", "pages"),
    *("column", "group_column", "group_pattern", "allow_overlap"),
)
"""settings that decide which the test images are; how many others are used does not change them"""


class Contrast(msgspec.Struct, frozen=True):
    """One arm against another."""

    one: str
    """STUDY: ARM"""
    other: str
    difference: Difference | None
    """other minus one; null: not tested"""
    p_holm: float | None
    """of all differences that are tested here, adjusted for how many they are"""
    sampling: SamplingError | None
    note: str
    """why it is not paired, or not tested; empty where it is paired"""


class StudiesComparison(msgspec.Struct, frozen=True):
    """Comparison of several studies, as `hptui compare A B ...` prints it."""

    metric: str
    model: Model
    threshold_for: str | None
    names: list[str]
    """of the studies: the folder's name, with as many folders above it as tell them apart"""
    studies: list[Comparison]
    contrasts: list[Contrast]


class _StudyArm(msgspec.Struct, frozen=True):
    """One arm of one study."""

    name: str
    study: FollowedStudy
    arm_name: Arm
    arm: ArmSummary
    measured: dict[int, RunMeasurement]


def compare_several(
    studies: Sequence[FollowedStudy], question: Question | None = None, *, intervals: bool = False
) -> StudiesComparison:
    """Compare two or more studies, each read already; see `hptui.reading.comparison.study.compare`.

    Raises:
        UsageError: two of them are one folder, or a study cannot answer the question.
    """
    question = (question or Question()).asked_of(studies[0].task)
    names = _names([followed.study.directory for followed in studies])
    comparisons = [compare(followed, question, intervals=intervals) for followed in studies]
    sides = [
        {
            arm: _StudyArm(f"{name}: {arm}", followed, arm, summary, measure_arm(followed, arm, question))
            for arm, summary in _arms(comparison)
        }
        for name, followed, comparison in zip(names, studies, comparisons, strict=True)
    ]
    pairs = [(arms["baseline"], arms["optimized"]) for arms in sides if "baseline" in arms]
    pairs += [(sides[0]["optimized"], arms["optimized"]) for arms in sides[1:]]
    contrasts = [_contrast(one, other, question.metric) for one, other in pairs]
    return StudiesComparison(
        question.metric, question.model, question.threshold_for, names, comparisons, _adjusted(contrasts)
    )


def _arms(comparison: Comparison) -> list[tuple[Arm, ArmSummary]]:
    arms: list[tuple[Arm, ArmSummary]] = [("baseline", comparison.baseline), ("optimized", comparison.optimized)]
    return [(arm, summary) for arm, summary in arms if summary.strategy != "none"]


def _names(directories: Sequence[Path]) -> list[str]:
    for index, directory in enumerate(directories):
        if directory in directories[:index]:
            raise UsageError(f"{shown(directory)} is given twice; name each study once.")
    paths = [Path(shown(directory)).parts for directory in directories]
    kept = [1] * len(paths)
    """how many of its last folders name each study"""

    def name(index: int) -> str:
        return "/".join(paths[index][-kept[index] :])

    def lengthened(index: int) -> bool:
        """Whether another study has its name now, and a longer one tells them apart."""
        others = (path for other, path in enumerate(paths) if name(other) == name(index))
        return kept[index] < len(paths[index]) - 1 and any(path != paths[index] for path in others)

    while longer := [index for index in range(len(paths)) if lengthened(index)]:
        for index in longer:
            kept[index] += 1
    return _numbered([name(index) for index in range(len(paths))])


def _numbered(names: Sequence[str]) -> list[str]:
    """Names of which equal ones, that differ only in what cannot be shown, get numbers by their order."""
    numbered: list[str] = []
    for name in names:
        repeated = (f"{name} #{number}" for number in itertools.count(2))
        numbered.append(name if name not in numbered else next(other for other in repeated if other not in numbered))
    return numbered


def _contrast(one: _StudyArm, other: _StudyArm, metric: str) -> Contrast:
    if one.study.untested or other.study.untested:
        return Contrast(one.name, other.name, None, None, None, "not tested: there are no test images")
    if one.study is not other.study and not _same_test_images(one, other):
        return Contrast(one.name, other.name, None, None, None, "not tested: the test images are not the same")
    apart = _apart(one, other)
    if not apart:
        difference = within_shares(paired_difference(by_seed(one.arm), by_seed(other.arm)))
        sampling = sampling_error(one.measured, other.measured, metric)
        return Contrast(one.name, other.name, difference, None, sampling, "")
    difference = within_shares(unpaired_difference(one.arm.measured.values, other.arm.measured.values))
    return Contrast(one.name, other.name, difference, None, None, f"not paired: {apart}")


def _same_test_images(one: _StudyArm, other: _StudyArm) -> bool:
    """Whether two arms were tested on the same images.

    The fingerprint is of all splits together: it differs too where only fewer training images are used. Then the
    settings have to name the same test images, and the runs must have counted the same. Of the user's own data the
    settings name a folder, in which other images may have lain.
    """
    first, second = one.study.study, other.study.study
    if first.fingerprint == second.fingerprint:
        return True
    fewer = any(getattr(first.config, name) != getattr(second.config, name) for name in USED)
    named = all(getattr(first.config, name) == getattr(second.config, name) for name in TEST_MEANS)
    return fewer and named and ":" not in first.config.dataset and _counted_alike(one, other)


def _counted_alike(one: _StudyArm, other: _StudyArm) -> bool:
    """Whether classes, images of each, and their order agree, the last as far as predictions were saved."""
    runs = [run for side in (one, other) for run in side.study.completed_runs(side.arm_name)[:1]]
    counted = [
        (
            run.state.started.test_images if run.state.started else None,
            run.state.started.class_names if run.state.started else None,
            decisive_test(run, "final").classes.support,
        )
        for run in runs
    ]
    labels = [saved.labels.tolist() for saved in map(_saved, runs) if saved is not None]
    return all(counts == counted[0] for counts in counted) and all(order == labels[0] for order in labels)


def _saved(run: FollowedRun) -> Predictions | None:
    """Predictions of test images; None too where they cannot be read."""
    try:
        return saved_predictions(run, "final")
    except RunDirectoryError:
        return None


def _apart(one: _StudyArm, other: _StudyArm) -> str:
    """Reason that keeps two arms from being paired by seed; empty if there is none."""
    if one.study is other.study:
        return ""
    first, second = one.study.study.config, other.study.study.config
    differing = [name for name in SEED_MEANS if getattr(first, name) != getattr(second, name)]
    if differing:
        return f"{', '.join(differing)} {'differs' if len(differing) == 1 else 'differ'}"
    common = set(one.arm.seeds) & set(other.arm.seeds)
    if len(common) < min(one.arm.n, other.arm.n):
        return f"of the completed seeds only {len(common)} are the same"
    return ""


def _adjusted(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Contrasts with p values that are adjusted for so many comparisons."""
    p_values = [contrast.difference.p_value if contrast.difference else None for contrast in contrasts]
    adjusted = iter(holm([value for value in p_values if value is not None]))
    return [
        msgspec.structs.replace(contrast, p_holm=next(adjusted)) if value is not None else contrast
        for contrast, value in zip(contrasts, p_values, strict=True)
    ]
