"""CSV that a spreadsheet reads as what it is: numbers, and text, which is never computed."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from fabricate import two_class_study

import hptui
from hptui.export import export
from hptui.export.csv_lines import csv_lines
from hptui.reading.studies import follow


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "=cmd|' /C calc'!A0",
        "-",
        "+",
        "\uff1d1+1",
        "-1e",
        "--1",
    ],
)
def test_text_that_would_be_computed_gets_an_apostrophe(text: str) -> None:
    (line,) = csv_lines([[text, "after"]])
    assert next(csv.reader(io.StringIO(line, newline=""))) == [f"'{text}", "after"]


@pytest.mark.parametrize(
    "text", ["-1", "+1", "-0.5", "+1e-05", "1.", "a=1", "a-b", "'=1", "", "\u6f22", "x\n=1", "p(=1)"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    (line,) = csv_lines([[text, "after"]])
    assert next(csv.reader(io.StringIO(line, newline=""))) == [text, "after"]


def test_numbers_stay_numbers() -> None:
    (line,) = csv_lines([[-0.1, -3, 1e-20, True, None, math.nan, -math.inf]])
    assert line == "-0.1,-3,1e-20,true,,,\r\n"


def test_no_table_of_an_export_has_a_formula(tmp_path: Path) -> None:
    two_class_study(tmp_path / "=1+1", class_names=["=HYPERLINK(1)", "@b"])
    written = export(follow(tmp_path / "=1+1"), tmp_path / "to", ["csv"])
    texts = [path.read_bytes().decode() for path in written]
    cells = [cell for text in texts for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert {"'=HYPERLINK(1)", "'@b", "'=1+1"} <= set(cells)
    numbers = [cell for cell in cells if cell.startswith("-")]
    assert [float(cell) for cell in numbers]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]


def test_there_is_one_writer_of_tables() -> None:
    folder = Path(hptui.__file__).parent
    assert [path.name for path in folder.rglob("*.py") if "csv.writer" in path.read_text("utf-8")] == ["csv_lines.py"]
