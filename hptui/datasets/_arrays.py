"""Images in arrays: in .npz archives, as MedMNIST publishes them, or made by an own function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hptui.datasets import MOST_CHANNELS, Pixels
from hptui.datasets._finite import no_numbers
from hptui.datasets._given import type_advice
from hptui.datasets._request import one_line
from hptui.datasets._rows import PixelRows
from hptui.errors import DatasetError
from hptui.opening import open_regular

IMAGES = "images"
DEPTHS = (np.uint8, np.uint16, np.int16, np.float32)


def read_image_arrays(path: Path) -> dict[str, Pixels]:
    """Images (N, C, H, W) by name: all arrays of an archive that are called images, or something_images.

    Raises:
        DatasetError: it cannot be read, has none, or one holds no 2D images of a depth that can be used.
    """
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            named = [key for key in archive.files if key == IMAGES or key.endswith(f"_{IMAGES}")]
            arrays = {key: np.asarray(archive[key]) for key in named}
    except Exception as error:  # zipfile, zlib and numpy each raise their own for damaged files
        raise DatasetError(f"{path} cannot be read as an archive of images ({one_line(error)}).") from error
    if not arrays:
        raise DatasetError(f"{path} has no array called {IMAGES} or something_{IMAGES}.")
    return {key: check_pixels(path, key, array) for key, array in arrays.items()}


def check_pixels(path: Path, key: str, images: Any) -> Pixels:
    """Check that an array is of images (N, H, W) or (N, H, W, C), and bring it to (N, C, H, W)."""
    images = known_depth(images, f"{path}: {key}")
    shape = f"{path}: {key} has shape {images.shape}"
    if images.ndim == 3:
        channels_first = images[:, np.newaxis]
    elif images.ndim == 4 and 1 <= images.shape[3] <= MOST_CHANNELS:
        channels_first = images.transpose(0, 3, 1, 2)
    elif images.ndim == 4 and 1 <= images.shape[1] <= MOST_CHANNELS:
        raise DatasetError(f"{shape}; channels come last, (N, H, W, C): transpose it, .transpose(0, 2, 3, 1).")
    elif images.ndim in {4, 5}:
        raise DatasetError(
            f"{path}: {key} of shape {images.shape} holds 3D volumes; only 2D images (N, H, W) or (N, H, W, C) with "
            f"1 to {MOST_CHANNELS} channels can be used."
        )
    else:
        raise DatasetError(f"{shape}, not (N, H, W) or (N, H, W, C).")
    return np.ascontiguousarray(channels_first)


def known_depth(pixels: Any, what: str) -> Pixels:
    """Pixels in one of the four depths; float16 and float64 become float32.

    Raises:
        DatasetError: they are of another type, whose range says nothing, or some are not finite.
    """
    if pixels.dtype.kind == "f":
        if pixels.dtype != np.float32:
            with np.errstate(over="ignore"):  # refused below
                pixels = pixels.astype(np.float32)
        if problem := no_numbers(pixels):
            raise DatasetError(f"{what} have {problem}.")
        return np.asarray(pixels, np.float32)
    native: Pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if native.dtype not in DEPTHS:
        raise DatasetError(
            f"{what} are {pixels.dtype}; they have to be uint8, uint16, int16 or float32: {type_advice(native)}."
        )
    return native


def known_pixels(pixels: Pixels | PixelRows, what: str) -> Pixels | PixelRows:
    """Pixels of a depth that is known, contiguous, and writable, because torch refuses to wrap memory that is not."""
    if isinstance(pixels, PixelRows):
        return PixelRows(_required(pixels.array, what), pixels.places)
    return _required(pixels, what)


def _required(pixels: Pixels, what: str) -> Pixels:
    return np.require(known_depth(pixels, what), requirements=["C", "W"])
