"""The range of intensities that a study brings to 0 to 255, as its files keep it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Depth = Literal["uint8", "uint16", "int16", "float32"]
"""type of pixels, in memory and on the device"""


class Intensity(msgspec.Struct, frozen=True):
    """From `low` to `high` is black to white; what lies beyond is cut. Values between keep their full depth."""

    rule: Annotated[str, Meta(max_length=200)]
    """as it was applied: `minmax` where `auto` has chosen that"""
    low: float
    high: float
    dtype: Depth

    def __post_init__(self) -> None:
        """Refuse a range that cannot be one: a file may say anything."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"intensities from {self.low} to {self.high} are no range")

    @property
    def untouched(self) -> bool:
        """Whether pixels are in 0 to 255 as they are."""
        return self.dtype == "uint8" and (self.low, self.high) == (0, 255)


BYTES = Intensity("full", 0.0, 255.0, "uint8")
"""of images of 8 bits, where nobody has asked for anything else"""
