"""Draw images so that every class keeps its share: seeded, exact in number, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from hptui.datasets import DatasetRequest, Images, Labels
from hptui.datasets._classes import fewest, members_of, occurring
from hptui.datasets._several_labels import sample_labels
from hptui.datasets._whole_groups import sample_whole, units
from hptui.errors import DatasetError
from hptui.record.task import task_of

Integers = npt.NDArray[np.int64]

# One stream of random numbers per purpose, so that the size of one split never changes what another one gets.
Purpose = Literal["test", "validation", "train"]
NONE = "no {} images of its own"
"""how a note on a split that was made begins"""
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
    bits = np.random.PCG64(np.random.SeedSequence([seed, _STREAMS[purpose]]))
    if task_of(labels) == "multi-label":
        return sample_labels(labels, size, bits.random_raw(len(labels)))
    _, members, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.lexsort((bits.random_raw(len(labels)), members))  # by class, then by key
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)  # position within the class
    chosen = order[rank < np.repeat(shares(counts, size, spare=spare), counts)]
    return np.sort(chosen).astype(np.int64)


def percent(labels: Labels, part: int) -> int:
    """`part` percent of the images, but at least `fewest`, and as many left."""
    classes = fewest(labels)
    return max(classes, min(len(labels) * part // 100, len(labels) - classes))


def take_test(
    images: Images, request: DatasetRequest, class_names: Sequence[str]
) -> tuple[Images, Images | None, tuple[str, ...]]:
    """Training and test images of a data set that has no test images of its own, and notes that say so.

    Raises:
        DatasetError: see `split_off`.
    """
    if request.trained_depth is not None or request.test_size == 0:
        return images, None, ()
    train, test = split_off(
        images,
        percent(images.labels, 20) if request.test_size is None else request.test_size,
        seed=request.split_seed,
        purpose="test",
        class_names=class_names,
        keep_equal=not request.allow_overlap,
    )
    return train, test, (taken_words(images, test, "test", request.split_seed),)


def taken_words(images: Images, taken: Images, purpose: Purpose, seed: int) -> str:
    """What was taken for a split that the data set did not have."""
    groups = ""
    if images.groups is not None and taken.groups is not None:
        groups = f", {len(np.unique(taken.groups))} of {len(np.unique(images.groups))} groups"
    return (
        f"{NONE.format(purpose)}: {len(taken):,} of {len(images):,} images were taken from training"
        f"{groups} (split seed {seed})"
    )


def split_off(
    images: Images,
    size: int,
    *,
    seed: int,
    purpose: Purpose,
    class_names: Sequence[str],
    keep_equal: bool = False,
) -> tuple[Images, Images]:
    """Split `images` into the rest and `size` stratified ones; each class has at least one image in both.

    Groups are kept whole, and with `keep_equal` images with the same pixels too; then the size is as near as that
    allows. Where neither is there, each image is drawn by itself.

    Raises:
        DatasetError: a class has a single image, or `size` is out of reach (names what can be had).
    """
    _refuse_scarce(images, purpose, class_names)
    least = fewest(images.labels)
    most = len(images) - least
    if not least <= size <= most:
        kept = f"each of the {least} classes keeps one on both sides" if least > 1 else "one is kept on both sides"
        raise DatasetError(
            f"{size} {purpose} images were asked for; {least} to {most} can be taken from {len(images)} ({kept})."
        )
    numbers = units(images, keep_equal=keep_equal)
    if numbers is None:
        taken = sample(images.labels, size, seed=seed, purpose=purpose, spare=1)
    else:
        taken = _whole(images, numbers, size, seeds=[seed, _STREAMS[purpose]], purpose=purpose, class_names=class_names)
    rest = np.setdiff1d(np.arange(len(images)), taken, assume_unique=True)
    return images.take(rest), images.take(taken)


def _refuse_scarce(images: Images, purpose: Purpose, class_names: Sequence[str]) -> None:
    """Refuse a class with a single image; a label may be on one side alone, where metrics leave it out."""
    if task_of(images.labels) == "multi-label":
        return
    classes, counts = np.unique(images.labels, return_counts=True)
    if counts.min() < 2:
        scarce = class_names[int(classes[np.argmin(counts)])]
        raise DatasetError(
            f"class {scarce!r} has only 1 image to share between training and {purpose}: "
            f"add images, or supply {purpose} images of its own."
        )


def _whole(
    images: Images, numbers: Integers, size: int, *, seeds: list[int], purpose: Purpose, class_names: Sequence[str]
) -> Integers:
    """Indices of whole groups; raise DatasetError if a class is in too few of them."""
    taken = sample_whole(images.labels, numbers, size, seeds)
    if taken is None:
        shared = occurring(images.labels, least=2)
        spread = {index: len(np.unique(numbers[members_of(images.labels, index)])) for index in shared}
        scarce = min(spread, key=spread.__getitem__)
        what, remedy = ("group", "") if images.groups is not None else ("set of equal images", ", or --allow-overlap")
        raise DatasetError(
            f"training and {purpose} cannot both have images of every class with each {what} in one of them "
            f"(class {class_names[scarce]!r} is in {spread[scarce]}): "
            f"add images, or supply {purpose} images of its own{remedy}."
        )
    return taken
