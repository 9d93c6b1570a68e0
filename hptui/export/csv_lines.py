"""Lines of CSV: numbers with all their digits, and no text that a spreadsheet takes for a formula.

RFC 4180; numbers by `repr`; what is not there, or is not finite, is an empty field. Text that begins as a formula does
gets an apostrophe before it, by which spreadsheets know text: class names, files and notes come from outside, and
`=HYPERLINK(...)` in one of them would be computed by whoever opens the table.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator

FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""how text begins that is computed; the last four are the wide forms of the first four"""
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
"""text that stays as it is, whatever its sign: classes may be called -1 and +1"""


class _Line:
    """A file whose `write` gives back what was written, and so does the writer of rows."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Iterable[object]], end: str = "\r\n") -> Iterator[str]:
    """One line for each row, with its end, quoted where it has to be."""
    writer = csv.writer(_Line(), lineterminator=end)
    for row in rows:
        yield writer.writerow([_field(value) for value in row])


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    text = str(value)
    return f"'{text}" if FORMULA.match(text) and NUMBER.fullmatch(text) is None else text
