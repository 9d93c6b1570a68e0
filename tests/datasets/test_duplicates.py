"""Equal and nearly equal images in two splits: refused, told, or taken in as asked."""

from __future__ import annotations

import io
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from hptui.datasets import ImageDataset, Images
from hptui.datasets._check import check
from hptui.datasets._duplicates import overlaps
from hptui.datasets._near import near_notes
from hptui.datasets._prepare import prepare
from hptui.datasets._spec import request_dataset
from hptui.datasets._split import split_off
from hptui.datasets._turned import turned_notes
from hptui.errors import DatasetError


def random_images(count: int, seed: int, side: int = 8) -> Images:
    random = np.random.default_rng(seed)
    return Images(random.integers(0, 256, (count, 1, side, side), dtype=np.uint8), np.arange(count) % 2)


def dataset(train: Images, test: Images, validation: Images | None = None) -> ImageDataset:
    return ImageDataset("own", ("a", "b"), train, test, validation)


def refusal(given: ImageDataset) -> str:
    with pytest.raises(DatasetError) as caught:
        check(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_head_of_training_as_test_is_refused() -> None:
    train = random_images(200, 0)
    assert refusal(dataset(train, train.take(np.arange(60)))) == (
        "60 of 60 test images are in train too: test image 0 = train image 0, test image 1 = train image 1, "
        "test image 2 = train image 2 and 57 more. Take them out of one of the two, or allow it with --allow-overlap."
    )


def test_all_of_training_in_another_order_is_refused() -> None:
    train = random_images(200, 0)
    order = np.random.default_rng(1).permutation(200)
    message = refusal(dataset(train, train.take(order)))
    assert message.startswith(f"200 of 200 test images are in train too: test image 0 = train image {order[0]}, ")


def test_every_pair_of_splits_is_looked_at_and_other_labels_are_told() -> None:
    train, validation, test = random_images(20, 0), random_images(10, 1), random_images(10, 2)
    validation.pixels[3] = train.pixels[7]
    test.pixels[4] = validation.pixels[5]
    test.labels[4] = 1 - validation.labels[5]
    assert refusal(dataset(train, test, validation)) == (
        "1 of 10 validation images is in train too: validation image 3 = train image 7; "
        "1 of 10 test images is in validation too: test image 4 = validation image 5; 1 with another label. "
        "Take them out of one of the two, or allow it with --allow-overlap."
    )


def test_what_is_allowed_is_told() -> None:
    train = random_images(20, 0)
    given = dataset(train, random_images(10, 1))
    given.test.pixels[0] = train.pixels[2]
    assert check(given, allow_overlap=True).notes == (
        "1 of 10 test images is in train too: test image 0 = train image 2",
    )


def test_files_that_were_copied_to_test_are_named(tmp_path: Path) -> None:
    for split, count in (("train", 20), ("test", 10)):
        images = random_images(2 * count, count)
        for index, pixels in enumerate(images.pixels):
            path = tmp_path / split / ("benign", "malignant")[index % 2] / f"img_{index // 2:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[0]).save(path)
    for name in ("benign", "malignant"):
        for index in range(9):
            file = f"img_{index:03}.png"
            shutil.copy(tmp_path / "train" / name / file, tmp_path / "test" / name / f"renamed_{file}")
    with pytest.raises(DatasetError, match="18 of 38 test images are in train too") as caught:
        request_dataset(f"folder:{tmp_path}", data_dir=None, image_size=8, split_seed=0)
    assert "test/benign/renamed_img_000.png = train/benign/img_000.png" in str(caught.value)
    taken = request_dataset(f"folder:{tmp_path}", data_dir=None, image_size=8, split_seed=0, allow_overlap=True)
    assert len(taken.test) == 38


def write_archive(path: Path, shared: int) -> str:
    arrays = {}
    for number, (split, count) in enumerate((("train", 80), ("val", 20), ("test", 20))):
        images = random_images(count, number)
        arrays |= {f"{split}_images": images.pixels[:, 0], f"{split}_labels": images.labels[:, np.newaxis]}
    arrays["test_images"][:shared] = arrays["train_images"][:shared]
    np.savez(path, **arrays)
    return f"medmnist:{path}"


def read(spec: str) -> ImageDataset:
    return request_dataset(spec, data_dir=None, image_size=None, split_seed=0)


def test_an_own_archive_that_overlaps_is_refused(tmp_path: Path) -> None:
    for shared in (1, 15):
        with pytest.raises(DatasetError, match=f"{shared} of 20 test images"):
            read(write_archive(tmp_path / "overlap.npz", shared))


def test_a_publishers_few_equal_images_are_told_and_many_are_refused(tmp_path: Path) -> None:
    (note,) = read(write_archive(tmp_path / "pneumoniamnist.npz", 1)).notes
    assert note == (
        "1 of 20 test images is in train too: test image 0 = train image 0 "
        "(the publisher's splits are kept, so that results can be compared)"
    )
    with pytest.raises(DatasetError, match="2 of 20 test images are in train too"):
        read(write_archive(tmp_path / "pneumoniamnist.npz", 2))


@pytest.mark.real_data
def test_real_sets_need_no_flag(real_data: Path) -> None:
    """What they hold: 8 validation images of PneumoniaMNIST are training images too; the others are disjoint."""
    told = {}
    for spec in ("mnist", "digits", "medmnist:pneumoniamnist.npz", "medmnist:retinamnist.npz"):
        if spec.startswith("medmnist") and not (real_data / "MedMNIST" / spec.partition(":")[2]).exists():
            continue
        given = request_dataset(spec, data_dir=real_data, image_size=None, split_seed=0)
        told[spec] = [note for note in given.notes if " too: " in note]
    pneumonia = told.pop("medmnist:pneumoniamnist.npz")
    assert not any(told.values())
    assert [note.partition(":")[0] for note in pneumonia] == ["8 of 524 validation images are in train too"]


def test_splits_that_are_made_keep_equal_images_together() -> None:
    images = random_images(200, 0)
    images.pixels[100:140] = images.pixels[:40]  # the same class: 100 is even
    given = ImageDataset("own", ("a", "b"), images, random_images(20, 1))
    prepared = prepare(check(given), train_size=None, validation_size=30, split_seed=0)
    assert prepared.validation is not None
    assert len(prepared.validation) == 30
    assert not overlaps({"train": prepared.train, "validation": prepared.validation})
    allowed = prepare(given, train_size=None, validation_size=30, split_seed=0, allow_overlap=True)
    assert allowed.validation is not None
    assert overlaps({"train": allowed.train, "validation": allowed.validation})
    assert np.array_equal(
        allowed.validation.pixels,
        split_off(images, 30, seed=0, purpose="validation", class_names=("a", "b"))[1].pixels,
    )


def test_two_patients_with_the_same_image_stay_together() -> None:
    images = random_images(40, 0)
    groups = np.array([f"p{index // 4}" for index in range(40)])
    images.pixels[4] = images.pixels[0]  # of p0 and p1
    grouped = Images(images.pixels, images.labels, groups)
    for seed in range(10):
        rest, taken = split_off(grouped, 12, seed=seed, purpose="test", class_names=("a", "b"), keep_equal=True)
        assert taken.groups is not None
        assert ("p0" in taken.groups) == ("p1" in taken.groups)
        assert not overlaps({"train": rest, "test": taken})


def test_a_hundred_thousand_images_are_looked_at_in_seconds() -> None:
    """Its twin that compares each with each would take hours; measured: 0.5 s."""
    images = random_images(100_000, 0, side=16)
    images.pixels[99_999] = images.pixels[123]
    begun = time.process_time()
    (found,) = overlaps({"train": images.take(np.arange(80_000)), "test": images.take(np.arange(80_000, 100_000))})
    assert found.pairs.tolist() == [[123, 19_999]]
    assert time.process_time() - begun < 10


def photographs(count: int, seed: int) -> Images:
    """Smooth images with some detail, 64 x 64."""
    random = np.random.default_rng(seed)
    pixels = np.empty((count, 1, 64, 64), np.uint8)
    for image in pixels:
        coarse = Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).resize(
            (64, 64), Image.Resampling.BICUBIC
        )
        image[0] = np.asarray(coarse.filter(ImageFilter.GaussianBlur(1))) // 2 + random.integers(0, 10, (64, 64))
    return Images(pixels, np.arange(count) % 2)


def saved_as_jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def test_images_that_were_saved_anew_or_made_brighter_are_told() -> None:
    train, test = photographs(100, 0), photographs(40, 1)
    test.pixels[5, 0] = saved_as_jpeg(train.pixels[50, 0])
    test.pixels[6, 0] = train.pixels[51, 0] + 20
    test.pixels[7] = train.pixels[52]  # equal, and told as such elsewhere
    assert list(near_notes({"train": train, "test": test})) == [
        "2 of 40 test images look nearly like one of train: test image 5 ~ train image 50, "
        "test image 6 ~ train image 51. Are they of the same patient?"
    ]
    named = [replace(part, groups=np.arange(len(part)).astype(str)) for part in (train, test)]
    (note,) = near_notes(dict(zip(("train", "test"), named, strict=True)))
    assert note.endswith("Their groups differ: are they the same images?")
    prepared = prepare(ImageDataset("own", ("a", "b"), train, test), train_size=None, validation_size=10, split_seed=0)
    assert any("test image 5 ~ " in note for note in prepared.notes)


@pytest.mark.parametrize("turn", [lambda image: image[::-1], lambda image: image[:, ::-1], np.rot90, np.transpose])
def test_images_that_were_turned_or_mirrored_before_they_were_split_are_told(turn: Any) -> None:
    train, test = photographs(100, 0), photographs(40, 1)
    assert not list(turned_notes({"train": train, "test": test}))
    for index in range(4):
        test.pixels[index, 0] = turn(train.pixels[50 + index, 0])
    (note,) = turned_notes({"train": train, "test": test})
    assert note.startswith(
        "4 of 40 test images look like one of train, turned round or mirrored (such as test image 0 ~ train image 50)"
    )
    prepared = prepare(ImageDataset("own", ("a", "b"), train, test), train_size=None, validation_size=10, split_seed=0)
    assert any("turned round or mirrored" in note for note in prepared.notes)


def test_a_few_images_that_are_alike_when_turned_are_not_told() -> None:
    """As digits are: one of 40 is chance; nor is an image that is its own mirror."""
    train, test = photographs(100, 0), photographs(40, 1)
    test.pixels[0, 0] = train.pixels[50, 0, ::-1]
    symmetric = train.pixels[:20] // 2 + train.pixels[:20, :, ::-1] // 2
    train.pixels[:20] = symmetric
    test.pixels[20:] = symmetric[:, :, ::-1]
    assert not list(turned_notes({"train": train, "test": test}))


def test_empty_and_small_images_look_like_nothing() -> None:
    empty = Images(np.zeros((40, 1, 32, 32), np.uint8), np.arange(40) % 2)
    assert not list(near_notes({"train": empty, "test": empty}))
    small = random_images(20, 0)
    assert not list(near_notes({"train": small, "test": small}))
