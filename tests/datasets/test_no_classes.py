"""Folders that look like classes and are none, masks among images, and files that cannot be read, all of them named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import ImageDataset
from hptui.datasets._prepare import prepare
from hptui.datasets._spec import request_dataset
from hptui.errors import DatasetError


def noise(path: Path, seed: int) -> None:
    """One image of noise, different for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)).save(path)


def fill(root: Path, count: int, first: int = 0, classes: tuple[str, ...] = ("benign", "malignant")) -> None:
    """`count` images per class."""
    for position, name in enumerate(classes):
        for index in range(count):
            noise(root / name / f"img_{index:03}.png", first + position * count + index)


def read(root: Path) -> ImageDataset:
    return request_dataset(f"folder:{root}", data_dir=None, image_size=8, split_seed=0)


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folds_are_no_classes(tmp_path: Path) -> None:
    for fold in range(3):
        fill(tmp_path / f"fold_{fold}", 3, 10 * fold)
    told = refusal(tmp_path)
    assert told.startswith(f"{tmp_path}: fold_0 and fold_1 and fold_2 are parts of a data set, not classes.")
    assert "train, val and test (links will do)" in told
    fill(tmp_path, 3, classes=("fold_9", "normal"))
    assert read(tmp_path).class_names == ("fold_0", "fold_1", "fold_2", "fold_9", "normal")  # one of them may be


def test_images_beside_their_masks_are_no_classes(tmp_path: Path) -> None:
    fill(tmp_path, 3, classes=("Images", "masks"))
    assert "Images and masks are images and what is drawn on them, not classes" in refusal(tmp_path)
    fill(tmp_path / "other", 3, classes=("mask", "no mask"))  # of faces
    assert read(tmp_path / "other").class_names == ("mask", "no mask")


def test_a_folder_of_masks_that_is_called_like_a_class_is_no_class(tmp_path: Path) -> None:
    fill(tmp_path, 3, classes=("benign", "benign_mask", "malignant"))
    assert refusal(tmp_path).startswith(f"{tmp_path}: benign_mask is called like what is drawn on the images of benign")
    fill(tmp_path / "other", 3, classes=("no_mask", "with_mask"))  # what people wear
    assert read(tmp_path / "other").class_names == ("no_mask", "with_mask")


def test_masks_that_are_called_like_their_images_are_left_out(tmp_path: Path) -> None:
    for position, name in enumerate(("benign", "malignant")):
        for index in range(5):
            noise(tmp_path / name / f"{name} ({index}).png", 100 * position + index)
            noise(tmp_path / name / f"{name} ({index})_mask.png", 1000 + 100 * position + index)
        noise(tmp_path / name / f"{name} (0)_mask_1.png", 2000 + position)
        noise(tmp_path / name / "other_mask.png", 3000 + position)  # of no image that is there
    dataset = read(tmp_path)
    names = {*dataset.train.names.tolist(), *dataset.test.names.tolist()}
    assert sum("mask" in name for name in names) == 2
    assert len(names) == 12
    assert dataset.notes[0] == (
        "left out, a mask of an image beside it: 12 "
        "(benign/benign (0)_mask.png, benign/benign (0)_mask_1.png, benign/benign (1)_mask.png, ...)"
    )


def test_folders_of_masks_beside_those_of_images_are_left_out(tmp_path: Path) -> None:
    for position, name in enumerate(("covid", "normal")):
        fill(tmp_path / name, 4, 100 * position, classes=("images", "masks"))
    dataset = read(tmp_path)
    assert dataset.class_names == ("covid", "normal")
    assert {name.split("/")[1] for name in dataset.train.names.tolist()} == {"images"}
    assert dataset.notes[0].startswith("left out, in a folder of masks beside the images: 8 (covid/masks/img_000.png, ")


@pytest.mark.parametrize("word", ["label", "annotation", "overlay", "roi", "masks", "contour_2"])
def test_drawings_go_by_many_names(tmp_path: Path, word: str) -> None:
    fill(tmp_path, 5)
    for name in ("benign", "malignant"):
        noise(tmp_path / name / f"img_000_{word}.png", 1000 + len(name))
    assert read(tmp_path).notes[0].startswith("left out, a mask of an image beside it: 2 (")


def test_a_folder_of_masks_among_the_images_of_a_class_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    for name in ("benign", "malignant"):
        for index in range(5):
            noise(tmp_path / name / "masks" / f"img_{index:03d}.png", 1000 + index)
    dataset = read(tmp_path)
    assert not any("masks" in name for name in (*dataset.train.names.tolist(), *dataset.test.names.tolist()))
    assert dataset.notes[0].startswith("left out, in a folder of masks beside the images: 10 (benign/masks/img_000.png")


def test_the_index_of_a_disc_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    for folder in (tmp_path, tmp_path / "benign"):
        (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert read(tmp_path).notes[0] == "left out, a list of DICOM files: 2 (DICOMDIR, benign/DICOMDIR)"


def test_images_without_a_suffix_are_known_by_their_content(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    for path in list(tmp_path.rglob("*.png")):
        path.rename(path.with_suffix(""))
    (tmp_path / "benign" / "LICENSE").write_text("words", "utf-8")
    dataset = read(tmp_path)
    assert len(dataset.train) + len(dataset.test) == 10
    assert dataset.notes[0] == "left out, in no image format that is read here: 1 (benign/LICENSE)"


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    fill(tmp_path, 8)
    contents = (b"", b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>", b"words", b"\xff\xd8\xff\xe0")
    for index, content in enumerate(contents):
        (tmp_path / "benign" / f"img_{index:03}.png").write_bytes(content)
    told = refusal(tmp_path)
    assert told.startswith(f"{tmp_path}/benign/img_000.png cannot be read as an image (it is empty); repair it")
    others = ", ".join(f"{tmp_path}/benign/img_{index:03}.png" for index in (1, 2, 3))
    assert told.endswith(f"(4 more of 16 files cannot be read either: {others}, ...)")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS; git lfs pull fetches the image"),
        (b"<!DOCTYPE html>", "it is a web page, maybe of a download that failed"),
        (b"PK\x03\x04 and more", "it is a zip archive; unpack it"),
        (b"words", "no format that is known here"),
    ],
)
def test_what_lies_under_the_name_of_an_image_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    fill(tmp_path, 3)
    (tmp_path / "malignant" / "img_001.png").write_bytes(content)
    assert refusal(tmp_path) == (
        f"{tmp_path}/malignant/img_001.png cannot be read as an image ({words}); "
        "repair it or take it out of the folder."
    )


def test_a_torn_image_and_a_link_to_nothing_are_named_together(tmp_path: Path) -> None:
    fill(tmp_path, 8)
    torn = tmp_path / "benign" / "img_003.png"
    large = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(large).save(torn)
    os.truncate(torn, 2000)
    (tmp_path / "malignant" / "x.png").symlink_to(tmp_path / "nowhere.png")
    told = refusal(tmp_path)
    assert str(torn) in told
    assert str(tmp_path / "malignant" / "x.png") in told
    assert "1 more of 17 files" in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.heic", "an image of a phone (HEIC): convert it to PNG"),
        ("x.npy", "an array: hand it on by an own function, --dataset path/file.py:function"),
        ("x.svg", "a drawing, not pixels: save it as PNG"),
        ("x.zip", "an archive: unpack it"),
    ],
)
def test_formats_that_are_not_read_are_told_with_a_way_out(tmp_path: Path, name: str, words: str) -> None:
    fill(tmp_path, 3, classes=("benign",))
    (tmp_path / "malignant").mkdir()
    (tmp_path / "malignant" / name).write_bytes(b"x")
    assert f"malignant holds no image files that can be read here (.{name[2:]} instead); {name} is {words}" in refusal(
        tmp_path
    )


def test_what_was_taken_before_is_told_where_a_class_is_too_small(tmp_path: Path) -> None:
    fill(tmp_path, 8, classes=("benign",))
    fill(tmp_path, 2, 100, classes=("malignant",))
    dataset = read(tmp_path)
    with pytest.raises(
        DatasetError, match=r"only 1 image to share .* \(no test images of its own: 2 of 10 images were"
    ):
        prepare(dataset, train_size=None, validation_size=None, split_seed=0)
