"""Floating-point pixels that are no intensities: not finite, or a number that stands for nothing there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_LARGEST = 1e30
"""beyond all that is measured: some programs write the end of the scale, -3.4e38, beside the image"""


def no_numbers(pixels: npt.NDArray[Any]) -> str:
    """What is wrong with some of the values, and what to do; empty: nothing."""
    if not pixels.size:
        return ""
    ends = float(pixels.min()), float(pixels.max())
    if not np.isfinite(ends).all():
        return "values that are no finite numbers (NaN or infinity); replace them"
    if (far := max(ends, key=abs)) and abs(far) > _LARGEST:
        return f"values such as {far:.3g}, which stand for pixels beside the image; replace them, by its darkest value"
    return ""
