"""Classes and labels of images: which images are of one, and names that come with the labels."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from hptui.datasets import Labels
from hptui.record.task import task_of

Integers = npt.NDArray[np.int64]


def in_order(names: Iterable[str]) -> list[str]:
    """Names of classes as they are counted: by their number where they differ in that alone, as grades do."""
    every = sorted(names)
    parts = {name: re.split("([0-9]+)", name) for name in every}
    if len({tuple(each[::2]) for each in parts.values()}) > 1:
        return every
    return sorted(every, key=lambda name: [int(number) for number in parts[name][1::2]])


def members_of(labels: Labels, index: int) -> Integers:
    """Positions of the images of a class, or with a label."""
    of_it = labels[:, index] == 1 if task_of(labels) == "multi-label" else labels == index
    return np.flatnonzero(of_it).astype(np.int64)


def occurring(labels: Labels, least: int = 1) -> list[int]:
    """Classes, or labels, that at least so many images have."""
    if task_of(labels) == "multi-label":
        return np.flatnonzero(labels.sum(0) >= least).tolist()
    classes, counts = np.unique(labels, return_counts=True)
    return [int(one) for one in classes[counts >= least]]


def fewest(labels: Labels) -> int:
    """Images that a split needs: one of each class; labels may all be of one image."""
    return 1 if task_of(labels) == "multi-label" else len(occurring(labels))


def are_told_apart(labels: Labels) -> bool:
    """Whether there is anything to learn: images of two classes, or with and without some label."""
    if task_of(labels) == "multi-label":
        counts = labels.sum(0)
        return bool(((counts > 0) & (counts < len(labels))).any())
    return len(occurring(labels)) > 1
