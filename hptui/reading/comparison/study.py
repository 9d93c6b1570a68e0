"""Baseline against optimized runs of one study, paired by seed, as far as it is done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from hptui.config import ARMS, Arm
from hptui.errors import RunDirectoryError, UsageError
from hptui.metrics.classification import LOWER_IS_BETTER, NO_SCORES, metric_title, metrics_of
from hptui.metrics.influence import standard_error
from hptui.metrics.score_intervals import NORMAL
from hptui.reading.changes import changes
from hptui.reading.comparison.arms import ArmSummary, summarize_arm
from hptui.reading.comparison.differences import Difference, paired_difference, student_difference, within_shares
from hptui.reading.comparison.measuring import Question, RunMeasurement, measure
from hptui.reading.comparison.number_words import signed
from hptui.reading.comparison.sampling import (
    NO_SPREAD,
    How,
    SamplingError,
    largest_paired_error,
    paired_error,
)
from hptui.reading.comparison.verdict import Verdict, cost_of_pairs, judge, no_verdict, subject
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.record.predictions import Model
from hptui.record.task import Task

NO_TEST_IMAGES = (
    "This study has no test images, and on validation images, which decisions saw, a comparison would flatter: nothing "
    "is compared. hptui evaluate RUN DATASET measures its runs on other labelled images."
)
NO_BASELINE = "This study has no baseline arm, so there is nothing to compare the optimized runs with."


class Comparison(msgspec.Struct, frozen=True):
    """Comparison of the arms of one study, as `hptui compare` prints it."""

    study: str
    planned: int
    """runs of each arm"""
    baseline: ArmSummary
    optimized: ArmSummary
    difference: Difference
    """of the metric"""
    conclusion: str
    verdict: Verdict
    """whether the search paid, by the metric"""
    metric: str = "accuracy"
    model: Model = "final"
    threshold_for: str | None = None
    sampling: SamplingError | None = None
    """null: no run is completed"""
    by_hand: list[str] = []
    """what somebody changed while the study ran; empty: nothing"""
    unfinished: list[str] = []
    """runs that have begun and are not at their end, with how far they are: no number counts them"""
    unreadable: list[str] = []
    """files of predictions that are there and cannot be used, with the reason"""
    few_to_choose: str = ""
    """sentence on a threshold that few validation images have set; empty: none was asked for, or they are enough"""
    per_group: bool = False
    """numbers are of groups, not of images"""
    untested: bool = False
    """there are no test images, so that nothing is compared"""
    mixed: list[str] = []
    """groups that are not counted, because their images are of different classes"""
    task: Task = "single-label"
    """what the study learns: multi-label numbers are means over labels"""
    score_verdict: Verdict | None = None
    """the same by what the decisions compared (--score); null: that is the metric, no metric of test images, or cannot
    be measured, or another metric was asked for"""


def compare(followed: FollowedStudy, question: Question | None = None, *, intervals: bool = False) -> Comparison:
    """Compare the arms of one study as far as it is done.

    Args:
        followed: read already.
        question: what to compare; None: the usual metric of the delivered weights on test images.
        intervals: also of each run's metric, which takes a bootstrap for most metrics.

    Raises:
        UsageError: a completed run saved no predictions and the question needs them, or the metric is not defined.
    """
    asks_nothing = question is None or question == Question()
    question = (question or Question()).asked_of(followed.task)
    config = followed.study.config
    measured = {arm: measure_arm(followed, arm, question, intervals=intervals) for arm in ARMS}
    baseline, optimized = (
        summarize_arm(followed.completed_runs(arm), config.strategy_of(arm), measured[arm]) for arm in ARMS
    )
    difference = within_shares(paired_difference(*equally_long(followed, by_seed(baseline), by_seed(optimized))))
    sampling = sampling_error(measured["baseline"], measured["optimized"], question.metric)
    return Comparison(
        study=followed.study.name,
        planned=config.runs,
        baseline=baseline,
        optimized=optimized,
        difference=difference,
        conclusion=_conclusion(followed, difference, sampling, question.metric),
        verdict=_verdict(followed, difference, question.metric),
        score_verdict=_score_verdict(followed, question.metric) if asks_nothing else None,
        metric=question.metric,
        model=question.model,
        threshold_for=question.threshold_for,
        sampling=sampling,
        by_hand=list(changes(followed)),
        unfinished=[_how_far(run) for run in followed.runs if run.state.started and run.state.completed is None],
        unreadable=[one.problem for of_arm in measured.values() for one in of_arm.values() if one.problem],
        few_to_choose=next((one.few_to_choose for each in measured.values() for one in each.values()), ""),
        per_group=question.per_group,
        untested=followed.untested,
        task=followed.task,
        mixed=sorted({name for of_arm in measured.values() for one in of_arm.values() for name in one.mixed}),
    )


def _conclusion(followed: FollowedStudy, difference: Difference, sampling: SamplingError | None, metric: str) -> str:
    """Sentence on what can be concluded, or on why nothing can be."""
    if followed.untested:
        return NO_TEST_IMAGES
    if "baseline" not in followed.study.config.arms:
        return NO_BASELINE
    return conclusion(difference, sampling, metric)


def _verdict(followed: FollowedStudy, difference: Difference, metric: str) -> Verdict:
    config = followed.study.config
    if followed.untested:
        return no_verdict("untested", metric, config.runs, subject(config))
    if "baseline" not in config.arms:
        return no_verdict("no baseline", metric, config.runs, subject(config))
    return judge(difference, metric, followed.task, config.runs, cost_of_pairs(followed), subject(config))


def _score_verdict(followed: FollowedStudy, metric: str) -> Verdict | None:
    """The verdict by the study's own score, where test images have one that is not the metric."""
    score = followed.study.config.score
    judged = score in metrics_of(followed.task) and score not in NO_SCORES and score != metric
    if not judged or followed.untested or "baseline" not in followed.study.config.arms:
        return None
    try:
        measured = [measure_arm(followed, arm, Question(score)) for arm in ARMS]
    except (RunDirectoryError, UsageError):  # no predictions were saved, or it is not defined for a run
        return None
    values = [{seed: one.value for seed, one in of_arm.items()} for of_arm in measured]
    difference = within_shares(student_difference(*equally_long(followed, *values)))
    return _verdict(followed, difference, score) if difference.n else None


def _how_far(run: FollowedRun) -> str:
    state = run.state
    return f"{run.name} ({run.status}, {state.epochs_completed} of {state.end} epochs)"


def measure_arm(
    followed: FollowedStudy, arm: Arm, question: Question, *, intervals: bool = False
) -> dict[int, RunMeasurement]:
    """Measurements of every completed run of one arm that was tested, by seed; see `compare`."""
    return {run.seed: measure(run, question, with_interval=intervals) for run in followed.tested_runs(arm)}


def by_seed(arm: ArmSummary) -> dict[int, float]:
    """Metric of each run of an arm, by seed."""
    return dict(zip(arm.seeds, arm.measured.values, strict=True))


def equally_long(
    followed: FollowedStudy, baseline: Mapping[int, float], optimized: Mapping[int, float]
) -> tuple[dict[int, float], dict[int, float]]:
    """Both arms, by seed, without pairs of which one run goes on with added epochs and the other one does not yet."""
    epochs = {arm: {run.seed: run.state.epochs_planned for run in followed.completed_runs(arm)} for arm in ARMS}
    other = {seed for seed, done in epochs["baseline"].items() if epochs["optimized"].get(seed, done) != done}
    kept = [{seed: value for seed, value in arm.items() if seed not in other} for arm in (baseline, optimized)]
    return kept[0], kept[1]


def sampling_error(
    baseline: Mapping[int, RunMeasurement], optimized: Mapping[int, RunMeasurement], metric: str
) -> SamplingError | None:
    """Standard errors of two arms (by seed) whose runs read the same test images; None: no run is completed."""
    every = [*baseline.values(), *optimized.values()]
    if not every:
        return None
    errors = [standard_error(measurement.influence) for measurement in every]
    known = all(error >= NO_SPREAD for error in errors)
    found = SamplingError(
        images=every[0].images,
        one=_mean([max(e, 0.0 if e >= NO_SPREAD else m.edge) for e, m in zip(errors, every, strict=True)]),
        difference=None,
        how="upper bound",
        discordant=None,
        readable=sum(measurement.right is not None for measurement in every),
        rests_on=min(measurement.rests_on for measurement in every),
        one_how="standard error" if known else "upper bound",
        mean_of=every[0].mean_of,
        groups=every[0].groups,
        per_group=every[0].per_group,
        task=every[0].task,
    )
    pairs = [(baseline[seed], optimized[seed]) for seed in sorted(baseline.keys() & optimized.keys())]
    return _with_difference(found, pairs, metric) if pairs else found


def _with_difference(
    found: SamplingError, pairs: Sequence[tuple[RunMeasurement, RunMeasurement]], metric: str
) -> SamplingError:
    """A sampling error with that of the mean difference over pairs, or a bound of it."""
    edge = max(max(a.paired_edge, b.paired_edge) for a, b in pairs)
    right = [(a.right, b.right) for a, b in pairs if a.right is not None and b.right is not None]
    if len(right) == len(pairs):
        error = paired_error([a.influence for a, _ in pairs], [b.influence for _, b in pairs])
        how: How = "paired images" if error >= NO_SPREAD else "upper bound"
        error = error if how == "paired images" else edge
        discordant = _mean([float((a != b).mean()) for a, b in right])
        return msgspec.structs.replace(found, difference=error, how=how, discordant=discordant)
    if metric == "accuracy" and found.task == "single-label":
        bounds = [largest_paired_error(a.value, b.value, found.images) for a, b in pairs]
    else:
        bounds = [standard_error(a.influence) + standard_error(b.influence) for a, b in pairs]
    return msgspec.structs.replace(found, difference=max(_mean(bounds), edge))


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def conclusion(difference: Difference, sampling: SamplingError | None = None, metric: str = "accuracy") -> str:
    """Sentence on what this many pairs and this many test images allow one to conclude."""
    title = metric_title(metric, sampling.task if sampling is not None else "single-label")
    n, in_metric = difference.n, "" if title == "accuracy" else f" in {title}"
    if difference.mean is None:
        return "No pair of runs is completed yet, so there is nothing to compare."
    if n > 1 and difference.low is None:
        return (
            f"All {n} differences{in_metric} are equal ({signed(difference.mean)} points), so no interval can be given."
            f"{on_other_images(difference, sampling, metric)}"
        )
    if difference.low is None or difference.high is None:
        return f"{n} pair cannot show a difference{in_metric}: its spread is unknown. Use --runs 10 or more."
    if difference.low <= 0 <= difference.high:
        return (
            f"With {n} pairs the difference{in_metric} cannot be told from zero: anything from "
            f"{signed(difference.low)} to {signed(difference.high)} points fits the data."
            f"{on_other_images(difference, sampling, metric)}"
        )
    better = "better" if (difference.mean > 0) != (metric in LOWER_IS_BETTER) else "worse"
    caution = " With so few pairs the interval itself is uncertain." if n < 5 else ""
    return (
        f"Over {n} pairs the optimized runs are {better}{in_metric} by {100 * abs(difference.mean):.2f} points "
        f"(95 % interval {signed(difference.low)} to {signed(difference.high)}).{caution}"
        f"{on_other_images(difference, sampling, metric)}"
    )


def drawn_words(sampling: SamplingError) -> str:
    """Words for what was drawn of all that there could be."""
    groups = sampling.images if sampling.per_group else sampling.groups
    return f"{groups} groups of test images" if groups else f"{sampling.images} test images"


def on_other_images(difference: Difference, sampling: SamplingError | None, metric: str = "accuracy") -> str:
    """Sentence on the doubt that the test set adds: how far the difference may be from that on all images of its kind.

    The spread over pairs and that over images are added as if they had nothing in common. A little they have: which
    images a network happens to get right differs from seed to seed. So this errs on the side of doubt. Two test sets
    of this size differ by sqrt(2) times as much.
    """
    if sampling is None or sampling.difference is None:
        return ""
    assert difference.mean is not None
    reach = NORMAL * sampling.difference
    most = "at most " if sampling.how == "upper bound" else ""
    drawn, points = drawn_words(sampling), f"{100 * reach:.2f} points"
    title = metric_title(metric, sampling.task)
    points += "" if title == "accuracy" else f" of {title}"
    left = f" The choice of these {drawn} leaves {most}another {points} to either side open (95 %)"
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return f"{left}."
    if abs(difference.mean) > math.hypot((difference.high - difference.low) / 2, reach):
        return f"{left}, too little to undo it."
    if most:
        return f"{left}: whether it holds on other images cannot be told."
    return f"{left}: it holds for these test images, and may not for others."
