"""Confusion matrices of both arms: the share of each true class, and the images where there is room."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure

from hptui.export.scales import text_colour
from hptui.export.style import NARROW, SMALL, WIDE, breadth, literal, new_figure, theme
from hptui.reading.outcomes import Confusion

FEW_CLASSES = 4
"""as many have room for the images below the share"""
LONGEST_NAME = 16
"""characters of a line of a class's name"""
SIDE = 180.0
"""points of one matrix at most"""


@dataclass(frozen=True)
class _Layout:
    """Layout of the classes of one matrix; lengths in points."""

    names: list[str]
    cell: float
    step: int
    """every first, second, ... class has a name"""
    below: float
    """what the names take below the matrix"""

    @property
    def sideways(self) -> bool:
        """Whether names below the matrix stand side by side, else on end."""
        return _widest(self.names) + 3 < self.cell * self.step


def confusions_figure(confusions: Sequence[Confusion], title: str) -> Figure:
    """Figure with one matrix for each arm; rows are the true class."""
    n = ", ".join(f"{confusion.arm} n = {confusion.n}" for confusion in confusions)
    subtitle = f"test images, mean over runs: {n}"
    width = NARROW if len(confusions) == 1 else WIDE
    layout = _layout(_names(confusions[0]), 72 * (width - 0.8) / len(confusions))
    height = (layout.cell * len(layout.names) + layout.below) / 72 + 1.2
    figure = new_figure(width, height, title, subtitle)
    figure.set_layout_engine("compressed")  # the one that knows of square panels
    panels = figure.subplots(1, len(confusions), squeeze=False).ravel()
    # square roots: on a linear scale a mistake of 3 % looks like none
    colours, norm = _colours(), PowerNorm(0.5, 0, 100)
    for panel, confusion in zip(panels, confusions, strict=True):
        _draw(panel, confusion, colours, norm, layout)
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=list(panels), aspect=25, pad=0.02)
    bar.set_label("share of the true class (%)", fontsize=SMALL)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    return figure


def _layout(names: list[str], room: float) -> _Layout:
    """Layout as large as `room`, the width of a panel in points, allows beside names and axis titles."""
    cell = min(SIDE, room - 22 - _widest(names)) / len(names)
    step = math.ceil((SMALL + 2) / cell)
    flat = _Layout(names, cell, step, below=0)
    return flat if flat.sideways else replace(flat, below=_widest(names))


def _widest(names: Sequence[str]) -> float:
    """Width of the longest line, in points."""
    return max(breadth(line, SMALL) for name in names for line in name.split("\n"))


def _colours() -> Colormap:
    """Colour map that begins at the paper's colour, so that what does not occur is not seen."""
    return LinearSegmentedColormap.from_list("share", [theme().paper, theme().runs[0]])


def _draw(axes: Axes, confusion: Confusion, colours: Colormap, norm: Normalize, layout: _Layout) -> None:
    classes = len(confusion.counts)
    shares = [[math.nan if share is None else 100 * share for share in row] for row in confusion.shares]
    axes.set_facecolor(theme().faint)
    borders = [index - 0.5 for index in range(classes + 1)]
    axes.pcolormesh(borders, borders, shares, cmap=colours, norm=norm, edgecolors="face", lw=0.1)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_title(confusion.arm)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    ticks = list(range(0, classes, layout.step))
    names = [layout.names[index] for index in ticks]
    axes.set_xticks(ticks, names, rotation=0 if layout.sideways else 90)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0 if layout.step == 1 else 2)
    _write_shares(axes, confusion, colours, norm, layout.cell)


def _short(name: str, lines: int = 1) -> str:
    """Class name, as much of it as has room."""
    return "\n".join(textwrap.wrap(literal(name), LONGEST_NAME, max_lines=lines, placeholder="...")) or " "


def _write_shares(axes: Axes, confusion: Confusion, colours: Colormap, norm: Normalize, cell: float) -> None:
    """Write shares in all cells, or in none if one has no room; the images below them, where these have room too."""
    size = next((size for size in (SMALL, SMALL - 1, SMALL - 1.5) if breadth(" 98.7 ", size) < cell), None)
    if size is None:
        return
    below = _images(confusion, cell, size) if len(confusion.counts) <= FEW_CLASSES else None
    for row, line in enumerate(confusion.shares):
        for column, share in enumerate(line):
            if share is None:
                continue
            words = percent(share) + (f"\n{below[row][column]}" if below else "")
            colour = text_colour(colours(float(norm(100 * share))))
            axes.text(column, row, words, color=colour, fontsize=size, ha="center", va="center")


def _images(confusion: Confusion, room: float, size: float) -> list[list[str]] | None:
    """Numbers of images, means over runs, with at most one decimal; None if `room`, in points, is too little."""
    numbers = [[f"{count:,.1f}".removesuffix(".0") for count in row] for row in confusion.counts]
    longest = max((number for row in numbers for number in row), key=len)
    unit = next((unit for unit in (" images", "") if breadth(f" ({longest}{unit}) ", size) < room), None)
    return None if unit is None else [[f"({number}{unit})" for number in row] for row in numbers]


def _names(confusion: Confusion) -> list[str]:
    """Names of the classes, with a second line where they are few."""
    lines = 2 if len(confusion.class_names) <= FEW_CLASSES else 1
    return [_short(name, lines) for name in confusion.class_names]


def percent(share: float) -> str:
    """Percent in four characters at most: 100, 98.7, <0.1; 0 for none at all."""
    if share in (0, 1):
        return f"{100 * share:.0f}"
    if share < 0.0005:
        return "<0.1"
    return f"{min(100 * share, 99.9):.1f}"
