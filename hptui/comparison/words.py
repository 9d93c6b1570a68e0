"""Numbers and sentences of a comparison, the same on a screen, in a table of the command line and on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.metrics import METRIC_TITLES

if TYPE_CHECKING:
    from hptui.comparison.arms import ArmSummary, Summary
    from hptui.comparison.differences import Difference
    from hptui.comparison.sampling import SamplingError
    from hptui.comparison.study import Comparison

ARM_HEADINGS = ("arm", "strategy", "runs", "test acc. %", "balanced %", "cost", "seconds")


def signed(fraction: float) -> str:
    """In points, with its sign."""
    return f"{100 * fraction:+.2f}"


def percent(fraction: float | None) -> str:
    """With two digits; a dash for none."""
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def mean_sd(summary: Summary, factor: float = 100, digits: int = 2) -> str:
    """Mean and standard deviation; a dash for none."""
    if summary.mean is None:
        return "-"
    mean = f"{factor * summary.mean:.{digits}f}"
    return mean if summary.sd is None else f"{mean} ± {factor * summary.sd:.{digits}f}"


def question_words(comparison: Comparison) -> str:
    """What was measured, where it is not the plain test accuracy of the delivered weights."""
    parts = [METRIC_TITLES[comparison.metric]] if comparison.metric != "accuracy" else []
    parts += ["best model (lowest validation loss)"] if comparison.model == "best" else []
    if comparison.threshold_for is not None:
        parts.append(f"threshold for {comparison.threshold_for} on validation images")
    return ", ".join(parts)


def headings(comparison: Comparison) -> tuple[str, ...]:
    """Of `arm_cells`."""
    asked = question_words(comparison)
    return (*ARM_HEADINGS, f"{METRIC_TITLES[comparison.metric]} %") if asked else ARM_HEADINGS


def arm_cells(comparison: Comparison, name: str, arm: ArmSummary) -> tuple[str, ...]:
    """One arm as a row under `headings`."""
    cells = (
        name,
        arm.strategy,
        f"{arm.n}/{comparison.planned}",
        mean_sd(arm.test_accuracy),
        mean_sd(arm.balanced_accuracy),
        "-" if arm.cost.mean is None else f"{arm.cost.mean:.2f}",
        mean_sd(arm.seconds, 1, 1),
    )
    return (*cells, mean_sd(arm.measured)) if question_words(comparison) else cells


def difference_words(comparison: Comparison) -> str:
    """Optimized minus baseline in points, with interval, p value and effect size as far as they are known."""
    found = comparison.difference
    if found.mean is None:
        return "difference: none" if comparison.baseline.strategy == "none" else "difference: none yet"
    of = f" in {METRIC_TITLES[comparison.metric]}" if comparison.metric != "accuracy" else ""
    text = f"difference{of} (optimized - baseline, points): {signed(found.mean)}"
    if found.low is not None and found.high is not None:
        text += f", 95 % interval {signed(found.low)} to {signed(found.high)}"
    if found.p_value is not None:
        text += f", {found.test} p = {found.p_value:.3g}"
    if found.effect_size is not None:
        text += f", effect size d = {found.effect_size:.2f}"
    return f"{text}, n = {found.n}"


def other_statistics(difference: Difference) -> str:
    """What stands beside the t test: signed ranks, bootstrap, effect size without bias; empty if there is none."""
    parts = []
    if difference.wilcoxon_p is not None:
        how = "exact" if difference.wilcoxon_exact else "normal approximation"
        parts.append(f"Wilcoxon signed ranks p = {difference.wilcoxon_p:.3g} ({how}{_smallest(difference)})")
    if difference.bootstrap_low is not None and difference.bootstrap_high is not None:
        low, high = signed(difference.bootstrap_low), signed(difference.bootstrap_high)
        parts.append(f"bootstrap 95 % interval (BCa over pairs) {low} to {high}")
    if difference.effect_size_corrected is not None:
        parts.append(f"effect size without small-sample bias {difference.effect_size_corrected:.2f}")
    return ", ".join(parts)


def _smallest(difference: Difference) -> str:
    """Fewer than six pairs cannot have a p value below 0.05, whatever they show."""
    return f"; {difference.n} pairs allow no less than {2.0 ** (1 - difference.n):.3g}" if difference.n < 6 else ""


def sampling_words(sampling: SamplingError | None) -> str:
    """What the size of the test set leaves open; empty if no run is completed."""
    if sampling is None:
        return ""
    text = f"test set: {sampling.images} images, standard error {100 * sampling.one:.2f} points of one run"
    if sampling.difference is None:
        return text
    text += f", {100 * sampling.difference:.2f} of the difference"
    if sampling.discordant is None:
        return f"{text} at most (no predictions saved by these runs)"
    return f"{text} ({percent(sampling.discordant)} % of them are right in one run of a pair alone)"


def comparison_lines(comparison: Comparison) -> tuple[str, ...]:
    """All that is said below the table of the arms."""
    lines = (
        f"measured: {asked}" if (asked := question_words(comparison)) else "",
        difference_words(comparison),
        other_statistics(comparison.difference),
        sampling_words(comparison.sampling),
        comparison.conclusion,
    )
    return tuple(line for line in lines if line)
