"""Recalibration: against scikit-learn's Platt scaling, on shifted probabilities, and where there is little to fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import _sigmoid_calibration

from hptui.errors import ConfigError
from hptui.metrics.classification import metric
from hptui.metrics.recalibration import fit_recalibration
from hptui.record.predictions import Predictions


def shifted(images: int, seed: int, shift: float, slope: float, classes: int = 2) -> Predictions:
    """Well calibrated probabilities whose logits were multiplied and shifted towards the last class."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (images, classes)) - np.r_[np.zeros(classes - 1), 2.0]
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) < random.random((images, 1))).sum(1)
    moved = np.exp(slope * logits + np.r_[np.zeros(classes - 1), shift])
    return Predictions(labels, (moved / moved.sum(1, keepdims=True)).astype(np.float32))


def test_two_classes_are_platts_as_scikit_learn_has_it() -> None:
    found = shifted(400, 0, 1.5, 1.7)
    logit = np.log(found.probabilities[:, 1].astype(float) / found.probabilities[:, 0])
    a, b = _sigmoid_calibration(logit, found.labels)
    recalibration = fit_recalibration(found)
    assert (recalibration.slope, recalibration.shifts) == (
        pytest.approx(-a, abs=1e-3),
        (0.0, pytest.approx(-b, abs=1e-3)),
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_what_class_weights_shifted_comes_back(classes: int) -> None:
    validation, other = shifted(3000, 1, 3.0, 1.5, classes), shifted(3000, 2, 3.0, 1.5, classes)
    after = fit_recalibration(validation).apply(other)
    share = (other.labels == classes - 1).mean()
    assert abs(other.probabilities[:, -1].mean() - share) > 0.15
    assert after.probabilities[:, -1].mean() == pytest.approx(share, abs=0.02)
    for name in ("brier", "calibration_error"):
        assert metric(name, after) < metric(name, other)  # type: ignore[operator]
    assert metric("calibration_error", after) < 0.04  # type: ignore[operator]
    if classes == 2:
        assert metric("auc", after) == pytest.approx(metric("auc", other), abs=1e-6)


def test_few_images_told_apart_perfectly_do_not_make_answers_certain() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    found = Predictions(labels, np.eye(2, dtype=np.float32)[labels])
    after = fit_recalibration(found).apply(found)
    assert after.probabilities[-1, 1] == pytest.approx(3 / 4, abs=0.01)  # Platt's (n + 1) / (n + 2)
    assert after.probabilities[0, 0] == pytest.approx(4 / 5, abs=0.01)


def test_what_cannot_be_fitted_is_told() -> None:
    with pytest.raises(ConfigError, match="no validation image is of class 1"):
        fit_recalibration(Predictions(np.zeros(3, int), np.full((3, 2), 0.5, np.float32)))
    with pytest.raises(ConfigError, match="diverged"):
        fit_recalibration(Predictions(np.array([0, 1]), np.full((2, 2), np.nan, np.float32)))


def test_images_that_the_network_is_very_sure_of_keep_their_order() -> None:
    """Of another hospital's images a network may give all to one class: their ranks are all that is left."""
    validation = shifted(400, 3, 0.0, 1.0)
    ill = np.array([1e-30, 1e-25, 1e-20, 1e-14, 1e-13, 1e-12])
    other = Predictions(np.array([0, 0, 1, 0, 1, 1]), np.stack([1 - ill, ill], 1).astype(np.float32))
    after = fit_recalibration(validation).apply(other)
    assert metric("auc", after) == metric("auc", other) == pytest.approx(8 / 9)
