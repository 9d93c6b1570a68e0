"""From what the user typed to arrays that training can rely on: find the data set, verify it, split it."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import inspect
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hptui import registry
from hptui.config.data_places import refuse_bare_path
from hptui.datasets import MOST_CHANNELS, DatasetRequest, ImageDataset, Images, Names
from hptui.datasets._arrays import known_pixels
from hptui.datasets._class_notes import class_notes, refuse_other_spelling
from hptui.datasets._classes import are_told_apart, fewest
from hptui.datasets._duplicates import check_overlap, with_keys
from hptui.datasets._given import as_dataset, as_images, as_labels, check_labels, layout_advice
from hptui.datasets._groups import group_notes, grouped, grouped_as_run, grouping_note
from hptui.datasets._joining import without_files
from hptui.datasets._near import near_notes
from hptui.datasets._request import one_line
from hptui.datasets._rows import PixelRows, pieces
from hptui.datasets._several_labels import unknown_labels
from hptui.datasets._split import NONE, Purpose, percent, sample, split_off, taken_words
from hptui.datasets._turned import turned_notes
from hptui.errors import ConfigError, DatasetError, HptuiError, own_place
from hptui.headway import tell
from hptui.record.data_summary import FileKinds
from hptui.record.task import task_of

_NO_TEST = (
    "no test images, neither of its own nor taken from training: all that is measured is measured on validation "
    "images, which decisions see"
)
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
        refuse_bare_path(spec)
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
            run_pattern=request.run_pattern if request.group_pattern is None else None,
            allow_overlap=request.allow_overlap,
            known_keys=built_in,
            least_classes=request.least_classes,
        )
    except DatasetError as error:
        raise DatasetError(f"{spec}: {error}") from error
    height, width = checked.train.pixels.shape[2:]
    if image_size is not None and (height, width) != (image_size, image_size):
        raise DatasetError(f"{spec} has images of {height} x {width} and does not resize; leave out --image-size.")
    return checked


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
    names: Any = dataset.class_names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DatasetError("class_names must be a tuple of strings.")
    if len(names) < least_classes:
        raise DatasetError(f"there must be at least two classes; class_names has {len(names)}.")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise DatasetError(f"class_names have to be different, and none empty: {', '.join(map(repr, names))}.")
    given = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    splits = {
        split: _checked_images(images, split, names, known_keys=known_keys)
        for split, images in given.items()
        if images is not None or split == "train"
    }
    shapes = {split: images.pixels.shape[1:] for split, images in splits.items()}
    if len(set(shapes.values())) > 1:
        raise DatasetError(f"channels, height and width differ between the splits: {shapes}.")
    depths = {split: str(images.pixels.dtype) for split, images in splits.items()}
    if len(set(depths.values())) > 1:
        raise DatasetError(f"the depth of the pixels differs between the splits: {depths}.")
    tasks = {split: task_of(images.labels) for split, images in splits.items()}
    if len(set(tasks.values())) > 1:
        raise DatasetError(f"labels have to be of one kind, but these are: {tasks}.")
    for split, images in splits.items():
        if tasks[split] == "multi-label" and not are_told_apart(images.labels):
            raise DatasetError(f"of no label are there {split} images with and without it.")
    if least_classes > 1 and not are_told_apart(splits["train"].labels):
        raise DatasetError("all train images are of one class; there must be at least two.")
    if least_classes > 1:
        refuse_other_spelling(splits, names)
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
        tuple(names),
        splits["train"],
        splits.get("test"),
        splits.get("validation"),
        (*notes, *told, *[as_run] * bool(as_run), *grouping_note(splits), *group_notes(splits)),
        bool(dataset.published),
        files or str(dataset.files),
        dataset.kinds if isinstance(dataset.kinds, FileKinds) else None,
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
        raise DatasetError(f"{spec} failed: {one_line(error)}{own_place(error)}") from error
    return returned


def _is_module(name: str) -> bool:
    """Whether `import name` would find something, here or in the current folder, without importing it."""
    try:
        return bool(importlib.util.find_spec(name) or importlib.machinery.PathFinder.find_spec(name, [str(Path.cwd())]))
    except (ImportError, ValueError):  # ValueError: an empty name, or a module made by hand
        return False
