"""What a data set holds, in numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hptui.datasets import ImageDataset, Images
from hptui.datasets._duplicates import pixel_keys
from hptui.record.data_summary import DataSummary, SplitSummary

_SAMPLE = 500
"""training images whose intensities are counted: a tenth of a second each 100 of 224 pixels"""
_CHUNK = 512
"""images at a time, so that nothing is held twice"""


def summarize(dataset: ImageDataset) -> DataSummary:
    """Look at all images of a data set that is checked and split."""
    classes = len(dataset.class_names)
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    pixels = dataset.train.pixels
    spread = [_extremes(pixels[begin : begin + _CHUNK]) for begin in range(0, len(pixels), _CHUNK)]
    lowest, highest = (np.concatenate(part) for part in zip(*spread, strict=True))  # (N,) of each image
    sample = pixels[np.linspace(0, len(pixels) - 1, min(_SAMPLE, len(pixels))).astype(np.int64)]
    repeated, contradictory = _repeated(dataset.train)
    return DataSummary(
        name=dataset.name,
        class_names=list(dataset.class_names),
        splits={name: _split(images, classes) for name, images in splits.items() if images is not None},
        channels=pixels.shape[1],
        height=pixels.shape[2],
        width=pixels.shape[3],
        depth=str(pixels.dtype),
        lowest=float(lowest.min()),
        highest=float(highest.max()),
        mean=float(sample.mean(dtype=np.float64)),
        deviation=float(sample.std(dtype=np.float64)),
        levels=len(np.unique(sample)),
        flat=int((lowest == highest).sum()),
        repeated=repeated,
        contradictory=contradictory,
        notes=list(dataset.notes),
    )


def _extremes(pixels: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    """Lowest and highest intensity of each image."""
    flat = pixels.reshape(len(pixels), -1)
    return flat.min(1), flat.max(1)


def _split(images: Images, classes: int) -> SplitSummary:
    counts = np.bincount(images.labels, minlength=classes).tolist()
    return SplitSummary(counts, None if images.groups is None else len(np.unique(images.groups)))


def _repeated(images: Images) -> tuple[int, int]:
    """Images that equal an earlier one, and how many of these are of another class than the first."""
    _, first, numbers = np.unique(pixel_keys(images), return_index=True, return_inverse=True)
    earliest = first[numbers]
    again = earliest != np.arange(len(images))
    return int(again.sum()), int((images.labels[again] != images.labels[earliest[again]]).sum())
