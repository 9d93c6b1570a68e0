"""MedMNIST archives: read as published, refused with one line where they are not."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hptui.datasets import DatasetRequest, ImageDataset
from hptui.datasets.medmnist import medmnist
from hptui.errors import DatasetError

COUNTS = {"train": 8, "val": 4, "test": 6}


def arrays(classes: int = 2, image: tuple[int, ...] = (5, 7), **changes: Any) -> dict[str, Any]:
    """The six arrays of a small archive, with some of them replaced."""
    random = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for split, count in COUNTS.items():
        made[f"{split}_images"] = random.integers(0, 256, (count, *image), np.uint8)
        made[f"{split}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, np.newaxis]
    return made | changes


def read(tmp_path: Path, content: dict[str, Any], name: str = "own.npz") -> ImageDataset:
    np.savez_compressed(tmp_path / name, **content)
    return medmnist(DatasetRequest(argument=str(tmp_path / name)))


def refusal(tmp_path: Path, content: dict[str, Any]) -> str:
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert str(tmp_path / "own.npz") in message
    assert "\n" not in message
    return message


def test_grey_images_keep_the_publishers_split(tmp_path: Path) -> None:
    content = arrays()
    dataset = read(tmp_path, content)
    assert dataset.name == "own"
    assert dataset.class_names == ("0", "1")
    assert dataset.validation is not None
    for split, images in (("train", dataset.train), ("val", dataset.validation), ("test", dataset.test)):
        assert np.array_equal(images.pixels, content[f"{split}_images"][:, np.newaxis])
        assert images.labels.dtype == np.int64
        assert images.labels.tolist() == content[f"{split}_labels"][:, 0].tolist()


def test_colours_become_channels(tmp_path: Path) -> None:
    content = arrays(image=(5, 7, 3))
    pixels = read(tmp_path, content).train.pixels
    assert pixels.shape == (8, 3, 5, 7)
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels[:, 2], content["train_images"][..., 2])


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("pneumoniamnist.npz", ("normal", "pneumonia")),
        ("pneumoniamnist_128.npz", ("normal", "pneumonia")),
        ("breastmnist.npz", ("malignant", "normal or benign")),
        ("octmnist.npz", ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal")),
        ("mine.npz", ("0", "1", "2")),
        ("retinamnist.npz", ("0", "1", "2", "3", "4")),
    ],
)
def test_classes_have_the_published_names(tmp_path: Path, file: str, names: tuple[str, ...]) -> None:
    assert read(tmp_path, arrays(classes=len(names)), file).class_names == names


def test_a_part_of_a_published_archive_keeps_all_its_classes(tmp_path: Path) -> None:
    labels = np.array([0, 2, 3, 0, 2, 3, 0, 2], np.uint8)  # no image of class 1
    assert len(read(tmp_path, arrays(train_labels=labels), "octmnist.npz").class_names) == 4


@pytest.mark.parametrize("label", [255, 5000, 30_000_000])
def test_a_stray_label_is_refused(tmp_path: Path, label: int) -> None:
    labels = np.arange(8) % 2
    labels[3] = label
    expected = f"train_labels has a label {label}, but no image of class 2; classes have to be numbered 0, 1, 2"
    assert expected in refusal(tmp_path, arrays(train_labels=labels))
    with pytest.raises(DatasetError, match=f"train_labels has a label {label}, but there are 2 classes, 0 to 1"):
        read(tmp_path, arrays(train_labels=labels), "pneumoniamnist_64.npz")


def test_labels_may_be_flat_and_of_any_integer_type(tmp_path: Path) -> None:
    content = arrays(train_labels=np.arange(8, dtype=np.int32) % 2)
    assert read(tmp_path, content).train.labels.tolist() == [0, 1] * 4


@pytest.mark.parametrize("place", [".", "MedMNIST", "../here"])
def test_a_relative_path_is_looked_for_in_the_data_folder_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    data, here = tmp_path / "data", tmp_path / "here"
    (data / "MedMNIST").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    np.savez(data / place / "own.npz", **arrays())
    assert len(medmnist(DatasetRequest(argument="own.npz", data_dir=data)).train) == 8


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError) as caught:
        medmnist(DatasetRequest(argument="none.npz", data_dir=tmp_path / "data"))
    for folder in (tmp_path / "data", tmp_path / "data" / "MedMNIST", tmp_path):
        assert str(folder / "none.npz") in str(caught.value)


def test_the_path_is_needed() -> None:
    with pytest.raises(DatasetError, match="write medmnist:PATH"):
        medmnist(DatasetRequest())


def test_missing_keys_are_named(tmp_path: Path) -> None:
    content = arrays()
    del content["val_images"], content["test_labels"]
    content["extra"] = content["train_labels"]
    told = refusal(tmp_path, content)
    assert "it lacks val_images, test_labels; it has train_images, train_labels, val_labels, test_images, extra" in told
    assert told.endswith("are handed on by an own function: --dataset path/file.py:function.")


@pytest.mark.parametrize("kind", [bool, np.float32, np.float64, np.int16, ">i4"])
def test_labels_of_whole_numbers_may_have_any_type(tmp_path: Path, kind: Any) -> None:
    content = arrays()
    expected = content["train_labels"].reshape(-1).tolist()
    np.savez(
        tmp_path / "own.npz", **{key: one.astype(kind) if "labels" in key else one for key, one in content.items()}
    )
    assert medmnist(DatasetRequest(argument=str(tmp_path / "own.npz"))).train.labels.tolist() == expected


@pytest.mark.parametrize("depth", [">u2", ">i2", ">f4"])
def test_the_order_of_bytes_does_not_matter(tmp_path: Path, depth: str) -> None:
    content = arrays()
    content["train_images"] = content["train_images"].astype(depth)
    np.savez(tmp_path / "own.npz", **content)
    read = medmnist(DatasetRequest(argument=str(tmp_path / "own.npz"))).train.pixels
    assert read.dtype == np.dtype(depth).newbyteorder("=")
    assert np.array_equal(read[:, 0], content["train_images"])


@pytest.mark.parametrize("depth", [np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (5,), (16,)])
def test_archives_of_other_depths_and_channels_keep_their_values(
    tmp_path: Path, depth: type, channels: tuple[int, ...]
) -> None:
    content = arrays()
    random = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        images = random.random((len(content[f"{split}_labels"]), 28, 28, *channels))
        scaled = images if depth in (np.float32, np.float64) else images * 3000 + 900
        content[f"{split}_images"] = scaled.astype(depth)
    np.savez(tmp_path / "mine.npz", **content)
    read = medmnist(DatasetRequest(argument=str(tmp_path / "mine.npz"))).train.pixels
    kept = np.float32 if depth == np.float64 else depth
    assert read.dtype == kept
    given = content["train_images"].astype(kept)
    assert np.array_equal(read, given[:, np.newaxis] if not channels else given.transpose(0, 3, 1, 2))


IMAGES = np.zeros((8, 5, 7), np.uint8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train_labels": np.full((8, 14), 0.5)}, "train_labels holds float64, not integers"),
        ({"train_labels": np.zeros((8, 0), np.uint8)}, "train_labels has shape (8, 0)"),
        ({"train_images": np.zeros((8, 28, 28, 28), np.uint8)}, "3D volumes"),
        ({"train_images": np.zeros((8, 3, 28, 28), np.uint8)}, "channels come last, (N, H, W, C)"),
        ({"train_images": np.zeros((8, 5, 7, 9, 3), np.uint8)}, "3D volumes"),
        ({"train_images": np.zeros((8, 35), np.uint8)}, "has shape (8, 35)"),
        ({"train_images": IMAGES.astype(np.int64)}, "train_images are int64; they have to be uint8, uint16, int16 or"),
        ({"val_images": np.full((4, 5, 7), np.nan)}, "val_images have values that are no finite numbers"),
        ({"train_images": IMAGES[:7]}, "8 train_labels for 7 train_images"),
        ({"train_images": IMAGES[:0], "train_labels": np.zeros((0, 1), np.uint8)}, "train_images is empty"),
        ({"train_labels": np.full((8, 1), -1)}, "negative label -1"),
        ({"train_labels": np.full((8, 1), 0.5)}, "train_labels holds float64, not integers; number the classes 0, 1"),
        ({"train_labels": np.array(["a", "b"] * 4)}, "train_labels holds <U1, not integers; number the classes 0, 1"),
        ({"train_labels": np.arange(8) % 2 + 1}, "classes have to be numbered 0, 1, 2, ... without a gap: subtract 1."),
        ({"train_images": IMAGES.astype(np.int64) + 300}, "they are 300 to 300, which .astype(numpy.uint16) holds"),
        ({"train_images": IMAGES.astype(bool)}, "pixels.astype(numpy.uint8) * 255 makes them black and white"),
        ({"train_labels": np.uint8(1)}, "train_labels has shape ()"),
        ({"test_labels": np.full((6, 1), 2)}, "test_labels has a label 2, but there are 2 classes, 0 to 1"),
        ({"val_labels": np.full((4, 1), 9)}, "val_labels has a label 9, but there are 2 classes, 0 to 1"),
    ],
)
def test_what_is_not_a_flat_classification_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, arrays(**changes))


class Explosive:
    """Unpickling it would leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_pickled_content_is_refused_unread(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    objects = np.array([Explosive(mark)] * 8, dtype=object)
    assert "pickled objects" in refusal(tmp_path, arrays(train_labels=objects))
    (tmp_path / "own.npz").write_bytes(pickle.dumps(Explosive(mark)))
    with pytest.raises(DatasetError, match=r"no \.npz file"):
        medmnist(DatasetRequest(argument=str(tmp_path / "own.npz")))
    assert not mark.exists()


def test_damage_anywhere_is_a_dataset_error(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays())
    whole = buffer.getvalue()
    path = tmp_path / "own.npz"
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=r"own\.npz"):
            medmnist(DatasetRequest(argument=str(path)))
    refused = 0
    for position in range(0, len(whole), max(1, len(whole) // 200)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            medmnist(DatasetRequest(argument=str(path)))  # e.g. a time stamp: no harm
        except DatasetError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all", b"PK\3\4 but nothing else"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="MedMNIST archive"):
        medmnist(DatasetRequest(argument=str(path)))


def test_a_single_array_and_a_foreign_zip_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(DatasetError, match=r"no \.npz file"):
        medmnist(DatasetRequest(argument=str(tmp_path / "one.npy")))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        for key in arrays():
            archive.writestr(key, "text, not an array")
    with pytest.raises(DatasetError, match="they have to be uint8"):
        medmnist(DatasetRequest(argument=str(tmp_path / "text.npz")))


def test_a_folder_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"needs a file, and .* is a folder"):
        medmnist(DatasetRequest(argument=str(tmp_path)))
