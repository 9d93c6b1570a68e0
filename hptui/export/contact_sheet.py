"""A contact sheet of images that a network called by another class, each with what it is, and what it was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from hptui.export.style import SMALL, WIDE, literal, new_figure
from hptui.reading.wrong_images import WrongImage

COLUMNS = 6
LONGEST = 24
"""characters below an image; of a path the end is what tells it apart"""
Pixels = npt.NDArray[Any]


def contact_sheet(images: Sequence[tuple[WrongImage, Pixels]], title: str, subtitle: str) -> Figure:
    """Figure of images (C, H, W), in their order, six in a row."""
    rows = max(1, -(-len(images) // COLUMNS))
    figure = new_figure(WIDE, 0.5 + 1.45 * rows, title, subtitle)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, (wrong, pixels) in zip(panels, images, strict=False):
        shown = pixels[0] if pixels.shape[0] != 3 else np.moveaxis(pixels, 0, -1)
        panel.imshow(_in_range(shown), cmap="gray", interpolation="nearest")
        words = [
            _end(f"{wrong.name} ({wrong.group})" if wrong.group else wrong.name),
            f"is {_beginning(wrong.true)}",
            f"called {_beginning(wrong.predicted)}, {100 * wrong.probability:.1f} %",
        ]
        panel.set_title("\n".join(words), fontsize=SMALL - 0.5, pad=2)
    return figure


def _in_range(pixels: Pixels) -> Pixels:
    """Bytes as they are; other depths from their darkest to their brightest."""
    if pixels.dtype == np.uint8:
        return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
    low, high = float(pixels.min()), float(pixels.max())
    scaled: Pixels = (pixels.astype(np.float64) - low) / (high - low if high > low else 1.0)
    return scaled


def _beginning(text: str) -> str:
    shown = literal(text)
    return shown if len(shown) <= LONGEST - 8 else f"{shown[: LONGEST - 9]}…"


def _end(text: str) -> str:
    shown = literal(text)
    return shown if len(shown) <= LONGEST else f"…{shown[1 - LONGEST :]}"
