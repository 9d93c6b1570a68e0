"""The look that all pictures share: sizes, fonts, colours, titles, ticks.

All is set here, so that a picture is the same whatever the user's matplotlibrc says. Text is never read as
mathtext: study names and class labels come from files, and a `$` in them is a `$`.
"""

from __future__ import annotations

import logging
import math
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

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
RUN_COLOURS = (BLUE, GREEN, ORANGE, PURPLE, SKY, BLACK)

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
    fitting = int((width - 0.2) * 72 / (size * CHARACTER))
    return textwrap.wrap(literal(text), fitting, max_lines=lines, placeholder=" ...")


def literal(text: str) -> str:
    """Only characters that the font can draw: no line ends or escape codes that a folder's name may hold."""
    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(sign if sign.isprintable() and font.get_char_index(ord(sign)) else "\ufffd" for sign in text)


def title_of(name: str) -> str:
    """Of a hyperparameter; one that this version does not know keeps its name."""
    return HYPERPARAMETERS[name].title if name in HYPERPARAMETERS else literal(name)


def number(value: float) -> str:
    """Three digits, as short as they go: 0.001, 1e-5, 97.3."""
    mantissa, e, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def between(low: float, high: float, factor: float) -> tuple[int, bool]:
    """Decimals that tell values between `low` and `high` apart, and whether they span too much for decimals."""
    if low > 0 and high / low > 1000:
        return 2, True
    spread = (high - low) * factor
    return (min(max(1, 2 - math.floor(math.log10(spread))), 6) if spread > 0 else 3), False


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """A log scale upwards with room around `low` and `high`, and at least two labelled ticks."""
    room = max((high / low) ** 0.06, 1.02)
    axes.set_yscale("log")
    axes.set_ylim(low / room, high * room)
    decades = math.log10(high / low)
    axis: Axis = axes.yaxis
    if decades < 1:
        axis.set_major_locator(MaxNLocator(5))
        axis.set_minor_locator(MaxNLocator(1))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def epochs(axes: Axes) -> None:
    """Whole numbers along the x axis."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)
