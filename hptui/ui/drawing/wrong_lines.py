"""Images that are called by another class, as tiles with a caption, or one of them as large as there is room."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hptui.reading.wrong_sheet import ShownImage
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.image_cells import fitted, image_cells
from hptui.ui.drawing.literal import literal

if TYPE_CHECKING:
    from hptui.ui.drawing.image_cells import Pixels

TILE = 24
"""columns of a tile, at least: below, a chest or a digit is not known any more, and no caption fits"""
GAP = 2
CAPTION = 3
"""lines"""
MOST_ROWS = 1000
"""of a picture; more than any terminal has"""
WORDS = 26
"""columns of the words beside one image, at least"""
_BOLD, _DIM, _MARKED = Style(bold=True), Style(dim=True), Style(bold=True, reverse=True)

Draw = Callable[["Pixels", int, int, Palette], list[Strip]]
"""makes lines of an image in so many columns and rows"""


@dataclass(frozen=True)
class Tiles:
    """How many images there is room for, and how large they are."""

    columns: int
    rows: int
    width: int
    """of a tile, in columns"""
    height: int
    """of its picture, in rows"""

    @property
    def count(self) -> int:
        return self.columns * self.rows

    def first(self, selected: int) -> int:
        """The first image of the page on which one is."""
        return selected // self.count * self.count


def tiles(images: Sequence[ShownImage], width: int, height: int) -> Tiles:
    """Arrange images, all of one size, in a room: many, and as wide as they have pixels."""
    most = max(1, min(len(images), (width + GAP) // (TILE + GAP)))
    plans = [_plan(images, across, width, height) for across in range(most, 0, -1)]
    return max(plans, key=lambda plan: min(plan.count, len(images)) * _seen(images[0].pixels, plan))


def _plan(images: Sequence[ShownImage], across: int, width: int, height: int) -> Tiles:
    """So many images side by side, and as many rows of them as there is room for."""
    room = max(1, (width - GAP * (across - 1)) // across)
    tall = max(1, min(fitted(images[0].pixels, room, MOST_ROWS)[1], height - CAPTION))
    down = max(1, min((height + 1) // (tall + CAPTION + 1), -(-len(images) // across)))
    return Tiles(across, down, room, tall)


def _seen(pixels: Pixels, plan: Tiles) -> int:
    """Pixels of an image's width that are told apart."""
    width: int = pixels.shape[2]
    return min(fitted(pixels, plan.width, plan.height)[0], width)


def tile_lines(
    images: Sequence[ShownImage], selected: int, width: int, height: int, palette: Palette, draw: Draw = image_cells
) -> list[Strip]:
    """The page of tiles on which the selected image is; its name is marked."""
    plan = tiles(images, width, height)
    begin = plan.first(selected)
    shown = [(index, images[index]) for index in range(begin, min(begin + plan.count, len(images)))]
    lines: list[Strip] = []
    for start in range(0, len(shown), plan.columns):
        row = [_tile(one, plan, index == selected, palette, draw) for index, one in shown[start : start + plan.columns]]
        lines += [_beside(parts) for parts in zip(*row, strict=True)]
        lines.append(Strip([]))
    return [line.crop(0, width) for line in lines[:height]]


def _beside(parts: Sequence[Strip]) -> Strip:
    first, *others = parts
    return Strip.join([first, *(piece for part in others for piece in (Strip.blank(GAP), part))])


def _tile(shown: ShownImage, plan: Tiles, selected: bool, palette: Palette, draw: Draw) -> list[Strip]:
    """Picture and caption of one image, all lines equally long."""
    columns, rows = fitted(shown.pixels, plan.width, plan.height)
    wrong = shown.wrong
    name = f"{wrong.name} ({wrong.group})" if wrong.group else wrong.name
    words = [
        Strip([Segment(_end(literal(name, palette), plan.width, palette), _MARKED if selected else _BOLD)]),
        Strip([Segment(_beginning(f"is {literal(wrong.true, palette)}", plan.width, palette))]),
        Strip([Segment(_called(literal(wrong.predicted, palette), wrong.probability, plan.width, palette))]),
    ]
    blank = [Strip([])] * (plan.height - rows)
    lines = [*draw(shown.pixels, columns, rows, palette), *words, *blank]
    return [line.adjust_cell_length(plan.width) for line in lines]


def single_lines(
    images: Sequence[ShownImage], selected: int, width: int, height: int, palette: Palette, draw: Draw = image_cells
) -> list[Strip]:
    """One image, with all that is known of it beside it."""
    shown = images[selected]
    wrong = shown.wrong
    columns, rows = fitted(shown.pixels, max(1, width - WORDS - GAP), height)
    room = max(1, width - columns - GAP)
    facts = [
        (wrong.name, _BOLD),
        *([(f"of {wrong.group}", Style())] if wrong.group else []),
        ("", Style()),
        (f"is {wrong.true}", Style()),
        (f"called {wrong.predicted}", Style()),
        ("", Style()),
        (f"probability of {wrong.predicted}: {100 * wrong.probability:.1f} %", Style()),
        (f"probability of {wrong.true}: {100 * wrong.probability_of_true:.1f} %", Style()),
        ("", Style()),
        (f"image {selected + 1} of {len(images)}, the surest first", _DIM),
    ]
    words = [
        Strip([Segment(line, style)])
        for text, style in facts
        for line in textwrap.wrap(literal(text, palette), room) or [""]
    ]
    picture = [*draw(shown.pixels, columns, rows, palette), *[Strip.blank(columns)] * height][:height]
    words = [*words, *[Strip([])] * height][:height]
    return [_beside(parts).crop(0, width) for parts in zip(picture, words, strict=True)]


def _called(name: str, probability: float, width: int, palette: Palette) -> str:
    """The class and its probability, which is not cut."""
    share = f" {100 * probability:.1f} %"
    return _beginning(f"called {name}", width - len(share), palette) + share


def _beginning(text: str, width: int, palette: Palette) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + palette.mark("…", "~")


def _end(text: str, width: int, palette: Palette) -> str:
    """End of a path, which is what tells it apart."""
    return text if len(text) <= width else palette.mark("…", "~") + text[len(text) - max(width - 1, 0) :]
