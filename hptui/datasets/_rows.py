"""Images of a larger array by their places in it: a split of a large data set is no copy of its pixels.

The array may be a file that is mapped into memory and larger than that; then nothing of it is read before it is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

COPIED = 16 << 20
"""bytes of images below which a copy is made: a plain array is easier to handle, and costs nothing there"""
PIECE = 8 << 20
"""bytes of images that are looked at at once, where all have to be"""


class PixelRows:
    """(N, C, H, W) pixels as an array would give them, for whoever reads; each look copies what it asks for."""

    def __init__(self, array: Array, places: Places) -> None:
        """Take images (n,) of an array (M, C, H, W), by where they are in it."""
        self.array, self.places = array, places

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.places), *self.array.shape[1:])

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that a copy would take."""
        return len(self.places) * image_bytes(self.array)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Array:
        first, *rest = index if isinstance(index, tuple) else (index,)
        found: Array = self.array[(self.places[first], *rest)]
        return found

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("images that lie apart are no array without a copy")
        return self.array[self.places].astype(dtype or self.dtype, copy=False)


def taken(pixels: Array | PixelRows, places: Places) -> Array | PixelRows:
    """Images at these places (n,), in that order: a copy of few, a view of many."""
    if len(places) * image_bytes(pixels) < COPIED:
        return pixels[places]
    return (
        PixelRows(pixels.array, pixels.places[places]) if isinstance(pixels, PixelRows) else PixelRows(pixels, places)
    )


def joined(parts: Sequence[Array | PixelRows]) -> Array | PixelRows:
    """All images of several, in that order: a view where all are of one array."""
    whole = parts[0].array if isinstance(parts[0], PixelRows) else None
    places = [part.places for part in parts if isinstance(part, PixelRows) and part.array is whole]
    if whole is not None and len(places) == len(parts):
        return PixelRows(whole, np.concatenate(places))
    return np.concatenate([np.asarray(part) for part in parts])


def pieces(pixels: Array | PixelRows) -> Iterator[Array]:
    """All images in their order, some (n, C, H, W) at a time, contiguous."""
    step = max(1, PIECE // max(image_bytes(pixels), 1))
    for begin in range(0, len(pixels), step):
        yield np.ascontiguousarray(pixels[begin : begin + step])


def image_bytes(pixels: Array | PixelRows) -> int:
    """Bytes of one image."""
    return int(np.prod(pixels.shape[1:], dtype=np.int64)) * pixels.dtype.itemsize
