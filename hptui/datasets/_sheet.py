"""A contact sheet: some images of each class side by side, so that somebody sees what is learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hptui.datasets import ImageDataset, Pixels
from hptui.datasets._classes import members_of
from hptui.datasets._request import one_line
from hptui.errors import DatasetError
from hptui.record.intensity import BYTES, Intensity

_COLUMNS = 12
_ROWS_OF_FEW = 3
"""rows of images per class, where there are at most _FEW classes; else one"""
_FEW = 4
_SIDE, _GAP, _TITLE = 96, 4, 24
"""pixels: of an image, between two, and of the line above a class"""
_MOST_CLASSES = 100


def write_sheet(dataset: ImageDataset, path: Path, intensity: Intensity = BYTES) -> None:
    """Draw training images of each class, evenly spread over the data set.

    Args:
        dataset: whose images they are.
        path: of the picture.
        intensity: what becomes black and white.

    Raises:
        DatasetError: the file cannot be written.
    """
    rows = _ROWS_OF_FEW if len(dataset.class_names) <= _FEW else 1
    blocks = []
    for label, name in enumerate(dataset.class_names[:_MOST_CLASSES]):
        members = members_of(dataset.train.labels, label)
        count = min(len(members), rows * _COLUMNS)
        chosen = members[np.linspace(0, len(members) - 1, count).astype(np.int64)]
        pixels = _as_bytes(dataset.train.pixels[chosen], intensity)
        blocks.append(_block(f"{name}: {count} of {len(members):,} training images", pixels))
    sheet = Image.new("RGB", (_GAP + _COLUMNS * (_SIDE + _GAP), sum(block.height for block in blocks)), "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be written ({one_line(error)}); name a file such as sheet.png.") from error


def _block(title: str, pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Images below a line of text."""
    rows = -(-len(pixels) // _COLUMNS)
    block = Image.new("RGB", (_GAP + _COLUMNS * (_SIDE + _GAP), _TITLE + rows * (_SIDE + _GAP)), "white")
    ImageDraw.Draw(block).text((_GAP, _TITLE // 6), title, fill="black", font=ImageFont.load_default(14))
    for index, image in enumerate(pixels):
        row, column = divmod(index, _COLUMNS)
        drawn = Image.fromarray(image[0] if len(image) < 3 else image[:3].transpose(1, 2, 0))
        scale = _SIDE / max(drawn.size)
        size = max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC  # pixels as they are
        block.paste(drawn.resize(size, method), (_GAP + column * (_SIDE + _GAP), _TITLE + row * (_SIDE + _GAP)))
    return block


def _as_bytes(pixels: Pixels, intensity: Intensity) -> npt.NDArray[np.uint8]:
    """Pixels as a network sees them, in bytes."""
    if intensity.untouched:
        return pixels.astype(np.uint8)
    scaled = (pixels.astype(np.float32) - intensity.low) * (255 / (intensity.high - intensity.low))
    drawn: npt.NDArray[np.uint8] = scaled.clip(0, 255).round().astype(np.uint8)
    return drawn
