"""Image data sets: one file each, every one a function `(DatasetRequest) -> ImageDataset`.

Pixels keep the depth of their file up to the device; they are normalised there, batch by batch, because a byte is a
quarter of a float in memory and on the bus. An own data set is a function in any file (`path/file.py:name`)
that takes no argument, or one `DatasetRequest`, and returns an `ImageDataset`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from hptui.datasets._rows import PixelRows, taken
from hptui.record.data_summary import FileKinds
from hptui.record.intensity import Depth
from hptui.record.task import Task, task_of

Pixels = npt.NDArray[np.uint8 | np.uint16 | np.int16 | np.float32]
Labels = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]
Keys = npt.NDArray[np.uint64]
Resize = Literal["stretch", "pad", "crop"]
MOST_CHANNELS = 16


@dataclass(frozen=True)
class Images:
    """Labelled images of one split."""

    pixels: Pixels | PixelRows
    """(N, C, H, W) uint8, uint16, int16 or float32; C = 1 (grey), 3 (RGB), or up to 16 channels of any meaning;
    of many images that were taken from others a view, which is read as an array is: `pixels[index]`"""
    labels: Labels
    """(N,) int64, each in 0 .. number of classes - 1; where an image may have several labels, (N, labels) of 0 and 1"""
    groups: Names | None = None
    """(N,) who each image is of (a patient), where that is known: no group may be in two splits"""
    names: Names | None = None
    """(N,) what each image is called, where it has a name: its file's path below the data set's folder"""
    keys: Keys | None = None
    """(N,) what tells equal images, where it is known already: see `hptui.datasets._duplicates.pixel_keys`. A function
    of one's own leaves it out: it is found anew"""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.int64]) -> Images:
        """The images at `indices` (n,), in that order."""
        groups, names = (None if each is None else each[indices] for each in (self.groups, self.names))
        keys = None if self.keys is None else self.keys[indices]
        return Images(taken(self.pixels, indices), self.labels[indices], groups, names, keys)


@dataclass(frozen=True)
class ImageDataset:
    """A data set, as a rule with test images; `_check` checks and `_prepare` splits it."""

    name: str
    """shown on the screen and in tables"""
    class_names: tuple[str, ...]
    """one name per class, or per label; for two classes the second is the positive one (sensitivity counts it)"""
    train: Images
    test: Images | None
    """None: there are none, and none are to be taken from `train`"""
    validation: Images | None = None
    """None: taken from `train`, stratified, by the split seed"""
    notes: tuple[str, ...] = ()
    """what whoever reads it should know, one line each: files that were left out and why, splits that were made"""
    published: bool = False
    """whether others report results on this very set: the few images that its publisher has in two splits are told
    then, where own ones would be refused; without them, results could not be compared any more"""
    files: str = ""
    """what was read: how many image files, of which sizes, depths and colours; empty: none"""
    kinds: FileKinds | None = None
    """what they are, in numbers"""

    @property
    def task(self) -> Task:
        """What its labels say of an image: that it is of one class, or has any number of labels."""
        return task_of(self.train.labels)


@dataclass(frozen=True)
class DatasetRequest:
    """What the user asked for, as a data set's function sees it."""

    argument: str = ""
    """what follows the name: the path of `medmnist:PATH` and `folder:PATH`"""
    data_dir: Path | None = None
    """--data-dir; None: the user's cache"""
    image_size: int | None = None
    """--image-size in pixels (square), for data sets that resize"""
    split_seed: int = 0
    """seed of splits that the publisher did not make"""
    resize: Resize = "stretch"
    """--resize: what is done where an image file has other proportions than a square"""
    pages: str | None = None
    """--pages: of files with several; None: such files are refused"""
    keep_decoded: str = "never"
    """--keep-decoded; large: many decoded image files are kept in the user's cache, and mapped by later starts"""
    intensity: str = "auto"
    """--intensity; pixels are handed on as they are, but `voi` is applied file by file"""
    test_size: int | None = None
    """--test-size, for data sets without test images; None: 20 % of the images, 0: none"""
    column: Mapping[str, str] = field(default_factory=dict)
    """--column: of a table, by what they are (image, label, split, group)"""
    group_pattern: str | None = None
    """--group-pattern: a regular expression on an image's path, whose first brackets hold the group"""
    run_column: Mapping[str, str] = field(default_factory=dict)
    """as `column`, of the table that a trained network's run had: each is taken where this table has it too"""
    run_pattern: str | None = None
    """as `group_pattern`, of that run: it is taken where it fits all of these images"""
    trained_depth: Depth | None = None
    """of a trained network that these images are put to: none are taken as test images, for all count; DICOM files are
    brought to it, whose values are in units whatever their depth, and other files of another depth refused"""
    trained_units: bool = True
    """whether it was trained on DICOM; if not, that of another depth is refused too"""
    allow_overlap: bool = False
    """--allow-overlap: images are drawn and taken without a look at which are equal"""

    @property
    def least_classes(self) -> int:
        """Number of classes that have to have images: one is enough for a trained network, which knows the others."""
        return 2 if self.trained_depth is None else 1
