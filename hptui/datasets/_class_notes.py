"""What is odd in the classes of a data set: told, since nothing fails on it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hptui.datasets import Images
from hptui.datasets._classes import members_of
from hptui.datasets._split_names import split_named, without_signs
from hptui.errors import DatasetError

_MANY = 6
"""names in a line"""
_FEW = 20
"""folders in a class, of which more are hardly classes"""
_NO_CLASSES = {"thumbnail", "thumbnails", "thumbs", "preview", "previews", "overlay", "overlays", "heatmaps", "backup"}
_NO_CLASSES |= {"unknown", "unlabeled", "unlabelled", "unsorted", "unclassified", "misc", "tmp", "temp", "todo"}
_NO_CLASSES |= {"augmented", "output", "outputs", "results", "sample", "samples", "example", "examples"}
_NO_CLASSES |= {"oldimages", "olddata", "oldfiles", "rawimages", "rawdata", "rawfiles"}
_NO_CLASSES |= {"na", "notavailable", "notknown", "missing", "nolabel"}
"""what folders beside those of the classes are called, or labels of images that nobody knows, in small letters"""
_NOT_KNOWN = re.compile(r"-[89]|-?(99+|88+)")
"""numbers for what is not known, in tables of clinics: -9, 99, 888; 9 alone may be a grade"""
_EFFECTS = {
    "train": "it is never learned, and every image of it is taken for another class",
    "validation": "decisions do not see it, and metrics of two classes or their ranks (sensitivity, AUC) are missing",
    "test": "what is told of the test images says nothing about it",
}


def class_notes(given: Mapping[str, Images | None], class_names: Sequence[str]) -> Iterator[str]:
    """Classes that a split has no image of, and such that are one, written in two ways.

    Args:
        given: train, validation and test, as far as there are some.
        class_names: in the order of the labels.
    """
    splits = {split: images for split, images in given.items() if images is not None}
    for split, images in splits.items():
        if images.labels.ndim == 1:
            counts = np.bincount(images.labels, minlength=len(class_names))
            if lacking := [repr(name) for name, count in zip(class_names, counts, strict=True) if not count]:
                words = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
                yield f"no {_shown(split)} images of {words}: {_EFFECTS[split]}"
    if shared := _folders_of_all(splits, class_names):
        named = ", ".join(class_names[:_MANY]) + (", ..." if len(class_names) > _MANY else "")
        yield (
            f"the same folders are in the classes ({', '.join(shared)}): if these are the classes, and {named} are "
            "places, patients or parts, sort the images by them, or name a table with the labels"
        )
    if odd := [repr(name) for name in class_names if _says_nothing(name, class_names)]:
        yield f"{', '.join(odd)} is taken as a class: if it says nothing of what is in the images, take it out"
    for one, other in _twins(class_names):
        has, too = (sum(_count(images, class_names.index(name)) for images in splits.values()) for name in (one, other))
        yield (
            f"classes {one!r} ({has:,} images) and {other!r} ({too:,}) differ in case, blanks or signs alone, and are "
            "learned as two: if they are one, give them one name, in the folders or the table"
        )


def refuse_other_spelling(splits: Mapping[str, Images], class_names: Sequence[str]) -> None:
    """Refuse a class of validation or test images that training images have in another spelling.

    Raises:
        DatasetError: no image of it could be right, and its images would count as errors of a network that knows them.
    """
    for names in _twins(class_names):
        trained = {name: _count(splits["train"], class_names.index(name)) for name in names}
        for split, images in splits.items():
            for name, known in (names, names[::-1]):
                if (count := _count(images, class_names.index(name))) and trained[known] and not trained[name]:
                    raise DatasetError(
                        f"{count:,} {split} images are of class {name!r}, of which there are no training images, but "
                        f"{trained[known]:,} of {known!r}: the names differ in case, blanks or signs alone. Give them "
                        "one name, in the folders or the table."
                    )


def _says_nothing(name: str, class_names: Sequence[str]) -> bool:
    """Whether a class is what programs write where nothing is known: a word, or a number far from those of others."""
    if name == "?" or without_signs(name) in _NO_CLASSES:
        return True
    if not _NOT_KNOWN.fullmatch(name):
        return False
    return not any(_is_number(other) and abs(float(other) - float(name)) == 1 for other in class_names)


def _count(images: Images, index: int) -> int:
    """Images of a class, or with a label."""
    return len(members_of(images.labels, index))


def _folders_of_all(splits: Mapping[str, Images], class_names: Sequence[str]) -> list[str]:
    """Folders that all images are in, below those of their classes, if each class has the same few; else none.

    Those with a number are most often patients, who are counted anew in each class, unless there are many "classes";
    those of one word and a number (s1 to s4) always are.
    """
    found: dict[str, set[str]] = {name: set() for name in class_names}
    for images in splits.values():
        if images.names is None or images.labels.ndim != 1:
            return []
        for name, label in zip(images.names.tolist(), images.labels.tolist(), strict=True):
            folders, given = name.split("/")[:-1], class_names[label]
            if given not in folders[:-1]:
                return []
            found[given].add(folders[folders.index(given) + 1])
    every = sorted(set().union(*found.values()))
    whole = sum(len(own) == len(every) for own in found.values())
    if not 2 <= len(every) <= _FEW or all(map(split_named, every)):  # splits within classes were taken as such
        return []
    many = len(found) > 2 * len(every)  # of places, or patients: not all of them have images of each class
    if not all(any(sign.isdigit() for sign in name) for name in every):
        shared = all(sum(name in own for own in found.values()) > 1 for name in every)
        return every if whole == len(found) or (many and shared) else []
    if all(re.match(r"[^\W\d_]+", name) for name in every) and len({re.sub(r"\d+$", "", name) for name in every}) == 1:
        return []
    return every if many and 2 * whole > len(found) else []


def _shown(split: str) -> str:
    return "training" if split == "train" else split


def same_spelling(name: str) -> str:
    """A name without what most people do not see: case, and a letter with its accent as one sign or as two (macOS)."""
    return unicodedata.normalize("NFC", name.casefold())


def _twins(class_names: Sequence[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name in class_names:
        known = first.setdefault("".join(same_spelling(name).split()).replace("_", "").replace("-", ""), name)
        if known != name and not (_is_number(known) and _is_number(name)):  # -1 and 1 are no two spellings
            yield known, name


def _is_number(name: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", name.strip()) is not None
