"""Which intensities occur in images, and how often: read once, in pieces that stay small beside the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from hptui.datasets import Pixels
from hptui.datasets._rows import PixelRows, pieces
from hptui.record.intensity import Depth, Intensity

Values = npt.NDArray[np.float64]
_PIECE = 1 << 18
"""pixels looked at at once: 2 MB as float64, which a processor's cache holds"""
_SAMPLE = 1 << 24
"""pixels that percentiles of floats are taken from, of images spread evenly: their error is far below a grey level"""


class Levels(Protocol):
    """Intensities of (N, C, H, W) pixels."""

    depth: Depth
    lowest: float
    highest: float
    count: int
    """of different values, as far as they were looked at"""

    def percentiles(self, low: float, high: float) -> tuple[float, float]:
        """Values that occur, at `low` and `high` percent."""

    def share_outside(self, intensity: Intensity) -> float:
        """Share of the pixels that are beyond a range."""

    def left_of_256(self, intensity: Intensity) -> int:
        """How many of 256 equal steps of a range occur."""

    def mean_and_std(self, intensity: Intensity) -> tuple[Values, Values]:
        """Per channel (C,), of the pixels as a range brings them to 0..255."""


def levels_of(pixels: Pixels | PixelRows) -> Levels:
    """Look at all pixels: whole numbers are counted, one by one."""
    return _FloatLevels(pixels) if pixels.dtype == np.float32 else _WholeLevels(pixels)


def occurring(pixels: Pixels) -> tuple[Values, npt.NDArray[np.int64]]:
    """Values that occur in a few images (N, C, H, W), in their order, and how often each does."""
    if pixels.dtype == np.float32:
        values, counts = np.unique(pixels, return_counts=True)
        return values.astype(np.float64), counts
    limits = np.iinfo(str(pixels.dtype))
    counts = _counted(pixels, int(limits.max) - int(limits.min) + 1).sum(0)
    there = np.flatnonzero(counts)
    return (there + limits.min).astype(np.float64), counts[there]


def brought(values: Values, intensity: Intensity) -> Values:
    """Values in 0..255."""
    scaled: Values = np.clip((values - intensity.low) * (255 / (intensity.high - intensity.low)), 0, 255)
    return scaled


class _WholeLevels:
    """Pixels of 8 or 16 bits, as the number of times that each value occurs."""

    def __init__(self, pixels: Pixels | PixelRows) -> None:
        self.depth = cast(Depth, str(pixels.dtype))
        limits = np.iinfo(self.depth)
        self._values = np.arange(limits.min, limits.max + 1)
        self._counts = _counted(pixels, len(self._values))
        self._all = self._counts.sum(0)
        present = self._values[self._all > 0]
        self.lowest, self.highest, self.count = float(present[0]), float(present[-1]), len(present)

    def percentiles(self, low: float, high: float) -> tuple[float, float]:
        ranks = np.cumsum(self._all)
        first, second = np.searchsorted(ranks, np.maximum(np.array([low, high]) / 100 * ranks[-1], 1))
        return float(self._values[first]), float(self._values[second])

    def share_outside(self, intensity: Intensity) -> float:
        beyond = (self._values < intensity.low) | (self._values > intensity.high)
        return float(self._all[beyond].sum() / self._all.sum())

    def left_of_256(self, intensity: Intensity) -> int:
        return len(np.unique(np.rint(brought(self._values[self._all > 0].astype(np.float64), intensity))))

    def mean_and_std(self, intensity: Intensity) -> tuple[Values, Values]:
        pixels = self._all.sum() / len(self._counts)
        if intensity.untouched:  # in integers, so that the result is exact
            mean = self._counts @ self._values / pixels
            square = self._counts @ np.square(self._values) / pixels
            return mean, np.sqrt(np.maximum(square - mean**2, 0))
        scaled = brought(self._values.astype(np.float64), intensity)
        mean = self._counts @ scaled / pixels
        around = np.square(scaled[np.newaxis] - mean[:, np.newaxis])
        return mean, np.sqrt((self._counts * around).sum(1) / pixels)


class _FloatLevels:
    """Pixels of floating point: what needs their order is taken from a sample, all else from every one."""

    depth: Depth = "float32"

    def __init__(self, pixels: Pixels | PixelRows) -> None:
        self._pixels = pixels
        ends = [(piece.min(), piece.max()) for piece in pieces(pixels)]
        self.lowest, self.highest = float(min(ends)[0]), float(max(high for _, high in ends))
        step = max(1, len(pixels) * _size(pixels) // _SAMPLE)
        self._sample = np.sort(pixels[::step].reshape(-1))
        self.count = len(np.unique(self._sample))

    def percentiles(self, low: float, high: float) -> tuple[float, float]:
        last = len(self._sample) - 1
        return float(self._sample[round(low / 100 * last)]), float(self._sample[round(high / 100 * last)])

    def share_outside(self, intensity: Intensity) -> float:
        inside = np.searchsorted(self._sample, intensity.high, "right") - np.searchsorted(self._sample, intensity.low)
        return 1 - float(inside) / len(self._sample)

    def left_of_256(self, intensity: Intensity) -> int:
        return len(np.unique(np.rint(brought(self._sample.astype(np.float64), intensity))))

    def mean_and_std(self, intensity: Intensity) -> tuple[Values, Values]:
        channels = self._pixels.shape[1]
        count = len(self._pixels) * _size(self._pixels) / channels
        mean, square = np.zeros(channels), np.zeros(channels)
        for channel, piece in _by_channel(self._pixels):
            mean[channel] += brought(piece.astype(np.float64), intensity).sum()
        mean /= count
        for channel, piece in _by_channel(self._pixels):
            square[channel] += np.square(brought(piece.astype(np.float64), intensity) - mean[channel]).sum()
        return mean, np.sqrt(square / count)


def _counted(pixels: Pixels | PixelRows, values: int) -> npt.NDArray[np.int64]:
    """(C, values) how often each occurs, from the lowest on."""
    counts = np.zeros((pixels.shape[1], values), np.int64)
    signed = pixels.dtype == np.int16
    for channel, piece in _by_channel(pixels):
        levels = piece.reshape(-1)
        counts[channel] += np.bincount(levels.view(np.uint16) if signed else levels, minlength=values)
    return np.roll(counts, values // 2, axis=1) if signed else counts  # seen as unsigned, the lowest is in the middle


def _by_channel(pixels: Pixels | PixelRows) -> Iterator[tuple[int, Pixels]]:
    """Parts (n, H, W) of a channel, each at most as large as _PIECE allows, in memory of their own."""
    step = max(1, _PIECE * pixels.shape[1] // _size(pixels))
    for begin in range(0, len(pixels), step):
        images = pixels[begin : begin + step]
        for channel in range(pixels.shape[1]):
            yield channel, np.ascontiguousarray(images[:, channel])


def _size(pixels: Pixels | PixelRows) -> int:
    """Values in one image."""
    return int(np.prod(pixels.shape[1:]))
