"""Images without labels are held against those of the training; what no network can be put to is left out and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep_files import SOFT_TISSUE, write_dicom
from PIL import Image
from test_kinds import SCALED, picture, trained_on

from hptui.datasets._image_header import ImageForm
from hptui.datasets._shifts import Brightness
from hptui.datasets._unlabelled import UnlabelledImages, each_once
from hptui.record.intensity import Intensity


def unlabelled(paths: list[Path], lines: list[str], **form: Any) -> UnlabelledImages:
    """Images for a network of grey images of 8 pixels, or of those of a form, of whose training nothing is known."""
    known = {name: form.pop(name) for name in ("trained_on", "brightness") if name in form}
    wanted = ImageForm(**{"depth": "uint8", "channels": 1, "height": 8, "width": 8, **form})
    return UnlabelledImages(paths, wanted, Intensity("minmax", 0.0, 65535.0, wanted.depth), lines.append, **known)


def count(images: UnlabelledImages) -> int:
    """How many of them can be put to the network."""
    return sum(len(batch.names) for batch in images.batches())


def refused(path: Path, **form: Any) -> str:
    """Why a file is left out."""
    lines: list[str] = []
    assert count(unlabelled([path], lines, **form)) == 0
    return lines[0]


@pytest.mark.parametrize("suffix", ["png", "npz"])
def test_predictions_of_other_files_say_so_after_them(tmp_path: Path, suffix: str) -> None:
    """Once, however many there are; arrays have no file that says anything."""
    if suffix == "png":
        paths = [picture(tmp_path / f"{index}.png", "RGB") for index in range(3)]
    else:
        paths = [tmp_path / "x.npz"]
        np.savez(paths[0], images=np.zeros((3, 8, 8), np.uint8))
    lines: list[str] = []
    assert count(unlabelled(paths, lines)) == 3
    expected = "3 of 3 image files are in colour, and the network was trained on grey images: they were made grey."
    assert lines == ([expected] if suffix == "png" else [])


def test_an_archive_without_images_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((0, 8, 8), np.uint8))
    assert refused(tmp_path / "x.npz").endswith("x.npz: images holds no images.")


def test_values_in_units_are_refused_by_a_network_of_other_files(tmp_path: Path) -> None:
    """Those below zero would be cut off, and all others be shifted."""
    scan = write_dicom(tmp_path / "ct.dcm", SOFT_TISSUE, RescaleSlope="1", RescaleIntercept="-1024", BitsStored=12)
    deep = tmp_path / "deep.png"
    Image.fromarray(SOFT_TISSUE).save(deep)
    assert "pixels of signed 16 bits, the network was trained on 16 bits" in refused(
        scan, depth="uint16", trained_on=trained_on(deep)
    )
    lines: list[str] = []
    known = trained_on(write_dicom(tmp_path / "other.dcm", SOFT_TISSUE, **SCALED))
    assert count(unlabelled([scan], lines, depth="uint16", trained_on=known)) == 1


def test_a_network_of_windows_takes_no_file_without_one(tmp_path: Path) -> None:
    deep = tmp_path / "deep.png"
    Image.fromarray(SOFT_TISSUE).save(deep)
    assert "is no DICOM file, so it has no window of its own" in refused(deep, depth="uint16", own_window=True)


def test_a_network_of_all_pages_takes_no_other_channels(tmp_path: Path) -> None:
    pages, colour, grey = tmp_path / "pages.tif", picture(tmp_path / "c.png", "RGB"), picture(tmp_path / "g.png", "L")
    Image.new("L", (8, 8)).save(pages, save_all=True, append_images=[Image.new("L", (8, 8))] * 2)
    form = {"channels": 3, "pages": "all", "trained_on": trained_on(pages)}
    assert "c.png has 1 page of colour; the network was trained on all pages of files with 3 pages of grey" in refused(
        colour, **form
    )
    assert "g.png has 1 page of grey;" in refused(grey, **form)
    assert count(unlabelled([pages], [], **form)) == 1


def test_other_intensities_than_in_training_are_told_of_many_images(tmp_path: Path) -> None:
    for images, told_of in ((12, True), (9, False)):
        np.savez(tmp_path / "x.npz", images=np.full((images, 8, 8), 9, np.uint8))
        lines: list[str] = []
        assert count(unlabelled([tmp_path / "x.npz"], lines, brightness=Brightness(120.0, 40.0))) == images
        assert [line.startswith("intensities are other ones than in training: mean 9") for line in lines] == [
            True
        ] * told_of
    pixels = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    brightness = Brightness(float(pixels.mean()), float(pixels.std()))
    brightness.add(pixels)
    assert list(brightness.notes()) == []


def test_a_file_that_is_named_twice_counts_once_in_its_group(tmp_path: Path) -> None:
    path, lines = picture(tmp_path / "p1_a.png", "L"), []  # type: ignore[var-annotated]
    assert each_once([path, tmp_path / "." / "p1_a.png"], lines.append) == [path]
    assert lines == ["named more than once, and taken once: 1 of 2 files."]
