"""Image files of another kind than those of the training are told, by whatever they are put to its network."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from deep_files import SOFT_TISSUE, write_dicom
from PIL import Image

from hptui.datasets import DatasetRequest
from hptui.datasets._check import check
from hptui.datasets._decode import read_header
from hptui.datasets._kinds import kinds_of, other_kinds
from hptui.datasets._prepare import prepare
from hptui.datasets._summary import summarize
from hptui.datasets.folder import folder
from hptui.record.data_summary import DataSummary, FileKinds

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
