"""Words by which people call the parts of a data set: folders, and what stands in a column of a table."""

from __future__ import annotations

import re
from typing import Literal

Split = Literal["train", "validation", "test"]
_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "tst"),
}
_WORDS = {word: split for split, words in _NAMES.items() for word in words}
_FILLING = {"", "data", "dataset", "set", "split", "image", "images", "img", "imgs", "pics", "pictures", "files"}


def split_named(word: str) -> Split | None:
    """The split that a word names (Train, validation, TESTING); None: it names none."""
    return _WORDS.get(word.strip().lower())


def split_meant(name: str) -> Split | None:
    """The split that a folder's name speaks of, also with other words (train_images, Test-Set)."""
    words = re.split(r"[^a-z]+", name.lower())
    meant = {_WORDS[word] for word in words if word in _WORDS}
    rest = {word for word in words if word not in _WORDS}
    return meant.pop() if len(meant) == 1 and rest <= _FILLING else None
