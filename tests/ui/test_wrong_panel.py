"""The panel of the images that are most wrong: which are shown, how they are drawn, and what its keys do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fabricate import two_class_study
from textual.binding import Binding
from textual.pilot import Pilot
from waiting import click, until

from hptui.metrics.wrong import most_wrong_images
from hptui.reading.studies import FollowedStudy, follow
from hptui.reading.wrong_images import WrongImage
from hptui.reading.wrong_sheet import ShownImage
from hptui.record.predictions import read_predictions
from hptui.record.wrong_images import WrongPixels, write_wrong_images
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.image_cells import RAMP, fitted, image_cells
from hptui.ui.drawing.wrong_lines import single_lines, tile_lines, tiles
from hptui.ui.panels.wrong import WrongPanel

from .panel_host import make_scene, piloted, screen


def image(index: int, name: str = "", side: int = 28) -> ShownImage:
    wrong = WrongImage(index, name or f"#{index}", "p7" * (index == 1), "benign", "malignant", 0.98, 0.02)
    return ShownImage(wrong, np.full((1, side, side), 10 * index, np.uint8))


def text(lines: list) -> list[str]:
    return [line.text for line in lines]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 40), (1, 100, 7)])
def test_an_image_keeps_its_proportions_in_any_room(shape: tuple[int, int, int]) -> None:
    pixels = np.zeros(shape, np.uint8)
    for room in ((24, 12), (80, 20), (3, 40), (1, 1)):
        columns, rows = fitted(pixels, *room)
        assert 1 <= columns <= room[0]
        assert 1 <= rows <= room[1]
        assert columns == room[0] or rows == room[1]
    columns, rows = fitted(pixels, 400, 200)
    assert columns / (2 * rows) == pytest.approx(shape[2] / shape[1], rel=0.05)


def test_half_blocks_hold_two_pixels_each() -> None:
    pixels = np.array([[[0, 0, 50, 50], [0, 0, 50, 50], [255, 255, 7, 9], [255, 255, 7, 9]]], np.uint8)
    (line,) = image_cells(pixels, 2, 1, Palette())
    first, second = line
    assert line.text == "▀▀"
    for segment, upper, lower in ((first, 0, 255), (second, 50, 8)):
        assert segment.style is not None
        assert segment.style.color is not None
        assert segment.style.bgcolor is not None
        assert tuple(segment.style.color.triplet) == (upper,) * 3  # type: ignore[arg-type]
        assert tuple(segment.style.bgcolor.triplet) == (lower,) * 3  # type: ignore[arg-type]


def test_without_colour_signs_and_in_ascii_painted_blanks() -> None:
    ramp = np.linspace(0, 255, 40).astype(np.uint8).reshape(1, 1, 40)
    (line,) = image_cells(np.repeat(ramp, 2, axis=1), 10, 1, Palette(colour=False))
    assert line.text == RAMP
    assert not any(segment.style for segment in line)
    (painted,) = image_cells(np.repeat(ramp, 2, axis=1), 10, 1, Palette(ascii=True))
    assert painted.text == " " * 10
    assert len({segment.style.bgcolor for segment in painted if segment.style}) == 10


def test_colours_stay_colours() -> None:
    red = np.zeros((3, 4, 4), np.uint8)
    red[0] = 200
    (line,) = image_cells(red, 2, 1, Palette())
    (segment,) = line
    assert segment.style is not None
    assert segment.style.color is not None
    assert tuple(segment.style.color.triplet) == (200, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(78, 17), (158, 42), (118, 30), (20, 3), (1, 1), (300, 90)])
@pytest.mark.parametrize("count", [1, 5, 24])
def test_tiles_never_leave_their_room(size: tuple[int, int], count: int) -> None:
    images = [image(index, side=28 if count < 24 else 128) for index in range(count)]
    for draw in (tile_lines, single_lines):
        for selected in (0, count - 1):
            lines = draw(images, selected, *size, Palette())
            assert len(lines) <= size[1]
            assert max(line.cell_length for line in lines) <= size[0]


def test_what_stands_below_an_image() -> None:
    names = ("#0", "#1", "a/very/long/path/of/some/hospital/0815.png")
    images = [image(index, name) for index, name in enumerate(names)]
    lines = text(tile_lines(images, 1, 78, 17, Palette()))
    assert tiles(images, 78, 16).columns == 3
    captions = [line for line in lines if "▀" not in line and line.strip()]
    assert captions[0].split() == ["#0", "#1", "(p7)", "…/some/hospital/0815.png"]
    assert captions[1].split("  ")[0] == "is benign"
    assert captions[2].count("called malignant 98.0 %") == 3
    reverse = [s.text for line in tile_lines(images, 1, 78, 17, Palette()) for s in line if s.style and s.style.reverse]
    assert reverse == ["#1 (p7)"]


def test_names_from_files_are_no_commands() -> None:
    lines = text(tile_lines([image(0, "\x1b[2Ja\nb")], 0, 40, 12, Palette(ascii=True)))
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.fixture
def followed(tmp_path: Path) -> FollowedStudy:
    study = two_class_study(tmp_path / "s", runs=1)
    directory = study.directory / "optimized-0"
    answers = read_predictions(directory)
    assert answers is not None
    wrong = most_wrong_images(answers, 5)
    write_wrong_images(directory, WrongPixels(wrong, np.zeros((len(wrong), 1, 8, 8), np.uint8)))
    return follow(study.directory)


def test_keys_go_from_image_to_image_and_enter_shows_one(followed: FollowedStudy) -> None:
    panel = WrongPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(followed))
        await until(pilot, lambda: "called malignant" in "".join(screen(panel)))
        assert " | 1 to 3" in screen(panel)[1]
        keys = {binding.key for binding in Binding.make_bindings(WrongPanel.BINDINGS)}
        assert keys == {"left", "right", "up", "down", *"hjkl", "enter"}
        await pilot.press("h", "j", "up", "right", "left", "l", "down")
        assert panel.view.selected == 4
        assert " | 4 to 5" in screen(panel)[1]
        await pilot.press("l", "enter")
        assert "image 5 of 5" in "".join(screen(panel))
        await pilot.press("k")
        assert "image 4 of 5" in "".join(screen(panel))
        await click(pilot, panel, offset=(5, 5))
        assert not panel.view.alone
        await click(pilot, panel, offset=(30, 5))
        assert panel.view.selected == 4
        panel.show(make_scene(followed, "baseline-0"))
        await until(pilot, lambda: "kept no pictures" in " ".join("".join(screen(panel)).split()))
        await pilot.press("l", "enter")  # nothing to go to

    piloted(panel, script)
