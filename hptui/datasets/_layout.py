"""How people sort images into folders: a folder for each class, within those of splits, or with splits within."""

from __future__ import annotations

from pathlib import Path

from hptui.datasets._class_notes import same_spelling
from hptui.datasets._classes import in_order
from hptui.datasets._image_files import LeftOut, images_below, visible
from hptui.datasets._no_classes import refuse_no_classes, without_masks
from hptui.datasets._split_names import Split, speaks_of_split, split_meant, split_named
from hptui.errors import DatasetError

Files = dict[str, list[Path]]  # class name -> its image files; both sorted, so that no file system decides
_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def find_splits(root: Path, left_out: LeftOut, least: int = 2) -> dict[Split, Files]:
    """Image files by split: training alone, or with the other splits that the user made.

    Args:
        root: the data set's folder.
        left_out: takes in what is no part of it.
        least: classes that there have to be.

    Raises:
        DatasetError: there are fewer classes, one has no images, or splits disagree.
    """
    folders = _folders(root, left_out)
    if len(folders) == 1 and folders[0].name == root.name:  # an archive that was unpacked into its own name
        return find_splits(folders[0], left_out, least)
    if made := _made_splits(root, folders, least):
        for path in folders:
            if path not in made.values():
                left_out.add("a folder that is no split", path)
        return _classes_in_splits(root, made, left_out, least if len(made) == 1 else 2)
    if len(folders) > 1 and (within := _splits_in_classes(root, folders)):
        return _by_split(within, left_out)
    _refuse_unlabelled(root, folders)
    _refuse_half_named(root, folders)
    refuse_no_classes(root, folders)
    return {"train": _files(root, folders, left_out, least)}


def _made_splits(root: Path, folders: list[Path], least: int = 2) -> dict[Split, Path]:
    """Folders of the splits, training first; empty: the folders are classes.

    Where one class will do, all images count alike: then one split is enough, and the first stands for training.

    Raises:
        DatasetError: two folders are the same split, or there is none to train on.
    """
    named: dict[Split, list[Path]] = {}
    meant: dict[Split, list[Path]] = {}
    for path in folders:
        if split := split_named(path.name):
            named.setdefault(split, []).append(path)
        elif (split := split_meant(path.name)) and _has_folders(path):
            meant.setdefault(split, []).append(path)
    candidates = meant | named  # beside a test folder, external_test is left out, and told
    if several := next((paths for paths in candidates.values() if len(paths) > 1), None):
        if several not in named.values():
            return {}  # a positive test and a negative test are classes
        raise DatasetError(f"{root} has both {several[0].name} and {several[1].name}; keep one of them.")
    made = {split: paths[0] for split, paths in candidates.items()}
    if len(made) < 2 and not (least == 1 and all(_has_folders(path) for path in made.values())):
        return {}  # a class may be called so
    if made and "train" not in made and least == 1:
        made["train"] = made.pop(next(split for split in _SPLITS if split in made))
    if made and "train" not in made:
        names = " and ".join(path.name for path in made.values())
        raise DatasetError(f"{root} has {names}, but no folder of images to train on, such as train.")
    return {split: made[split] for split in _SPLITS if split in made}


def _classes_in_splits(root: Path, made: dict[Split, Path], left_out: LeftOut, least: int) -> dict[Split, Files]:
    """Files of PATH/train/CLASS and the like; a test folder that nobody has sorted has no labels, and is left out."""
    unsorted = [path for path in made.values() if not _has_folders(path)]
    if made["train"] in unsorted:
        _refuse_unlabelled(root, list(made.values()))
    splits: dict[Split, Files] = {}
    for split, path in made.items():
        if path in unsorted:
            left_out.add("a split without class folders", path)
            continue
        inside = _folders(path, left_out)
        if len(inside) == 1 and inside[0].name == path.name:
            inside = _folders(inside[0], left_out)
        splits[split] = _files(path, inside, left_out, least, may_be_empty=split != "train")
        _refuse_other_classes(made["train"], set(splits["train"]), path, set(splits[split]))
    return splits


def _refuse_other_classes(train: Path, classes: set[str], path: Path, found: set[str]) -> None:
    """Refuse a split whose class folders are not those of the training images, and say how they differ."""
    if found == classes:
        return
    if {same_spelling(name) for name in found} == {same_spelling(name) for name in classes}:
        raise DatasetError(
            f"{train} and {path} must have the same class folders; "
            f"{', '.join(map(repr, sorted(found - classes)))} and {', '.join(map(repr, sorted(classes - found)))} "
            "differ in case, or in how an accent is stored: rename them."
        )
    differences = ((train, found - classes), (path, classes - found))
    lacking = "; ".join(f"{place} lacks {', '.join(map(repr, sorted(names)))}" for place, names in differences if names)
    none = " (or an empty folder, if there are none)" if classes - found else ""
    raise DatasetError(
        f"{train} and {path} must have the same class folders; {lacking}. Add images of it there{none}, "
        "or take its folder out of the other splits."
    )


def _splits_in_classes(root: Path, folders: list[Path]) -> dict[Path, dict[Split, Path]]:
    """Folders of splits within those of all classes; empty: there are none."""
    within = {path: _made_splits(path, _folders(path, LeftOut(root))) for path in folders}
    if not any(within.values()):
        return {}
    every = {split for made in within.values() for split in made}
    for path, made in within.items():
        if lacking := [split for split in _SPLITS if split in every and split not in made]:
            raise DatasetError(f"{path} has no folder for {lacking[0]}; other classes of {root} have one.")
    return within


def _by_split(within: dict[Path, dict[Split, Path]], left_out: LeftOut) -> dict[Split, Files]:
    """Files of PATH/CLASS/train and the like."""
    for path, made in within.items():
        for inside in _folders(path, left_out):
            if inside not in made.values():
                left_out.add("a folder that is no split", inside)
    splits = [split for split in _SPLITS if split in next(iter(within.values()))]
    return {split: _of_classes({path.name: made[split] for path, made in within.items()}, left_out) for split in splits}


def _files(
    parent: Path, folders: list[Path], left_out: LeftOut, least: int = 2, *, may_be_empty: bool = False
) -> Files:
    """Image files of each class."""
    if len(folders) < least:
        found = f"only {folders[0].name!r}" if folders else "none"
        raise DatasetError(
            f"{parent} needs a sub-folder for each of at least two classes; it has {found}."
            f"{(not _tables([parent]) and _deeper_hint(folders)) or _table_hint(parent, folders)}"
        )
    return _of_classes({path.name: path for path in folders}, left_out, may_be_empty=may_be_empty)


def _of_classes(folders: dict[str, Path], left_out: LeftOut, *, may_be_empty: bool = False) -> Files:
    """Image files of each class; of one whose folder holds nothing at all none, if others have some."""
    folders = {name: folders[name] for name in in_order(folders)}
    files = {name: without_masks(images_below(path, left_out), left_out) for name, path in folders.items()}
    may_be_empty = may_be_empty and any(files.values())
    without = [folders[name] for name, images in files.items() if not images]
    if empty := [path for path in without if not may_be_empty or visible(path, LeftOut(path))]:
        raise DatasetError(f"{empty[0]} holds no image files{left_out.unreadable(empty[0])}.")
    return files


def _refuse_unlabelled(root: Path, folders: list[Path]) -> None:
    """Refuse folders of splits (train_images, test_images) whose images nobody has sorted into classes.

    One of them among others may be a class; of several, none is.
    """
    meant = [path.name for path in folders if split_meant(path.name) and not _has_folders(path)]
    if len(meant) > 1 or (meant and len(folders) == 1):
        words = "name splits, not classes, and have" if len(meant) > 1 else "names a split, not a class, and has"
        raise DatasetError(
            f"{root}: {' and '.join(sorted(meant))} {words} no class folders in {'them' if len(meant) > 1 else 'it'}."
            f"{_table_hint(root, folders)}"
        )


def _refuse_half_named(root: Path, folders: list[Path]) -> None:
    """Refuse a split beside parts with the same classes in them, of which nobody knows what they are for: holdout.

    Other names may be classes with the same folders in each (train and car by day and night), which a note tells.
    """
    named = [path.name for path in folders if split_named(path.name)]
    if not named or len(folders) < 2 or not all(speaks_of_split(path.name) for path in folders):
        return
    inside = {path: {one.name for one in visible(path, LeftOut(path)) if one.is_dir()} for path in folders}
    classes = next(iter(inside.values()), set())
    if len(classes) > 1 and all(found == classes for found in inside.values()):
        others = [path.name for path in folders if path.name not in named]
        raise DatasetError(
            f"{root}: {named[0]} names a split, and {' and '.join(others)} {'has' if len(others) == 1 else 'have'} the "
            f"same folders ({', '.join(sorted(classes)[:3])}), so these are the classes: call the splits train, val "
            "and test."
        )


def _table_hint(root: Path, folders: list[Path]) -> str:
    """What to write where labels may be in a table beside the images."""
    if tables := _tables([root, *folders]):
        return f" If the labels are in {tables[0].name}, write --dataset table:{tables[0]}."
    return " Sort the images into a folder for each class, or name a table with their labels: --dataset table:PATH."


def _tables(folders: list[Path]) -> list[Path]:
    """Files in these folders that may name images and their labels."""
    files = [path for folder in folders for path in visible(folder, LeftOut(folder))]
    return [path for path in files if path.suffix.lower() in {".csv", ".tsv"} and path.is_file()]


def _deeper_hint(folders: list[Path]) -> str:
    """What to write where all lies one folder deeper."""
    if len(folders) == 1 and sum(path.is_dir() for path in visible(folders[0], LeftOut(folders[0]))) >= 2:
        return f" If the classes are in there, write --dataset folder:{folders[0]}."
    return ""


def _has_folders(parent: Path) -> bool:
    return any(path.is_dir() for path in visible(parent, LeftOut(parent)))


def _folders(parent: Path, left_out: LeftOut) -> list[Path]:
    """Folders in a folder, sorted; files that lie beside them are left out."""
    folders = []
    for path in visible(parent, left_out):
        if path.is_dir():
            folders.append(path)
        else:
            left_out.add("beside the folders", path)
    return folders
