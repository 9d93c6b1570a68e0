"""Checking what a data set's function returned, splitting it, and its fingerprint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hptui.datasets import ImageDataset, Images
from hptui.datasets._check import check
from hptui.datasets._prepare import fingerprint, prepare
from hptui.errors import DatasetError


def images(count: int, classes: int = 3, start: int = 0) -> Images:
    """`count` images of 2 x 2 RGB whose first two pixels hold their number, so that each is unique."""
    pixels = np.zeros((count, 3, 2, 2), np.uint8)
    pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = np.divmod(np.arange(start, start + count), 256)
    return Images(pixels, np.arange(count, dtype=np.int64) % classes)


def numbers(part: Images | None) -> list[int]:
    assert part is not None
    return (part.pixels[:, 0, 0, 0].astype(int) * 256 + part.pixels[:, 0, 0, 1]).tolist()


def dataset(train: int = 300, validation: int | None = None, test: int = 30) -> ImageDataset:
    own = None if validation is None else images(validation, start=10000)
    return ImageDataset("own", ("a", "b", "c"), images(train), images(test, start=20000), own)


def test_a_good_dataset_passes_unchanged() -> None:
    good = dataset(validation=6)
    checked = check(good)
    assert fingerprint(checked) == fingerprint(good)
    assert checked.train.pixels is good.train.pixels, "nothing is copied that fits"
    assert check(dataset()).validation is None


def test_tensors_lists_and_other_layouts_are_converted() -> None:
    good = dataset()
    tensors = Images(torch.tensor(good.train.pixels), torch.tensor(good.train.labels, dtype=torch.int32))
    frozen = Images(np.asfortranarray(good.test.pixels), good.test.labels.tolist())
    frozen.pixels.flags.writeable = False
    checked = check(replace(good, class_names=["a", "b", "c"], train=tensors, test=frozen))
    assert fingerprint(checked) == fingerprint(good)
    assert checked.class_names == ("a", "b", "c")
    for part in (checked.train, checked.test):
        assert isinstance(part.pixels, np.ndarray)
        assert part.pixels.flags.c_contiguous
        assert part.pixels.flags.writeable
        assert part.labels.dtype == np.int64
        torch.from_numpy(part.pixels)  # warns, that is, fails here, if it were read-only


PIXELS, LABELS = images(30).pixels, images(30).labels


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"class_names": "abc"}, "class_names must be a tuple of strings"),
        ({"class_names": ("a", 1, 2)}, "class_names must be a tuple of strings"),
        ({"class_names": None}, "class_names must be a tuple of strings"),
        ({"class_names": ("a",)}, "at least two classes; class_names has 1"),
        ({"class_names": ("a", "b")}, "train labels go from 0 to 2, but 2 class names allow 0 to 1"),
        ({"train": (PIXELS, LABELS)}, "train is a tuple, not a hptui.datasets.Images"),
        ({"train": None}, "train is a NoneType"),
        ({"train": Images(PIXELS / 255, LABELS)}, "the depth of the pixels differs between the splits"),
        ({"train": Images(PIXELS / np.nan, LABELS)}, "train pixels have values that are no finite numbers"),
        ({"test": Images(PIXELS.astype(np.int64), LABELS)}, "test pixels are int64"),
        ({"train": Images(PIXELS[:, 0], LABELS)}, r"train pixels are uint8 \(30, 2, 2\)"),
        ({"train": Images(PIXELS.repeat(6, 1), LABELS)}, "with C = 1 to 16"),
        ({"train": Images(PIXELS[:, :, :0], LABELS)}, "train pixels are uint8"),
        ({"train": Images(PIXELS, LABELS[:-1])}, r"train labels are int64 \(29,\), not integers \(30,\)"),
        ({"train": Images(PIXELS, LABELS + 0.5)}, "train labels are float64"),
        ({"train": Images(PIXELS, LABELS - 1)}, "train labels go from -1"),
        ({"train": Images(PIXELS, LABELS * 0)}, "all train images are of one class"),
        ({"train": Images([[1], [1, 2]], LABELS)}, "train cannot be converted to numpy arrays"),
        ({"test": Images(PIXELS[:0], LABELS[:0])}, "test has no images"),
        ({"validation": Images(PIXELS[:0], LABELS[:0])}, "validation has no images"),
        ({"test": Images(PIXELS[:, :1], LABELS)}, "differ between the splits"),
        ({"validation": Images(PIXELS[..., :1], LABELS)}, "differ between the splits"),
        ({"test": images(300)}, "300 of 300 test images are in train too: test image 0 = train image 0"),
        ({"validation": images(300)}, "300 of 300 validation images are in train too"),
        ({"validation": images(30, start=20000)}, "30 of 30 test images are in validation too"),
    ],
)
def test_what_is_not_as_documented_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        check(replace(dataset(), **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("other", [None, 3, (PIXELS, LABELS), Images(PIXELS, LABELS)])
def test_another_object_is_refused(other: object) -> None:
    with pytest.raises(DatasetError, match=r"not a hptui\.datasets\.ImageDataset"):
        check(other)


def test_validation_is_taken_from_train_stratified_and_disjoint() -> None:
    prepared = prepare(dataset(), train_size=None, validation_size=None, split_seed=0)
    assert prepared.validation is not None
    assert np.bincount(prepared.validation.labels).tolist() == [15, 15, 15]  # 15 % of 300
    assert np.bincount(prepared.train.labels).tolist() == [85, 85, 85]
    assert sorted(numbers(prepared.train) + numbers(prepared.validation)) == list(range(300))
    assert numbers(prepared.test) == numbers(dataset().test)
    assert check(prepared).name == "own"


def test_validation_is_at_most_5000_by_default() -> None:
    prepared = prepare(dataset(train=40000), train_size=None, validation_size=None, split_seed=0)
    assert (len(prepared.train), len(prepared.validation or [])) == (35000, 5000)


def test_a_small_data_set_validates_one_image_per_class() -> None:
    prepared = prepare(dataset(train=7), train_size=None, validation_size=None, split_seed=0)
    assert sorted((prepared.validation or prepared.test).labels.tolist()) == [0, 1, 2]
    assert set(prepared.train.labels) == {0, 1, 2}


@pytest.mark.parametrize("size", [3, 4, 47, 200, 297])
def test_sizes_are_exact(size: int) -> None:
    validated = prepare(dataset(), train_size=None, validation_size=size, split_seed=0)
    assert len(validated.validation or []) == size
    assert len(validated.train) == 300 - size
    trained = prepare(dataset(validation=9), train_size=size, validation_size=None, split_seed=0)
    assert len(trained.train) == size
    assert set(trained.train.labels) == {0, 1, 2}


def test_the_same_seed_draws_the_same_images() -> None:
    first, again, other = (prepare(dataset(), train_size=60, validation_size=30, split_seed=seed) for seed in (5, 5, 6))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert not set(numbers(first.train)) & set(numbers(first.validation))
    assert numbers(first.validation) != numbers(other.validation)
    larger = prepare(dataset(), train_size=90, validation_size=30, split_seed=5)
    assert numbers(larger.validation) == numbers(first.validation), "the train size leaves validation alone"
    assert set(numbers(first.train)) < set(numbers(larger.train)), "learning curves grow by adding images"


def test_own_validation_is_kept_or_reduced() -> None:
    kept = prepare(dataset(validation=30), train_size=None, validation_size=None, split_seed=0)
    assert numbers(kept.validation) == list(range(10000, 10030))
    assert numbers(kept.train) == list(range(300))
    reduced = prepare(dataset(validation=30), train_size=None, validation_size=12, split_seed=0)
    assert reduced.validation is not None
    assert np.bincount(reduced.validation.labels).tolist() == [4, 4, 4]
    assert set(numbers(reduced.validation)) < set(range(10000, 10030))


@pytest.mark.parametrize(
    ("own", "train_size", "validation_size", "reason"),
    [
        (30, None, 31, "31 validation images were asked for; 30 are available"),
        (30, None, 2, "2 validation images were asked for; each of the 3 classes needs one"),
        (30, 301, None, "301 train images were asked for; 300 are available"),
        (None, 256, None, "256 train images were asked for; 255 are available"),
        (None, 2, None, "2 train images were asked for; each of the 3 classes needs one"),
        (None, -5, None, "-5 train images"),
        (None, None, 298, "298 validation images were asked for; 3 to 297 can be taken from 300"),
        (None, None, 0, "0 validation images were asked for; 3 to 297"),
    ],
)
def test_impossible_sizes_name_what_is_there(
    own: int | None, train_size: int | None, validation_size: int | None, reason: str
) -> None:
    with pytest.raises(DatasetError, match=f"^own: {reason}"):
        prepare(dataset(validation=own), train_size=train_size, validation_size=validation_size, split_seed=0)


def test_the_fingerprint_sees_every_pixel_label_and_split() -> None:
    original = dataset(validation=6)
    seen = {fingerprint(original), fingerprint(replace(original, validation=None))}
    for split in ("train", "validation", "test"):
        for part in ("pixels", "labels"):
            old = getattr(original, split)
            values = getattr(old, part).copy()
            values.flat[-1] ^= 1
            seen.add(fingerprint(replace(original, **{split: replace(old, **{part: values})})))
    swapped = replace(original, train=original.test, test=original.train)
    flat = replace(original.train, pixels=original.train.pixels.reshape(300, 3, 1, 4))
    seen |= {fingerprint(swapped), fingerprint(replace(original, train=flat))}
    assert len(seen) == 10
    assert fingerprint(replace(original, name="other")) in seen, "the name is not data"
    assert all(len(digest) == 64 for digest in seen)
