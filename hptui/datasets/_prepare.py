"""A checked data set split for a training: validation images, and as many train images as are wished."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from hptui.datasets import ImageDataset, Images
from hptui.datasets._class_notes import class_notes
from hptui.datasets._classes import fewest
from hptui.datasets._near import near_notes
from hptui.datasets._rows import pieces
from hptui.datasets._several_labels import unknown_labels
from hptui.datasets._split import NONE, Purpose, percent, sample, split_off, taken_words
from hptui.datasets._turned import turned_notes
from hptui.errors import DatasetError
from hptui.headway import tell

_NO_TEST = (
    "no test images, neither of its own nor taken from training: all that is measured is measured on validation "
    "images, which decisions see"
)
_MOST_VALIDATION = 5000  # images: the standard error of an accuracy of 90 % is then below half a percent


def prepare(
    dataset: ImageDataset,
    *,
    train_size: int | None,
    validation_size: int | None,
    split_seed: int,
    allow_overlap: bool = False,
) -> ImageDataset:
    """A checked data set with validation images, and with `train_size` train images if that is given.

    All drawing is stratified by class, and the same for the same seed. Unless the data set has its own
    validation images, they are taken from `train` (by default 15 %, at most 5,000); then `train_size` images
    are drawn from what remains. Groups are kept whole, and so are equal images, unless `allow_overlap`.

    Raises:
        DatasetError: a size is larger than what there is, or smaller than the number of classes.
    """
    tell("comparing the images of the splits")
    train, validation, notes = dataset.train, dataset.validation, dataset.notes
    try:
        if validation is None:
            default = max(fewest(train.labels), min(_MOST_VALIDATION, percent(train.labels, 15)))
            train, validation = split_off(
                train,
                default if validation_size is None else validation_size,
                seed=split_seed,
                purpose="validation",
                class_names=dataset.class_names,
                keep_equal=not (dataset.published or allow_overlap),
            )
            notes = (*notes, taken_words(dataset.train, validation, "validation", split_seed))
        else:
            validation = _subset(validation, validation_size, "validation", split_seed)
        train = _subset(train, train_size, "train", split_seed)
    except DatasetError as error:
        before = next((f" ({note})" for note in notes if note.startswith(NONE.format("test"))), "")
        raise DatasetError(f"{dataset.name}: {error}{before}") from error
    if dataset.test is None:
        notes = (*notes, _NO_TEST)
    given = {"train": train, "validation": validation, "test": dataset.test}
    splits = {split: images for split, images in given.items() if images is not None}
    if not (dataset.published or allow_overlap):
        notes = (*notes, *near_notes(splits), *turned_notes(splits))
    notes = (*notes, *class_notes(splits, dataset.class_names), *unknown_labels(splits, dataset.class_names))
    return replace(dataset, train=train, validation=validation, notes=notes)


def fingerprint(dataset: ImageDataset) -> str:
    """SHA-256 (hex) over the pixels and labels of all splits: whether a resumed study reads the same data."""
    digest = hashlib.sha256()
    for split, images in (
        ("train", dataset.train),
        ("validation", dataset.validation),
        ("test", dataset.test),
    ):
        if images is not None:
            depth = "" if images.pixels.dtype == np.uint8 else f" {images.pixels.dtype}"
            digest.update(f"{split} {images.pixels.shape}{depth}".encode())
            for piece in pieces(images.pixels):
                digest.update(piece.reshape(-1).data)
            digest.update(images.labels.astype("<i8").tobytes())
    return digest.hexdigest()


def _subset(images: Images, size: int | None, split: Purpose, seed: int) -> Images:
    classes = fewest(images.labels)
    if size is None or size == len(images):
        return images
    if size > len(images):
        raise DatasetError(f"{size} {split} images were asked for; {len(images)} are available.")
    if size < classes:
        raise DatasetError(f"{size} {split} images were asked for; each of the {classes} classes needs one.")
    return images.take(sample(images.labels, size, seed=seed, purpose=split))
