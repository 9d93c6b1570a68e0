"""Draw images so that every class keeps its share: seeded, exact in number, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from hptui.datasets import Images, Labels
from hptui.errors import DatasetError

Integers = npt.NDArray[np.int64]

# One stream of random numbers per purpose, so that the size of one split never changes what another one gets.
Purpose = Literal["test", "validation", "train"]
_STREAMS: dict[Purpose, int] = {"test": 1, "validation": 2, "train": 3}


def shares(counts: Integers, size: int, *, spare: int = 0) -> Integers:
    """How many of `size` images each class gives: in proportion (largest remainder), and at least one.

    Args:
        counts: (K,) images of each class, all above `spare`
        size: K .. sum(counts - spare)
        spare: images of each class that are never given

    Returns:
        (K,) integers that sum to exactly `size`; ties go to the first class.
    """
    total = int(counts.sum())
    most = counts - spare
    given = np.minimum(np.maximum(size * counts // total, 1), most)
    while (missing := size - int(given.sum())) != 0:
        lacking = size * counts - given * total  # in units of 1 / total image, to stay in integers
        if missing > 0:
            given[np.argmax(np.where(given < most, lacking, np.iinfo(np.int64).min))] += 1
        else:
            given[np.argmin(np.where(given > 1, lacking, np.iinfo(np.int64).max))] -= 1
    return given


def sample(labels: Labels, size: int, *, seed: int, purpose: Purpose, spare: int = 0) -> Integers:
    """Sorted indices (size,) of a stratified sample; the same seed gives the same images.

    Each image gets a random key, and each class gives those with the smallest keys. The keys are raw words of
    PCG64: numpy promises these for ever, but not what `Generator.permutation` makes of them.
    """
    _, members, counts = np.unique(labels, return_inverse=True, return_counts=True)
    bits = np.random.PCG64(np.random.SeedSequence([seed, _STREAMS[purpose]]))
    order = np.lexsort((bits.random_raw(len(labels)), members))  # by class, then by key
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)  # position within the class
    chosen = order[rank < np.repeat(shares(counts, size, spare=spare), counts)]
    return np.sort(chosen).astype(np.int64)


def percent(labels: Labels, part: int) -> int:
    """`part` percent of the images, but at least one per class, and at least one of each class left."""
    classes = len(np.unique(labels))
    return max(classes, min(len(labels) * part // 100, len(labels) - classes))


def split_off(
    images: Images, size: int, *, seed: int, purpose: Purpose, class_names: Sequence[str]
) -> tuple[Images, Images]:
    """Split `images` into the rest and `size` stratified ones; each class has at least one image in both.

    Raises:
        DatasetError: a class has a single image, or `size` is out of reach (names what can be had).
    """
    classes, counts = np.unique(images.labels, return_counts=True)
    if counts.min() < 2:
        scarce = class_names[int(classes[np.argmin(counts)])]
        raise DatasetError(
            f"class {scarce!r} has only 1 image to share between training and {purpose}: "
            f"add images, or supply {purpose} images of its own."
        )
    most = len(images) - len(classes)
    if not len(classes) <= size <= most:
        raise DatasetError(
            f"{size} {purpose} images were asked for; {len(classes)} to {most} can be taken from "
            f"{len(images)} (each of the {len(classes)} classes keeps one on both sides)."
        )
    taken = sample(images.labels, size, seed=seed, purpose=purpose, spare=1)
    rest = np.setdiff1d(np.arange(len(images)), taken, assume_unique=True)
    return images.take(rest), images.take(taken)
