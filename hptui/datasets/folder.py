"""folder:PATH reads image files from one sub-folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._files import decode_files
from hptui.datasets._groups import grouped
from hptui.datasets._image_files import LeftOut, below, images_below, visible
from hptui.datasets._request import locate
from hptui.datasets._split import take_test
from hptui.datasets._split_names import Split, split_meant, split_named
from hptui.errors import DatasetError

__all__ = ["folder"]
TAKES_PATH = True
"""read by screens, which must not import this"""

Files = dict[str, list[Path]]  # class name -> its image files; both sorted, so that no file system decides


def folder(request: DatasetRequest) -> ImageDataset:
    """Read PATH/CLASS/**/*.png (any format that is known), or the same below PATH/train, PATH/val and PATH/test.

    Splits go by any usual name, in any case. Images are grey if every file is stored as grey, else RGB. Without
    test images, 20 % of each class become test images.

    Raises:
        DatasetError: fewer than two classes, an empty one, an unreadable image, or splits that disagree.
    """
    root = locate("folder", request, below=("",), is_right=Path.is_dir, what="folder")
    left_out = LeftOut(root)
    splits = _splits(root, left_out)
    files = [file for classes in splits.values() for of_class in classes.values() for file in of_class]
    decoded = decode_files(files, request)
    names = np.array([below(root, file) for file in files])
    images: dict[str, Images] = {}
    begin = 0
    for split, classes in splits.items():  # slices, which need no memory of their own
        counts = [len(of_class) for of_class in classes.values()]
        end = begin + sum(counts)
        labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
        part = Images(decoded.pixels[begin:end], labels, names=names[begin:end])
        images[split] = grouped(part, request.group_pattern)
        begin = end
    title, class_names = root.resolve().name or "folder", tuple(splits["train"])
    notes = (*left_out.notes, *decoded.notes)
    if "test" in images:
        return ImageDataset(title, class_names, images["train"], images["test"], images.get("validation"), notes)
    train, test, note = take_test(images["train"], request, class_names)
    return ImageDataset(title, class_names, train, test, images.get("validation"), (*notes, note))


def _splits(root: Path, left_out: LeftOut) -> dict[str, Files]:
    """Image files by split: "train" alone, or the splits that the user made."""
    folders, loose = _folders_and_files(root, left_out)
    made = _made_splits(root, folders)
    for path in loose:
        left_out.add("beside the folders", path)
    if not made:
        _refuse_unlabelled(root, folders)
        return {"train": _files(root, folders, left_out)}
    _refuse_unlabelled(root, [path for path in made.values() if not _has_folders(path)])
    for path in folders:
        if path not in made.values():
            left_out.add("a folder that is no split", path)
    splits: dict[str, Files] = {}
    for split, path in made.items():
        inside, loose = _folders_and_files(path, left_out)
        for file in loose:
            left_out.add("beside the folders", file)
        splits[split] = _files(path, inside, left_out)
        if different := sorted(set(splits[split]) ^ set(splits["train"])):
            raise DatasetError(
                f"{made['train']} and {path} must have the same class folders; "
                f"only one of them has {', '.join(map(repr, different))}."
            )
    return splits


def _made_splits(root: Path, folders: list[Path]) -> dict[Split, Path]:
    """Folders of the splits, training first; empty: the folders are classes.

    Raises:
        DatasetError: two folders are the same split, or there is none to train on.
    """
    made: dict[Split, Path] = {}
    for path in folders:
        split = split_named(path.name) or (split_meant(path.name) if _has_folders(path) else None)
        if split is None:
            continue
        if split in made:
            raise DatasetError(f"{root} has both {made[split].name} and {path.name}; keep one of them.")
        made[split] = path
    if len(made) < 2:
        return {}  # a class may be called so
    if "train" not in made:
        names = " and ".join(path.name for path in made.values())
        raise DatasetError(f"{root} has {names}, but no folder of images to train on, such as train.")
    return {split: made[split] for split in ("train", "validation", "test") if split in made}


def _has_folders(parent: Path) -> bool:
    return any(path.is_dir() for path in visible(parent, LeftOut(parent)))


def _refuse_unlabelled(root: Path, folders: list[Path]) -> None:
    """Refuse folders of splits (train_images, test_images) whose images nobody has sorted into classes.

    One of them among others may be a class; of several, none is.
    """
    meant = [path.name for path in folders if split_meant(path.name)]
    if len(meant) > 1 or (meant and len(folders) == 1):
        words = "name splits, not classes, and have" if len(meant) > 1 else "names a split, not a class, and has"
        raise DatasetError(
            f"{root}: {' and '.join(sorted(meant))} {words} no class folders in {'them' if len(meant) > 1 else 'it'}."
            f"{_table_hint(root, folders)}"
        )


def _table_hint(root: Path, folders: list[Path]) -> str:
    """What to write where labels may be in a table beside the images."""
    tables = [
        path
        for parent in (root, *folders)
        for path in visible(parent, LeftOut(parent))
        if path.suffix.lower() in {".csv", ".tsv"} and path.is_file()
    ]
    if tables:
        return f" If the labels are in {tables[0].name}, write --dataset table:{tables[0]}."
    return " Sort the images into a folder for each class, or name a table with their labels: --dataset table:PATH."


def _files(parent: Path, folders: list[Path], left_out: LeftOut) -> Files:
    """Image files of each class."""
    if len(folders) < 2:
        found = f"only {folders[0].name!r}" if folders else "none"
        raise DatasetError(
            f"{parent} needs a sub-folder for each of at least two classes; it has {found}."
            f"{_deeper_hint(folders) or _table_hint(parent, folders)}"
        )
    files = {path.name: images_below(path, left_out) for path in folders}
    if empty := [path for path in folders if not files[path.name]]:
        raise DatasetError(f"{empty[0]} holds no image files{left_out.unreadable(empty[0])}.")
    return files


def _deeper_hint(folders: list[Path]) -> str:
    """What to write where an archive was unpacked into a folder of its own name."""
    if len(folders) == 1 and sum(path.is_dir() for path in visible(folders[0], LeftOut(folders[0]))) >= 2:
        return f" If the classes are in there, write --dataset folder:{folders[0]}."
    return ""


def _folders_and_files(parent: Path, left_out: LeftOut) -> tuple[list[Path], list[Path]]:
    inside = visible(parent, left_out)
    return [path for path in inside if path.is_dir()], [path for path in inside if not path.is_dir()]
