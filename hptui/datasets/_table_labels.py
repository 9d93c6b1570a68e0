"""Labels of a table: one class a row, a list of labels (`Edema|Effusion` or `['Edema', 'Effusion']`), or several
columns of 0 and 1.

Several columns are classes where every row has exactly one 1 (one-hot), else labels of which an image may have several.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hptui.datasets import Labels
from hptui.datasets._classes import in_order
from hptui.datasets._table_columns import Row
from hptui.errors import DatasetError

_BETWEEN = "|"
_NAMED = 5
"""columns in a line"""
_DOUBTED = 0.1
"""of all images: the most that may have several labels, or none, where classes may be meant"""
_NONE = {"no finding", "no findings", "none"}
"""words of a list that stand for no label at all (NIH ChestX-ray14 has the first)"""
_IN_BRACKETS = re.compile(r"\[(.*)\]", re.DOTALL)
"""a list as Python, NumPy and JSON write it"""
_ITEM = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s,'"][^,]*)""")
_PRESENCE = {"0": 0, "0.0": 0, "0,0": 0, "false": 0, "no": 0, "1": 1, "1.0": 1, "1,0": 1, "true": 1, "yes": 1}
_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}")
"""a number as much of Europe writes it, where all are written so"""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+|inf)(e[+-]?[0-9]+)?", re.IGNORECASE)
"""what people call a number: 1_0, which Python takes for 10, is a word"""
_VECTOR = re.compile(r"[\[({]?\s*[01](\.0*)?([\s,;|]+[01](\.0*)?)+[\s,;|]*[\])}]?")
"""several of 0 and 1 in a cell"""


@dataclass(frozen=True)
class TableLabels:
    """What the labels of a table are called, and how those of a row become numbers."""

    names: tuple[str, ...]
    of: Callable[[Sequence[Row]], Labels]
    """(n,) classes of n rows, or (n, labels) of 0 and 1"""
    notes: tuple[str, ...] = ()


def read_labels(path: Path, columns: Sequence[str], rows: Sequence[Row], least: int = 2) -> TableLabels:
    """Look at the labels of all rows, none of which is without; of classes there have to be at least so many.

    Raises:
        DatasetError: a column holds what is no label, or the rows do not differ.
    """
    if len(columns) > 1:
        return _several_columns(path, columns, rows)
    _refuse_vectors(path, columns[0], rows)
    if rows and all(_IN_BRACKETS.fullmatch(row.label) for row in rows):
        return _bracketed(path, columns[0], rows, least)
    if any(_BETWEEN in row.label for row in rows):
        return _lists(path, columns[0], rows)
    if rows and all(_COMMA.fullmatch(row.label) for row in rows):
        plain = read_labels(path, columns, [_with_point(row) for row in rows], least)
        return replace(plain, of=lambda some: plain.of([_with_point(row) for row in some]))
    classes = _class_names(path, columns[0], [row.label for row in rows], least)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(classes.values()))}
    return TableLabels(
        tuple(numbers),
        lambda some: np.array([numbers[classes[row.label]] for row in some], np.int64),
        (*_joined_note(tuple(numbers)), *_two_words_note(columns[0], tuple(numbers))),
    )


def _refuse_vectors(path: Path, column: str, rows: Sequence[Row]) -> None:
    """Refuse cells that hold a 0 or 1 for each label in its place: of a list of labels, the order says nothing."""
    if not rows or not all(_VECTOR.fullmatch(row.label) for row in rows):
        return
    lengths = {len(re.findall(r"[01](?:\.0*)?", row.label)) for row in rows}
    if len(lengths) == 1 and not all(_COMMA.fullmatch(row.label) for row in rows):
        raise DatasetError(
            f"{path}: column {column!r} holds {lengths.pop()} of 0 and 1 in each cell ({rows[0].label!r} in line "
            f"{rows[0].line}), which do not say what they are: write a column of 0 and 1 for each label, and name "
            f"them with --column label=NAME,NAME; or the names of the labels with {_BETWEEN} between."
        )


def _with_point(row: Row) -> Row:
    return replace(row, labels=(row.label.replace(",", "."),))


def _two_words_note(column: str, names: Sequence[str]) -> Iterator[str]:
    """A line where there are more words for yes or no than these two: 1 and TRUE, no and FALSE."""
    if len(names) > 2 and all(name.lower() in _PRESENCE for name in names):
        yield (
            f"{', '.join(map(repr, names))} of column {column!r} are taken as {len(names)} classes: where several of "
            "them say the same (yes, or no), write them alike"
        )


def _joined_note(names: Sequence[str]) -> Iterator[str]:
    """A line where a class is made of another and more, with another sign between than that of lists."""
    for name in names:
        parts = [part.strip() for part in re.split(r"[,;/+&]", name)]
        beside = [part for part in parts if part in names]
        if len(parts) > 1 and beside:
            yield (
                f"{name!r} is taken as a class of its own, beside {' and '.join(map(repr, beside))}: where an image "
                f"may have several labels, write {_BETWEEN.join(parts)}"
            )
            return


def _several_columns(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> TableLabels:
    """A class for each column, or a label, which an image has where the cell says 1."""
    blank = 0
    for row in rows:
        for column, cell in zip(columns, row.labels, strict=True):
            blank += not cell
            if cell and cell.lower() not in _PRESENCE:
                raise DatasetError(
                    f"{path}: line {row.line} has {cell!r} in column {column!r}, which is neither 0 nor 1; where each "
                    "column is a label, write 1 for an image that has it and 0 for one that has not (decide what an "
                    "uncertain one is)."
                )
    told = f"empty cells in the columns of labels, taken for 0: {blank:,} of {len(rows) * len(columns):,}"
    notes = (told,) if blank else ()
    present = _present(rows)
    if len(present) and (present.sum(1) == 1).all():
        if (present.sum(0) > 0).sum() < 2:
            raise DatasetError(
                f"{path}: every image has a 1 in column {columns[int(present[0].argmax())]!r} and in no other; there "
                "must be at least two classes."
            )
        one = f"every image has exactly one 1 in {_enumerated(columns)}: these are classes"
        return TableLabels(tuple(columns), lambda some: _present(some).argmax(1), (one, *notes))
    return TableLabels(tuple(columns), _present, (*_several_note(columns, present), *notes))


def _present(rows: Sequence[Row]) -> Labels:
    """(n, labels) of 0 and 1."""
    return np.array([[_PRESENCE.get(cell.lower(), 0) for cell in row.labels] for row in rows], np.int64)


def _several_note(columns: Sequence[str], present: Labels) -> tuple[str, ...]:
    """Note that columns are labels and no classes, where that can be doubted: no image has several, or few have."""
    counts = present.sum(1)
    without, several = int((counts == 0).sum()), int((counts > 1).sum())
    if not len(present) or several > _DOUBTED * len(present):
        return ()
    if not several:
        return (
            f"no image has several of {_enumerated(columns)}, and {without:,} of {len(present):,} have none: they are "
            "taken as labels, not as classes (for classes, give those a column of their own)",
        )
    if without + several > _DOUBTED * len(present):
        return ()
    lacking = f", {without:,} none" if without else ""
    return (
        f"{several:,} of {len(present):,} images have several of {_enumerated(columns)}{lacking}, and the others "
        "exactly one: they are taken as labels; if they are classes, mend those rows",
    )


def _enumerated(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if names[_NAMED:] else "")


def _bracketed(path: Path, column: str, rows: Sequence[Row], least: int) -> TableLabels:
    """Lists in brackets: labels, or classes where each row has exactly one."""
    plain = [_without_brackets(row) for row in rows]
    if all(len(_words(row)) == 1 for row in plain):
        found = read_labels(path, (column,), plain, least)
    else:
        found = _lists(path, column, plain, "in brackets")
    return replace(found, of=lambda some: found.of([_without_brackets(row) for row in some]))


def _without_brackets(row: Row) -> Row:
    """A row whose list in brackets has become one with bars between."""
    inside = _IN_BRACKETS.fullmatch(row.label)
    items = ("".join(item).strip() for item in _ITEM.findall(inside[1])) if inside else ()
    return replace(row, labels=(_BETWEEN.join(filter(None, items)),))


def _lists(path: Path, column: str, rows: Sequence[Row], form: str = f"with {_BETWEEN} between") -> TableLabels:
    """A label for each word that occurs between the bars."""
    words = {word for row in rows for word in _words(row)}
    names = tuple(sorted(word for word in words if word.lower() not in _NONE))
    for row in rows:
        if len(found := _words(row)) > 1 and (nothing := [word for word in found if word.lower() in _NONE]):
            raise DatasetError(
                f"{path}: line {row.line} has {row.label!r} in column {column!r}: {nothing[0]!r} and a label."
            )
    if len(names) < 2:
        raise DatasetError(f"{path}: column {column!r} has lists of the one label {names[0]!r}; write 0 and 1 instead.")
    place = {name: index for index, name in enumerate(names)}

    def of(some: Sequence[Row]) -> Labels:
        labels = np.zeros((len(some), len(names)), np.int64)
        for index, row in enumerate(some):
            labels[index, [place[word] for word in _words(row) if word in place]] = 1
        return labels

    note = f"{column} holds lists {form}: an image may have several of {len(names)} labels, or none"
    return TableLabels(names, of, (note,))


def _words(row: Row) -> list[str]:
    return [word for part in row.label.split(_BETWEEN) if (word := part.strip())]


def _class_names(path: Path, column: str, labels: Sequence[str], least: int) -> dict[str, str]:
    """Name of the class by what stands in the table: numbers in their order (2.0 is 2), other words in theirs.

    Raises:
        DatasetError: the column holds fractions, fewer than `least` classes, or so many different words that they are
            no classes.
    """
    words = in_order(set(labels))
    if not all(map(_NUMBER.fullmatch, words)):
        names = {word: word for word in words}
    else:
        numbers = {word: _number(word) for word in words}
        if broken := [
            word for word, number in numbers.items() if not (math.isfinite(number) and number == int(number))
        ]:
            raise DatasetError(f"{path}: column {column!r} holds {broken[0]!r}, which is no class.")
        names = {word: str(int(numbers[word])) for word in sorted(words, key=numbers.__getitem__)}
    count = len(set(names.values()))
    if count < least:
        what = f"only {words[0]!r}" if words else "no label"
        raise DatasetError(f"{path}: column {column!r} has {what}; there must be at least two classes.")
    if count > max(2, len(labels) // 2):
        raise DatasetError(
            f"{path}: column {column!r} has {count} different words for {len(labels)} images, which are no classes; "
            "name the label's with --column label=NAME."
        )
    return names


def _number(word: str) -> float:
    """A number as it is written; long ones of digits alone, such as codes of terms, are more than a float can tell."""
    return int(word) if re.fullmatch(r"[+-]?[0-9]{1,99}", word) else float(word)
