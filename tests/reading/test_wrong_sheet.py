"""The images that a run gets most wrong, from its folder alone; a run that shows none says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fabricate import make_study, run_started, two_class_study, write_run

from hptui.export import export, missing
from hptui.export.pictures import pictures
from hptui.metrics.wrong import most_wrong_images
from hptui.reading.studies import FollowedRun, follow
from hptui.reading.wrong_sheet import wrong_sheet
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from hptui.record.wrong_images import WRONG_IMAGES_FILE, WrongPixels, write_wrong_images


@pytest.fixture
def run(tmp_path: Path) -> FollowedRun:
    """A completed run that kept the five that it gets most wrong; image i has the grey i."""
    study = two_class_study(tmp_path / "s", runs=1)
    directory = study.directory / "optimized-0"
    answers = read_predictions(directory)
    assert answers is not None
    wrong = most_wrong_images(answers, 5)
    pixels = np.broadcast_to(wrong.astype(np.uint8)[:, None, None, None], (5, 1, 8, 8)).copy()
    write_wrong_images(directory, WrongPixels(wrong, pixels))
    return next(run for run in follow(study.directory).runs if run.name == "optimized-0")


def test_each_image_stands_with_its_own_picture(run: FollowedRun) -> None:
    sheet = wrong_sheet(run)
    assert [shown.pixels.max() for shown in sheet.images] == [shown.wrong.index for shown in sheet.images]
    shares = [shown.wrong.probability for shown in sheet.images]
    assert shares == sorted(shares, reverse=True)
    assert all(shown.wrong.true != shown.wrong.predicted for shown in sheet.images)
    assert sheet.why_none == ""
    assert (sheet.tested, sheet.called_otherwise > 5) == (60, True)
    assert sheet.counts == f"{sheet.called_otherwise} of 60 test images called by another class, the 5 surest"


def test_why_there_is_none(run: FollowedRun, tmp_path: Path) -> None:
    file = run.directory / WRONG_IMAGES_FILE
    kept = file.read_bytes()
    file.write_bytes(kept[:200])
    assert wrong_sheet(run).why_none == "shows none: wrong_images.npz cannot be read, or is another run's"
    assert missing(follow(run.directory.parent)) == [
        "images that are most wrong of optimized-0: wrong_images.npz cannot be read, or is another run's"
    ]
    file.unlink()
    assert wrong_sheet(run).why_none.startswith("kept no pictures of its test images (wrong_images = 0")
    write_wrong_images(run.directory, WrongPixels(np.array([999]), np.zeros((1, 1, 8, 8), np.uint8)))
    assert wrong_sheet(run).why_none == "shows none: wrong_images.npz is not of its predictions"
    (run.directory / PREDICTIONS_FILE).unlink()
    assert wrong_sheet(run).why_none == "shows none: no predictions saved by this run"
    study = make_study(tmp_path / "other")
    write_run(study, "baseline", 0, [run_started(arm="baseline")])
    assert wrong_sheet(follow(study.directory).runs[0]).why_none.startswith("is not completed")


def test_runs_that_kept_images_have_a_picture_of_them(
    run: FollowedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = follow(run.directory.parent)
    (picture,) = [one for one in pictures(study) if one.of_images]
    assert picture.name == "most-wrong-optimized-0"
    assert picture.caption.startswith("Test images that optimized-0 called by another class, the surest first: ")
    monkeypatch.setattr("hptui.export.pictures.pictures", lambda study, **how: [picture])  # to draw all takes longer
    assert export(study, tmp_path / "x") == [tmp_path / "x" / "most-wrong-optimized-0.png"]


def test_an_image_with_several_labels_counts_by_its_surest_mistake() -> None:
    labels = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    answers = np.array([[0.9, 0.6], [0.05, 0.2], [0.1, 0.4], [0.7, np.nan]], np.float32)
    assert most_wrong_images(Predictions(labels, answers), 10).tolist() == [1, 3, 0]
    assert most_wrong_images(Predictions(labels, answers), 1).tolist() == [1]
