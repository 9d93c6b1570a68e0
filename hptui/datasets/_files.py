"""All image files of a data set in one array, decoded side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, Pixels
from hptui.datasets._decode import is_grey, read_square

_SIZE = 64  # pixels, where --image-size is not given


@dataclass(frozen=True)
class DecodedFiles:
    """Pixels of files, in the order in which these were named."""

    pixels: Pixels
    """(N, C, H, W) of all files: a split of them is a slice, which needs no memory of its own"""
    notes: tuple[str, ...] = ()
    """what whoever reads the data set should know, one line each"""


def decode_files(paths: Sequence[Path], request: DatasetRequest) -> DecodedFiles:
    """Decode into one array: tens of thousands of small arrays and their copy would need twice the memory.

    Images are grey if every file is stored as grey, else RGB.

    Raises:
        DatasetError: a file cannot be read as an image (says which).
    """
    size = request.image_size or _SIZE
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        grey = all(pool.map(is_grey, paths))
        pixels = np.empty((len(paths), 1 if grey else 3, size, size), np.uint8)

        def decode(index: int) -> None:
            pixels[index] = read_square(paths[index], size, grey=grey)

        for _ in pool.map(decode, range(len(paths))):  # reading the results raises the first error
            pass
    return DecodedFiles(pixels)
