"""Where the ticks of a chart's axes stand, and what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ValueFormat = Literal["number", "percent"]
COLUMNS_PER_TICK = 8
EQUAL = 1e-7
"""values closer than this, relative to their size, are drawn as one: labels that tell them apart find no room"""
TINY = 1e-290
"""below this steps between ticks would come out as zero"""


@dataclass(frozen=True)
class ValueTicks:
    """Ends and labelled positions of a value axis, in the scale drawn (exponents of ten on a log axis)."""

    low: float
    high: float
    labels: tuple[tuple[float, str], ...]


def value_ticks(low: float, high: float, rows: int, *, log: bool, form: ValueFormat) -> ValueTicks:
    """Ticks for values from `low` to `high`, at most in every second row."""
    most = max(3, (rows + 1) // 2)
    return _log_ticks(math.log10(low), math.log10(high), most) if log else _even_ticks(low, high, most, form)


def _even_ticks(low: float, high: float, most: int, form: ValueFormat) -> ValueTicks:
    largest = max(abs(low), abs(high))
    if high - low <= max(EQUAL * largest, TINY):
        room = largest / 20 if largest > TINY / EQUAL else 1.0
        # what is not negative has no ticks below zero, and shares stay within 0 and 1: 105 % looks like a mistake
        least = 0.0 if low >= 0 else -math.inf
        most_of_all = 1.0 if form == "percent" and 0 <= low <= high <= 1 else math.inf
        low, high = max(low - room, least), min(high + room, most_of_all)
    step = next(step for step in _steps(high - low) if _count(low, high, step) <= most)
    if _count(low, high, step) < 2:
        step = next(step for step in _steps(high - low, down=True) if _count(low, high, step) >= 2)
    first = math.ceil(low / step - EQUAL)
    positions = [(first + index) * step for index in range(_count(low, high, step))]
    return ValueTicks(low, high, tuple((position, _label(position, step, largest, form)) for position in positions))


def _steps(span: float, *, down: bool = False) -> Iterator[float]:
    """1, 2 and 5 times powers of ten: upwards from a hundredth of the span, or downwards from it."""
    exponent = math.floor(math.log10(span)) - (0 if down else 2)
    while True:
        for factor in (5, 2, 1) if down else (1, 2, 5):
            yield factor * 10.0**exponent
        exponent += -1 if down else 1


def _count(low: float, high: float, step: float) -> int:
    """Multiples of `step` within the ends."""
    return math.floor(high / step + EQUAL) - math.ceil(low / step - EQUAL) + 1


def _label(value: float, step: float, largest: float, form: ValueFormat) -> str:
    """Label of a tick, with the digits that tell it from the next one."""
    if form == "percent":
        return f"{100 * value:.{max(0, _decimals(100 * step))}f}%"
    if value and (largest >= 1e5 or step < 1e-4):
        digits = max(0, _decimals(step) + math.floor(math.log10(abs(value)) + EQUAL))
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.{max(0, _decimals(step))}f}" if value else "0"


def _decimals(step: float) -> int:
    return -math.floor(math.log10(step) + EQUAL)


def _log_ticks(low: float, high: float, most: int) -> ValueTicks:
    """Powers of ten; within one or two of them also 2 and 5 times, or evenly spaced where even these are too far."""
    if high - low <= EQUAL:
        low, high = low - 0.5, high + 0.5
    decades = range(math.ceil(low - EQUAL), math.floor(high + EQUAL) + 1)
    if len(decades) >= 2:
        positions = [(float(decade), 1, decade) for decade in decades[:: math.ceil(len(decades) / most)]]
    else:
        around = range(math.floor(low) - 1, math.ceil(high) + 1)
        between = ((decade + math.log10(factor), factor, decade) for decade in around for factor in (1, 2, 5))
        positions = [tick for tick in between if low - EQUAL <= tick[0] <= high + EQUAL]
    if len(positions) < 2:
        even = _even_ticks(10.0**low, 10.0**high, most, "number")
        return ValueTicks(low, high, tuple((math.log10(position), label) for position, label in even.labels))
    whole = all(0 <= decade <= 4 for _, _, decade in positions)
    labels = (str(factor * 10**decade) if whole else f"{factor}e{decade}" for _, factor, decade in positions)
    return ValueTicks(low, high, tuple(zip((position for position, _, _ in positions), labels, strict=True)))


def epoch_ticks(low: float, high: float, columns: int) -> list[int]:
    """Whole numbers: multiples of 1, 2 or 5 times a power of ten, and the first epoch where there is room for it."""
    first, last = math.ceil(low), math.floor(high)
    most = max(2, columns // COLUMNS_PER_TICK)
    steps = (factor * 10**exponent for exponent in range(19) for factor in (1, 2, 5))
    step = next((step for step in steps if (last - first) / step < most), last - first + 1)
    ticks = list(range(math.ceil(first / step) * step, last + 1, step))
    room = (len(str(first)) + 3) * (high - low) / columns
    if first <= last and (not ticks or ticks[0] - first >= max(room, 1)):
        ticks.insert(0, first)
    return ticks
