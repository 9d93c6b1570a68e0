"""Whatever a function returned, as a data set that training can rely on; what does not fit is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hptui.datasets import MOST_CHANNELS, ImageDataset, Images, Names
from hptui.datasets._arrays import known_pixels
from hptui.datasets._class_notes import refuse_other_spelling
from hptui.datasets._classes import are_told_apart
from hptui.datasets._duplicates import check_overlap, with_keys
from hptui.datasets._given import as_dataset, as_images, as_labels, check_labels, layout_advice
from hptui.datasets._groups import group_notes, grouped, grouped_as_run, grouping_note
from hptui.datasets._joining import without_files
from hptui.datasets._request import one_line
from hptui.datasets._rows import PixelRows
from hptui.errors import DatasetError
from hptui.record.data_summary import FileKinds
from hptui.record.task import task_of


def check(
    dataset: object,
    *,
    group_pattern: str | None = None,
    run_pattern: str | None = None,
    allow_overlap: bool = False,
    known_keys: bool = False,
    least_classes: int = 2,
) -> ImageDataset:
    """Check a data set; return it with arrays as documented: pixels (N, C, H, W), int64 labels, contiguous, writable.

    Tensors and other array-likes are converted, pixels only if they have a documented depth, or are floats.

    Args:
        dataset: whatever a function returned.
        group_pattern: names the group of images that have names but no groups.
        run_pattern: does so where it fits all of them.
        allow_overlap: whether two splits may have the same images or groups.
        known_keys: whether those that images bring along are theirs; own code may have changed the pixels since.
        least_classes: of which there have to be training images.

    Raises:
        DatasetError: something does not fit the documented layout (says which split), or two splits overlap.
    """
    dataset = as_dataset(dataset)
    names = _checked_class_names(dataset.class_names, least_classes)
    given = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    splits = {
        split: _checked_images(images, split, names, known_keys=known_keys)
        for split, images in given.items()
        if images is not None or split == "train"
    }
    _refuse_different(splits)
    _refuse_one_class(splits, names, least_classes)
    splits = {split: with_keys(grouped(images, group_pattern)) for split, images in splits.items()}
    as_run = ""
    if run_pattern is not None:
        splits, as_run = grouped_as_run(splits, run_pattern, names)
    joined = least_classes == 1  # for a trained network, which gets all of them
    told = check_overlap(splits, published=bool(dataset.published), allowed=allow_overlap, joined=joined)
    given_notes: Any = dataset.notes
    notes, files = without_files([given_notes] if isinstance(given_notes, str) else given_notes or ())
    return ImageDataset(
        str(dataset.name),
        names,
        splits["train"],
        splits.get("test"),
        splits.get("validation"),
        (*notes, *told, *[as_run] * bool(as_run), *grouping_note(splits), *group_notes(splits)),
        bool(dataset.published),
        files or str(dataset.files),
        dataset.kinds if isinstance(dataset.kinds, FileKinds) else None,
    )


def _checked_class_names(names: Any, least: int) -> tuple[str, ...]:
    """Different names, and at least so many."""
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DatasetError("class_names must be a tuple of strings.")
    if len(names) < least:
        raise DatasetError(f"there must be at least two classes; class_names has {len(names)}.")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise DatasetError(f"class_names have to be different, and none empty: {', '.join(map(repr, names))}.")
    return tuple(names)


def _refuse_different(splits: Mapping[str, Images]) -> None:
    """Refuse splits whose images or labels are of different kinds."""
    shapes = {split: images.pixels.shape[1:] for split, images in splits.items()}
    if len(set(shapes.values())) > 1:
        raise DatasetError(f"channels, height and width differ between the splits: {shapes}.")
    depths = {split: str(images.pixels.dtype) for split, images in splits.items()}
    if len(set(depths.values())) > 1:
        raise DatasetError(f"the depth of the pixels differs between the splits: {depths}.")
    tasks = {split: task_of(images.labels) for split, images in splits.items()}
    if len(set(tasks.values())) > 1:
        raise DatasetError(f"labels have to be of one kind, but these are: {tasks}.")


def _refuse_one_class(splits: Mapping[str, Images], names: Sequence[str], least_classes: int) -> None:
    """Refuse labels that leave nothing to be told apart, and one class under two names."""
    for split, images in splits.items():
        if task_of(images.labels) == "multi-label" and not are_told_apart(images.labels):
            raise DatasetError(f"of no label are there {split} images with and without it.")
    if least_classes > 1 and not are_told_apart(splits["train"].labels):
        raise DatasetError("all train images are of one class; there must be at least two.")
    if least_classes > 1:
        refuse_other_spelling(splits, names)


def _checked_images(images: object, split: str, class_names: Sequence[str], *, known_keys: bool) -> Images:
    images = as_images(images, split)
    try:
        pixels = images.pixels if isinstance(images.pixels, PixelRows) else np.asarray(images.pixels)
        labels = np.asarray(images.labels)
    except Exception as error:  # a tensor on a GPU, a ragged list
        raise DatasetError(f"{split} cannot be converted to numpy arrays ({one_line(error)}).") from error
    if pixels.ndim != 4 or not 1 <= pixels.shape[1] <= MOST_CHANNELS or 0 in pixels.shape[2:]:
        raise DatasetError(
            f"{split} pixels are {pixels.dtype} {pixels.shape}, not (N, C, H, W) with C = 1 to {MOST_CHANNELS}."
            f"{layout_advice(pixels.shape)}"
        )
    if min(pixels.shape[1:3]) > 4 and pixels.shape[3] in (1, 3, 4):
        raise DatasetError(
            f"{split} pixels {pixels.shape} would be images of {pixels.shape[1]} channels and {pixels.shape[2]} x "
            f"{pixels.shape[3]} pixels. Their channels seem to come last: pixels.transpose(0, 3, 1, 2)."
        )
    pixels = known_pixels(pixels, f"{split} pixels")
    labels = as_labels(labels, split, class_names)
    check_labels(labels, split, len(pixels), class_names)
    return Images(
        pixels,
        np.require(labels, np.int64, ["C", "W"]),
        _checked_names(_each_its_own(images.groups, split), split, "groups", len(pixels)),
        _checked_names(images.names, split, "names", len(pixels)),
        images.keys if known_keys else None,
    )


def _each_its_own(groups: object, split: str) -> object:
    """Groups in which an image of nobody in particular ("", None, NaN) is one of its own, as in a table."""
    array = np.asarray(groups, object) if groups is not None else None
    if array is None or array.ndim != 1:
        return groups
    blank = [one is None or one == "" or (isinstance(one, float) and math.isnan(one)) for one in array.tolist()]
    if not any(blank):
        return groups
    return [f"{split} {index}" if no else str(one) for index, (one, no) in enumerate(zip(array, blank, strict=True))]


def _checked_names(names: object, split: str, what: str, count: int) -> Names | None:
    """(N,) text, of any array or list of text or numbers; None stays None."""
    if names is None:
        return None
    array = np.asarray(names)
    if array.shape != (count,) or array.dtype.kind not in "USiuO":
        raise DatasetError(f"{split} {what} are {array.dtype} {array.shape}, not text ({count},).")
    return array.astype(np.str_)
