"""Net benefit against its definition, on numbers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hptui.metrics.decision_curve import decision_curve
from hptui.record.predictions import Predictions


def found(groups: bool = False) -> Predictions:
    """200 images, 50 ill; from 0.2 on 45 ill and 30 healthy are called, from 0.6 on 20 and 3."""
    positive = np.r_[
        np.full(20, 0.7), np.full(25, 0.4), np.full(5, 0.1), np.full(3, 0.7), np.full(27, 0.4), np.full(120, 0.1)
    ]
    labels = np.repeat([1, 0], (50, 150))
    who = np.array([f"p{index // 4}" for index in range(200)]) if groups else None
    return Predictions(labels, np.stack([1 - positive, positive], 1).astype(np.float32), who)


def test_net_benefit_is_what_vickers_and_elkin_define() -> None:
    """True positives / N - false positives / N x t / (1 - t); everybody: 50 / 200 - 150 / 200 x t / (1 - t)."""
    by_threshold = {round(point.threshold, 2): point for point in decision_curve(found())}
    assert len(by_threshold) == 99
    assert by_threshold[0.2].network == pytest.approx(45 / 200 - 30 / 200 * 0.25)
    assert by_threshold[0.2].everybody == pytest.approx(50 / 200 - 150 / 200 * 0.25)
    assert by_threshold[0.6].network == pytest.approx(20 / 200 - 3 / 200 * 1.5)
    assert by_threshold[0.9].network == 0.0
    assert all(point.interval[0] <= point.network + 1e-12 for point in by_threshold.values())
    assert by_threshold[0.2].interval[0] < by_threshold[0.2].network < by_threshold[0.2].interval[1]


def test_at_another_prevalence_shares_are_weighed_by_it() -> None:
    """A probability of 0.7 has odds of 7 / 3, there of 7 / 3 x (5 / 95) / (50 / 150): 0.269; 0.4 becomes 0.095."""
    by_threshold = {round(point.threshold, 2): point for point in decision_curve(found(), prevalence=0.05)}
    assert by_threshold[0.2].network == pytest.approx(20 / 50 * 0.05 - 3 / 150 * 0.95 * 0.25)
    assert by_threshold[0.05].network == pytest.approx(45 / 50 * 0.05 - 30 / 150 * 0.95 * 0.05 / 0.95)
    assert by_threshold[0.3].network == 0.0
    assert by_threshold[0.2].everybody == pytest.approx(0.05 - 0.95 * 0.25)


def test_groups_are_drawn_where_there_are_some() -> None:
    (one, *_), (other, *_) = decision_curve(found()), decision_curve(found(groups=True))
    assert one.network == other.network
    assert other.interval[1] - other.interval[0] > 1.3 * (one.interval[1] - one.interval[0])


def test_there_is_none_without_two_classes_that_occur() -> None:
    assert decision_curve(Predictions(np.zeros(3, int), np.full((3, 2), 0.5, np.float32))) == []
    assert decision_curve(Predictions(np.array([0, 1]), np.full((2, 2), np.nan, np.float32))) == []
    assert decision_curve(Predictions(np.array([0, 1]), np.full((2, 3), 1 / 3, np.float32))) == []
