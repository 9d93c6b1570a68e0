"""table:PATH reads image files and their labels as a table (CSV) says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images
from hptui.datasets._dicom_patients import patient_note, patients
from hptui.datasets._files import decode_files
from hptui.datasets._groups import grouped
from hptui.datasets._image_files import LeftOut, below, images_below
from hptui.datasets._kinds import kinds_of
from hptui.datasets._request import locate
from hptui.datasets._sources import source_notes
from hptui.datasets._split import take_test
from hptui.datasets._split_names import Split, split_named
from hptui.datasets._table_columns import Row, Table, read_table
from hptui.datasets._table_labels import read_labels
from hptui.errors import DatasetError

__all__ = ["table"]
TAKES_PATH = True
TAKES_COLUMNS = True
PATH_IS = "file"
PATH_BELOW = ("",)
"""read by others, which must not import this"""

_NAMED = 3
"""images in a message"""


@dataclass(frozen=True)
class _Entry:
    row: Row
    file: Path


def table(request: DatasetRequest) -> ImageDataset:
    """Read the files that a table names: by their path beside it, or by their name anywhere below its folder.

    A row is an image: its file with or without ending, its label (`A|B`: any number of labels; so are several columns
    of 0 and 1, which are classes where each row has exactly one 1), and where the table says so its split and its group
    (patient). Columns are named by --column, or known by their usual names. Without test images, 20 % of the images
    become test images.

    Raises:
        DatasetError: a column is not clear, files are missing, or an image has two labels.
    """
    path = locate("table", request, below=PATH_BELOW, is_right=Path.is_file, what=PATH_IS)
    content = read_table(path, request.column, _of_run(request))
    left_out = LeftOut(path.parent)
    entries, notes = _entries(path, content, request, left_out)
    rows = [entry.row for entry in entries]
    labels = read_labels(path, content.label_columns, rows, request.least_classes)
    splits = _by_split(path, entries, request.least_classes)
    ordered = [entry for split in splits.values() for entry in split]
    files = [entry.file for entry in ordered]
    decoded = decode_files(files, request)
    known = patients(files, decoded.headers, request)
    images: dict[str, Images] = {}
    begin = 0
    for split, part in splits.items():
        end = begin + len(part)
        pixels, keys = decoded.pixels[begin:end], decoded.keys[begin:end]
        numbers = labels.of([entry.row for entry in part])
        whom = np.array(known[begin:end]) if known is not None else None
        images[split] = replace(_images(path, part, Images(pixels, numbers, whom), request), keys=keys)
        begin = end
    names = labels.names
    every = labels.of([entry.row for entry in ordered])
    whose = patient_note(decoded.headers, request, known, grouped="group" in content.columns)
    sources = (*source_notes(files, decoded.headers, every, names), *whose)
    notes = (*content.notes, *labels.notes, *notes, *left_out.notes, *decoded.notes, *sources)
    train, test = images["train"], images.get("test")
    if test is None:
        train, test, taken = take_test(train, request, names)
        notes = (*notes, *taken)
    kinds = kinds_of(decoded.headers)
    return ImageDataset(path.stem, names, train, test, images.get("validation"), notes, kinds=kinds)


def _of_run(request: DatasetRequest) -> dict[str, str]:
    """Columns of a run's table that may count here: not its splits, for all images do; and a pattern goes before."""
    without = {"split", "group"} if request.group_pattern is not None else {"split"}
    return {role: name for role, name in request.run_column.items() if role not in without}


def _images(path: Path, entries: Sequence[_Entry], images: Images, request: DatasetRequest) -> Images:
    """Images of one split with their names, and the groups of the table, or of a pattern."""
    names, groups = np.array([below(path.parent, entry.file) for entry in entries]), images.groups
    if request.group_pattern is None and any(entry.row.group for entry in entries):
        alone = names.tolist()  # an image of nobody in particular is a group of its own
        groups = np.array([entry.row.group or name for entry, name in zip(entries, alone, strict=True)])
    return grouped(replace(images, groups=groups, names=names), request.group_pattern)


def _entries(
    path: Path, content: Table, request: DatasetRequest, left_out: LeftOut
) -> tuple[list[_Entry], tuple[str, ...]]:
    """Rows with their files, each file once, and notes on what else there is."""
    rows = [row for row in content.rows if row.label]
    notes = []
    if unlabelled := len(content.rows) - len(rows):
        notes.append(f"left out, without a label: {unlabelled} of {len(content.rows)} rows")
    files = _files(path, rows, request, left_out)
    first: dict[Path, Row] = {}
    for row, file in zip(rows, files, strict=True):
        known = first.setdefault(file, row)
        for what in ("label", "split", "group"):
            one, other = getattr(known, what), getattr(row, what)
            if one != other:
                raise DatasetError(
                    f"{path}: {row.image!r} has the {what} {one!r} in line {known.line}, "
                    f"and {other!r} in line {row.line}.{_remedy(what, known, row)}"
                )
    if repeated := len(rows) - len(first):
        notes.append(f"left out, named again with the same label: {repeated} of {len(content.rows)} rows")
    if "group" in content.columns and (alone := sum(not row.group for row in first.values())):
        notes.append(f"without a group, each taken as one of its own: {alone} of {len(first)} images")
    return [_Entry(row, file) for file, row in first.items()], tuple(notes)


def _remedy(what: str, one: Row, other: Row) -> str:
    """What to do where two rows of an image differ."""
    if what != "label":
        return " Write one row for each image."
    if len(one.labels) > 1:
        return " Write one row for each image, with a 1 for every label that it has."
    return (
        f" Write one row for each image: with the label that most say, or {one.label}|{other.label} where it has both."
    )


def _files(path: Path, rows: Sequence[Row], request: DatasetRequest, left_out: LeftOut) -> list[Path]:
    """The file of each row; raise DatasetError for those that are not there, or of which there are several."""
    there = images_below(path.parent, LeftOut(path.parent))  # what else lies there is no image, and none was named
    known: dict[str, list[Path]] = {}
    for file in there:
        parts = file.relative_to(path.parent).parts
        for begin in range(len(parts)):
            name = "/".join(parts[begin:])
            known.setdefault(name, []).append(file)
            known.setdefault(name.removesuffix(file.suffix), []).append(file)
    roots = [path.parent, *([request.data_dir.expanduser()] if request.data_dir is not None else [])]
    found = [_file(path, row, roots, known) for row in rows]
    if there and not any(found):
        found = _elsewhere(path, rows, known, left_out)
    if missing := [row for row, file in zip(rows, found, strict=True) if file is None]:
        named = ", ".join(f"{row.image!r} in line {row.line}" for row in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise DatasetError(
            f"{path}: {len(missing)} of {len(rows)} images are not there: {named}{more}; looked for below {roots[0]}, "
            f"where {len(there)} image files are.{_nearest_file(path, missing[0], there)}"
        )
    files = list(_in_one_spelling(there, [file for file in found if file is not None]))
    used = set(files)
    for file in there:
        if file not in used:
            left_out.add("not named in the table", file)
    return files


def _in_one_spelling(there: Sequence[Path], found: Sequence[Path]) -> Iterator[Path]:
    """Files as they are called where they lie, or else where they are found first: a/../b.png is b.png."""
    known = {os.path.normpath(file.absolute()): file for file in there}
    for file in found:
        same = known.setdefault(os.path.normpath(file.absolute()), file)
        yield same if same == file or same.samefile(file) else file  # .. of a link leads elsewhere


def _elsewhere(
    path: Path, rows: Sequence[Row], known: Mapping[str, list[Path]], left_out: LeftOut
) -> list[Path | None]:
    """Files of rows whose paths begin with the same folders that are not here, as in a table of another machine.

    A folder has to be left, unless that of the table was named, and no split is dropped but the one that the table
    lies in: test/0.png is not the 0.png of train.
    """
    names = [row.image.replace("\\", "/") for row in rows]
    own = path.resolve().parent.name
    dropped: list[str] = []
    while all("/" in name for name in names) and len({name.partition("/")[0] for name in names}) == 1:
        dropped.append(names[0].partition("/")[0])
        if split_named(dropped[-1]) and dropped[-1] != own:
            break
        names = [name.partition("/")[2] for name in names]
        found = [_file(path, replace(row, image=name), [], known) for row, name in zip(rows, names, strict=True)]
        if any(found) and ("/" in names[0] or dropped[-1] == own):
            left_out.add("folders with which all paths of the table begin", path.parent / "/".join(dropped).lstrip("/"))
            return found
    return [None] * len(rows)


def _nearest_file(path: Path, row: Row, there: Sequence[Path]) -> str:
    """A file that may be meant: of that name elsewhere, in another case, with another ending or with zeros before."""
    wanted = row.image.replace("\\", "/").rpartition("/")[2]
    stem = Path(wanted).stem.lower().lstrip("0")
    alike = [file for file in there if file.stem.lower().lstrip("0") == stem]
    if not alike:
        return ""
    exact = [file for file in alike if file.name == wanted]
    found = below(path.parent, (exact or alike)[0])
    return f" There is {found}: write the images so, or as they are called without ending."


def _file(path: Path, row: Row, roots: Sequence[Path], known: Mapping[str, list[Path]]) -> Path | None:
    """The file of a row: where it says, or one that ends so; None: there is none."""
    name = row.image.replace("\\", "/")
    for root in roots:
        if name and (root / name).is_file():
            return root / name
    candidates = known.get(name.removeprefix("./").strip("/"), [])
    if len(candidates) > 1:
        raise DatasetError(
            f"{path}: {row.image!r} in line {row.line} may be {below(path.parent, candidates[0])} or "
            f"{below(path.parent, candidates[1])}; the table has to say which, with the folder."
        )
    return candidates[0] if candidates else None


def _by_split(path: Path, entries: Sequence[_Entry], least: int) -> dict[Split, list[_Entry]]:
    """Rows by split, training first; all are training where the table does not say, or where one class will do and
    none is to be trained on.
    """
    if not any(entry.row.split for entry in entries):
        return {"train": list(entries)}
    splits: dict[Split, list[_Entry]] = {"train": [], "validation": [], "test": []}
    for entry in entries:
        split = split_named(entry.row.split)
        if split is None:
            raise DatasetError(
                f"{path}: line {entry.row.line} has the split {entry.row.split!r}; write train, validation or test."
            )
        splits[split].append(entry)
    if not splits["train"]:
        if least == 1:
            return {"train": list(entries)}
        raise DatasetError(f"{path} has no images to train on: no row has the split train.")
    return {split: part for split, part in splits.items() if part}
