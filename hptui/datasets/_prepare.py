"""From what the user typed to arrays that training can rely on: find the data set, verify it, split it."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hptui import registry
from hptui.datasets import MOST_CHANNELS, DatasetRequest, ImageDataset, Images, Names
from hptui.datasets._arrays import known_pixels
from hptui.datasets._duplicates import check_overlap, with_keys
from hptui.datasets._groups import grouped, grouping_note
from hptui.datasets._near import near_notes
from hptui.datasets._request import one_line
from hptui.datasets._rows import PixelRows, pieces
from hptui.datasets._split import Purpose, percent, sample, split_off, taken_words
from hptui.errors import ConfigError, DatasetError, HptuiError
from hptui.headway import tell

_MOST_VALIDATION = 5000  # images: the standard error of an accuracy of 90 % is then below half a percent


def check_spec(spec: str) -> None:
    """Verify that `spec` names a data set, without importing it or reading data.

    Args:
        spec: `mnist`, `folder:PATH`, `path/file.py:function` or `module:function`; a built-in name before the
            first colon wins, because `folder:data` has the form of `module:function` too

    Raises:
        ConfigError: unknown name (says the nearest valid one), or the file of an own function is missing.
    """
    name = spec.partition(":")[0]
    if name in registry.names("datasets"):
        return
    path = registry.own_file(spec)
    if path is not None:
        if not path.is_file():
            raise ConfigError(f"{spec!r}: there is no file {path}. Write path/file.py:function.")
    elif not registry.is_own(spec) or not _is_module(name.partition(".")[0]):
        registry.check_name("datasets", name)


def request_dataset(
    spec: str, *, data_dir: Path | None, image_size: int | None, split_seed: int, **wishes: Any
) -> ImageDataset:
    """Load and check the data set that `spec` names (see `check_spec`).

    Args:
        spec: its name.
        data_dir: see `DatasetRequest`, as all that follows.
        image_size: of images that are resized.
        split_seed: of splits that are made.
        **wishes: further fields of `DatasetRequest`.

    Raises:
        ConfigError: the name is unknown, an own file cannot be imported, or a setting is not for this data set.
        DatasetError: the data are missing or damaged, or an own function failed.
    """
    check_spec(spec)
    if image_size is not None and image_size < 1:
        raise ConfigError(f"image size {image_size} is not a positive number of pixels.")
    name, _, argument = spec.partition(":")
    built_in = name in registry.names("datasets")
    request = DatasetRequest(argument if built_in else "", data_dir, image_size, split_seed, **wishes)
    if request.column and built_in and registry.constant("datasets", name, "TAKES_COLUMNS") is not True:
        raise ConfigError(f"column: only a table has columns; data set {name!r} has none. Write --dataset table:PATH.")
    dataset = registry.load("datasets", name)(request) if built_in else _call_own(spec, request)
    tell("checking the images")
    try:
        checked = check(
            dataset,
            group_pattern=request.group_pattern,
            allow_overlap=request.allow_overlap,
            known_keys=built_in,
        )
    except DatasetError as error:
        raise DatasetError(f"{spec}: {error}") from error
    height, width = checked.train.pixels.shape[2:]
    if image_size is not None and (height, width) != (image_size, image_size):
        raise DatasetError(f"{spec} has images of {height} x {width} and does not resize; leave out --image-size.")
    return checked


def check(
    dataset: object, *, group_pattern: str | None = None, allow_overlap: bool = False, known_keys: bool = False
) -> ImageDataset:
    """Check a data set; return it with arrays as documented: pixels (N, C, H, W), int64 (N,), contiguous, writable.

    Tensors and other array-likes are converted, pixels only if they have a documented depth, or are floats.

    Args:
        dataset: whatever a function returned.
        group_pattern: names the group of images that have names but no groups.
        allow_overlap: whether two splits may have the same images or groups.
        known_keys: whether those that images bring along are theirs; own code may have changed the pixels since.

    Raises:
        DatasetError: something does not fit the documented layout (says which split), or two splits overlap.
    """
    if not isinstance(dataset, ImageDataset):
        raise DatasetError(f"this is a {type(dataset).__name__}, not a hptui.datasets.ImageDataset.")
    names: Any = dataset.class_names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DatasetError("class_names must be a tuple of strings.")
    if len(names) < 2:
        raise DatasetError(f"there must be at least two classes; class_names has {len(names)}.")
    given = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    if dataset.validation is None:
        del given["validation"]
    splits = {
        split: _checked_images(images, split, len(names), known_keys=known_keys) for split, images in given.items()
    }
    shapes = {split: images.pixels.shape[1:] for split, images in splits.items()}
    if len(set(shapes.values())) > 1:
        raise DatasetError(f"channels, height and width differ between the splits: {shapes}.")
    depths = {split: str(images.pixels.dtype) for split, images in splits.items()}
    if len(set(depths.values())) > 1:
        raise DatasetError(f"the depth of the pixels differs between the splits: {depths}.")
    if len(np.unique(splits["train"].labels)) < 2:
        raise DatasetError("all train images are of one class; there must be at least two.")
    splits = {split: with_keys(grouped(images, group_pattern)) for split, images in splits.items()}
    told = check_overlap(splits, published=bool(dataset.published), allowed=allow_overlap)
    return ImageDataset(
        str(dataset.name),
        tuple(names),
        splits["train"],
        splits["test"],
        splits.get("validation"),
        (*map(str, dataset.notes), *told, *grouping_note(splits)),
        bool(dataset.published),
    )


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
            classes = len(np.unique(train.labels))
            default = max(classes, min(_MOST_VALIDATION, percent(train.labels, 15)))
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
        raise DatasetError(f"{dataset.name}: {error}") from error
    if not (dataset.published or allow_overlap):
        notes = (*notes, *near_notes({"train": train, "validation": validation, "test": dataset.test}))
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
    classes = len(np.unique(images.labels))
    if size is None or size == len(images):
        return images
    if size > len(images):
        raise DatasetError(f"{size} {split} images were asked for; {len(images)} are available.")
    if size < classes:
        raise DatasetError(f"{size} {split} images were asked for; each of the {classes} classes needs one.")
    return images.take(sample(images.labels, size, seed=seed, purpose=split))


def _checked_images(images: object, split: str, classes: int, *, known_keys: bool) -> Images:
    if not isinstance(images, Images):
        raise DatasetError(f"{split} is a {type(images).__name__}, not a hptui.datasets.Images.")
    try:
        pixels = images.pixels if isinstance(images.pixels, PixelRows) else np.asarray(images.pixels)
        labels = np.asarray(images.labels)
    except Exception as error:  # a tensor on a GPU, a ragged list
        raise DatasetError(f"{split} cannot be converted to numpy arrays ({one_line(error)}).") from error
    if pixels.ndim != 4 or not 1 <= pixels.shape[1] <= MOST_CHANNELS or 0 in pixels.shape[2:]:
        raise DatasetError(
            f"{split} pixels are {pixels.dtype} {pixels.shape}, not (N, C, H, W) with C = 1 to {MOST_CHANNELS}."
        )
    pixels = known_pixels(pixels, f"{split} pixels")
    if labels.dtype.kind not in "iu" or labels.shape != (len(pixels),):
        raise DatasetError(f"{split} labels are {labels.dtype} {labels.shape}, not integers ({len(pixels)},).")
    if len(labels) == 0:
        raise DatasetError(f"{split} has no images.")
    if labels.min() < 0 or labels.max() >= classes:
        raise DatasetError(
            f"{split} labels go from {labels.min()} to {labels.max()}, "
            f"but {classes} class names allow 0 to {classes - 1}."
        )
    return Images(
        pixels,
        np.require(labels, np.int64, ["C", "W"]),
        _checked_names(images.groups, split, "groups", len(pixels)),
        _checked_names(images.names, split, "names", len(pixels)),
        images.keys if known_keys else None,
    )


def _checked_names(names: object, split: str, what: str, count: int) -> Names | None:
    """(N,) text, of any array or list of text or numbers; None stays None."""
    if names is None:
        return None
    array = np.asarray(names)
    if array.shape != (count,) or array.dtype.kind not in "USiuO":
        raise DatasetError(f"{split} {what} are {array.dtype} {array.shape}, not text ({count},).")
    return array.astype(np.str_)


def _call_own(spec: str, request: DatasetRequest) -> object:
    """Call the user's function with the request if it takes a positional parameter, else without."""
    function = registry.load_own(spec)
    if not callable(function):
        raise DatasetError(f"{spec} is a {type(function).__name__}, not a function that returns an ImageDataset.")
    try:
        positional = any(
            parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
            for parameter in inspect.signature(function).parameters.values()
        )
        returned: object = function(request) if positional else function()
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:  # a function that was written as a script may leave
        raise DatasetError(f"{spec} failed: {one_line(error)}") from error
    return returned


def _is_module(name: str) -> bool:
    """Whether `import name` would find something, here or in the current folder, without importing it."""
    try:
        return bool(importlib.util.find_spec(name) or importlib.machinery.PathFinder.find_spec(name, [str(Path.cwd())]))
    except (ImportError, ValueError):  # ValueError: an empty name, or a module made by hand
        return False
