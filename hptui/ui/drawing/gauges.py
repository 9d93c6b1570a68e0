"""Bars and small graphs in one line of characters: how far a study is, how busy a machine was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rich.color import Color
from rich.style import Style
from rich.text import Text

from hptui.ui.drawing.colours import Palette, Rgb

LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = "_.-:=+*#"
LEAST_PART = 2
"""cells of a part of a bar, without the gap behind it: with less, the parts are drawn as one"""


@dataclass(frozen=True)
class Part:
    """One part of a bar, such as a run of a study."""

    weight: float
    """its length, relative to the other parts"""
    done: float
    """0 to 1"""
    colour: Rgb | None = None


def sparkline(shares: Sequence[float], width: int, palette: Palette) -> str:
    """The newest `width` shares (0 to 1), the last one at the right; without so many, blanks stand at the left."""
    levels = ASCII_LEVELS if palette.ascii else LEVELS
    newest = shares[-width:] if width > 0 else ()
    drawn = (levels[min(int(min(max(share, 0.0), 1.0) * len(levels)), len(levels) - 1)] for share in newest)
    return "".join(drawn).rjust(width)


def bar(parts: Sequence[Part], width: int, palette: Palette) -> Text:
    """What is done of every part, heavy, before what is left, light: told apart without colour.

    The parts have gaps between them where there is room; else they are one, without the colours of any.
    """
    total = sum(part.weight for part in parts)
    if total <= 0 or width <= 0:
        return Text(palette.mark("─", "-") * max(width, 0))
    cells = _cells([part.weight / total for part in parts], width - (len(parts) - 1))
    if min(cells) < LEAST_PART:
        return _part(Part(1.0, sum(part.weight * part.done for part in parts) / total), width, palette)
    return Text(" ").join([_part(part, own, palette) for part, own in zip(parts, cells, strict=True)])


def _cells(shares: Sequence[float], room: int) -> list[int]:
    """How many of `room` cells each has; rounded together, so that none of them is lost."""
    edges = [round(room * until) for until in accumulate(shares, initial=0.0)]
    return [end - begin for begin, end in pairwise(edges)]


def _part(part: Part, width: int, palette: Palette) -> Text:
    """Half cells too; full only when all is done, and begun as soon as anything is."""
    halves = int(2 * width * min(max(part.done, 0.0), 1.0) + 1e-9)
    halves = max(halves, 1) if part.done > 0 else 0
    whole, half = divmod(halves, 2)
    done = palette.mark("━", "#") * whole + palette.mark("╸", "=") * half
    style = Style(color=Color.from_rgb(*part.colour)) if part.colour is not None and palette.colour else Style()
    left = palette.mark("─", "-") * (width - whole - half)
    return Text.assemble((done, style), (left, Style(dim=True) if palette.colour else Style()))
