"""Bring one image to the size of its data set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from hptui.datasets import Resize

# Pillow's filters widen with the reduction, so this one does not alias.
_FILTER = Image.Resampling.BICUBIC


def fitted(image: Image.Image, width: int, height: int, how: Resize) -> Image.Image:
    """The image in that size: as a whole whatever its proportions, with black bars, or its middle."""
    if how == "pad":
        return ImageOps.pad(image, (width, height), _FILTER)
    if how == "crop":
        return ImageOps.fit(image, (width, height), _FILTER)
    return image.resize((width, height), _FILTER)


def fitted_channel(values: npt.NDArray[np.float32], width: int, height: int, how: Resize) -> npt.NDArray[np.float32]:
    """(H, W) in that size, nowhere beyond its own range; bars are as dark as its darkest pixel."""
    if values.shape == (height, width):
        return values
    darkest = float(values.min())
    resized = np.asarray(fitted(Image.fromarray(values - darkest), width, height, how))
    inside: npt.NDArray[np.float32] = np.clip(resized, 0, float(values.max()) - darkest) + np.float32(darkest)
    return inside
