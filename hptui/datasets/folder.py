"""folder:PATH reads image files from one sub-folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images, Pixels
from hptui.datasets._decode import foreign_format, is_image_file
from hptui.datasets._files import decode_files
from hptui.datasets._request import locate, one_line
from hptui.datasets._split import percent, split_off
from hptui.errors import DatasetError

__all__ = ["folder"]
TAKES_PATH = True
"""read by screens, which must not import this"""

Files = dict[str, list[Path]]  # class name -> its image files; both sorted, so that no file system decides


def folder(request: DatasetRequest) -> ImageDataset:
    """Read PATH/CLASS/*.png (any format of Pillow), or the same below PATH/train, PATH/test and PATH/val.

    Images are grey if every file is stored as grey, else RGB. `val` (or `validation`) may be missing. Without
    `train` and `test`, 20 % of each class become test images.

    Raises:
        DatasetError: fewer than two classes, an empty one, an unreadable image, or splits that disagree.
    """
    root = locate("folder", request, below=("",), is_right=Path.is_dir, what="folder")
    splits = _splits(root)
    name = root.resolve().name or "folder"
    decoded = decode_files([file for files in splits.values() for file in _flat(files)], request)
    images = _by_split(splits, decoded.pixels)
    class_names = tuple(splits["train"])
    if "test" in images:
        return ImageDataset(name, class_names, images["train"], images["test"], images.get("validation"), decoded.notes)
    train, test = split_off(
        images["train"],
        percent(images["train"].labels, 20),
        seed=request.split_seed,
        purpose="test",
        class_names=class_names,
    )
    return ImageDataset(name, class_names, train, test, notes=decoded.notes)


def _splits(root: Path) -> dict[str, Files]:
    """Image files by split: "train" alone, or the splits that the user made."""
    names = _sub_folders(root)
    if not {"train", "test"} <= set(names):
        return {"train": _files(root)}
    validation = [name for name in ("val", "validation") if name in names]
    if len(validation) == 2:
        raise DatasetError(f"{root} has both val and validation; keep one of them.")
    splits = {name: _files(root / name) for name in ("train", "test", *validation)}
    for name, files in splits.items():
        if different := sorted(set(files) ^ set(splits["train"])):
            raise DatasetError(
                f"{root / 'train'} and {root / name} must have the same class folders; "
                f"only one of them has {', '.join(map(repr, different))}."
            )
    return {"validation" if name == "val" else name: files for name, files in splits.items()}


def _files(parent: Path) -> Files:
    names = _sub_folders(parent)
    if len(names) < 2:
        folders = f"only {names[0]!r}" if names else "none"
        raise DatasetError(f"{parent} needs a sub-folder for each of at least two classes; it has {folders}.")
    files = {
        name: [file for file in _visible(parent / name) if not file.is_dir() and is_image_file(file)] for name in names
    }
    if empty := [name for name, images in files.items() if not images]:
        raise DatasetError(f"{parent / empty[0]} holds no image files{_what_instead(parent / empty[0])}.")
    return files


def _what_instead(folder: Path) -> str:
    for file in _visible(folder):
        if foreign := foreign_format(file):
            return f"; {file.name} is {foreign}"
    return " (sub-folders of a class are not searched)"


def _sub_folders(parent: Path) -> list[str]:
    return [path.name for path in _visible(parent) if path.is_dir()]


def _visible(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"{parent} cannot be listed ({one_line(error)}).") from error


def _flat(files: Files) -> list[Path]:
    return [file for of_class in files.values() for file in of_class]


def _by_split(splits: dict[str, Files], pixels: Pixels) -> dict[str, Images]:
    """Images of each split: slices of `pixels`, which are of all files in the order of `splits`."""
    images: dict[str, Images] = {}
    begin = 0
    for split, files in splits.items():
        counts = [len(of_class) for of_class in files.values()]
        end = begin + sum(counts)
        images[split] = Images(pixels[begin:end], np.repeat(np.arange(len(files), dtype=np.int64), counts))
        begin = end
    return images
