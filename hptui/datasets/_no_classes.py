"""Folders that are no classes (folds, images beside their masks), and masks among the images of a class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from hptui.datasets._image_files import LeftOut, visible
from hptui.errors import DatasetError

_FOLD = re.compile(r"(k?folds?|cv|splits?|batch|chunk)[-_ ]*[0-9]+", re.IGNORECASE)
_IMAGES = {"image", "images", "img", "imgs", "original", "originals"}
_MASKS = {"mask", "masks", "segmentation", "segmentations", "annotation", "annotations", "groundtruth", "ground_truth"}
_MASK_WORDS = "masks?|seg|segmentation|groundtruth|gt|labels?|annotat(?:ion|ed)|overlay|contours?|roi|heatmap"
_MASK_NAME = re.compile(rf"(.+?)[-_ ]({_MASK_WORDS})([-_ ]?[0-9]+)?", re.IGNORECASE)


def refuse_no_classes(root: Path, folders: Sequence[Path]) -> None:
    """Refuse folders whose names say that they are no classes; what is learned otherwise is which is which.

    Raises:
        DatasetError: they are images and their masks, or the folds of a cross-validation.
    """
    names = {path.name.lower() for path in folders}
    if names & _IMAGES and names & _MASKS and names <= _IMAGES | _MASKS:
        raise DatasetError(
            f"{root}: {' and '.join(path.name for path in folders)} are images and what is drawn on them, not classes. "
            "Name a table with the labels of the images: --dataset table:PATH."
        )
    for path in folders:
        drawn_on = _MASK_NAME.fullmatch(path.name)
        if drawn_on is not None and drawn_on[1].lower() in names:
            raise DatasetError(
                f"{root}: {path.name} is called like what is drawn on the images of {drawn_on[1]}, not like a class of "
                "its own. Take such folders out, or name a table with the labels: --dataset table:PATH."
            )
    if len(folders) > 1 and all(_FOLD.fullmatch(path.name) for path in folders):
        raise DatasetError(
            f"{root}: {' and '.join(path.name for path in folders)} are parts of a data set, not classes. "
            "Gather them in folders called train, val and test (links will do), or name a table with a column of "
            "splits: --dataset table:PATH."
        )


def without_masks(images: list[Path], left_out: LeftOut) -> list[Path]:
    """Images of a class without the drawings that lie beside them, which would be learned as images of that class.

    A mask is called like an image in the same folder (x_mask.png beside x.png), or lies in a folder of masks that has
    images, or a folder of images, beside it.
    """
    names = {(path.parent, path.stem.lower()) for path in images}
    folders = {path.parent for path in images}
    beside: dict[Path, bool] = {}
    kept = []
    for path in images:
        named = _MASK_NAME.fullmatch(path.stem)
        if named is not None and (path.parent, named[1].lower()) in names:
            left_out.add("a mask of an image beside it", path)
        elif _in_masks(path.parent, folders, beside):
            left_out.add("in a folder of masks beside the images", path)
        else:
            kept.append(path)
    return kept


def _in_masks(folder: Path, folders: AbstractSet[Path], known: dict[Path, bool]) -> bool:
    """Whether a folder has masks; `folders` are those with images right in them."""
    if folder not in known:
        known[folder] = folder.name.lower() in _MASKS and (folder.parent in folders or _has_images(folder.parent))
    return known[folder]


def _has_images(folder: Path) -> bool:
    return any(path.is_dir() and path.name.lower() in _IMAGES for path in visible(folder, LeftOut(folder)))
