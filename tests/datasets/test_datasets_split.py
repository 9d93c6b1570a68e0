"""Stratified drawing: exact numbers, every class, the same images for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.datasets import Images
from hptui.datasets._split import percent, sample, shares, split_off
from hptui.errors import DatasetError


def labelled(*counts: int) -> Images:
    """Images of 1 x 1 whose pixel is their number, in a shuffled order of classes."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    return Images(np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1), labels)


@given(st.data())
def test_shares_are_exact_proportional_and_leave_the_spare(data: st.DataObject) -> None:
    spare = data.draw(st.integers(0, 1))
    counts = np.array(data.draw(st.lists(st.integers(1 + spare, 300), min_size=1, max_size=12)))
    size = data.draw(st.integers(len(counts), int((counts - spare).sum())))
    given_shares = shares(counts, size, spare=spare)
    assert given_shares.sum() == size
    assert (given_shares >= 1).all()
    assert (given_shares <= counts - spare).all()
    quota = size * counts / counts.sum()
    if (quota >= 1).all() and (quota <= counts - spare).all():  # no class is held by a limit
        assert (np.abs(given_shares - quota) < 1).all()


def test_the_largest_remainders_get_the_last_images() -> None:
    # Quotas 4.7, 3.2, 2.1: after 4 + 3 + 2 the one missing goes to the remainder 0.7.
    assert shares(np.array([47, 32, 21]), 10).tolist() == [5, 3, 2]


def test_a_rare_class_gets_its_image_from_the_largest() -> None:
    assert shares(np.array([1000, 990, 2]), 20).tolist() == [10, 9, 1]


def test_a_sample_is_exact_stratified_and_seeded() -> None:
    labels = labelled(60, 30, 10).labels
    first = sample(labels, 50, seed=7, purpose="train")
    assert first.dtype == np.int64
    assert (np.diff(first) > 0).all()
    assert np.bincount(labels[first]).tolist() == [30, 15, 5]
    assert np.array_equal(first, sample(labels, 50, seed=7, purpose="train"))
    assert not np.array_equal(first, sample(labels, 50, seed=8, purpose="train"))
    assert not np.array_equal(first, sample(labels, 50, seed=7, purpose="validation"))


def test_a_sample_does_not_follow_the_order_of_the_images() -> None:
    """Each image of a class is drawn about equally often."""
    labels = np.zeros(20, np.int64)
    drawn = np.concatenate([sample(labels, 5, seed=seed, purpose="train") for seed in range(400)])
    expected, deviation = 100, (400 * 0.25 * 0.75) ** 0.5
    assert (np.abs(np.bincount(drawn, minlength=20) - expected) < 5 * deviation).all()


def test_the_drawn_images_never_change_between_versions() -> None:
    labels = np.arange(30, dtype=np.int64) % 3
    assert sample(labels, 6, seed=0, purpose="validation").tolist() == [4, 14, 23, 24, 25, 27]


def test_splitting_off_is_disjoint_complete_and_leaves_each_class() -> None:
    images = labelled(40, 8, 2)
    rest, taken = split_off(images, 10, seed=1, purpose="test", class_names="abc")
    assert len(taken) == 10
    assert len(rest) == 40
    assert sorted([*rest.pixels.ravel(), *taken.pixels.ravel()]) == list(range(50))
    assert set(rest.labels) == set(taken.labels) == {0, 1, 2}
    for part in (rest, taken):
        assert np.array_equal(part.labels, images.labels[part.pixels.ravel()])


def test_a_class_with_one_image_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="class 'b' has only 1 image to share between training and validation"):
        split_off(labelled(10, 1), 3, seed=0, purpose="validation", class_names="ab")


@pytest.mark.parametrize("size", [-1, 0, 1, 19, 1000])
def test_a_size_out_of_reach_names_what_can_be_had(size: int) -> None:
    with pytest.raises(DatasetError, match=f"^{size} test images were asked for; 2 to 18 can be taken from 20"):
        split_off(labelled(10, 10), size, seed=0, purpose="test", class_names="ab")


def test_percent_keeps_one_image_per_class_on_both_sides() -> None:
    assert percent(labelled(100, 100).labels, 20) == 40
    assert percent(labelled(3, 3, 3).labels, 20) == 3
    assert percent(labelled(2, 2).labels, 90) == 2
