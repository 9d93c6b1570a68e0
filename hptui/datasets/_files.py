"""All image files of a data set in one array, decoded side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from hptui.config.intensity_rule import parse_intensity
from hptui.datasets import DatasetRequest, Keys, Pixels
from hptui.datasets import _decoded_cache as decoded_cache
from hptui.datasets._decode import read_header, read_pixels, unreadable
from hptui.datasets._decoded_cache import DecodedCache
from hptui.datasets._duplicates import keys_of
from hptui.datasets._image_header import ImageForm, ImageHeader
from hptui.datasets._joining import file_notes, joint_channels, joint_depth, refuse_without_window
from hptui.datasets._unreadable import naming_all
from hptui.errors import DatasetError
from hptui.headway import Headway
from hptui.machine import free_memory

_SIZE = 64  # pixels, where --image-size is not given
_TURN = 8
"""files that a thread reads before it asks for more"""

Result = TypeVar("Result")
Put = Callable[[int, Pixels], object]
"""stores the pixels (C, H, W) of the image at an index; from any thread"""


@dataclass(frozen=True)
class DecodedFiles:
    """Pixels of files, in the order in which these were named."""

    pixels: Pixels
    """(N, C, H, W) of all files: a split of them is a slice, which needs no memory of its own"""
    keys: Keys
    """(N,) see `hptui.datasets.Images`"""
    headers: Sequence[ImageHeader]
    """(N,)"""
    notes: tuple[str, ...] = ()
    """what whoever reads the data set should know, one line each"""


@naming_all(unreadable)
def decode_files(paths: Sequence[Path], request: DatasetRequest) -> DecodedFiles:
    """Decode into one array: tens of thousands of small arrays and their copy would need twice the memory.

    All images have the depth of the files, and the channels of those that have most: grey among RGB comes three times.
    What is large goes into the user's cache if the request says so, and is mapped into memory from there, now and the
    next time.

    Raises:
        DatasetError: a file cannot be read as an image, or is too different from the others (says which).
    """
    if not paths:
        raise DatasetError("there are no image files to read.")
    cache = DecodedCache() if request.keep_decoded == "large" else None
    key = "" if cache is None else cache.key(paths, _wishes(request))
    if cache is not None and (kept := cache.load(key)) is not None:
        return DecodedFiles(*kept)
    files = _Files(paths, request)
    if cache is not None and files.size >= decoded_cache.LARGE:
        kept = cache.fill(
            key, files.shape, files.form.depth, lambda file: (files.decode(file.write), files.headers, files.notes)
        )
        if kept is not None:
            return DecodedFiles(*kept)
    _require_memory(files.size)
    pixels = np.empty(files.shape, files.form.depth)
    keys = files.decode(partial(pixels.__setitem__))
    return DecodedFiles(pixels, keys, files.headers, tuple(files.notes))


def _wishes(request: DatasetRequest) -> list[object]:
    """All of a request that decoding depends on."""
    own_window = parse_intensity(request.intensity).kind == "voi"
    trained = [request.trained_depth, request.trained_units]
    return [request.image_size or _SIZE, request.resize, request.pages, own_window, *trained]


def _require_memory(size: int) -> None:
    """Refuse what would have the system end this process, or the one of somebody else."""
    free = free_memory()
    if size > free:
        raise DatasetError(
            f"the images take {size >> 20:,} MB decoded, and {free >> 20:,} MB of main memory are free: choose a "
            "smaller --image-size, or let them lie on the disk (--keep-decoded large; twice as much has to be free)."
        )


class _Files:
    """Files whose headers were read, and what their images are brought to."""

    def __init__(self, paths: Sequence[Path], request: DatasetRequest) -> None:
        size = request.image_size or _SIZE
        own_window = parse_intensity(request.intensity).kind == "voi"
        self._paths = paths
        self.headers: list[ImageHeader] = _side_by_side(
            lambda index: read_header(paths[index], own_window=own_window), len(paths), "looking at", "image files"
        )
        if own_window:
            refuse_without_window(paths, self.headers)
        channels = joint_channels(paths, self.headers, request.pages)
        self.form = ImageForm(
            joint_depth(paths, self.headers, request.trained_depth, units=request.trained_units),
            channels,
            size,
            size,
            request.resize,
            request.pages,
            own_window=own_window,
        )
        self.shape = (len(paths), channels, size, size)
        self.size = int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.form.depth).itemsize
        """bytes of all pixels"""

    @property
    def notes(self) -> list[str]:
        return list(file_notes(self.headers, self.form))

    def decode(self, put: Put) -> Keys:
        """Decode each image, and find its key while it is at hand."""

        def decode(index: int) -> Keys:
            pixels = np.ascontiguousarray(read_pixels(self._paths[index], self.headers[index], self.form))
            put(index, pixels)
            return keys_of(pixels[np.newaxis])

        return np.concatenate(_side_by_side(decode, len(self._paths), "decoding", "images"))


def _side_by_side(work: Callable[[int], Result], count: int, doing: str, what: str) -> list[Result]:
    """Results of `work` for 0 .. count - 1, by several threads: decoding releases the interpreter lock.

    The first error ends it, as does one of whoever listens to its headway, or Ctrl+C.
    """
    headway, ended = Headway(doing, count, what), threading.Event()

    def turn(begin: int) -> list[Result]:
        indices = range(begin, min(begin + _TURN, count))
        return [work(index) for index in indices if not ended.is_set()]

    results: list[Result] = []
    with ThreadPoolExecutor() as pool:
        try:
            for part in pool.map(turn, range(0, count, _TURN)):
                results += part
                headway.reach(len(results))
        except BaseException:
            ended.set()
            pool.shutdown(cancel_futures=True)
            raise
    return results
