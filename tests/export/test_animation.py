"""Animated GIFs of all decisions, opened with Pillow."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import make_study, write_run
from PIL import Image, ImageChops
from test_figures import axis, searched_run, searching_study

from hptui.export import export
from hptui.export.animation import DPI, HEIGHT
from hptui.reading.studies import follow

LR, DROPOUT = axis("lr", 1e-4, 1e-1, 5), axis("dropout", 0, 0.6, 4, "lin")


def frames(file: Path) -> tuple[list[Image.Image], list[int]]:
    found, milliseconds = [], []
    with Image.open(file) as picture:
        assert (picture.format, picture.info["loop"]) == ("GIF", 0)
        for index in range(picture.n_frames):
            picture.seek(index)
            found.append(picture.convert("RGB"))
            milliseconds.append(picture.info["duration"])
    return found, milliseconds


def test_a_frame_for_each_decision_all_of_one_size_on_one_scale(tmp_path: Path) -> None:
    study = searching_study(tmp_path / "study", [LR, DROPOUT], epochs=4, runs=2)
    files = export(follow(study.directory), tmp_path / "out", ("gif",))
    assert [file.name for file in files] == ["heatmaps-optimized-0.gif", "heatmaps-optimized-1.gif"]
    for file in files:
        found, milliseconds = frames(file)
        assert len(found) == 4
        assert {frame.size for frame in found} == {(round(3.5 * DPI), round(HEIGHT * DPI))}
        assert milliseconds == [600, 600, 600, 2000]
        width, height = found[0].size
        for frame in found[1:]:
            assert ImageChops.difference(frame, found[0]).getbbox() is not None
            # the colour bar with its numbers is the same in all frames
            bar = (round(0.83 * width), round(0.2 * height), width, round(0.85 * height))
            apart = ImageChops.difference(frame.crop(bar), found[0].crop(bar)).convert("L")
            assert max(apart.getextrema()) < 48  # each frame has a palette of its own


@pytest.mark.parametrize("axes", [[LR], [LR, DROPOUT]], ids=["one", "two"])
def test_nothing_measured_and_all_diverged(tmp_path: Path, axes: list[object]) -> None:
    study = make_study(tmp_path / "study", runs=2, epochs=2)
    write_run(study, "optimized", 0, searched_run(axes, 2, diverged_over=0.0))  # type: ignore[arg-type]
    write_run(study, "optimized", 1, searched_run(axes, 2, skip=100))  # type: ignore[arg-type]
    for file in export(follow(study.directory), tmp_path / "out", ("gif",)):
        assert len(frames(file)[0]) == 2


@pytest.mark.parametrize("asked", [2, 5, 8])
def test_it_stops_within_an_animation_and_leaves_nothing_of_it(tmp_path: Path, asked: int) -> None:
    """Asked once before the file, then before each of four decisions is read and each of four frames is drawn."""
    study = searching_study(tmp_path / "study", [LR], epochs=4)
    answers = iter([False] * asked + [True])
    lines: list[str] = []
    files = export(
        follow(study.directory), tmp_path / "out", ("gif",), progress=lines.append, should_stop=lambda: next(answers)
    )
    assert files == []
    assert list((tmp_path / "out").iterdir()) == []
    assert lines == ["1/1 heatmaps-optimized-0.gif", "stopped after 0 of 1 files"]
