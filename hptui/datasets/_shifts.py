"""Images that are brighter, darker, flatter or richer in contrast than those of training."""

from __future__ import annotations

from collections.abc import Iterator

from hptui.datasets import ImageDataset
from hptui.datasets._summary import sampled_intensities

_SHIFTED, _STRETCHED = 0.5, 1.5
"""deviations of the training images, and times theirs, by which other images may differ before it is told"""
_FEWEST = 10
"""images of a split: fewer differ by chance"""


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
