"""Image files of another kind than those of the training are told, by whatever they are put to its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from deep_files import SOFT_TISSUE, write_dicom
from PIL import Image

from hptui.datasets import DatasetRequest
from hptui.datasets._check import check
from hptui.datasets._decode import read_header
from hptui.datasets._image_header import ImageForm
from hptui.datasets._kinds import kinds_of, other_kinds
from hptui.datasets._prepare import prepare
from hptui.datasets._shifts import Brightness
from hptui.datasets._summary import summarize
from hptui.datasets._unlabelled import UnlabelledImages, each_once
from hptui.datasets.folder import folder
from hptui.record.data_summary import DataSummary, FileKinds
from hptui.record.intensity import Intensity

SCALED = {"RescaleSlope": "1", "RescaleIntercept": "0"}


def told(path: Path, trained: FileKinds | None, channels: int = 1) -> list[str]:
    return list(other_kinds(trained, kinds_of([read_header(path)]), channels))


def trained_on(*paths: Path) -> FileKinds:
    return kinds_of(map(read_header, paths))


def picture(path: Path, mode: str) -> Path:
    Image.new(mode, (8, 8)).save(path)
    return path


def test_a_rescale_that_the_training_did_not_have_is_told_and_the_other_way_round(tmp_path: Path) -> None:
    plain = write_dicom(tmp_path / "plain.dcm", SOFT_TISSUE)
    scaled = write_dicom(tmp_path / "scaled.dcm", SOFT_TISSUE, **SCALED)
    assert told(scaled, trained_on(plain)) == [
        "1 of 1 image files is DICOM with a rescale, and those of the training had none: their values may be in "
        "another unit"
    ]
    (line,) = told(plain, trained_on(scaled))
    assert line.startswith("1 of 1 image files is DICOM without a rescale, and those of the training had one")
    for path in (plain, scaled):
        assert told(path, trained_on(plain, scaled)) == told(path, None) == []
    (line,) = told(plain, trained_on(picture(tmp_path / "x.png", "L")))
    assert line == "1 of 1 image files is DICOM, as none was in training: their values may be on another scale"


def test_another_modality_is_told(tmp_path: Path) -> None:
    head, chest = (write_dicom(tmp_path / f"{kind}.dcm", SOFT_TISSUE, Modality=kind) for kind in ("MR", "CT"))
    assert told(head, trained_on(chest)) == ["there are DICOM files of modality MR, and the network was trained on CT"]
    assert told(head, trained_on(chest, head)) == []


def test_colour_and_transparency_that_the_training_did_not_have_are_told(tmp_path: Path) -> None:
    grey, colour, clear = (picture(tmp_path / f"{mode}.png", mode) for mode in ("L", "RGB", "LA"))
    for trained in (None, trained_on(grey)):
        (line,) = told(colour, trained)
        assert line.endswith("in colour, and the network was trained on grey images: they were made grey")
    assert told(colour, trained_on(colour), 3) == told(grey, trained_on(grey, colour), 3) == []
    (line,) = told(grey, trained_on(colour), 3)
    assert line.endswith("they have three equal channels")
    (line,) = told(clear, trained_on(grey))
    assert "with an alpha channel, as none was in training" in line
    assert told(clear, trained_on(clear)) == []


def test_what_the_files_of_a_training_are_is_in_its_record(tmp_path: Path) -> None:
    for number in range(24):
        name, elements = ("well", SCALED) if number % 2 else ("ill", {})
        values = SOFT_TISSUE + np.roll(np.eye(8, dtype=np.uint16) * (7 * number), number, 1)
        write_dicom(tmp_path / name / f"{number}.dcm", values, **elements)
    dataset = check(folder(DatasetRequest(argument=str(tmp_path))))
    summary = summarize(prepare(dataset, train_size=None, validation_size=None, split_seed=0))
    assert summary.kinds == FileKinds(files=24, grey=24, square=24, scaled=12, unscaled=12, modalities=["CT"])
    assert msgspec.json.decode(msgspec.json.encode(summary), type=DataSummary) == summary


def test_other_proportions_than_in_training_are_told(tmp_path: Path) -> None:
    square, wide = picture(tmp_path / "square.png", "L"), tmp_path / "wide.png"
    Image.new("L", (24, 8)).save(wide)
    (line,) = told(wide, trained_on(square))
    assert line.startswith("1 of 1 image files is of other proportions than a square, as none was in training")
    assert told(wide, trained_on(wide)) == told(square, trained_on(wide)) == []


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
