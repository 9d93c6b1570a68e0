"""What is odd in the classes of a data set: told, since nothing fails on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hptui.datasets import Images

_EFFECTS = {
    "train": "it is never learned, and every image of it is taken for another class",
    "validation": "decisions do not see it, and metrics of two classes or their ranks (sensitivity, AUC) are missing",
    "test": "what is told of the test images says nothing about it",
}


def class_notes(splits: Mapping[str, Images], class_names: Sequence[str]) -> Iterator[str]:
    """Classes that a split has no image of, and such that are one, written in two ways.

    Args:
        splits: train, validation and test.
        class_names: in the order of the labels.
    """
    for split, images in splits.items():
        if images.labels.ndim == 1:
            counts = np.bincount(images.labels, minlength=len(class_names))
            if lacking := [repr(name) for name, count in zip(class_names, counts, strict=True) if not count]:
                words = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
                yield f"no {_shown(split)} images of {words}: {_EFFECTS[split]}"
    for one, other in _twins(class_names):
        yield f"classes {one!r} and {other!r} differ in case or blanks alone: if they are one, give them one name"


def _shown(split: str) -> str:
    return "training" if split == "train" else split


def _twins(class_names: Sequence[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name in class_names:
        known = first.setdefault("".join(name.split()).replace("_", "").replace("-", "").casefold(), name)
        if known != name:
            yield known, name
