"""Numbers of a comparison as they are written everywhere: fractions in points or percent, a dash for none."""

from __future__ import annotations

from hptui.reading.comparison.arms import Summary


def signed(fraction: float) -> str:
    """Points with their sign."""
    return f"{100 * fraction:+.2f}"


def percent(fraction: float | None) -> str:
    """Percent with two digits; a dash for none."""
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def two_digits(value: float | None) -> str:
    """A plain number with two digits; a dash for none."""
    return "-" if value is None else f"{value:.2f}"


def between(low: float | None, high: float | None) -> str:
    """An interval in points; a dash for none."""
    return "-" if low is None or high is None else f"{signed(low)} to {signed(high)}"


def probability(p_value: float | None) -> str:
    """A p value with three digits; a dash for none."""
    return "-" if p_value is None else f"{p_value:.3g}"


def mean_sd(summary: Summary, factor: float = 100, digits: int = 2) -> str:
    """Mean and standard deviation; a dash for none."""
    if summary.mean is None:
        return "-"
    mean = f"{factor * summary.mean:.{digits}f}"
    return mean if summary.sd is None else f"{mean} ± {factor * summary.sd:.{digits}f}"
