"""What is trained on is told: by `hptui data`, at the start of a study, and in its record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from hptui import headway
from hptui.__main__ import main
from hptui.config import DATA, Layer, resolve
from hptui.errors import ConfigError
from hptui.record.data_summary import DataSummary
from hptui.record.localizing import localized
from hptui.record.study_directory import create_study, open_study

Captured = pytest.CaptureFixture[str]
FAST = (
    "--model",
    "lenet",
    "--epochs",
    "1",
    "--runs",
    "1",
    "--threads",
    "1",
    "--strategy",
    "fixed",
    "--baseline",
    "none",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with images of ten patients, their labels in a table."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows = ["file,label,patient"]
    for index in range(40):
        path = tmp_path / "images" / f"{index:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 20), dtype=np.uint8)).save(path)
        rows.append(f"{index:03}.png,{('ill', 'well')[index % 2]},p{index // 4}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def overlapping(folder: Path) -> Path:
    """Two of the test images are training images."""
    random = np.random.default_rng(1)
    for split, count in (("train", 12), ("test", 6)):
        for index in range(2 * count):
            path = folder / split / "ab"[index % 2] / f"{index:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (20, 20), dtype=np.uint8)).save(path)
    for name in "ab":
        path = next((folder / "train" / name).iterdir())
        (folder / "test" / name / "copy.png").write_bytes(path.read_bytes())
    return folder


def test_the_command_tells_all_in_a_table(capsys: Captured) -> None:
    assert main(["data", "table:labels.csv", "--image-size", "8"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    first, *rest = captured.out.splitlines()
    assert first.startswith("data labels: 40 images of 8 x 8, grey, uint8, intensities ")
    assert rest.pop(0) == "image files: 40 of 20 x 20 pixels, 8 bits, grey; brought to 8 x 8"
    assert [line.split() for line in rest[:5]] == [
        ["class", "train", "validation", "test"],
        ["ill", "14", "2", "4"],
        ["well", "14", "2", "4"],
        ["all", "28", "4", "8"],
        ["groups", "7", "1", "2"],
    ]
    assert rest[5:] == [
        "note: columns of labels.csv: image = file, label = label, group = patient",
        "note: no test images of its own: 8 of 40 images were taken from training, 2 of 10 groups (split seed 0)",
        "note: no validation images of its own: 4 of 32 images were taken from training, 1 of 8 groups (split seed 0)",
    ]


def test_json_and_a_sheet(here: Path, capsys: Captured) -> None:
    assert main(["data", "table:labels.csv", "--image-size", "8", "--json", "--sheet", "sheet.png"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["splits"]["train"] == {"images": [14, 14], "groups": 7}
    with Image.open(here / "sheet.png") as sheet:
        assert sheet.size == (1204, 2 * (24 + 2 * 100))


def test_all_settings_of_data_are_flags_and_those_of_networks_are_not(capsys: Captured) -> None:
    assert main(["data", "--help"]) == 0
    shown = capsys.readouterr().out
    for field in DATA:
        assert field == "dataset" or "--" + field.replace("_", "-") in shown, field
    assert "--epochs" not in shown


def test_flags_change_what_is_read(here: Path, capsys: Captured) -> None:
    flags = ["--column", "group=patient", "--column", "label=patient", "--column", "image=file"]
    assert main(["data", "table:labels.csv", *flags]) == 2
    assert "cannot both have images of every class" in capsys.readouterr().err
    assert main(["data", "table:labels.csv", "--test-size", "12", "--validation-size", "8", "--json"]) == 0
    splits = json.loads(capsys.readouterr().out)["splits"]
    assert [sum(splits[name]["images"]) for name in ("train", "validation", "test")] == [20, 8, 12]


def test_deep_images_are_drawn_and_told_in_their_range(here: Path, capsys: Captured) -> None:
    """Values of a scanner near 1064: in bytes all of them would be the same grey."""
    random = np.random.default_rng(3)
    for index in range(40):
        pixels = random.normal(1064, 6, (24, 24))
        pixels[8:16, 8:16] += 30 * (index % 2)
        path = here / "scans" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.round().astype(np.uint16)).save(path)
    assert main(["data", "folder:scans", "--image-size", "24", "--sheet", "sheet.png"]) == 0
    told = capsys.readouterr().out
    assert "grey, uint16, intensities 10" in told
    assert "note: intensities of the training images: 10" in told
    with Image.open(here / "sheet.png") as sheet:
        grey = np.asarray(sheet.convert("L")).astype(float)
    dark, bright = grey[24:120, 4:100], grey[248:344, 4:100]
    assert bright[40:56, 40:56].mean() - dark[40:56, 40:56].mean() > 60


def test_overlap_is_refused_and_allowed_by_a_flag(here: Path, capsys: Captured) -> None:
    overlapping(here / "cells")
    assert main(["data", "folder:cells"]) == 2
    assert "2 of 14 test images are in train too: test/a/copy.png = train/a/" in capsys.readouterr().err
    assert main(["data", "folder:cells", "--allow-overlap"]) == 0
    assert "note: 2 of 14 test images are in train too" in capsys.readouterr().out


def test_the_command_needs_no_torch() -> None:
    code = "import sys; from hptui.__main__ import main; main(['data', 'table:labels.csv', '--json']); "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"group_pattern": "p[0-9]+"}, "put brackets around what names the patient"),
        ({"group_pattern": "(p"}, "is no regular expression"),
        ({"column": "imag=file"}, "column names 'imag'. Did you mean 'image'?"),
        ({"column": {"image": 3}}, "column = .*: expected text"),
        ({"column": "image"}, "write NAME=..., for example image=file_name"),
        ({"column": "image='a"}, "No closing quotation"),
        ({"column": "group=a", "group_column": "b"}, "keep one"),
        ({"group_pattern": "(p)", "group_column": "b"}, "both name the groups"),
        ({"allow_overlap": "maybe"}, "expected yes or no"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        resolve([Layer("flag", settings)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    ["image='Image Index' label=dx", ("image=Image Index", "label=dx"), {"image": "Image Index", "label": "dx"}],
)
def test_columns_as_text_flags_and_table(given: object) -> None:
    config = resolve(
        [Layer("file", {"column": {"group": "pid", "label": "y"}}), Layer("flag", {"column": given})]
    ).config
    assert config.columns == {"group": "pid", "image": "Image Index", "label": "dx"}


@pytest.mark.parametrize(("given", "means"), [("yes", True), ("no", False), (True, True), ("true", True), ("0", False)])
def test_a_switch_is_on_or_off(given: object, means: bool) -> None:
    assert resolve([Layer("file", {"allow_overlap": given})]).config.allow_overlap is means


def test_a_study_begins_with_what_was_read_and_keeps_it(here: Path, capsys: Captured) -> None:
    flags = ["--dataset", "table:labels.csv", "--image-size", "28", "--out", "study", *FAST, "--set", "batch_size=8"]
    assert main(["run", "--headless", *flags]) == 0
    told = capsys.readouterr().err
    assert "data labels: 40 images of 28 x 28, grey, uint8, intensities " in told
    assert "train: 28 images (ill 14, well 14), of 7 groups" in told
    assert "note: columns of labels.csv: image = file, label = label, group = patient" in told
    kept = open_study(here / "study").data
    assert kept is not None
    assert kept.splits["test"].images == [4, 4]
    assert kept.files == "40 of 20 x 20 pixels, 8 bits, grey; brought to 28 x 28"
    assert kept.notes[0] == "columns of labels.csv: image = file, label = label, group = patient"


def test_a_study_of_before_goes_on_with_images_in_two_splits(here: Path) -> None:
    """Its images were not looked at; to refuse them now, or to split them otherwise, would end it."""
    config = resolve([Layer("flag", {"dataset": "digits"})]).config
    of_before = create_study(here / "before", config, "0" * 64, {})
    assert not open_study(here / "before").config.allow_overlap
    assert localized(of_before).allow_overlap
    summary = DataSummary("x", ["a", "b"], {}, 1, 8, 8, "uint8", 0, 1, 0, 0, 2)
    now = create_study(here / "now", config, "0" * 64, {}, data=summary)
    assert open_study(here / "now").data == summary
    assert not localized(now).allow_overlap
    assert msgspec.structs.replace(localized(of_before), allow_overlap=False) == localized(now)


def test_augmentations_are_drawn(tmp_path: Path, capsys: Captured) -> None:
    drawing = tmp_path / "augmentations.png"
    assert main(["data", "digits", "--augmentations", str(drawing)]) == 0
    assert capsys.readouterr().out.endswith(f"written: {drawing}\n")
    with Image.open(drawing) as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 100  # images, not a blank sheet


def test_how_far_the_decoding_is_goes_to_stderr_alone(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headway, "EVERY_SECONDS", 0)
    monkeypatch.setattr("hptui.cli.headway_line.FIRST_SECONDS", 0)
    assert main(["data", "table:labels.csv", "--json"]) == 0
    said = capsys.readouterr()
    assert "looking at 8 of 40 image files\n" in said.err
    json.loads(said.out)


def test_the_first_interruption_ends_the_decoding(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(words: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(headway, "EVERY_SECONDS", 0)
    monkeypatch.setattr("hptui.cli.headway_line.HeadwayLine.show", lambda line, words: interrupted(words))
    assert main(["data", "table:labels.csv"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--sheet", "--augmentations"])
def test_an_image_of_the_data_set_is_not_drawn_over(tmp_path: Path, capsys: Captured, flag: str) -> None:
    for name in ("ill", "well"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(6):
            pixels = np.random.default_rng([index, len(name)]).integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.png")
    image = tmp_path / "set" / "ill" / "0.png"
    before = image.read_bytes()
    assert main(["data", f"folder:{tmp_path / 'set'}", flag, str(image)]) == 2
    assert f"{flag}: {image} is an image of this data set; name another file." in capsys.readouterr().err
    assert image.read_bytes() == before
    assert main(["data", f"folder:{tmp_path / 'set'}", "--sheet", str(tmp_path / "set" / "sheet.png")]) == 0


def test_a_path_without_its_kind_is_told_with_what_to_write(tmp_path: Path, capsys: Captured) -> None:
    assert main(["data", str(tmp_path)]) == 2
    assert f"is a path without the kind of data it is; write folder:{tmp_path}." in capsys.readouterr().err
