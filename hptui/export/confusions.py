"""Confusion matrices of both arms: the share of each true class, and the images where there is room."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure

from hptui.export.scales import text_colour
from hptui.export.style import CHARACTER, NARROW, SMALL, WIDE, literal, new_figure, theme
from hptui.outcomes import Confusion

FEW_CLASSES = 4
"""as many have room for the images below the share"""
LONGEST_NAME = 16
"""characters of a line of a class's name"""
SIDE = 2.5
"""inches of one matrix at most"""


def confusions_figure(confusions: Sequence[Confusion], title: str) -> Figure:
    """One matrix for each arm; rows are the true class."""
    n = ", ".join(f"{found.arm} n = {found.n}" for found in confusions)
    subtitle = f"test images, share of each true class in %, mean over runs: {n}"
    width = NARROW if len(confusions) == 1 else WIDE
    longest = max(len(line) for found in confusions for name in _names(found) for line in name.split("\n"))
    # of one matrix, in inches: what names, axis titles and the colour bar leave
    side = min(SIDE, (width - 0.8) / len(confusions) - 0.3 - longest * SMALL * CHARACTER / 72)
    figure = new_figure(width, side + 1.2, title, subtitle)
    figure.set_layout_engine("compressed")  # the one that knows of square panels
    panels = figure.subplots(1, len(confusions), squeeze=False).ravel()
    # square roots: on a linear scale a mistake of 3 % looks like none
    colours, norm = _colours(), PowerNorm(0.5, 0, 100)
    for panel, found in zip(panels, confusions, strict=True):
        _draw(panel, found, colours, norm, 72 * side / len(found.counts))
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=list(panels), aspect=25, pad=0.02)
    bar.set_label("share of the true class (%)", fontsize=SMALL)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    return figure


def _colours() -> Colormap:
    """From the paper's colour, so that what does not occur is not seen."""
    return LinearSegmentedColormap.from_list("share", [theme().paper, theme().runs[0]])


def _draw(axes: Axes, found: Confusion, colours: Colormap, norm: Normalize, cell: float) -> None:
    """With cells of `cell` points."""
    classes = len(found.counts)
    shares = [[math.nan if share is None else 100 * share for share in row] for row in found.shares]
    axes.set_facecolor(theme().faint)
    places = [index - 0.5 for index in range(classes + 1)]
    axes.pcolormesh(places, places, shares, cmap=colours, norm=norm, edgecolors="face", lw=0.1)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_title(found.arm)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    names = _names(found)
    widest = max(len(line) for name in names for line in name.split("\n")) * SMALL * CHARACTER
    step = math.ceil((SMALL + 2) / cell)
    ticks = list(range(0, classes, step))
    sideways = widest + 3 < cell * step
    axes.set_xticks(ticks, [names[index] for index in ticks], rotation=0 if sideways else 90)
    axes.set_yticks(ticks, [names[index] for index in ticks])
    axes.tick_params(length=0 if step == 1 else 2)
    _write_shares(axes, found, colours, norm, cell)


def _short(name: str, lines: int = 1) -> str:
    """As much of a class's name as has room."""
    return "\n".join(textwrap.wrap(literal(name), LONGEST_NAME, max_lines=lines, placeholder="...")) or " "


def _write_shares(axes: Axes, found: Confusion, colours: Colormap, norm: Normalize, cell: float) -> None:
    """In all cells, or in none if there is no room for four digits."""
    size = next((size for size in (SMALL, SMALL - 1, SMALL - 1.5) if 4.6 * size * CHARACTER < cell), None)
    if size is None:
        return
    for row, line in enumerate(found.shares):
        for column, share in enumerate(line):
            if share is None:
                continue
            words = percent(share)
            if len(found.counts) <= FEW_CLASSES:
                words += f"\n({_images(found.counts[row][column])} images)"
            colour = text_colour(colours(float(norm(100 * share))))
            axes.text(column, row, words, color=colour, fontsize=size, ha="center", va="center")


def _names(found: Confusion) -> list[str]:
    """Of the classes, with a second line where they are few."""
    lines = 2 if len(found.class_names) <= FEW_CLASSES else 1
    return [_short(name, lines) for name in found.class_names]


def _images(count: float) -> str:
    """A mean over runs, with one decimal where it has one."""
    return f"{count:,.1f}".removesuffix(".0")


def percent(share: float) -> str:
    """Four characters at most: 100, 98.7, <0.1; 0 for none at all."""
    if share in (0, 1):
        return f"{100 * share:.0f}"
    if share < 0.0005:
        return "<0.1"
    return f"{min(100 * share, 99.9):.1f}"
