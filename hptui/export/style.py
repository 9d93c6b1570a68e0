"""The look that all pictures share: sizes, fonts, colours, titles, ticks.

All is set here, so that a picture is the same whatever the user's matplotlibrc says. Text is never read as
mathtext: study names and class labels come from files, and a `$` in them is a `$`.
"""

from __future__ import annotations

import logging
import re
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib.style
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import LayoutEngine, PlaceHolderLayoutEngine

from hptui.export.formats import ThemeName
from hptui.hyperparameters import title

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
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, YELLOW = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#f0e442",
)  # fmt: skip
ARM_MARKS = {"baseline": ("--", "s"), "optimized": ("-", "o")}
MANY_EPOCHS = 30
"""a line through more of them carries no marks"""


@dataclass(frozen=True)
class Theme:
    """The colours that depend on the paper."""

    paper: str
    ink: str
    faint: str
    """areas behind the data: searched ranges, cells that were not measured"""
    grey: str
    """the baseline, told from ink and from paper"""
    runs: tuple[str, ...]
    """told apart on this paper, the first one also for the optimized arm"""

    @property
    def arms(self) -> dict[str, str]:
        return {"baseline": self.grey, "optimized": self.runs[0]}

    @property
    def point(self) -> dict[str, Any]:
        """The mark of one run."""
        return {"ls": "", "ms": 4, "mec": self.paper, "mew": 0.4}

    @property
    def mean(self) -> dict[str, Any]:
        """The mark of a mean with its error bars."""
        return {"color": self.ink, "marker": "D", "ms": 4, "capsize": 3, "lw": 1}

    @property
    def on_edge(self) -> dict[str, Any]:
        """The mark of a value that sits on an edge of its range."""
        return {"ls": "", "marker": "^", "ms": 3.5, "color": VERMILION, "mew": 0, "clip_on": False}

    def run(self, index: int, n: int) -> dict[str, Any]:
        """Line of one of n runs, in its own colour while these are few; the first ones are wider, to show below."""
        if n > len(self.runs):
            return {"color": self.runs[0], "alpha": 0.35}
        over = n - 1 - index
        return {"color": self.runs[index], "lw": 1 + 0.8 * over, "ms": 3 + 1.4 * over}


THEMES: dict[ThemeName, Theme] = {
    "light": Theme("#ffffff", "#000000", "#e4e4e4", "#7f7f7f", (BLUE, GREEN, ORANGE, PURPLE, SKY, "#000000")),
    "dark": Theme("#14171a", "#f2f2f2", "#3b4046", "#a0a0a0", (SKY, ORANGE, GREEN, PURPLE, YELLOW, "#f2f2f2")),
}
_theme: ContextVar[Theme] = ContextVar("theme", default=THEMES["light"])
_titled: ContextVar[bool] = ContextVar("titled", default=True)

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
    # A PDF carries its font, so its text stays text. An SVG cannot, and few machines have this one: with another
    # font the labels that were measured here would overlap, so its text becomes outlines.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "hptui",  # else the names within the file are random, and no two exports are equal
}
_drawing = threading.Lock()

# That a font cache is built, or cannot be kept, is no news for a terminal that shows an app.
logging.getLogger("matplotlib").addHandler(logging.NullHandler())


@contextmanager
def look(name: ThemeName = "light", *, titles: bool = True) -> Iterator[None]:
    """Apply our settings while the block lasts; one thread at a time: matplotlib has them for the whole process.

    Without `titles` a picture has no words above and below it: a paper says them in its caption.
    """
    chosen = THEMES[name]
    inks = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "hatch.color")
    colours = dict.fromkeys(inks, chosen.ink) | dict.fromkeys(("figure.facecolor", "axes.facecolor"), chosen.paper)
    with _drawing, matplotlib.style.context(_LOOK | colours, after_reset=True):
        before = _theme.set(chosen), _titled.set(titles)
        try:
            yield
        finally:
            _theme.reset(before[0])
            _titled.reset(before[1])


def theme() -> Theme:
    """The colours of the `look` that this thread is in."""
    return _theme.get()


def titled() -> bool:
    """Whether the `look` that this thread is in has titles."""
    return _titled.get()


class Drawing(Figure):
    """A figure that is drawn once: `savefig` draws one twice that lays itself out, the first time into nothing."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw, or, where savefig asks for it before it has switched the layout off, lay out alone."""
        engine = self.get_layout_engine()
        if self.canvas.is_saving() and engine is not None and not isinstance(engine, PlaceHolderLayoutEngine):
            _place(self, engine)
        else:
            super().draw(renderer)


def lay_out(figure: Figure) -> None:
    """Lay out for good: the room that everything has is known then, and the same in every format."""
    engine = figure.get_layout_engine()
    assert engine is not None
    _place(figure, engine)
    figure.set_layout_engine(_Settled())


def _place(figure: Figure, engine: LayoutEngine) -> None:
    for subplot in figure.axes:
        subplot.apply_aspect()
    engine.execute(figure)


class _Settled(LayoutEngine):
    """Moves nothing any more."""

    _adjust_compatible = _colorbar_gridspec = False

    def execute(self, fig: Figure) -> None:
        """Leave everything where it is."""


def new_figure(width: float, height: float, title: str, subtitle: str) -> Drawing:
    """An empty picture, in inches, with the study's name and what n is. Without pyplot: safe in any thread."""
    figure = Drawing(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    if titled():
        figure.suptitle("\n".join(_heading(title, subtitle, width)))
    return figure


def _heading(title: str, subtitle: str, width: float) -> list[str]:
    """Title and subtitle in two lines at most: one each, or, where the subtitle is longer, one after the other."""
    lines = [*wrapped(title, width, TITLE, lines=1), *wrapped(subtitle, width, TITLE, lines=3)]
    return lines if len(lines) < 3 else wrapped(f"{title}: {subtitle}", width, TITLE, lines=2)


def wrapped(text: str, width: float, size: float, lines: int) -> list[str]:
    """Text in at most so many lines of `width` inches."""
    # "n = 3" stays on one line: textwrap does not break at these spaces
    shown = re.sub(r"\bn = (?=\d)", "n\u00a0=\u00a0", literal(text))
    mean = max(CHARACTER * size, 1.05 * breadth(shown, size) / max(len(shown), 1))
    fitting = max(10, int((width - 0.2) * 72 / mean))
    return textwrap.wrap(shown, fitting, max_lines=lines, placeholder=" ...")


def breadth(text: str, size: float) -> float:
    """Width of a text in one line, in points."""
    font = get_font(findfont(FontProperties(family=FONT)))
    font.set_size(size, 72)
    return sum(font.load_char(ord(sign)).linearHoriAdvance for sign in text) / 65536


def literal(text: str) -> str:
    """Text of only characters that the font can draw: no line ends or escape codes that a folder's name may hold."""
    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(sign if sign.isprintable() and font.get_char_index(ord(sign)) else "\ufffd" for sign in text)


def title_of(name: str) -> str:
    """Title of a hyperparameter; one that this version does not know keeps its name."""
    return literal(title(name))
