"""All image files of a data set in one array, decoded side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hptui.config.intensity_rule import parse_intensity
from hptui.datasets import DatasetRequest, Pixels
from hptui.datasets._decode import read_header, read_pixels, unreadable
from hptui.datasets._decoded_cache import DecodedCache
from hptui.datasets._image_header import ImageForm
from hptui.datasets._joining import file_notes, joint_channels, joint_depth, refuse_without_window
from hptui.datasets._unreadable import naming_all
from hptui.errors import DatasetError

_SIZE = 64  # pixels, where --image-size is not given


@dataclass(frozen=True)
class DecodedFiles:
    """Pixels of files, in the order in which these were named."""

    pixels: Pixels
    """(N, C, H, W) of all files: a split of them is a slice, which needs no memory of its own"""
    notes: tuple[str, ...] = ()
    """what whoever reads the data set should know, one line each"""


@naming_all(unreadable)
def decode_files(paths: Sequence[Path], request: DatasetRequest) -> DecodedFiles:
    """Decode into one array: tens of thousands of small arrays and their copy would need twice the memory.

    All images have the depth of the files, and the channels of those that have most: grey among RGB comes three times.
    What is large is kept in the user's cache if the request says so, and mapped into memory from there the next time.

    Raises:
        DatasetError: a file cannot be read as an image, or is too different from the others (says which).
    """
    if not paths:
        raise DatasetError("there are no image files to read.")
    if request.keep_decoded != "large":
        return _decode(paths, request)
    cache = DecodedCache()
    key = cache.key(paths, _wishes(request))
    kept = cache.load(key)
    if kept is not None:
        return DecodedFiles(*kept)
    decoded = _decode(paths, request)
    told = cache.save(key, decoded.pixels, decoded.notes)
    return DecodedFiles(decoded.pixels, (*decoded.notes, *told))


def _wishes(request: DatasetRequest) -> list[object]:
    """All of a request that decoding depends on."""
    own_window = parse_intensity(request.intensity).kind == "voi"
    return [request.image_size or _SIZE, request.resize, request.pages, own_window, request.trained_depth]


def _decode(paths: Sequence[Path], request: DatasetRequest) -> DecodedFiles:
    size = request.image_size or _SIZE
    own_window = parse_intensity(request.intensity).kind == "voi"
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        headers = list(pool.map(lambda path: read_header(path, own_window=own_window), paths))
        if own_window:
            refuse_without_window(paths, headers)
        channels = joint_channels(paths, headers, request.pages)
        depth = joint_depth(paths, headers, request.trained_depth)
        form = ImageForm(depth, channels, size, size, request.resize, request.pages, own_window=own_window)
        pixels = np.empty((len(paths), channels, size, size), form.depth)

        def decode(index: int) -> None:
            pixels[index] = read_pixels(paths[index], headers[index], form)

        for _ in pool.map(decode, range(len(paths))):  # reading the results raises the first error
            pass
    return DecodedFiles(pixels, tuple(file_notes(headers, form)))
