"""medmnist:PATH reads an archive of MedMNIST v2 (Yang et al. 2023) and keeps the publisher's split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images, Labels
from hptui.datasets._arrays import check_pixels
from hptui.datasets._given import as_whole
from hptui.datasets._request import locate, one_line
from hptui.errors import DatasetError
from hptui.opening import open_regular
from hptui.record.task import task_of

__all__ = ["medmnist"]
TAKES_PATH = True
PATH_IS = "file"
PATH_BELOW = ("", "MedMNIST")
"""read by screens, which must not import this"""

_ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)
# In the order of the publisher's labels (medmnist/info.py), long ones shortened.
_CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "bloodmnist": (
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocyte",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    ),
    "breastmnist": ("malignant", "normal or benign"),
    "chestmnist": (  # any number of these per image
        "atelectasis",
        "cardiomegaly",
        "effusion",
        "infiltration",
        "mass",
        "nodule",
        "pneumonia",
        "pneumothorax",
        "consolidation",
        "edema",
        "emphysema",
        "fibrosis",
        "pleural",
        "hernia",
    ),
    "dermamnist": (
        "actinic keratosis",
        "basal cell carcinoma",
        "benign keratosis",
        "dermatofibroma",
        "melanoma",
        "melanocytic nevus",
        "vascular lesion",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
    "pathmnist": (
        "adipose",
        "background",
        "debris",
        "lymphocytes",
        "mucus",
        "smooth muscle",
        "normal colon mucosa",
        "cancer-associated stroma",
        "colorectal adenocarcinoma",
    ),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("0", "1", "2", "3", "4"),  # grades
    "tissuemnist": (
        "collecting duct, connecting tubule",
        "distal convoluted tubule",
        "glomerular endothelial cells",
        "interstitial endothelial cells",
        "leukocytes",
        "podocytes",
        "proximal tubule segments",
        "thick ascending limb",
    ),
}
_ZIP_STARTS = {b"PK\x03\x04", b"PK\x05\x06"}  # with and without members
_SPLITS = ("train", "val", "test")
_NAMED = 6
"""arrays in a message"""
_KEYS = tuple(f"{split}_{kind}" for split in _SPLITS for kind in ("images", "labels"))


def medmnist(request: DatasetRequest) -> ImageDataset:
    """Read e.g. `medmnist:pneumoniamnist.npz`.

    Raises:
        DatasetError: no such file, damaged, or without labels of its 2D images.
    """
    path = locate("medmnist", request, below=PATH_BELOW, is_right=Path.is_file, what=PATH_IS)
    arrays = _read(path)
    train, validation, test = (_split(path, arrays, split) for split in _SPLITS)
    published = _published_names(path.stem)
    if task_of(train.labels) == "multi-label":
        count = train.labels.shape[1]
        published = published if len(published) == count else ()
        names = published or tuple(map(str, range(count)))
        return ImageDataset(path.stem, names, train, test, validation, published=bool(published))
    names = published or _numbered(path, train.labels)
    for split, images in (("train", train), ("val", validation), ("test", test)):
        if (largest := images.labels.max()) >= len(names):
            raise DatasetError(
                f"{path}: {split}_labels has a label {largest}, but there are {len(names)} classes, "
                f"0 to {len(names) - 1}."
            )
    return ImageDataset(path.stem, names, train, test, validation, published=bool(published))


def _read(path: Path) -> dict[str, Any]:
    """Read the six arrays. Pickled objects are refused: loading them runs code of whoever wrote the file."""
    try:
        with open_regular(path) as file:
            if file.read(4) not in _ZIP_STARTS:
                raise DatasetError(f"{path} is not a MedMNIST archive: it is no .npz file (a zip of arrays).")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)  # given the path, it would leave a damaged file open
            if missing := [key for key in _KEYS if key not in archive]:
                has = ", ".join(archive.files[:_NAMED]) + (", ..." if len(archive.files) > _NAMED else "")
                raise DatasetError(
                    f"{path} is not a MedMNIST archive: it lacks {', '.join(missing)}; it has {has or 'nothing'}. "
                    "Arrays of other names are handed on by an own function: --dataset path/file.py:function."
                )
            return {key: np.asarray(archive[key]) for key in _KEYS}
    except DatasetError:
        raise
    except Exception as error:  # zipfile, zlib, lzma and numpy each raise their own for damaged files
        if "allow_pickle" in str(error):
            raise DatasetError(f"{path} holds pickled objects, which are never loaded.") from error
        raise DatasetError(
            f"{path} cannot be read as a MedMNIST archive ({one_line(error)}); download it again."
        ) from error


def _split(path: Path, arrays: dict[str, Any], split: str) -> Images:
    pixels = check_pixels(path, f"{split}_images", arrays[f"{split}_images"])
    labels = _labels(path, f"{split}_labels", arrays[f"{split}_labels"])
    if len(pixels) != len(labels):
        raise DatasetError(f"{path}: {len(labels)} {split}_labels for {len(pixels)} {split}_images.")
    if len(labels) == 0:
        raise DatasetError(f"{path}: {split}_images is empty.")
    return Images(pixels, labels)


def _labels(path: Path, key: str, labels: Any) -> Labels:
    """Labels (N,) of an array (N, 1) or (N,), and (N, L) of 0 and 1 where an image may have several."""
    if labels.ndim not in (1, 2) or labels.shape[1:] == (0,):
        raise DatasetError(f"{path}: {key} has shape {labels.shape}, not (N, 1), or (N, labels).")
    labels = as_whole(labels)
    if labels.dtype.kind not in "iu":
        raise DatasetError(f"{path}: {key} holds {labels.dtype}, not integers; number the classes 0, 1, 2, ...")
    if labels.shape[1:] not in {(), (1,)}:
        several: Labels = labels.astype(np.int64)
        return several
    flat: Labels = labels.reshape(-1).astype(np.int64)
    if len(flat) and flat.min() < 0:
        raise DatasetError(f"{path}: {key} has a negative label {flat.min()}; classes count from 0.")
    return flat


def _published_names(stem: str) -> tuple[str, ...]:
    """Class names as published, also for the larger editions (pathmnist_64.npz); empty for somebody else's archive."""
    return _CLASS_NAMES.get(re.sub(r"_(28|64|128|224)$", "", stem.lower()), ())


def _numbered(path: Path, labels: Labels) -> tuple[str, ...]:
    """Names of the classes 0, 1, 2, ..., which all have to occur: a stray label would make thousands of classes."""
    present = np.unique(labels)
    if len(strays := present[present != np.arange(len(present))]):
        raise DatasetError(
            f"{path}: train_labels has a label {strays[0]}, but no image of class {len(present) - len(strays)}; "
            f"classes have to be numbered 0, 1, 2, ... without a gap"
            f"{': subtract 1' if present[0] == 1 and len(strays) == len(present) == present[-1] else ''}."
        )
    return tuple(str(number) for number in range(len(present)))
