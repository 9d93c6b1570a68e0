"""Numbers along the axes: how they are written, where ticks stand, where cells begin and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from hptui.export.style import CHARACTER, SMALL, breadth
from hptui.hyperparameters import Hyperparameter
from hptui.reading.outcomes import MeanInterval
from hptui.record.events import Axis
from hptui.space import parse_range

LEGEND_HANDLE, LEGEND_GAP, LEGEND_BORDER = 2.8, 2.0, 3.0
"""in sizes of its font, as matplotlib sets them: a mark with the room beside it, between columns, at both ends"""
FEW_VALUES = 9
"""of so many, ticks stand at the values themselves, and at nothing between them"""
UNEVEN = 2.0
"""times the smallest step between two values of an axis that is drawn to scale"""


def number(value: float) -> str:
    """Number with three digits, as short as they go: 0.001, 3.16e-4, 97.3."""
    short = 1e-3 <= abs(value) < 1e5 or value == 0
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return (
        f"{value:.5g}"
        if abs(value) >= 1e3 and short
        else f"{value:.3g}"
        if short
        else f"{float(mantissa):g}e{int(exponent)}"
    )


def position(value: float, axis: Axis) -> float:
    """Position of a value in its scale."""
    return math.log10(max(value, 1e-300)) if axis.scale == "log" else value


def is_to_scale(axis: Axis) -> bool:
    """Whether its values are about equally far apart; else cells of the size of their steps would be slivers."""
    steps = [b - a for a, b in pairwise(position(value, axis) for value in axis.values)]
    return max(steps, default=1.0) <= UNEVEN * min(steps, default=1.0)


def centres(axis: Axis) -> list[float]:
    """Where the cells stand: at their values in the axis's scale, or side by side if those are unevenly spaced."""
    return [position(value, axis) if is_to_scale(axis) else float(index) for index, value in enumerate(axis.values)]


def edges(axis: Axis) -> list[float]:
    """Borders between the cells of a grid, half way between their centres."""
    middles = centres(axis)
    if len(middles) == 1:
        return [middles[0] - 0.5, middles[0] + 0.5]
    inner = [(a + b) / 2 for a, b in pairwise(middles)]
    return [2 * middles[0] - inner[0], *inner, 2 * middles[-1] - inner[-1]]


def ticks(axis: Axis, points: float, *, sideways: bool) -> tuple[list[float], list[str]]:
    """Positions and labels of ticks: every value where there is room, else of many powers of ten, else every n-th.

    Args:
        axis: of the grid.
        points: its length on paper.
        sideways: labels stand side by side, not one above the other.
    """

    def room(values: Sequence[float]) -> float:
        return max(points / _label_points(values, sideways=sideways), 1)

    values, even = axis.values, is_to_scale(axis)
    if len(values) > max(room(values), FEW_VALUES) and axis.scale == "log" and even:
        low, high = position(values[0], axis), position(values[-1], axis)
        decades = [10.0**exponent for exponent in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
        values = decades if len(decades) > 1 else values
    values = values[:: math.ceil(len(values) / room(values))]
    places = [position(value, axis) if even else float(axis.values.index(value)) for value in values]
    return places, [number(value) for value in values]


def all_fit(axis: Axis, points: float) -> bool:
    """Whether every value of an axis that lies sideways has room for its tick."""
    return len(axis.values) * _label_points(axis.values, sideways=True) <= points


def _label_points(values: Sequence[float], *, sideways: bool) -> float:
    """Length of the axis that one label takes."""
    return max(len(number(value)) for value in values) * SMALL * CHARACTER + 5 if sideways else SMALL + 2


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """Make the y axis logarithmic, with room around `low` and `high`, and labelled ticks however near these are."""
    room = max((high / low) ** 0.1, 1.02)
    low, high = low / room, high * room
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    decades = [10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for steps in ((1,), (1, 2, 5), (1, 2, 3, 5, 7)):
        positions = [value for decade in decades for step in steps if low <= (value := decade * step) <= high]
        if len(positions) >= 3:
            axes.yaxis.set_major_locator(FixedLocator(positions[:: math.ceil(len(positions) / 8)]))
            break
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def around_constant(axes: Axes, value: float, known: Hyperparameter) -> None:
    """Make the y axis go over the values that a hyperparameter which stays at one might have, not a hair around it."""
    usual = parse_range(known.name, known.suggested).high if known.suggested else 1.0
    high = min(2 * value or usual, known.high) if value >= 0 else 0.0
    low = max(0.0, known.low) if value >= 0 else 2 * value
    room = (high - low) * 0.05  # no tick lies within it
    axes.set_ylim(low - room, high + room)


def shares(axes: Axes) -> None:
    """Keep the y axis, of shares in percent, between 0 and 100; what is drawn at these ends is not cut by them."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0.0), min(high, 100.0))
    for line in axes.get_lines():
        line.set_clip_on(False)


def bars(interval: MeanInterval, highest: float = math.inf) -> list[list[float]] | None:
    """Lengths of error bars to either side, as far as there are such values: from 0 to `highest`."""
    if interval.low is None or interval.high is None:
        return None
    return [[interval.mean - max(interval.low, 0.0)], [min(interval.high, highest) - interval.mean]]


def leave_open(drawn: ErrorbarContainer, interval: MeanInterval, direction: Literal["x", "y"], highest: float) -> None:
    """Take the cap off an error bar where it is cut: the interval goes on to values that there are not."""
    cut = {0.0} if interval.low is not None and interval.low < 0 else set()
    cut |= {highest} if interval.high is not None and interval.high > highest else set()
    for cap in drawn[1]:
        place = float(np.asarray(cap.get_data()["xy".index(direction)])[0])
        if any(math.isclose(place, end, abs_tol=1e-9) for end in cut):
            cap.set_visible(False)


def legend_columns(handles: Sequence[Artist], width: float) -> int:
    """Columns of a legend below a figure of `width` inches: as few rows as fit, about equally long."""
    breadths = [breadth(str(handle.get_label()), SMALL) + LEGEND_HANDLE * SMALL for handle in handles]
    room = width * 72 - LEGEND_BORDER * SMALL

    def fits(columns: int) -> bool:
        """Whether so many columns fit; matplotlib fills them top to bottom, the first ones longer by one if uneven."""
        short, longer = divmod(len(breadths), columns)
        ends = [0, *accumulate(short + (column < longer) for column in range(columns))]
        widest = sum(max(breadths[first:end]) for first, end in pairwise(ends))
        return widest + (columns - 1) * LEGEND_GAP * SMALL <= room

    offered = (math.ceil(len(breadths) / rows) for rows in range(1, len(breadths) + 1))
    return next((columns for columns in offered if fits(columns)), 1)


def epochs(axes: Axes) -> None:
    """Make the x axis one of epochs, in whole numbers."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)


def text_colour(background: tuple[float, float, float, float]) -> str:
    """Colour that can be read on another (red, green, blue, alpha in 0 to 1)."""
    red, green, blue, _ = background
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
