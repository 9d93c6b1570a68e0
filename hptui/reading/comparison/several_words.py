"""Rows and sentences of a comparison of several studies."""

from __future__ import annotations

from hptui.metrics.classification import LOWER_IS_BETTER, metric_title
from hptui.reading.comparison.number_words import between, mean_sd, probability, signed, two_digits
from hptui.reading.comparison.several import Contrast, StudiesComparison
from hptui.reading.comparison.study import on_other_images
from hptui.reading.comparison.words import by_hand_words, unfinished_words

ALPHA = 0.05
CONTRAST_HEADINGS = ("difference of", "against", "n", "points", "95 % interval", "p", "p (Holm)", "by")


def several_headings(several: StudiesComparison) -> tuple[str, ...]:
    """Headings of the columns of `several_rows`."""
    return "study", "arm", "strategy", "runs", f"{metric_title(several.metric, several.studies[0].task)} %", "cost"


def several_rows(several: StudiesComparison) -> list[tuple[str, ...]]:
    """Rows of all arms of all studies."""
    return [
        (
            name,
            arm_name,
            arm.strategy,
            f"{arm.n}/{comparison.planned}",
            mean_sd(arm.measured),
            two_digits(arm.cost.mean),
        )
        for name, comparison in zip(several.names, several.studies, strict=True)
        for arm_name, arm in (("baseline", comparison.baseline), ("optimized", comparison.optimized))
        if arm.strategy != "none"
    ]


def contrast_cells(contrast: Contrast) -> tuple[str, ...]:
    """One difference as a row under CONTRAST_HEADINGS."""
    difference = contrast.difference
    if difference is None or difference.mean is None:
        return (contrast.other, contrast.one, *["-"] * 6)
    return (
        contrast.other,
        contrast.one,
        str(difference.n),
        signed(difference.mean),
        between(difference.low, difference.high),
        probability(difference.p_value),
        probability(contrast.p_holm),
        difference.test,
    )


def several_lines(several: StudiesComparison) -> tuple[str, ...]:
    """Sentences that the differences allow, and why some are not paired or not tested."""
    tested = [contrast for contrast in several.contrasts if contrast.p_holm is not None]
    claimed = [contrast for contrast in tested if contrast.p_holm is not None and contrast.p_holm < ALPHA]
    lines = [_claim(contrast, several.metric) for contrast in claimed]
    if len(claimed) < len(tested):
        lines.append(f"{len(tested) - len(claimed)} of {len(tested)} differences cannot be told from zero.")
    if len(tested) > 1:
        lines.append(f"p (Holm) is adjusted for {len(tested)} comparisons; below {ALPHA:g} a difference is claimed.")
    notes = [f"{noted.other} against {noted.one}: {noted.note}." for noted in several.contrasts if noted.note]
    steered = [
        f"{name}: {by_hand_words(comparison)} (hptui compare {name} names them)."
        for name, comparison in zip(several.names, several.studies, strict=True)
        if comparison.by_hand
    ]
    verdicts = [
        f"{name}: {comparison.verdict.words}"
        for name, comparison in zip(several.names, several.studies, strict=True)
        if comparison.verdict.is_told
    ]
    open_ones = [
        f"{name}: {unfinished_words(comparison)}"
        for name, comparison in zip(several.names, several.studies, strict=True)
        if comparison.unfinished
    ]
    unreadable = [
        f"{name}: {problem}"
        for name, comparison in zip(several.names, several.studies, strict=True)
        for problem in comparison.unreadable
    ]
    return (*lines, *notes, *verdicts, *open_ones, *unreadable, *steered)


def _claim(contrast: Contrast, metric: str) -> str:
    difference = contrast.difference
    assert difference is not None
    assert difference.mean is not None
    better = "better" if (difference.mean > 0) != (metric in LOWER_IS_BETTER) else "worse"
    beyond = on_other_images(difference, contrast.sampling, metric)
    return f"{contrast.other} is {better} than {contrast.one} by {100 * abs(difference.mean):.2f} points.{beyond}"
