"""Rows and sentences of a comparison, the same on a screen, in a table of the command line and on a page."""

from __future__ import annotations

from collections.abc import Sequence

from hptui.metrics.classification import metric_title
from hptui.reading.comparison.arms import ArmSummary
from hptui.reading.comparison.by_class import FEW_IMAGES
from hptui.reading.comparison.differences import Difference
from hptui.reading.comparison.number_words import between, mean_sd, percent, probability, signed, two_digits
from hptui.reading.comparison.sampling import SamplingError
from hptui.reading.comparison.study import Comparison

ARM_HEADINGS = ("arm", "strategy", "runs", "test acc. %", "balanced %", "cost", "seconds")

LABEL_HEADINGS = ("arm", "strategy", "runs", "label-wise acc. %", "balanced %", "cost", "seconds")
"""the same where an image may have several labels"""


def question_words(comparison: Comparison) -> str:
    """Words for what was measured, where it is not the plain test accuracy of the delivered weights."""
    parts = [metric_title(comparison.metric, comparison.task)] if comparison.metric != "accuracy" else []
    parts += ["best model (lowest validation loss)"] if comparison.model == "best" else []
    if comparison.threshold_for is not None:
        parts.append(f"threshold for {comparison.threshold_for} on validation images")
    if comparison.per_group:
        parts.append("per group (mean probability of its images)")
    return ", ".join(parts)


def headings(comparison: Comparison) -> tuple[str, ...]:
    """Headings of the columns of `arm_cells`."""
    asked = question_words(comparison)
    usual = ARM_HEADINGS if comparison.task == "single-label" else LABEL_HEADINGS
    return (*usual, f"{metric_title(comparison.metric, comparison.task)} %") if asked else usual


def arm_cells(comparison: Comparison, name: str, arm: ArmSummary) -> tuple[str, ...]:
    """One arm as a row under `headings`."""
    cells = (
        name,
        arm.strategy,
        f"{arm.n}/{comparison.planned}",
        mean_sd(arm.test_accuracy),
        mean_sd(arm.balanced_accuracy),
        two_digits(arm.cost.mean),
        mean_sd(arm.seconds, 1, 1),
    )
    return (*cells, mean_sd(arm.measured)) if question_words(comparison) else cells


def difference_words(comparison: Comparison) -> str:
    """Difference, optimized minus baseline, in points, with interval, p value and effect size where known."""
    difference = comparison.difference
    if difference.mean is None:
        never = comparison.untested or comparison.baseline.strategy == "none"
        return "difference: none" if never else "difference: none yet"
    title = metric_title(comparison.metric, comparison.task)
    in_metric = f" in {title}" if title != "accuracy" else ""
    text = f"difference{in_metric} (optimized - baseline, points): {signed(difference.mean)}"
    if difference.low is not None and difference.high is not None:
        text += f", 95 % interval {between(difference.low, difference.high)}"
    if difference.p_value is not None:
        text += f", {difference.test} p = {probability(difference.p_value)}"
    if difference.effect_size is not None:
        text += f", effect size d = {two_digits(difference.effect_size)}"
    return f"{text}, n = {difference.n}"


def other_statistics(difference: Difference) -> str:
    """Statistics beside the t test: signed ranks, bootstrap, effect size without bias; empty if there is none."""
    parts = []
    if difference.wilcoxon_p is not None:
        p_value, how = probability(difference.wilcoxon_p), _exactness(difference)
        parts.append(f"Wilcoxon signed ranks p = {p_value} ({how}{_smallest(difference)})")
    if difference.bootstrap_low is not None and difference.bootstrap_high is not None:
        interval = between(difference.bootstrap_low, difference.bootstrap_high)
        parts.append(f"bootstrap 95 % interval (BCa over pairs) {interval}")
    if difference.effect_size_corrected is not None:
        parts.append(f"effect size without small-sample bias {difference.effect_size_corrected:.2f}")
    return ", ".join(parts)


def _smallest(difference: Difference) -> str:
    """Least p value that fewer than six differing pairs can have, in words: it is above 0.05, whatever they show."""
    n = difference.wilcoxon_n
    pairs = "1 differing pair allows" if n == 1 else f"{n} differing pairs allow"
    return f"; {pairs} no less than {2.0 ** (1 - n):.3g}" if n < 6 else ""


FEW_NAMES = 5
METHODS = {
    "auc": " (DeLong)",
    **dict.fromkeys(("f1", "average_precision", "calibration_error", "quadratic_kappa"), " (delta method)"),
}
"""what gives a standard error, where it is not that of a share"""
OF_GROUPS = {"auc": " (Obuchowski)"}
"""the same of images that are of groups; of shares and all else the delta method, summed by group"""


def sampling_words(sampling: SamplingError | None, metric: str = "accuracy") -> str:
    """Words for what the size of the test set leaves open of a metric; empty if no run is completed."""
    if sampling is None:
        return ""
    of = f" of {sampling.groups} groups, which are resampled" if sampling.groups else ""
    text = f"test set: {sampling.images} {'groups' if sampling.per_group else 'images'}{of}{_behind(sampling)}"
    if sampling.one_how == "standard error":
        how = OF_GROUPS.get(metric, " (over groups)") if sampling.groups else METHODS.get(metric, "")
        text += f", standard error{how} {percent(sampling.one)} points of one run"
    else:
        text += f", at most {percent(sampling.one)} points of one run (no image moves it: no standard error is known)"
    if sampling.difference is None:
        return text
    text += f", {percent(sampling.difference)} of the difference"
    if sampling.how == "upper bound":
        which = "not all of these runs have" if sampling.readable else "these runs have no"
        missing = f"{which} readable predictions"
        return f"{text} at most ({missing if sampling.discordant is None else 'no image tells the arms apart'})"
    if metric != "accuracy" or sampling.task == "multi-label":  # other metrics do not count right images
        return text
    return f"{text} (of {percent(sampling.discordant)} % of them just one run of a pair is right)"


def _behind(sampling: SamplingError) -> str:
    """How many of the images a metric rests on, where these are not all."""
    if not 0 < sampling.rests_on < sampling.images:
        return ""
    few = " (too few to tell)" if sampling.rests_on < FEW_IMAGES else ""
    if sampling.mean_of:
        if sampling.task == "multi-label":
            return f", {sampling.rests_on} with the rarest of {sampling.mean_of} labels{few}"
        return f", {sampling.rests_on} in the smallest of {sampling.mean_of} classes{few}"
    return f", {sampling.rests_on} behind this metric{few}"


def comparison_lines(comparison: Comparison) -> tuple[str, ...]:
    """Lines below the table of the arms."""
    lines = (
        f"measured: {asked}" if (asked := question_words(comparison)) else "",
        difference_words(comparison),
        other_statistics(comparison.difference),
        sampling_words(comparison.sampling, comparison.metric),
        epochs_words(comparison),
        comparison.conclusion,
        *verdict_lines(comparison),
        unfinished_words(comparison),
        mixed_words(comparison.mixed),
        comparison.few_to_choose,
        *comparison.unreadable,
        f"{by_hand_words(comparison)}:" if comparison.by_hand else "",
        *comparison.by_hand,
    )
    return tuple(line for line in lines if line)


def epochs_words(comparison: Comparison) -> str:
    """Words for how many epochs the runs of each arm trained; empty where all have those that were asked for."""
    arms = {"baseline": comparison.baseline, "optimized": comparison.optimized}
    if all(arm.epochs.values == arm.asked.values for arm in arms.values()):
        return ""
    return "epochs trained: " + "; ".join(f"{name} {_epochs(arm)}" for name, arm in arms.items() if arm.n)


def _epochs(arm: ArmSummary) -> str:
    trained, asked = arm.epochs.mean, arm.asked.mean
    assert trained is not None
    assert asked is not None
    share = 1 - trained / asked
    moved = f", {abs(share):.0%} {'saved' if share > 0 else 'more'}" if trained != asked else ""
    return f"{mean_sd(arm.epochs, 1, 1)} of {asked:.3g} asked for{moved}"


def verdict_lines(comparison: Comparison) -> tuple[str, ...]:
    """Whether the search paid, by the metric and by the study's own score; the first line says what is not yet told."""
    by_score = comparison.score_verdict
    return (comparison.verdict.words, *([f"By what it searched for: {by_score.words}"] if by_score is not None else []))


def short_verdicts(comparison: Comparison) -> tuple[str, ...]:
    """Verdicts without what the comparison says beside them."""
    by_score = comparison.score_verdict
    return (comparison.verdict.short, *([f"By what it searched for: {by_score.short}"] if by_score is not None else []))


def mixed_words(mixed: Sequence[str]) -> str:
    """Sentence on groups that no number counts; empty if there is none."""
    some = ", ".join(mixed[:FEW_NAMES]) + (", ..." if len(mixed) > FEW_NAMES else "")
    return f"Not counted, because their images are of different classes: {len(mixed)} groups ({some})." if mixed else ""


def unfinished_words(comparison: Comparison) -> str:
    """Sentence on the runs that no number counts yet; empty if there is none."""
    return f"Not finished, so not counted: {', '.join(comparison.unfinished)}." if comparison.unfinished else ""


def by_hand_words(comparison: Comparison) -> str:
    """Words that say that the arms did not train by their settings alone."""
    number = len(comparison.by_hand)
    return f"{number} change{'s' * (number > 1)} by hand while it ran"


def statistics_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """Every number of the difference that is known, with its name; empty where there is no difference yet."""
    difference, sampling = comparison.difference, comparison.sampling
    if difference.mean is None:
        return []
    rows = [
        ("pairs", str(difference.n)),
        ("mean difference, optimized - baseline (points)", signed(difference.mean)),
        ("95 % interval (Student, over pairs)", between(difference.low, difference.high)),
        ("95 % interval (bootstrap, BCa over pairs)", between(difference.bootstrap_low, difference.bootstrap_high)),
        ("standard deviation of the differences (points)", percent(difference.sd)),
        (f"p ({difference.test}, two-sided)", probability(difference.p_value)),
        (f"p (Wilcoxon signed ranks, {_exactness(difference)})", probability(difference.wilcoxon_p)),
        ("effect size dz (mean / standard deviation)", two_digits(difference.effect_size)),
        ("effect size without small-sample bias (Hedges)", two_digits(difference.effect_size_corrected)),
    ]
    if sampling is not None:
        bound, error = "bound of what they leave open", "standard error that they leave"
        one = bound if sampling.one_how == "upper bound" else error
        both = bound if sampling.how == "upper bound" else error
        rows += [
            ("test images", str(sampling.images)),
            *([("groups of them, which are resampled", str(sampling.groups))] if sampling.groups else []),
            (f"{one} of one run (points)", percent(sampling.one)),
            (f"{both} of the difference (points)", percent(sampling.difference)),
        ]
        if comparison.metric == "accuracy":
            rows.append(("test images that just one run of a pair has right (%)", percent(sampling.discordant)))
    return [(name, value) for name, value in rows if value != "-"]


def _exactness(difference: Difference) -> str:
    return "exact" if difference.wilcoxon_exact else "normal approximation"
