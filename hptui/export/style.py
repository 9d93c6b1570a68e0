"""The look that all pictures share: sizes, fonts, colours, titles, ticks.

All is set here, so that a picture is the same whatever the user's matplotlibrc says. Text is never read as
mathtext: study names and class labels come from files, and a `$` in them is a `$`.
"""

from __future__ import annotations

import logging
import math
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from hptui.events import Axis
from hptui.space import HYPERPARAMETERS

NARROW, WIDE = 3.5, 7.0
"""inches: one and two columns of a journal"""
DPI = 300
TITLE, TEXT, SMALL = 8.0, 7.0, 6.0
"""points, as printed"""
CHARACTER = 0.58
"""width of a character, as a share of the font's size"""
FONT = "DejaVu Sans"
"""comes with matplotlib, so that it is the same on every machine"""

# Okabe and Ito 2008: told apart by colour-blind readers; lines and marks differ as well.
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#000000",
)  # fmt: skip
GREY, LIGHT = "#7f7f7f", "#e4e4e4"
ARM_COLOURS = {"baseline": GREY, "optimized": BLUE}
ARM_MARKS = {"baseline": ("--", "s"), "optimized": ("-", "o")}
RUN_COLOURS = (BLUE, GREEN, ORANGE, PURPLE, SKY, BLACK)
EDGE_MARK: dict[str, Any] = {"ls": "", "marker": "^", "ms": 3.5, "color": VERMILION, "mew": 0, "clip_on": False}
POINT: dict[str, Any] = {"ls": "", "ms": 4, "mec": "white", "mew": 0.4}
MEAN: dict[str, Any] = {"color": BLACK, "marker": "D", "ms": 4, "capsize": 3, "lw": 1}
MANY_EPOCHS = 30
"""a line through more of them carries no marks"""

_LOOK = {
    "font.family": FONT,
    "font.size": TEXT,
    "text.parse_math": False,
    "figure.titlesize": TITLE,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.6,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "hatch.linewidth": 0.4,
}
_drawing = threading.Lock()

# That a font cache is built, or cannot be kept, is no news for a terminal that shows an app.
logging.getLogger("matplotlib").addHandler(logging.NullHandler())


@contextmanager
def look() -> Iterator[None]:
    """Our settings while the block lasts; one thread at a time, because matplotlib keeps them for the whole process."""
    with _drawing, matplotlib.style.context(_LOOK, after_reset=True):
        yield


def new_figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    """An empty picture, in inches, with the study's name and what n is. Without pyplot: safe in any thread."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    lines = [*wrapped(title, width, TITLE, lines=2), *wrapped(subtitle, width, TITLE, lines=3)]
    figure.suptitle("\n".join(lines))
    return figure


def wrapped(text: str, width: float, size: float, lines: int) -> list[str]:
    """At most so many lines of `width` inches."""
    shown = literal(text)
    mean = max(CHARACTER * size, 1.05 * _breadth(shown, size) / max(len(shown), 1))
    fitting = max(10, int((width - 0.2) * 72 / mean))
    return textwrap.wrap(shown, fitting, max_lines=lines, placeholder=" ...")


def _breadth(text: str, size: float) -> float:
    """Points from the first character to the last, in one line."""
    font = get_font(findfont(FontProperties(family=FONT)))
    font.set_size(size, 72)
    return sum(font.load_char(ord(sign)).linearHoriAdvance for sign in text) / 65536


def literal(text: str) -> str:
    """Only characters that the font can draw: no line ends or escape codes that a folder's name may hold."""
    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(sign if sign.isprintable() and font.get_char_index(ord(sign)) else "\ufffd" for sign in text)


def title_of(name: str) -> str:
    """Of a hyperparameter; one that this version does not know keeps its name."""
    return HYPERPARAMETERS[name].title if name in HYPERPARAMETERS else literal(name)


def number(value: float) -> str:
    """Three digits, as short as they go: 0.001, 3.16e-4, 97.3."""
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
    """Where a value lies in its scale."""
    return math.log10(max(value, 1e-300)) if axis.scale == "log" else value


def edges(axis: Axis) -> list[float]:
    """Between the cells of a grid, half way in the axis's scale."""
    centres = [position(value, axis) for value in axis.values]
    if len(centres) == 1:
        return [centres[0] - 0.5, centres[0] + 0.5]
    inner = [(a + b) / 2 for a, b in pairwise(centres)]
    return [2 * centres[0] - inner[0], *inner, 2 * centres[-1] - inner[-1]]


def ticks(axis: Axis, points: float, *, sideways: bool) -> tuple[list[float], list[str]]:
    """Every cell's value where there is room, else powers of ten, else every second, third, ... cell.

    Args:
        axis: of the grid.
        points: its length on paper.
        sideways: labels stand side by side, not one above the other.
    """

    def room(values: Sequence[float]) -> float:
        widest = max(len(number(value)) for value in values)
        return max(points / (widest * SMALL * CHARACTER + 5 if sideways else SMALL + 2), 1)

    values = axis.values
    if len(values) > room(values) and axis.scale == "log":
        low, high = position(values[0], axis), position(values[-1], axis)
        decades = [10.0**exponent for exponent in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
        values = decades if len(decades) > 1 else values
    values = values[:: math.ceil(len(values) / room(values))]
    return [position(value, axis) for value in values], [number(value) for value in values]


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """A log scale upwards with room around `low` and `high`, and labelled ticks however near these are."""
    room = max((high / low) ** 0.1, 1.02)
    low, high = low / room, high * room
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    decades = [10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for steps in ((1,), (1, 2, 5), (1, 2, 3, 5, 7)):
        places = [place for decade in decades for step in steps if low <= (place := decade * step) <= high]
        if len(places) >= 3:
            axes.yaxis.set_major_locator(FixedLocator(places[:: math.ceil(len(places) / 8)]))
            break
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def run_style(index: int, n: int) -> dict[str, Any]:
    """Told apart while they are few, the first ones wider, so that they show under those that agree with them."""
    if n > len(RUN_COLOURS):
        return {"color": BLUE, "alpha": 0.35}
    over = n - 1 - index
    return {"color": RUN_COLOURS[index], "lw": 1 + 0.8 * over, "ms": 3 + 1.4 * over}


def even(entries: int, most: int) -> int:
    """Columns of a legend whose rows are about equally long."""
    return math.ceil(entries / math.ceil(entries / most))


def epochs(axes: Axes) -> None:
    """Whole numbers along the x axis."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)
