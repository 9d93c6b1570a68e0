"""scikit-learn's scanned digits: 1,797 real images that come with the package, so no network is needed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._request import refuse_argument
from hptui.datasets._split import take_test

__all__ = ["digits"]

TRAINING_IMAGES = 1223
"""of an epoch, where no size is set: what a plan counts on before the data are read"""

_SIZE = 28  # pixels: that of MNIST, so that the same networks fit
_PIECE = 200  # scans that are enlarged together: a third of the time that one by one takes, and little memory


def digits(request: DatasetRequest) -> ImageDataset:
    """Digits scanned in 8 x 8, enlarged to 28 x 28 (or --image-size), 20 % of each class held back as test images."""
    refuse_argument("digits", request)
    scans, labels = _scans()
    size = request.image_size or _SIZE
    levels = np.round(scans * (255 / 16)).astype(np.uint8)
    pixels = np.empty((len(levels), 1, size, size), np.uint8)
    for first in range(0, len(levels), _PIECE):
        pixels[first : first + _PIECE, 0] = _enlarged(levels[first : first + _PIECE], size)
    images = Images(pixels, labels)
    class_names = tuple("0123456789")
    train, test, notes = take_test(images, request, class_names)
    return ImageDataset("digits", class_names, train, test, notes=notes, published=True)


def _enlarged(scans: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Images (N, size, size) of scans (N, height, width), to the bit as Pillow makes each, in two calls for all.

    It resizes rows first, and then the columns of what came of that: here all scans one below another get the first,
    and all of these side by side the second.
    """
    count, height, width = scans.shape
    below = Image.fromarray(scans.reshape(count * height, width))
    rows = np.asarray(below.resize((size, count * height), Image.Resampling.BICUBIC))
    beside = Image.fromarray(rows.reshape(count, height, size).swapaxes(0, 1).reshape(height, count * size))
    both = np.asarray(beside.resize((count * size, size), Image.Resampling.BICUBIC))
    return both.reshape(size, count, size).swapaxes(0, 1)


def _scans() -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, 8, 8), 0 (paper) to 16 (ink), and labels (1797,).

    Read from the package's file, as `sklearn.datasets.load_digits` does: to import that takes a second.
    """
    package = importlib.util.find_spec("sklearn")
    assert package is not None, "scikit-learn is installed with hptui"
    assert package.origin is not None
    table = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
