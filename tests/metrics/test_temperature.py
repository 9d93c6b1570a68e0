"""Losses after temperature scaling, and what counts as no worse than the lowest."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.special import expit, softmax

from hptui.metrics.temperature import MOST_SLOPE, calibrated_losses, is_within_error
from hptui.record.predictions import Predictions

RANDOM = np.random.default_rng(7)
LABELS = np.arange(200) % 4
LOGITS = RANDOM.normal(0, 1, (200, 4)) + 1.2 * np.eye(4)[LABELS]
SEVERAL = (RANDOM.random((200, 5)) < 0.3).astype(np.int64)
SEVERAL_LOGITS = RANDOM.normal(0, 1, (200, 5)) + 1.5 * SEVERAL - 1


def of_classes(logits: np.ndarray, labels: np.ndarray = LABELS) -> Predictions:
    return Predictions(labels.astype(np.int64), softmax(logits, axis=1).astype(np.float32))


def of_labels(logits: np.ndarray) -> Predictions:
    return Predictions(SEVERAL, expit(logits).astype(np.float32))


def mean_loss(slope: float, doubt: float = 1 / 202) -> float:
    """Of the labels as if two more images had been seen, one of them called wrong."""
    shares = np.log(softmax(slope * LOGITS, axis=1))
    own = shares[np.arange(200), LABELS]
    others = (shares.sum(1) - own) / 3
    return float(-((1 - doubt) * own + doubt * others).mean())


def test_no_other_temperature_has_a_lower_loss() -> None:
    slopes = np.geomspace(0.05, 20, 4000)
    best = float(slopes[np.argmin([mean_loss(slope) for slope in slopes])])
    assert calibrated_losses(of_classes(LOGITS)).mean() == pytest.approx(mean_loss(best, doubt=0), abs=1e-5)
    # of 200 images the doubt changes next to nothing
    assert mean_loss(best, doubt=0) == pytest.approx(min(mean_loss(slope, 0) for slope in slopes), abs=2e-4)


@pytest.mark.parametrize("count", [2, 6, 40])
def test_few_images_that_are_told_apart_are_no_certainty(count: int) -> None:
    """However sure a network is of them, it is not taken to be surer than so many images can show."""
    labels = np.arange(count) % 4
    sure = [calibrated_losses(of_classes(scale * np.eye(4)[labels], labels)) for scale in (1.0, 9.0)]
    assert sure[0] == pytest.approx(sure[1], abs=1e-3)
    assert sure[0] == pytest.approx(np.full(count, -math.log((count + 1) / (count + 2))), abs=1e-3)
    several = (np.arange(3 * count) % 2).reshape(count, 3)
    apart = Predictions(several, expit(9.0 * (2 * several - 1)).astype(np.float32))
    assert calibrated_losses(apart) == pytest.approx(np.full(count, -math.log((count + 1) / (count + 2))), abs=1e-3)


def test_images_of_one_patient_show_no_more_than_one() -> None:
    labels = np.arange(40) % 4
    patients = np.array([f"p{number // 8}" for number in range(40)])
    sure = calibrated_losses(dataclasses.replace(of_classes(9 * np.eye(4)[labels], labels), groups=patients))
    assert sure == pytest.approx(np.full(40, -math.log(6 / 7)), abs=1e-3)


@pytest.mark.parametrize("certainty", [0.2, 3.0, 9.0])
def test_how_certain_a_network_is_does_not_matter(certainty: float) -> None:
    """Only what it tells apart does."""
    expected = calibrated_losses(of_classes(LOGITS))
    assert calibrated_losses(of_classes(certainty * LOGITS)) == pytest.approx(expected, abs=2e-3)
    expected = calibrated_losses(of_labels(SEVERAL_LOGITS))
    assert calibrated_losses(of_labels(certainty * SEVERAL_LOGITS)).mean() == pytest.approx(expected.mean(), abs=2e-3)


def test_a_label_is_a_task_of_two_classes() -> None:
    labels, logits = SEVERAL[:, 0], SEVERAL_LOGITS[:, 0]
    alone = Predictions(labels[:, None], expit(logits)[:, None].astype(np.float32))
    pair = of_classes(np.stack([np.zeros(200), logits], 1), labels)
    assert calibrated_losses(alone) == pytest.approx(calibrated_losses(pair), abs=1e-5)


def test_weights_count_as_repeated_images() -> None:
    times = 1 + np.arange(200) % 3
    weighted = calibrated_losses(of_classes(LOGITS), times.astype(float))
    again = of_classes(np.repeat(LOGITS, times, axis=0), np.repeat(LABELS, times))
    repeated = calibrated_losses(dataclasses.replace(again, groups=np.repeat(np.arange(200).astype(str), times)))
    assert weighted.sum() == pytest.approx(repeated.sum(), rel=1e-6)
    both = calibrated_losses(of_labels(SEVERAL_LOGITS), np.full(SEVERAL.shape, 2.0))
    assert both == pytest.approx(2 * calibrated_losses(of_labels(SEVERAL_LOGITS)), abs=1e-6)


def test_what_cannot_be_scaled() -> None:
    sure = calibrated_losses(of_classes(50 * np.eye(4)[LABELS]))
    assert np.isfinite(sure).all()
    assert sure.max() < 0.01  # told apart in full
    broken = of_classes(LOGITS)
    broken.probabilities[3, 1] = np.nan
    assert (calibrated_losses(broken) == math.inf).all()
    wrong = calibrated_losses(of_classes(-LOGITS))  # worse than guessing: scaled to a guess
    assert wrong.mean() == pytest.approx(math.log(4), abs=0.01)
    assert MOST_SLOPE > 1


def test_within_one_standard_error_image_by_image() -> None:
    lowest = RANDOM.random(100) * 5  # images differ far more than the two epochs do
    steps = np.tile([0.1, -0.1], 50)
    error = steps.std(ddof=1) / 10
    assert is_within_error(lowest + steps + 0.99 * error, lowest)
    assert not is_within_error(lowest + steps + 1.01 * error, lowest)
    assert is_within_error(lowest - 1, lowest)
    assert not is_within_error(np.full(100, math.inf), lowest)


def test_images_of_one_patient_are_no_evidence_of_their_own() -> None:
    lowest, steps = np.zeros(20), np.tile([0.4, -0.2], 10)
    mean = float(steps.mean())
    assert mean > steps.std(ddof=1) / math.sqrt(20)
    assert not is_within_error(steps, lowest)
    assert not is_within_error(np.repeat(steps, 9), np.zeros(180))
    patients = np.repeat(np.array([f"p{number // 5}" for number in range(20)]), 1)
    alike = np.repeat([0.4, -0.2, 0.4, -0.2], 5)  # four patients with five images each
    assert is_within_error(alike, lowest, patients)
    assert is_within_error(steps + 9, lowest, np.full(20, "one"))  # nothing can be told from one patient


def test_groups_of_one_image_are_images() -> None:
    names = np.array([f"p{number}" for number in range(50)])
    for shift in (0.0, 0.05, 0.15, 0.3):
        losses = RANDOM.normal(shift, 1, 50)
        assert is_within_error(losses, np.zeros(50), names) == is_within_error(losses, np.zeros(50))
