"""folder:PATH reads image files from one sub-folder per class."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._decode import is_grey, read_square, readable_suffixes
from hptui.datasets._request import locate, one_line
from hptui.datasets._split import percent, split_off
from hptui.errors import DatasetError

__all__ = ["folder"]
TAKES_PATH = True
PATH_IS = "folder"
PATH_BELOW = ("",)
"""read by screens, which must not import this"""

_SIZE = 64  # pixels, where --image-size is not given

Files = dict[str, list[Path]]  # class name -> its image files; both sorted, so that no file system decides


def folder(request: DatasetRequest) -> ImageDataset:
    """Read PATH/CLASS/*.png (any format of Pillow), or the same below PATH/train, PATH/test and PATH/val.

    Images are grey if every file is stored as grey, else RGB. `val` (or `validation`) may be missing. Without
    `train` and `test`, 20 % of each class become test images.

    Raises:
        DatasetError: fewer than two classes, an empty one, an unreadable image, or splits that disagree.
    """
    root = locate("folder", request, below=PATH_BELOW, is_right=Path.is_dir, what=PATH_IS)
    splits = _splits(root)
    size = request.image_size or _SIZE
    name = root.resolve().name or "folder"
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        grey = all(pool.map(is_grey, [file for files in splits.values() for file in _flat(files)]))
        images = {split: _read(pool, files, size, grey) for split, files in splits.items()}
    class_names = tuple(splits["train"])
    if "test" in images:
        return ImageDataset(name, class_names, images["train"], images["test"], images.get("validation"))
    train, test = split_off(
        images["train"],
        percent(images["train"].labels, 20),
        seed=request.split_seed,
        purpose="test",
        class_names=class_names,
    )
    return ImageDataset(name, class_names, train, test)


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
    suffixes = readable_suffixes()
    files = {
        name: [file for file in _visible(parent / name) if file.suffix.lower() in suffixes and not file.is_dir()]
        for name in names
    }
    if empty := [name for name, images in files.items() if not images]:
        raise DatasetError(f"{parent / empty[0]} holds no image files (sub-folders of a class are not searched).")
    return files


def _sub_folders(parent: Path) -> list[str]:
    return [path.name for path in _visible(parent) if path.is_dir()]


def _visible(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"{parent} cannot be listed ({one_line(error)}).") from error


def _flat(files: Files) -> list[Path]:
    return [file for of_class in files.values() for file in of_class]


def _read(pool: ThreadPoolExecutor, files: Files, size: int, grey: bool) -> Images:
    """Decode into one array: tens of thousands of small arrays and their copy would need twice the memory."""
    paths = _flat(files)
    pixels = np.empty((len(paths), 1 if grey else 3, size, size), np.uint8)

    def decode(index: int) -> None:
        pixels[index] = read_square(paths[index], size, grey=grey)

    for _ in pool.map(decode, range(len(paths))):  # reading the results raises the first error
        pass
    labels = np.repeat(np.arange(len(files), dtype=np.int64), [len(of_class) for of_class in files.values()])
    return Images(pixels, labels)
