"""The panel of what is trained on: counts, notes, and a way to see all of them in a small terminal."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fabricate import make_study
from rich.cells import cell_len
from textual.binding import Binding
from textual.pilot import Pilot

from hptui.reading.studies import follow
from hptui.record.data_summary import DataSummary, SplitSummary
from hptui.record.intensity import Intensity
from hptui.record.study_directory import Study
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.data_lines import data_lines
from hptui.ui.panels.data import DataPanel

from .panel_host import make_scene, piloted, screen

SPLITS = {"train": SplitSummary([1200, 3], 40), "validation": SplitSummary([10, 0], 5), "test": SplitSummary([7, 1])}
NOTES = ["left out, hidden: 3 (.a, .b, .c)", "image files of 20 x 30 pixels were stretched to squares"]
FILES = "1,221 of 512 x 512 pixels, 16 bits, grey; brought to 64 x 64"
SUMMARY = DataSummary(
    "scans", ["healthy", "ill"], SPLITS, 1, 64, 64, "uint16", 3, 4095, 900, 80, 4000, 2, 1, NOTES, FILES
)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return msgspec.structs.replace(
        make_study(tmp_path / "s"), data=SUMMARY, intensity=Intensity("minmax", 3, 4095, "uint16")
    )


def text(study: Study, width: int = 100, **palette: bool) -> list[str]:
    return [line.plain for line in data_lines(study, width, Palette(**palette))]


def test_all_that_was_read_is_told(study: Study) -> None:
    lines = text(study)
    assert lines[0].startswith("data scans: 1,221 images of 64 x 64, grey, uint16, intensities 3 to 4095 (mean 900")
    assert "Intensities 3 to 4095 become black to white (minmax)." in lines
    assert f"image files: {FILES}." in lines
    rows = [line.split() for line in lines]
    assert ["class", "train", "validation", "test", "train"] in rows
    assert ["healthy", "1,200", "10", "7", "■" * 30] in rows
    assert ["ill", "3", "0", "1", "■"] in rows  # one that has an image has a bar
    assert ["all", "1,203", "10", "8"] in rows
    assert ["groups", "40", "5", "-"] in rows
    assert lines[-3:] == [f"- {note}" for note in NOTES] + [
        "- 2 training images equal another one, 1 of them of another class"
    ]


@pytest.mark.parametrize("width", [100, 50, 30, 12, 1])
def test_no_line_is_wider_than_the_panel(study: Study, width: int) -> None:
    strange = msgspec.structs.replace(SUMMARY, class_names=["a\x1b[2Jclass with a very long name, and more", "ü"])
    lines = text(msgspec.structs.replace(study, data=strange), width, ascii=True)
    assert max(map(len, lines)) <= width
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize("width", [100, 61, 40])
def test_names_of_two_columns_a_character_keep_the_columns_straight(study: Study, width: int) -> None:
    japanese = msgspec.structs.replace(SUMMARY, class_names=["日本", "ill"], notes=["左側の画像が三枚ありません" * 4])
    lines = text(msgspec.structs.replace(study, data=japanese), width)
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()).count("左側の画像が三枚ありません") == 4
    counted = [(line, count) for line in lines for count in ("1,200", "1,203") if count in line]
    assert len({cell_len(line[: line.index(count)]) for line, count in counted}) == 1
    assert len(counted) >= 2


def test_what_an_older_study_and_a_plain_one_say(study: Study) -> None:
    old = text(msgspec.structs.replace(study, data=None))
    assert old == ["The hptui that began this study did not record what it read; hptui data DATASET tells it."]
    plain = msgspec.structs.replace(SUMMARY, notes=[], repeated=0, contradictory=0)
    assert text(msgspec.structs.replace(study, data=plain))[-1] == "Nothing was left out, and nothing else noticed."


def test_keys_scroll_as_far_as_there_are_lines(study: Study) -> None:
    panel = DataPanel()
    followed = follow(study.directory)
    many = msgspec.structs.replace(SUMMARY, notes=[f"note {number}" for number in range(40)])
    followed.study = msgspec.structs.replace(study, data=many)

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(followed, "baseline-0"))
        await pilot.pause()
        assert screen(panel)[1].startswith("│data scans") or "data scans" in screen(panel)[1]
        keys = [binding.key for binding in Binding.make_bindings(DataPanel.BINDINGS)]
        assert sorted(keys) == ["down", "j", "k", "pagedown", "pageup", "up"]
        await pilot.press("k", "up", "down", "j")
        assert panel.first == 2
        await pilot.press("k", "pagedown", "pagedown", "pagedown", "pagedown", "pagedown")
        assert "- 2 training images equal another one" in "".join(screen(panel))
        last = panel.first
        await pilot.press("pageup")
        assert panel.first == last - (panel.size.height - 1)

    piloted(panel, script)
