"""folder:PATH reads image files from one sub-folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._dicom_patients import patient_note, patients
from hptui.datasets._files import decode_files
from hptui.datasets._groups import grouped
from hptui.datasets._image_files import LeftOut, below
from hptui.datasets._kinds import kinds_of
from hptui.datasets._layout import find_splits
from hptui.datasets._request import locate
from hptui.datasets._sources import source_notes
from hptui.datasets._split import take_test
from hptui.datasets._split_names import Split

__all__ = ["folder"]
TAKES_PATH = True
PATH_IS = "folder"
PATH_BELOW = ("",)
"""read by screens, which must not import this"""


def folder(request: DatasetRequest) -> ImageDataset:
    """Read PATH/CLASS/**/*.png (any format that is known), or PATH/train/CLASS/**/*.png, or PATH/CLASS/train/**/*.png.

    Splits (train, val, test) go by any usual name, in any case. Images are grey if every file is stored as grey, else
    RGB. Without test images, 20 % of each class become test images.

    Raises:
        DatasetError: fewer than two classes, an empty one, an unreadable image, or splits that disagree.
    """
    root = locate("folder", request, below=PATH_BELOW, is_right=Path.is_dir, what=PATH_IS)
    left_out = LeftOut(root)
    splits = find_splits(root, left_out, request.least_classes)
    files = [file for classes in splits.values() for of_class in classes.values() for file in of_class]
    decoded = decode_files(files, request)
    names = np.array([below(root, file) for file in files])
    known = patients(files, decoded.headers, request)
    groups = np.array(known) if known is not None else None
    images: dict[Split, Images] = {}
    begin = 0
    for split, classes in splits.items():  # slices, which need no memory of their own
        counts = [len(of_class) for of_class in classes.values()]
        end = begin + sum(counts)
        labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
        whom = groups[begin:end] if groups is not None else None
        part = Images(decoded.pixels[begin:end], labels, whom, names[begin:end], keys=decoded.keys[begin:end])
        images[split] = grouped(part, request.group_pattern)
        begin = end
    title, class_names = root.resolve().name or "folder", tuple(splits["train"])
    labels = np.concatenate([part.labels for part in images.values()])
    sources = (
        *source_notes(files, decoded.headers, labels, class_names),
        *patient_note(decoded.headers, request, known, grouped=False),
    )
    notes = (*left_out.notes, *decoded.notes, *sources)
    train, test = images["train"], images.get("test")
    if test is None:
        train, test, taken = take_test(train, request, class_names)
        notes = (*notes, *taken)
    kinds = kinds_of(decoded.headers)
    return ImageDataset(title, class_names, train, test, images.get("validation"), notes, kinds=kinds)
