"""Colour maps that survive colour blindness, greyscale, and no colour at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rgb = tuple[int, int, int]
MapName = Literal["viridis", "cividis"]
MAPS: tuple[MapName, ...] = ("viridis", "cividis")

# Nine equidistant colours of each map (van der Walt and Smith 2015; Nunez, Anderton and Renslow 2018).
_ANCHORS: dict[MapName, tuple[Rgb, ...]] = {
    "viridis": (
        (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142),
        (31, 158, 137), (53, 183, 121), (109, 205, 89), (253, 231, 37),
    ),
    "cividis": (
        (0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
        (138, 134, 120), (165, 156, 116), (195, 180, 105), (254, 232, 56),
    ),
}  # fmt: skip
SHADES = "░▒▓█"
ASCII_SHADES = "-+*#"


@dataclass(frozen=True)
class Palette:
    """How a screen draws: which colours, whether colour can be seen, whether only ASCII can."""

    map: MapName = "viridis"
    colour: bool = True
    """False with NO_COLOR: then shade characters and numbers carry the meaning"""
    ascii: bool = False

    def rgb(self, share: float) -> Rgb:
        """The colour at `share` of the map, 0 to 1."""
        anchors = _ANCHORS[self.map]
        position = min(max(share, 0.0), 1.0) * (len(anchors) - 1)
        index = min(int(position), len(anchors) - 2)
        rest = position - index
        red, green, blue = (
            round(low + rest * (high - low)) for low, high in zip(anchors[index], anchors[index + 1], strict=True)
        )
        return red, green, blue

    def shade(self, share: float) -> str:
        """A character that is darker for a larger `share`."""
        shades = ASCII_SHADES if self.ascii else SHADES
        return shades[min(int(share * len(shades)), len(shades) - 1)]

    def mark(self, unicode: str, plain: str) -> str:
        """A sign in this palette's characters."""
        return plain if self.ascii else unicode


def readable_on(background: Rgb) -> Rgb:
    """Black or white, whichever has more contrast (WCAG 2 relative luminance)."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in background)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)
