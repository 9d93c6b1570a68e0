"""What the size of a test set leaves open: against McNemar, DeLong, and drawing other test sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.random import Generator

from hptui.metrics import classification
from hptui.metrics.influence import image_influence, standard_error
from hptui.reading.comparison.sampling import (
    largest_paired_error,
    paired_error,
)
from hptui.record.predictions import Predictions


def made_up(random: Generator, labels: np.ndarray, classes: int, skill: float) -> Predictions:
    """A network that is right the more often the larger `skill` is."""
    logits = random.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    shares = np.exp(logits)
    return Predictions(labels, (shares / shares.sum(1, keepdims=True)).astype(np.float32))


def drawn(predictions: Predictions, rows: np.ndarray) -> Predictions:
    return predictions.take(rows)


def test_the_error_of_one_accuracy_is_the_binomial_one() -> None:
    random = np.random.default_rng(0)
    one = made_up(random, random.integers(0, 3, 500), 3, 1.0)
    accuracy = classification.metric("accuracy", one)
    assert accuracy is not None
    found = standard_error(image_influence("accuracy", one))
    assert found == pytest.approx(math.sqrt(accuracy * (1 - accuracy) / 500))


def test_the_error_of_one_pair_is_mcnemars() -> None:
    """100 images, 12 right in the second alone and 5 in the first: d = 0.07, se^2 = (17 - 0.49) / 100^2."""
    labels = np.zeros(100, np.int64)
    first = np.repeat([[1.0, 0.0], [0.0, 1.0]], (80, 20), axis=0).astype(np.float32)
    second = first.copy()
    second[80:92] = first[0]
    second[:5] = first[-1]
    influences = [image_influence("accuracy", Predictions(labels, answers)) for answers in (first, second)]
    error = paired_error([influences[0]], [influences[1]])
    assert error == pytest.approx(math.sqrt(17 - 100 * 0.07**2) / 100)
    assert error <= largest_paired_error(0.80, 0.87, 100)


def test_the_bound_is_reached_where_both_are_wrong_on_different_images() -> None:
    labels = np.zeros(100, np.int64)
    sides = []
    for wrong in (slice(0, 20), slice(20, 33)):
        answers = np.repeat([[1.0, 0.0]], 100, axis=0).astype(np.float32)
        answers[wrong] = [0.0, 1.0]
        sides.append([image_influence("accuracy", Predictions(labels, answers))])
    assert paired_error(*sides) == pytest.approx(largest_paired_error(0.80, 0.87, 100))


def test_the_error_of_an_auc_is_delongs() -> None:
    """DeLong et al. 1988: var = s10 / m + s01 / n, here with the divisors m and n instead of m - 1 and n - 1."""
    random = np.random.default_rng(1)
    one = made_up(random, random.integers(0, 2, 120), 2, 1.0)
    positive = one.probabilities[one.labels == 1, 1]
    negative = one.probabilities[one.labels == 0, 1]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)  # (m, n)
    expected = math.sqrt(wins.mean(1).var() / len(positive) + wins.mean(0).var() / len(negative))
    assert standard_error(image_influence("auc", one)) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", [name for name in classification.METRICS if name != "calibration_error"])
def test_the_error_is_how_much_other_test_sets_differ(name: str, classes: int) -> None:
    """Standard deviation over 750 test sets drawn from the same images, of one metric and of a paired difference."""
    random = np.random.default_rng(2)
    labels = random.integers(0, classes, 400)
    pair = [made_up(random, labels, classes, skill) for skill in (1.0, 1.5)]
    found = np.array(
        [
            [classification.metric(name, drawn(one, rows)) for one in pair]
            for rows in random.integers(0, len(labels), (750, len(labels)))
        ],
        float,
    )
    influences = [image_influence(name, one) for one in pair]
    assert standard_error(influences[0]) == pytest.approx(found[:, 0].std(), rel=0.08)
    assert paired_error([influences[0]], [influences[1]]) == pytest.approx((found[:, 1] - found[:, 0]).std(), rel=0.08)
    assert np.mean(influences[0]) == pytest.approx(0, abs=1e-9)


def test_the_error_at_a_threshold() -> None:
    random = np.random.default_rng(3)
    one = made_up(random, random.integers(0, 2, 300), 2, 1.0)
    share, support = classification.metric("sensitivity", one, 0.2), int((one.labels == 1).sum())
    assert share is not None
    assert standard_error(image_influence("sensitivity", one, 0.2)) == pytest.approx(
        math.sqrt(share * (1 - share) / support)
    )


def test_more_seeds_leave_what_the_images_have_in_common() -> None:
    """Two networks that always disagree on the same images stay as uncertain, however often they are trained."""
    random = np.random.default_rng(4)
    labels = random.integers(0, 2, 200)
    one, other = (image_influence("accuracy", made_up(random, labels, 2, skill)) for skill in (0.5, 1.5))
    assert paired_error([one] * 10, [other] * 10) == pytest.approx(paired_error([one], [other]))


def test_a_class_without_images_adds_nothing() -> None:
    labels = np.array([0, 0, 1, 1])
    answers = np.eye(3, dtype=np.float32)[[0, 1, 1, 1]]
    for name in classification.METRICS:
        assert np.isfinite(image_influence(name, Predictions(labels, answers))).all()
