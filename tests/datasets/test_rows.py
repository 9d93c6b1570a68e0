"""Images by their places in a larger array: read as an array is, and not copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hptui.datasets import ImageDataset, Images, _rows
from hptui.datasets._check import check
from hptui.datasets._duplicates import pixel_keys
from hptui.datasets._intensity import fit_intensity
from hptui.datasets._levels import levels_of
from hptui.datasets._prepare import fingerprint, prepare
from hptui.datasets._rows import PixelRows, joined, pieces, taken
from hptui.datasets._summary import summarize

DEPTHS = (np.uint8, np.uint16, np.int16, np.float32)


@pytest.fixture
def array() -> Any:
    return np.random.default_rng(0).integers(0, 255, (30, 3, 20, 18)).astype(np.uint8)


PLACES = np.array([4, 29, 3, 3, 17, 0, 11])


def test_a_view_reads_as_the_copy_does(array: Any) -> None:
    view, copy = PixelRows(array, PLACES), array[PLACES]
    assert (view.shape, view.ndim, view.dtype, view.nbytes, len(view)) == (
        copy.shape,
        copy.ndim,
        copy.dtype,
        copy.nbytes,
        len(copy),
    )
    for index in (2, slice(1, 5), np.array([6, 0, 0]), copy[:, 0, 0, 0] > 100):
        assert np.array_equal(view[index], copy[index])
    assert np.array_equal(view[1:4, 2, ::2, 3:], copy[1:4, 2, ::2, 3:])
    assert np.array_equal(np.asarray(view), copy)
    assert np.asarray(view, np.float64).dtype == np.float64
    assert np.array_equal(np.concatenate(list(pieces(view))), copy)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(view, copy=False)


def test_few_images_are_copied_and_many_are_not(array: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(taken(array, PLACES), np.ndarray)
    monkeypatch.setattr(_rows, "COPIED", 7 * 3 * 20 * 18)
    view = taken(array, PLACES)
    assert isinstance(view, PixelRows)
    assert view.array is array
    assert np.array_equal(taken(view, np.array([5, 1])), array[[0, 29]])
    monkeypatch.setattr(_rows, "COPIED", 0)
    again = taken(view, np.array([5, 1]))
    assert isinstance(again, PixelRows)  # of the array, not of a view of it
    assert again.array is array
    assert np.array_equal(again, array[[0, 29]])


def test_splits_of_one_array_are_joined_without_a_copy(array: Any) -> None:
    one, other = PixelRows(array, PLACES[:3]), PixelRows(array, PLACES[3:])
    whole = joined([one, other])
    assert isinstance(whole, PixelRows)
    assert np.array_equal(whole, array[PLACES])
    for parts in ([one, array[PLACES[3:]]], [array[PLACES[:3]], other], [one, PixelRows(array.copy(), PLACES[3:])]):
        assert np.array_equal(joined(parts), array[PLACES])


@pytest.mark.parametrize("depth", DEPTHS)
def test_all_that_is_found_of_a_data_set_is_the_same_of_views(depth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    pixels = (random.normal(100, 20, (60, 2, 20, 18)) * 3).astype(depth)
    pixels[7] = pixels[50]  # equal images stay together
    pixels[9] = 5  # of one intensity
    images = Images(pixels, np.arange(60) % 2, names=np.array([f"{number}.png" for number in range(60)]))
    test = Images(pixels[:20] + depth(1), np.arange(20) % 2)

    def found() -> tuple[Any, ...]:
        monkeypatch.setattr(_rows, "PIECE", 3000)  # several of them
        given = check(ImageDataset("x", ("a", "b"), images, test))
        split = prepare(given, train_size=40, validation_size=10, split_seed=3)
        fit = fit_intensity("percentile:1:99", split)
        facts = fit.intensity, fit.mean.tolist(), fit.std.tolist(), fit.notes, levels_of(split.train.pixels).count
        return split.train, (fingerprint(split), summarize(split), *facts)

    copies, facts = found()
    monkeypatch.setattr(_rows, "COPIED", 0)
    views, other = found()
    assert isinstance(copies.pixels, np.ndarray)
    assert isinstance(views.pixels, PixelRows)
    assert views.pixels.array is images.pixels
    assert facts == other
    assert np.array_equal(views.keys, pixel_keys(Images(copies.pixels, copies.labels)))


def test_keys_that_own_code_brings_along_are_not_believed(array: Any) -> None:
    wrong = Images(array, np.arange(30) % 2, keys=np.zeros(30, np.uint64))
    data = ImageDataset("x", ("a", "b"), wrong, Images(array + np.uint8(1), np.arange(30) % 2))
    assert len(np.unique(check(data).train.keys)) == 30
    assert len(np.unique(check(data, known_keys=True, allow_overlap=True).train.keys)) == 1
