"""What a data set holds, in numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hptui.datasets import ImageDataset, Images, Pixels
from hptui.datasets._duplicates import labelled_otherwise, pixel_keys
from hptui.datasets._levels import Values, occurring
from hptui.datasets._rows import PixelRows, pieces
from hptui.record.data_summary import DataSummary, SplitSummary
from hptui.record.task import task_of

_SAMPLE = 50
"""training images whose intensities are counted: a tenth of a second of 224 pixels, and little memory"""


def summarize(dataset: ImageDataset) -> DataSummary:
    """Look at all images of a data set that is checked and split."""
    classes = len(dataset.class_names)
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    pixels = dataset.train.pixels
    levels, counts = _sampled_levels(pixels)
    mean, deviation = _mean_and_deviation(levels, counts)
    lowest, highest = _extremes(dataset.train)
    repeated, contradictory = repeated_images(dataset.train)
    return DataSummary(
        name=dataset.name,
        class_names=list(dataset.class_names),
        splits={name: _split(images, classes) for name, images in splits.items() if images is not None},
        channels=pixels.shape[1],
        height=pixels.shape[2],
        width=pixels.shape[3],
        depth=str(pixels.dtype),
        lowest=lowest,
        highest=highest,
        mean=mean,
        deviation=deviation,
        levels=len(levels),
        repeated=repeated,
        contradictory=contradictory,
        notes=list(dataset.notes),
        files=dataset.files,
        task=dataset.task,
        kinds=dataset.kinds,
    )


def sampled_intensities(pixels: Pixels | PixelRows) -> tuple[float, float]:
    """Mean and standard deviation of a sample of images."""
    return _mean_and_deviation(*_sampled_levels(pixels))


def _sampled_levels(pixels: Pixels | PixelRows) -> tuple[Values, npt.NDArray[np.int64]]:
    """Intensities that occur in a sample, and how often."""
    sample = pixels[np.linspace(0, len(pixels) - 1, min(_SAMPLE, len(pixels))).astype(np.int64)]
    return occurring(sample)


def _mean_and_deviation(levels: Values, counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    mean = float(np.average(levels, weights=counts))
    return mean, math.sqrt(np.average((levels - mean) ** 2, weights=counts))


def _split(images: Images, classes: int) -> SplitSummary:
    groups = None if images.groups is None else len(np.unique(images.groups))
    if task_of(images.labels) == "multi-label":
        unlabelled = int((images.labels.sum(1) == 0).sum())
        return SplitSummary(images.labels.sum(0).tolist(), groups, len(images), unlabelled)
    return SplitSummary(np.bincount(images.labels, minlength=classes).tolist(), groups)


def _extremes(images: Images) -> tuple[float, float]:
    """The lowest and the highest of all pixels."""
    ends = np.array([(piece.min(), piece.max()) for piece in pieces(images.pixels)])
    return float(ends.min()), float(ends.max())


def repeated_images(images: Images) -> tuple[int, int]:
    """How many images equal an earlier one, and how many of these are of another class than the first."""
    _, first, numbers = np.unique(pixel_keys(images), return_index=True, return_inverse=True)
    earliest = first[numbers]
    again = earliest != np.arange(len(images))
    return int(again.sum()), labelled_otherwise(images.labels[again], images.labels[earliest[again]])
