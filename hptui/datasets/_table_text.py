"""The text of a table: how it is encoded, what stands between its cells, and whether the lines have one width."""

from __future__ import annotations

import csv
import io
import re
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
_SEPARATOR = re.compile(r"sep=([,;\t|])[,;\t|]*\r?\n", re.IGNORECASE)
"""a first line that tells Excel what stands between the cells"""
_BINARY = {
    b"PK\x03\x04": "no text, maybe a workbook; save it as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook of old Excel (.xls); save it as CSV",
    b"PAR1": "a Parquet file; save it as CSV",
    b"\x1f\x8b": "compressed (gzip); unpack it",
    b"version https://git-lfs": "what Git LFS left in place of the table; get it with: git lfs pull",
}
"""what a file is by how it begins"""
_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


def read_lines(path: Path) -> list[Line]:
    """Cells of all lines that are not empty.

    Raises:
        DatasetError: the file cannot be read, or is no table.
    """
    try:
        content = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({one_line(error)}).") from error
    text = _text(path, content)
    told = _SEPARATOR.match(text)
    body, skipped = (text[told.end() :], 1) if told else (text, 0)
    try:
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=told[1] if told else _delimiter(body), strict=True)
        return [(reader.line_num + skipped, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DatasetError(f"{path} cannot be read as a table ({error}).") from error


def _text(path: Path, content: bytes) -> str:
    """The text of a file, in the encodings of spreadsheets; raise DatasetError where it is something else."""
    for begin, what in _BINARY.items():
        if content.startswith(begin):
            raise DatasetError(f"{path} is {what}.")
    if _PAGE.match(content.removeprefix(b"\xef\xbb\xbf")):
        raise DatasetError(f"{path} is a page of the web (HTML) or XML, not a table; get the table itself, as CSV.")
    try:
        return content.decode(_encoding(path, content))
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")  # of Excel on Windows


def _encoding(path: Path, content: bytes) -> str:
    """UTF-16 where a file begins so, or where zeros are every second byte of it, as in Latin words; else UTF-8."""
    if content.startswith(_WIDE):
        return "utf-16"
    if b"\0" not in content:
        return "utf-8-sig"
    even, odd = content[::2].count(0), content[1::2].count(0)
    if min(even, odd) == 0 and 8 * max(even, odd) > len(content):
        return "utf-16-be" if even else "utf-16-le"
    raise DatasetError(f"{path} is no text; save the table as CSV, in UTF-8.")


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
    where, rows = f"line {number} has", ""
    if len(long) == len(lines) - 1 and all(len(cells) == names + 1 for _, cells in lines[1:]):
        where = "every line has"
        rows = " If names of rows stand before the others, write the table without them (in R: row.names=FALSE)."
    raise DatasetError(
        f"{path}: {where} {width} cells, and the first line names {names} columns: what separates the cells has to be "
        f'in quotes within one ("Edema, left"); with decimal commas (3,5), separate the cells by ;.{rows}'
    )


def _width(cells: Sequence[str]) -> int:
    """Cells up to the last one that is not empty."""
    return max(place + 1 for place, cell in enumerate(cells) if cell.strip())
