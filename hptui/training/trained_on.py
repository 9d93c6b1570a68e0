"""Whether a network was trained on some of the images that it is measured on, or chosen by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hptui.config import StudyConfig
from hptui.datasets import ImageDataset, Images
from hptui.datasets._duplicates import pixel_keys
from hptui.datasets._prepare import fingerprint
from hptui.datasets._reading import read_dataset, split_dataset
from hptui.errors import HptuiError
from hptui.headway import tell

UNKNOWN = "whether this run was trained on some of these images is not known: "


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
