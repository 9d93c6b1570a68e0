"""Images in .npz archives: arrays of bytes, as MedMNIST publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hptui.datasets import Pixels
from hptui.datasets._request import one_line
from hptui.errors import DatasetError
from hptui.opening import open_regular

IMAGES = "images"


def read_image_arrays(path: Path) -> dict[str, Pixels]:
    """Images (N, C, H, W) by name: all arrays of an archive that are called images, or something_images.

    Raises:
        DatasetError: it cannot be read, has none, or one holds no 8-bit 2D images.
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
    """Check that an array is of images (N, H, W) or (N, H, W, 3), and bring it to (N, C, H, W)."""
    if images.dtype != np.uint8:
        raise DatasetError(f"{path}: {key} holds {images.dtype}, not uint8 (0 to 255).")
    if images.ndim == 3:
        return np.ascontiguousarray(images[:, np.newaxis])
    if images.ndim == 4 and images.shape[3] == 3:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    if images.ndim in {4, 5}:
        raise DatasetError(
            f"{path}: {key} of shape {images.shape} holds 3D volumes; "
            f"only 2D images (N, H, W) or (N, H, W, 3) can be used."
        )
    raise DatasetError(f"{path}: {key} has shape {images.shape}, not (N, H, W) or (N, H, W, 3).")
