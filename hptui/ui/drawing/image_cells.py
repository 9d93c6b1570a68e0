"""Images as characters: two pixels in a cell by half blocks, and where there is no colour, signs of growing weight."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hptui.ui.drawing.colours import Palette, Rgb

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

UPPER_HALF = "▀"
RAMP = " .:-=+*#%@"
"""from dark to bright, as on a dark terminal"""


def fitted(pixels: Pixels, columns: int, rows: int) -> tuple[int, int]:
    """Columns and rows that an image (C, H, W) takes in that room, with its proportions: a cell is two pixels high."""
    height, width = pixels.shape[1:]
    scale = min(columns / width, 2 * rows / height)
    return max(1, min(columns, round(width * scale))), max(1, min(rows, round(height * scale / 2)))


def image_cells(pixels: Pixels, columns: int, rows: int, palette: Palette) -> list[Strip]:
    """Lines of an image (C, H, W), grey or RGB, in a room of cells, whatever its proportions."""
    import numpy as np

    colours = np.broadcast_to(pixels, (3, *pixels.shape[1:]))
    if not palette.colour:
        grey = _resized(colours.mean(0, keepdims=True), rows, columns)[0]
        signs = np.minimum(grey * (len(RAMP) / 256), len(RAMP) - 1).astype(int).tolist()
        return [Strip([Segment("".join(RAMP[sign] for sign in line))]) for line in signs]
    if palette.ascii:  # a blank has one colour
        painted = _resized(colours, rows, columns).round().astype(int).transpose(1, 2, 0).tolist()
        return [Strip([Segment(" ", _style(None, tuple(colour))) for colour in line]).simplify() for line in painted]
    halves = _resized(colours, 2 * rows, columns).round().astype(int).transpose(1, 2, 0).tolist()
    return [
        Strip([Segment(UPPER_HALF, _style(tuple(a), tuple(b))) for a, b in zip(upper, lower, strict=True)]).simplify()
        for upper, lower in zip(halves[::2], halves[1::2], strict=True)
    ]


@lru_cache(1 << 14)
def _style(foreground: Rgb | None, background: Rgb) -> Style:
    return Style(color=Color.from_rgb(*foreground) if foreground else None, bgcolor=Color.from_rgb(*background))


def _resized(channels: npt.NDArray[np.float64 | np.uint8], height: int, width: int) -> npt.NDArray[np.float64]:
    """(C, height, width): means of what falls together, or pixels several times."""
    return _along(_along(channels, 1, height), 2, width)


def _along(channels: npt.NDArray[np.float64 | np.uint8], axis: int, size: int) -> npt.NDArray[np.float64]:
    """One axis of an array in another size."""
    import numpy as np

    before = channels.shape[axis]
    if size >= before:
        taken: npt.NDArray[np.float64] = channels.take(np.arange(size) * before // size, axis).astype(np.float64)
        return taken
    starts = np.arange(size) * before // size
    counts = np.diff(np.append(starts, before)).astype(np.float64)
    shape = [1, 1, 1]
    shape[axis] = size
    means: npt.NDArray[np.float64] = np.add.reduceat(channels.astype(np.float64), starts, axis) / counts.reshape(shape)
    return means
