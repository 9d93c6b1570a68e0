"""Folders of images: which files belong, which class and split they get, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import DatasetRequest, ImageDataset
from hptui.datasets.folder import folder
from hptui.errors import DatasetError


def write(path: Path, level: int, mode: str = "L") -> None:
    """One image of 12 x 10 pixels, all of them `level`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = {"L": level, "RGB": (level, 0, 0)}[mode]
    Image.new(mode, (12, 10), colour).save(path)


def fill(root: Path, classes: Sequence[str] = "ab", count: int = 10) -> Path:
    """`count` grey images per class; the levels are 0, 1, 2, ... through all classes."""
    for position, name in enumerate(classes):
        for index in range(count):
            write(root / name / f"{index:03}.png", position * count + index)
    return root


def read(root: Path, image_size: int | None = 8, split_seed: int = 0) -> ImageDataset:
    return folder(DatasetRequest(argument=str(root), image_size=image_size, split_seed=split_seed))


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def levels(dataset: ImageDataset) -> tuple[list[int], list[int]]:
    return dataset.train.pixels[:, 0, 0, 0].tolist(), dataset.test.pixels[:, 0, 0, 0].tolist()


def test_sub_folders_are_classes_and_a_fifth_becomes_test(tmp_path: Path) -> None:
    dataset = read(fill(tmp_path / "cells", "cab", 10))
    assert dataset.name == "cells"
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.validation is None
    assert dataset.train.pixels.shape == (24, 1, 8, 8)
    assert dataset.test.pixels.shape == (6, 1, 8, 8)
    assert np.bincount(dataset.test.labels).tolist() == [2, 2, 2]
    train, test = levels(dataset)
    assert sorted(train + test) == list(range(30))
    written = np.array([1, 2, 0])  # classes were written in the order c, a, b
    for images in (dataset.train, dataset.test):
        assert np.array_equal(images.labels, (written[images.pixels[:, 0, 0, 0] // 10] + 1) % 3)


def test_the_default_size_is_64(tmp_path: Path) -> None:
    assert read(fill(tmp_path), image_size=None).train.pixels.shape == (16, 1, 64, 64)


def test_the_split_follows_the_seed_and_not_the_order_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    first = levels(read(tmp_path))
    assert levels(read(tmp_path, split_seed=1)) != first
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listed(self), reverse=True)))
    assert levels(read(tmp_path)) == first


def test_hidden_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    fill(tmp_path)
    write(tmp_path / ".hidden" / "x.png", 0)
    write(tmp_path / "a" / ".thumbnail.png", 0)
    write(tmp_path / "stray.png", 0)
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "a" / "report.pdf").write_text("Pillow writes this format, but cannot read it")
    (tmp_path / "a" / "folder.png").mkdir()
    dataset = read(tmp_path)
    assert len(dataset.train) + len(dataset.test) == 20


def test_every_format_counts_and_suffixes_may_be_capital(tmp_path: Path) -> None:
    for name in "ab":
        for suffix in ("png", "JPG", "bmp", "tif", "gif", "webp", "pgm"):
            write(tmp_path / name / f"image.{suffix}", 200)
    request = DatasetRequest(argument=str(tmp_path), image_size=8, allow_overlap=True)  # they are all the same grey
    dataset = folder(request)
    assert len(dataset.train) + len(dataset.test) == 14
    assert dataset.train.pixels == pytest.approx(200, abs=2)


def test_one_coloured_image_makes_all_rgb(tmp_path: Path) -> None:
    write(fill(tmp_path) / "a" / "red.png", 250, "RGB")
    dataset = read(tmp_path)
    pixels = np.concatenate([dataset.train.pixels, dataset.test.pixels])
    assert pixels.shape == (21, 3, 8, 8)
    means = {tuple(mean) for mean in pixels.mean((2, 3)).astype(int).tolist()}
    assert means == {(level, level, level) for level in range(20)} | {(250, 0, 0)}


@pytest.mark.parametrize("validation", [None, "val", "validation"])
def test_given_splits_are_kept(tmp_path: Path, validation: str | None) -> None:
    fill(tmp_path / "train", count=6)
    fill(tmp_path / "test", count=3)
    if validation:
        fill(tmp_path / validation, count=2)
    (tmp_path / "extra").mkdir()
    dataset = read(tmp_path)
    assert dataset.class_names == ("a", "b")
    assert levels(dataset) == (list(range(12)), list(range(6)))
    assert dataset.train.labels.tolist() == [0] * 6 + [1] * 6
    if validation:
        assert dataset.validation is not None
        assert dataset.validation.labels.tolist() == [0, 0, 1, 1]
    else:
        assert dataset.validation is None


def test_given_splits_must_have_the_same_classes(tmp_path: Path) -> None:
    fill(tmp_path / "train", "abc")
    fill(tmp_path / "test", "abd")
    message = refusal(tmp_path)
    assert f"{tmp_path / 'train'} lacks 'd'; {tmp_path / 'test'} lacks 'c'. Add images of it there" in message
    fill(tmp_path / "other" / "train", "ab")
    fill(tmp_path / "other" / "test", "AB")
    assert "'A', 'B' and 'a', 'b' differ in case, or in how an accent is stored: rename" in refusal(tmp_path / "other")
    fill(tmp_path / "mac" / "train", ["M\u00fcll", "ok"])
    fill(tmp_path / "mac" / "test", ["Mu\u0308ll", "ok"])
    assert "differ in case, or in how an accent is stored: rename them" in refusal(tmp_path / "mac")


def test_two_validation_folders_are_refused(tmp_path: Path) -> None:
    for name in ("train", "test", "val", "validation"):
        fill(tmp_path / name)
    assert "both val and validation" in refusal(tmp_path)


def test_too_few_classes_are_refused(tmp_path: Path) -> None:
    assert "it has none" in refusal(tmp_path)
    fill(tmp_path, "a")
    assert "it has only 'a'" in refusal(tmp_path)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    (fill(tmp_path) / "c").mkdir()
    assert str(tmp_path / "c") in refusal(tmp_path)


def test_a_missing_path_and_a_file_are_refused(tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert f"needs a folder, and {tmp_path / 'file'} is a file." in refusal(tmp_path / "file")
    with pytest.raises(DatasetError, match="write folder:PATH"):
        folder(DatasetRequest())


def test_a_class_with_one_image_is_named(tmp_path: Path) -> None:
    write(fill(tmp_path) / "c" / "only.png", 0)
    assert "class 'c' has only 1 image" in refusal(tmp_path)


@pytest.mark.parametrize("harm", ["text", "truncated", "empty", "dangling"])
def test_an_unreadable_image_is_named(tmp_path: Path, harm: str) -> None:
    bad = fill(tmp_path) / "b" / "bad.png"
    whole = (tmp_path / "a" / "000.png").read_bytes()
    if harm == "dangling":
        bad.symlink_to(tmp_path / "nowhere")
    else:
        bad.write_bytes({"text": b"hello", "truncated": whole[:-30], "empty": b""}[harm])
    assert refusal(tmp_path).startswith(f"{bad} cannot be read as an image")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", denied)
    assert f"{tmp_path} cannot be listed" in refusal(tmp_path)


def test_relative_paths_are_looked_for_in_the_data_folder_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "data" / "cells")
    fill(tmp_path / "here" / "tissue")
    monkeypatch.chdir(tmp_path / "here")
    for name in ("cells", "tissue"):
        dataset = folder(DatasetRequest(argument=name, data_dir=tmp_path / "data", image_size=4))
        assert dataset.name == name
    monkeypatch.chdir(tmp_path / "here" / "tissue")
    assert folder(DatasetRequest(argument=".", image_size=4)).name == "tissue"
    assert folder(DatasetRequest(argument=f"..{os.sep}tissue", image_size=4)).name == "tissue"
