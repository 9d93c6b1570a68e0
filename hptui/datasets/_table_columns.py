"""A table of labels: its rows, and which column is the image, the label, the split and the group."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hptui.datasets._split_names import split_named, without_signs
from hptui.datasets._table_text import Line, read_lines, refuse_surplus
from hptui.errors import DatasetError, nearest

Role = Literal["image", "label", "split", "group"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"}
"""of what is in a first line that names no columns"""
_MARKS = {"0", "1", "0.0", "1.0"}
_IS_TEST, _IS_VALIDATION = {"istest"}, {"isvalid", "isval", "isvalidation"}
_MAY_MARK = {"istrain", "istraining", "train", "training", "val", "valid", "validation", "test", "testing"}
_MAY_MARK |= _IS_TEST | _IS_VALIDATION
"""what may say of each image whether it is for a split"""
_YES, _NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}
"""in lower case, where a column says of each image whether it is for a split"""
_NOTHING = {"nan", "n/a", "#n/a", "<na>", "null", ".", "-"}
_NOTHING |= {"#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!"}
"""what programs write, in lower case, where nothing is known; NA, none and unknown may be classes"""
_NOBODY = {"na", "none", "unknown", "?"}
"""what else says that nothing is known, where patients are told"""

# Names of columns as data sets have them, without signs between words. Where two sets are given, the second counts
# only if nothing of the first is there: a path tells more than an identity, a patient more than one of their cases.
_FILES = {"image", "images", "img", "file", "filename", "filepath", "path", "imagepath", "imgpath", "imagefile"}
_FILES |= {"imagefilename", "imagefilepath", "imgfile", "imagename", "imgname", "imageindex", "relativepath"}
_IDENTITIES = {"imageid", "imgid", "idcode", "id", "uid", "name", "sopinstanceuid", "dicomid", "isicid"}
_LABELS = {"label", "labels", "class", "classname", "classid", "target", "y", "diagnosis", "dx", "grade", "category"}
_LABELS |= {"finding", "findings", "findinglabels", "findinglabel", "level", "severity", "groundtruth"}
_PATIENTS = {"patient", "patientid", "patients", "subject", "subjectid", "subjects", "person", "personid", "mrn", "pid"}
_CASES = {"group", "groups", "groupid", "case", "caseid", "study", "studyid", "exam", "examid", "lesionid", "slideid"}
_USUAL: Mapping[Role, tuple[set[str], ...]] = {
    "image": (_FILES, _IDENTITIES),
    "label": (_LABELS,),
    "split": (
        {"split", "set", "subset", "partition", "phase", "fold", "datasplit", "usage"},
        _IS_TEST,
        _IS_VALIDATION,
    ),
    "group": (_PATIENTS, _CASES),
}


@dataclass(frozen=True)
class Row:
    """What a line says of one image; empty where it says nothing."""

    line: int
    """in the file, counted from 1"""
    image: str
    labels: tuple[str, ...]
    """a cell for each column of labels, most often one"""
    split: str
    group: str

    @property
    def label(self) -> str:
        """What it says of the image's labels, as it can be told; empty if that is nothing."""
        return ", ".join(self.labels) if any(self.labels) else ""


@dataclass(frozen=True)
class Table:
    """Rows, and the columns that they come from."""

    rows: tuple[Row, ...]
    columns: Mapping[Role, str]
    label_columns: tuple[str, ...]
    """several where each is a label that an image has (1) or has not (0)"""
    notes: tuple[str, ...]
    """which column was taken for what, and which may be meant for a split and was not"""


def read_table(path: Path, named: Mapping[str, str], run: Mapping[str, str] | None = None) -> Table:
    """Read a table with a line of names, and commas, semicolons, tabs or bars between the columns.

    Args:
        path: of the table.
        named: columns that the user named, by role; the others are guessed.
        run: columns of the table of a run, which are taken as if they were named where this table has them.

    Raises:
        DatasetError: it cannot be read, it is not clear which column is what, or a line has more cells than there are
            columns.
    """
    lines = read_lines(path)
    if len(lines) < 2:
        raise DatasetError(f"{path} needs a line with the names of its columns, and a line for each image.")
    header = [cell.strip() for cell in lines[0][1]]
    named, as_run = _with_those_of_run(header, named, run or {})
    columns: dict[Role, str] = {}
    for role in _USUAL:
        if (column := _column(path, header, role, named.get(role), lines)) is not None:
            columns[role] = column
    refuse_surplus(path, lines)
    label_columns = _label_columns(header, columns["label"])
    image, split, group = (_values(lines, columns.get(role), role) for role in ("image", "split", "group"))
    labels = zip(*(_values(lines, column, "label") for column in label_columns), strict=True)
    numbers = (line for line, _ in lines[1:])
    rows = tuple(map(Row, numbers, image, labels, split, group))
    rows = _with_whole_groups(rows)
    rows, marked = _with_marked_split(rows, columns.get("split", ""))
    ignored = ""
    if "split" in columns and "split" not in named and not all(split_named(row.split) for row in rows):
        _refuse_half_a_split(path, columns["split"], {row.split for row in rows})
        ignored = f"; {columns.pop('split')} holds other words than train, validation and test, and is no split"
        rows = tuple(replace(row, split="") for row in rows)
    what = ", ".join(f"{role} = {column}" for role, column in columns.items())
    notes = (f"columns of {path.name}: {what}{marked}{ignored}{as_run}", *_unread_marks(lines, columns, label_columns))
    return Table(rows, columns, label_columns, notes)


def _with_marked_split(rows: tuple[Row, ...], column: str) -> tuple[tuple[Row, ...], str]:
    """Rows in which what a column marks is test, or validation, and all else training; and words on that."""
    name = without_signs(column)
    if name not in _IS_TEST | _IS_VALIDATION or not all(row.split.lower() in _YES | _NO for row in rows):
        return rows, ""
    split = "test" if name in _IS_TEST else "validation"
    marked = tuple(replace(row, split=split if row.split.lower() in _YES else "train") for row in rows)
    return marked, f"; what {column} marks is {split}, and all else training"


def _unread_marks(lines: Sequence[Line], columns: Mapping[Role, str], labels: Sequence[str]) -> Iterator[str]:
    """A note on columns of yes and no that may be meant for a split, where no column says all that of each image."""
    split = columns.get("split", "")
    if split and without_signs(split) not in _MAY_MARK:
        return
    unread = []
    for name in dict.fromkeys(cell.strip() for cell in lines[0][1]):
        if without_signs(name) in _MAY_MARK and name not in (*columns.values(), *labels):
            found = {value.lower() for value in _values(lines, name, "split")} - {""}
            if found & _YES and found & _NO and found <= _YES | _NO:
                unread.append(name)
    if unread:
        kept = "" if split else "; else images for the test may be trained on"
        yield (
            f"not read: {', '.join(unread)}. Where that says which images are for training, validation or test, write "
            f"train, validation or test in one column, split{kept}"
        )


def _with_whole_groups(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows in which a group 7.0 is 7, if all are numbers: what a program made of them where some cells are empty."""
    numbers = [re.fullmatch(r"([0-9]+)(?:\.0+)?", row.group) for row in rows]
    if not all(number or not row.group for number, row in zip(numbers, rows, strict=True)):
        return rows
    return tuple(replace(row, group=number[1] if number else "") for number, row in zip(numbers, rows, strict=True))


def _with_those_of_run(
    header: list[str], named: Mapping[str, str], run: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Columns that are named here, or else by the run where they are there, and words on the latter."""
    offered = {role: column for role, column in run.items() if role not in named}
    fitting = {
        role: column
        for role, column in offered.items()
        if all(header.count(name) == 1 for name in (_label_columns(header, column) if role == "label" else (column,)))
    }
    lacking = [f"{role} = {column}" for role, column in offered.items() if role not in fitting]
    words = f"; {', '.join(fitting)} as in the run's table" if fitting else ""
    words += f"; there is no {', '.join(lacking)} as in the run's" if lacking else ""
    return {**fitting, **named}, words


def _refuse_half_a_split(path: Path, column: str, words: set[str]) -> None:
    """Raise DatasetError where a column names some parts of the data, and others in words that do not say which."""
    known = sorted(word for word in words if split_named(word))
    if known and "" in words and all(split_named(word) for word in words if word):
        raise DatasetError(
            f"{path}: column {column!r} says {known[0]!r} in some lines, and nothing in others: write train, "
            "validation or test in each."
        )
    if known and (odd := sorted(word for word in words if word and not split_named(word))):
        raise DatasetError(
            f"{path}: column {column!r} holds {known[0]!r} and {odd[0]!r}, which does not say what it is for: write "
            "train, validation or test, and take out lines that are for none of them."
        )


def _values(lines: Sequence[Line], column: str | None, role: Role) -> list[str]:
    """What the lines below the first say in a column; empty where they say nothing, or there is none."""
    if column is None:
        return [""] * (len(lines) - 1)
    place = [cell.strip() for cell in lines[0][1]].index(column)
    cells = [cells[place].strip() if place < len(cells) else "" for _, cells in lines[1:]]
    nothing = _NOTHING | _NOBODY if role == "group" else _NOTHING
    if role == "label" and any(re.fullmatch(r"\++", cell) for cell in cells):
        nothing = nothing - {"-"}  # it is negative
    return ["" if cell.lower() in nothing else cell for cell in cells]


def _column(path: Path, header: list[str], role: Role, named: str | None, lines: Sequence[Line]) -> str | None:
    """Name of the column for a role; None: a table may do without it, and does."""
    there = ", ".join(map(repr, header))
    if named is not None:
        for name in _label_columns(header, named) if role == "label" else (named,):
            if header.count(name) != 1:
                found = "several columns" if name in header else "no column"
                raise DatasetError(f"{path} has {found} {name!r}.{nearest(name, header)}")
        return named
    for usual in _USUAL[role]:
        fitting = [name for name in header if without_signs(name) in usual]
        if len(fitting) > 1:
            raise DatasetError(
                f"{path}: {' and '.join(map(repr, fitting))} may both be the {role}; "
                f"say which with --column {role}=NAME."
            )
        if fitting:
            return fitting[0]
    if role in ("image", "label"):
        several = " (--column label=NAME,NAME where each is a class or a label of its own)" if role == "label" else ""
        raise DatasetError(
            f"{path}: which column is the {role}? Say it with --column {role}=NAME{several}. It has {there}."
            f"{_header_advice(header) or (_marks_advice(header, lines) if role == 'label' else '')}"
        )
    return None


def _header_advice(header: list[str]) -> str:
    """What to do where the first line names no columns."""
    if any(Path(cell).suffix.lower() in _SUFFIXES for cell in header):
        return " That is an image: write a first line with the names of the columns, such as image,label."
    if header[0].startswith(("#", "//")):
        return " That is a comment: the first line has to name the columns."
    return ""


def _marks_advice(header: list[str], lines: Sequence[Line]) -> str:
    """What to write where several columns hold nothing but 0 and 1."""
    marked = [name for name in header if (found := set(_values(lines, name, "label")) - {""}) and found <= _MARKS]
    if len(marked) < 2 or any("," in name for name in marked):
        return ""
    wish = f"label={','.join(marked)}"
    return f" Of 0 and 1 are: --column {shlex.quote(wish)}."


def _label_columns(header: list[str], named: str) -> tuple[str, ...]:
    """Columns of labels: several names with commas between, unless one column is called so."""
    if named in header:
        return (named,)
    return tuple(dict.fromkeys(name.strip() for name in named.split(",")))
