"""Images that are brighter, darker, flatter or richer in contrast than those of training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hptui.datasets import ImageDataset, Pixels
from hptui.datasets._summary import sampled_intensities

_SHIFTED, _STRETCHED = 0.5, 1.5
"""deviations of the training images, and times theirs, by which other images may differ before it is told"""
_FEWEST = 10
"""images of a split: fewer differ by chance"""


@dataclass
class Brightness:
    """Intensities of training images, and of others that come one batch after another."""

    mean: float
    """of the training images"""
    deviation: float
    count: int = 0
    """of the others"""
    _sum: float = 0.0
    _squares: float = 0.0
    """means over each image, added up"""

    def add(self, pixels: Pixels) -> None:
        """Take in some images (n, C, H, W)."""
        values = pixels.reshape(len(pixels), -1).astype(np.float64)
        self.count += len(values)
        self._sum += float(values.mean(1).sum())
        self._squares += float(np.square(values).mean(1).sum())

    def notes(self) -> Iterator[str]:
        """A sentence where the others are much brighter, darker, flatter or richer in contrast."""
        if self.count < _FEWEST:
            return
        mean = self._sum / self.count
        deviation = math.sqrt(max(self._squares / self.count - mean**2, 0.0))
        if are_others(mean, deviation, self.mean, self.deviation):
            yield other_intensities(mean, deviation, self.mean, self.deviation)


def other_intensities(mean: float, deviation: float, trained_mean: float, trained_deviation: float) -> str:
    """What to think of images for which that holds."""
    return (
        f"intensities are other ones than in training: mean {mean:.4g} and deviation {deviation:.4g}, of the training "
        f"images {trained_mean:.4g} and {trained_deviation:.4g}. Where that is the scanner and not the patients, the "
        "network may err because of it."
    )


def are_others(mean: float, deviation: float, trained_mean: float, trained_deviation: float) -> bool:
    """Whether intensities differ by more than patients do."""
    if trained_deviation == 0:
        return False
    apart, ratio = abs(mean - trained_mean) / trained_deviation, deviation / trained_deviation
    return apart > _SHIFTED or not 1 / _STRETCHED <= ratio <= _STRETCHED


def shift_notes(dataset: ImageDataset) -> Iterator[str]:
    """A line for each other split whose intensities are not those of training: scanned, scaled or saved otherwise."""
    trained = sampled_intensities(dataset.train.pixels)
    for split, images in (("validation", dataset.validation), ("test", dataset.test)):
        if images is None or len(images) < _FEWEST:
            continue
        found = sampled_intensities(images.pixels)
        if are_others(*found, *trained):
            yield (
                f"{split} images have other intensities than training images: mean {found[0]:.4g} and deviation "
                f"{found[1]:.4g}, not {trained[0]:.4g} and {trained[1]:.4g}. Were they scanned, scaled or saved "
                "otherwise? What is measured on them may say little of images like those of training"
            )
