"""The text of a table: how it is encoded, what stands between its cells, and whether the lines have one width."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hptui.datasets._request import one_line
from hptui.errors import DatasetError
from hptui.opening import read_file

Line = tuple[int, list[str]]
"""its number in the file, counted from 1, and its cells"""

_MOST_BYTES = 1 << 30
_DELIMITERS, _BAR = ",;\t", "|"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""how UTF-16 begins, of Excel's "Unicode text\""""


def read_lines(path: Path) -> list[Line]:
    """Cells of all lines that are not empty.

    Raises:
        DatasetError: the file cannot be read, or is no table.
    """
    try:
        content = read_file(path, _MOST_BYTES)
        text = content.decode("utf-16" if content.startswith(_WIDE) else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # of Excel on Windows
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({one_line(error)}).") from error
    if content.startswith(b"PK"):
        raise DatasetError(f"{path} is no text, maybe a workbook; save it as CSV.")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DatasetError(f"{path} cannot be read as a table ({error}).") from error


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    # A bar stands between the labels of an image where another sign is there.
    return _BAR if delimiter not in first and _BAR in first else delimiter


def refuse_surplus(path: Path, lines: Sequence[Line]) -> None:
    """Refuse a line with more cells than the first line has names: what is in which column is not known there.

    Raises:
        DatasetError: cells beyond the last name are not empty.
    """
    names = len(lines[0][1])
    long = [(number, width) for number, cells in lines[1:] if (width := _width(cells)) > names]
    if not long:
        return
    number, width = long[0]
    if len(long) == len(lines) - 1 and all(len(cells) == names + 1 for _, cells in lines[1:]):
        raise DatasetError(
            f"{path}: every line has {width} cells, and the first line names {names} columns: if names of rows stand "
            "before the others, write the table without them (in R: row.names=FALSE); what separates the cells has "
            "to be in quotes within one."
        )
    raise DatasetError(
        f"{path}: line {number} has {width} cells, and the first line names {names} columns: what separates the cells "
        'has to be in quotes within one ("Edema, left"); with decimal commas (3,5), separate the cells by ;.'
    )


def _width(cells: Sequence[str]) -> int:
    """Cells up to the last one that is not empty."""
    return max(place + 1 for place, cell in enumerate(cells) if cell.strip())
