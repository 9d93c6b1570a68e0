"""The scanned digits that scikit-learn ships."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import DatasetRequest
from hptui.datasets.digits import _enlarged, digits
from hptui.errors import DatasetError


def test_all_scans_are_there_split_80_to_20_by_class() -> None:
    dataset = digits(DatasetRequest())
    assert dataset.class_names == tuple("0123456789")
    assert dataset.validation is None
    assert (len(dataset.train), len(dataset.test)) == (1438, 359)
    for images in (dataset.train, dataset.test):
        assert images.pixels.shape[1:] == (1, 28, 28)
        assert images.pixels.dtype == np.uint8
        assert images.labels.dtype == np.int64
    part = np.bincount(dataset.test.labels) / np.bincount([*dataset.train.labels, *dataset.test.labels])
    assert part == pytest.approx(0.2, abs=0.006)  # at most one of about 180 images beside


@pytest.mark.parametrize("size", [4, 8, 28, 45])
def test_scans_are_enlarged_together_as_each_by_itself(size: int) -> None:
    scans = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    alone = [Image.fromarray(scan).resize((size, size), Image.Resampling.BICUBIC) for scan in scans]
    assert np.array_equal(_enlarged(scans, size), np.stack(alone))


def test_pixels_use_the_whole_range_and_keep_the_scan() -> None:
    from sklearn.datasets import load_digits

    small = digits(DatasetRequest(image_size=8))  # the size of the scans: nothing is interpolated
    scans = {(scan.astype(np.uint8).tobytes(), label) for scan, label in zip(*_scans(load_digits()), strict=True)}
    for images in (small.train, small.test):
        back = np.round(images.pixels[:, 0] * (16 / 255)).astype(np.uint8)
        assert {(scan.tobytes(), label) for scan, label in zip(back, images.labels, strict=True)} <= scans
    assert (small.train.pixels.min(), small.train.pixels.max()) == (0, 255)
    enlarged = digits(DatasetRequest())
    assert np.allclose(
        enlarged.train.pixels.mean((1, 2, 3)), small.train.pixels.mean((1, 2, 3)), atol=8
    )  # an enlarged image is as bright as the scan


def _scans(bunch: object) -> tuple[np.ndarray, np.ndarray]:
    return bunch.images, bunch.target  # type: ignore[attr-defined]


def test_the_split_follows_the_seed() -> None:
    first, again, other = (digits(DatasetRequest(split_seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.test.pixels, again.test.pixels)
    assert not np.array_equal(first.test.pixels, other.test.pixels)


def test_the_image_size_is_honoured() -> None:
    assert digits(DatasetRequest(image_size=16)).test.pixels.shape == (359, 1, 16, 16)


def test_it_takes_no_argument() -> None:
    with pytest.raises(DatasetError, match="'digits' takes nothing after a colon"):
        digits(DatasetRequest(argument="x"))
