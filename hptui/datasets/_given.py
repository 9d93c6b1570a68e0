"""What an own function handed on, where it is not as documented: taken if it can only mean one thing, else told how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hptui.datasets import MOST_CHANNELS, ImageDataset, Images
from hptui.errors import DatasetError

Array = npt.NDArray[Any]
LAYOUT = "ImageDataset(name, class_names, Images(pixels, labels), Images(pixels, labels)), training images first"


def as_dataset(given: object) -> ImageDataset:
    """What was returned, if it is a data set; raise DatasetError with what to return instead."""
    if isinstance(given, ImageDataset):
        return given
    kind = type(given).__name__
    if given is None:
        advice = "does it end without return?"
    elif callable(given):
        advice = "is it to be called?"
    else:
        advice = f"collect its images and labels in arrays and return {LAYOUT}."
    raise DatasetError(f"this is a {kind}, not a hptui.datasets.ImageDataset: {advice}")


def as_images(given: object, split: str) -> Images:
    """What stands for a split, if it is images with labels; raise DatasetError with what to hand on instead."""
    if isinstance(given, Images):
        return given
    raise DatasetError(
        f"{split} is a {type(given).__name__}, not a hptui.datasets.Images: collect its images and labels in arrays, "
        "Images(pixels, labels)."
    )


def layout_advice(shape: Sequence[int]) -> str:
    """What brings pixels of another layout to (N, C, H, W), as far as their shape tells."""
    if not shape:
        return " Collect the images in one array: numpy.stack(list(pixels))."
    if len(shape) == 3:
        return " Grey images have one channel: pixels[:, None]."
    if len(shape) == 4 and 1 <= shape[3] <= MOST_CHANNELS:
        return " Their channels seem to come last: pixels.transpose(0, 3, 1, 2)."
    if len(shape) == 5:
        return " These are volumes; hand on the slices that matter, each an image."
    return ""


def type_advice(pixels: Array) -> str:
    """What brings numbers of another type to one of the documented depths without loss, as far as they tell."""
    if pixels.dtype.kind == "b":
        return "pixels.astype(numpy.uint8) * 255 makes them black and white"
    if pixels.dtype.kind not in "iu" or not pixels.size:
        return "convert them with .astype"
    low, high = int(pixels.min()), int(pixels.max())
    for depth in ("uint8", "uint16", "int16"):
        limits = np.iinfo(depth)
        if limits.min <= low and high <= limits.max:
            return f"they are {low} to {high}, which .astype(numpy.{depth}) holds"
    return f"they are {low} to {high}, which .astype(numpy.float32) holds nearly"


def as_labels(labels: Array, split: str, class_names: Sequence[str]) -> Array:
    """Labels as whole numbers (N,), where they can only mean one thing; others are left to be refused.

    A column (N, 1) is flat, 1.0 is 1, False and True are 0 and 1, and words are classes by their names.

    Raises:
        DatasetError: they are a table of one 1 in each row, or words that are no classes.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and split == "train" and _is_one_hot(labels):
        raise DatasetError(
            f"{split} labels {labels.shape} are one-hot, a single 1 in each row: labels.argmax(1) are the classes."
        )
    if labels.ndim == 2:
        return as_whole(labels)
    if labels.ndim != 1:
        return labels
    if labels.dtype.kind in "US" or (labels.dtype == object and all(isinstance(label, str) for label in labels)):
        return _numbered(labels.astype(np.str_), split, class_names)
    return as_whole(labels)


def as_whole(labels: Array) -> Array:
    """Whole numbers as such, whatever type they have: 1.0 is 1, and True too; others as they are."""
    floating = labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all()
    return labels.astype(np.int64) if floating or labels.dtype.kind == "b" else labels


def check_labels(labels: Array, split: str, images: int, class_names: Sequence[str]) -> None:
    """Refuse what is neither a class for each image, nor 0 or 1 for each image and label."""
    classes = len(class_names)
    several = labels.shape == (images, classes) and labels.dtype.kind in "iub"
    if not several and (labels.dtype.kind not in "iu" or labels.shape != (images,)):
        raise DatasetError(
            f"{split} labels are {labels.dtype} {labels.shape}, not integers ({images},), nor 0 and 1 of {classes} "
            f"labels ({images}, {classes})."
        )
    if len(labels) == 0:
        raise DatasetError(f"{split} has no images.")
    if several and (labels.min() < 0 or labels.max() > 1):
        raise DatasetError(f"{split} labels {labels.shape} go from {labels.min()} to {labels.max()}, but are 0 or 1.")
    if not several and (labels.min() < 0 or labels.max() >= classes):
        raise DatasetError(
            f"{split} labels go from {labels.min()} to {labels.max()}, "
            f"but {classes} class names allow 0 to {classes - 1}{_out_of_range(labels, class_names)}."
        )


def _out_of_range(labels: Array, class_names: Sequence[str]) -> str:
    """What to do where labels are beyond the classes, as far as they tell."""
    low, high, classes = int(labels.min()), int(labels.max()), len(class_names)
    if low == 1 and high == classes:
        return "; classes count from 0: labels - 1"
    if low == -1 and len(np.unique(labels)) <= 2:
        return "; classes count from 0: (labels + 1) // 2" if high == 1 else "; classes count from 0"
    return ""


def _is_one_hot(labels: Array) -> bool:
    numeric = labels.dtype.kind in "iufb" and labels.shape[1] > 1 and len(labels) > 0
    return bool(numeric and np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all())


def _numbered(words: npt.NDArray[np.str_], split: str, class_names: Sequence[str]) -> Array:
    numbers = {name: number for number, name in enumerate(class_names)}
    if strays := sorted(set(words.tolist()) - set(numbers)):
        raise DatasetError(
            f"{split} labels are words, of which {strays[0]!r} is in none of the classes "
            f"({', '.join(map(repr, class_names))})."
        )
    return np.array([numbers[word] for word in words.tolist()], np.int64)
