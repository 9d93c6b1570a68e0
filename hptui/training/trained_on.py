"""Whether a network was trained on some of the images that it is measured on, or chosen by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hptui.config import StudyConfig
from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._duplicates import pixel_keys
from hptui.datasets._groups import grouped_as_run
from hptui.datasets._prepare import fingerprint
from hptui.datasets._reading import read_dataset, split_dataset
from hptui.datasets._split import take_test
from hptui.errors import HptuiError
from hptui.headway import tell

UNKNOWN = "whether this run was trained on some of these images is not known: "


def is_own(dataset: ImageDataset, config: StudyConfig, trained_on: str, run: StudyConfig | None = None) -> bool:
    """Whether a data set holds the images that a study was trained on.

    Args:
        dataset: read as the study's own images.
        config: settings by which it would be split.
        trained_on: fingerprint of the study's images.
        run: settings whose pattern of groups may have counted there.
    """
    return any(_is_split_so(one, config, trained_on) for one in _readings(dataset, run))


def trained_on_notes(dataset: ImageDataset, own: StudyConfig, trained_on: str) -> Iterator[str]:
    """Lines on images that equal some of training or validation, and on groups that are called as some of these.

    Images are equal only where both were read alike: to one size, depth and number of channels.

    Args:
        dataset: read as the study's own images.
        own: settings of the study, with the paths of this machine.
        trained_on: fingerprint of its images.
    """
    tell("looking for images that the run was trained on")
    try:
        split = split_dataset(read_dataset(own), own)
    except HptuiError as error:
        yield f"{UNKNOWN}{error}"
        return
    if fingerprint(split) != trained_on:
        yield f"{UNKNOWN}{own.dataset} does not hold the images that it began with any more."
        return
    seen, every = _parts(split.train, split.validation), _parts(dataset.train, dataset.validation, dataset.test)
    known = np.concatenate([pixel_keys(part) for part in seen])
    found = [np.isin(pixel_keys(part), known) for part in every]
    if count := sum(int(part.sum()) for part in found):
        yield (
            f"{count:,} of {sum(map(len, every)):,} images{_example(every, found)} equal images that this run was "
            "trained on, or chosen by: what is measured with them is too good; take them out."
        )
    if shared := _groups(seen) & _groups(every):
        yield (
            f"{len(shared):,} of {len(_groups(every)):,} groups (such as {min(shared)!r}) are called as groups that "
            "this run was trained on, or chosen by: if they are the same patients, what is measured is too good."
        )


def _readings(dataset: ImageDataset, run: StudyConfig | None) -> Iterator[ImageDataset]:
    """The data set, and as the run may have read it: its pattern counted there, whatever column a table has."""
    yield dataset
    if run is None or run.group_pattern is None or dataset.train.groups is None:
        return
    given = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    alone = {split: replace(images, groups=None) for split, images in given.items() if images is not None}
    splits, _ = grouped_as_run(alone, run.group_pattern, dataset.class_names)
    yield replace(dataset, train=splits["train"], validation=splits.get("validation"), test=splits.get("test"))


def _is_split_so(dataset: ImageDataset, config: StudyConfig, trained_on: str) -> bool:
    """Whether the study's own images come out, prepared as the study does."""
    try:
        if dataset.test is None:
            asked = DatasetRequest(
                split_seed=config.split_seed, test_size=config.test_size, allow_overlap=config.allow_overlap
            )
            train, test, _ = take_test(dataset.train, asked, dataset.class_names)
            dataset = replace(dataset, train=train, test=test)
        split = split_dataset(dataset, config)
    except HptuiError:  # too few images for such a split: they are others
        return False
    return fingerprint(split) == trained_on


def _parts(*splits: Images | None) -> list[Images]:
    return [part for part in splits if part is not None]


def _groups(parts: Sequence[Images]) -> set[str]:
    return {group for part in parts if part.groups is not None for group in part.groups.tolist()}


def _example(every: Sequence[Images], found: Sequence[np.ndarray]) -> str:
    """The name of one, where it has one."""
    for part, equal in zip(every, found, strict=True):
        if part.names is not None and equal.any():
            return f" (such as {str(part.names[int(equal.argmax())])!r})"
    return ""
