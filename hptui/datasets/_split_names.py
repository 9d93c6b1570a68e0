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
_WORDS = {word + end: split for split, words in _NAMES.items() for word in words for end in ("", "set")}
_OTHERS = {"holdout", "heldout", "eval", "evaluation", "external", "internal", "unseen", "independent", "trainval"}
"""words of parts of a data set that do not say which"""


def without_signs(name: str) -> str:
    """A name in small letters, without what stands between its words: Image-ID, image_id and imageId are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def split_named(word: str) -> Split | None:
    """The split that a word names (Train, validation, TESTING); None: it names none."""
    return _WORDS.get(word.strip().lower())


def split_meant(name: str) -> Split | None:
    """The split that a name speaks of, also among other words (train_images, seg-test); None: of none, or of two."""
    meant = {_WORDS[word] for word in _words(name) if word in _WORDS}
    return meant.pop() if len(meant) == 1 else None


def _words(name: str) -> list[str]:
    """Words of a name in small letters, also where a capital alone begins one (TestSet)."""
    return re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def speaks_of_split(name: str) -> bool:
    """Whether a name speaks of a part of a data set, also without saying which (hold-out, external_2, train_val)."""
    words = _words(name)
    return any(word in _WORDS or word in _OTHERS for word in (*words, "".join(words)))
