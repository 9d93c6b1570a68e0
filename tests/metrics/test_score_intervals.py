"""Intervals in closed form: against their equations, published numbers, how often they hold, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hptui.metrics.classification import METRICS, metric
from hptui.metrics.intervals import interval, per_class
from hptui.metrics.score_intervals import auc_interval, f1_interval, mean_interval, wilson
from hptui.record.predictions import Predictions


def hanley_mcneil(area: float, positive: float, negative: float, others: float) -> float:
    """Standard error as Hanley and McNeil (1982) wrote it, with `others` in place of both numbers less one."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + others * (q1 - area**2) + others * (q2 - area**2)
    return math.sqrt(variance / (positive * negative))


@pytest.mark.parametrize(("area", "positive", "negative"), [(0.8, 20, 30), (0.97, 5, 200), (1.0, 2, 98), (0.5, 9, 9)])
def test_the_ends_of_an_auc_are_196_of_their_own_errors_away(area: float, positive: int, negative: int) -> None:
    low, high = auc_interval(area, positive, negative)
    others = (positive + negative) / 2 - 1
    assert (area - low) / hanley_mcneil(low, positive, negative, others) == pytest.approx(1.959964, rel=1e-6)
    if area < 1:
        assert (high - area) / hanley_mcneil(high, positive, negative, others) == pytest.approx(1.959964, rel=1e-6)
    else:
        assert high == 1.0


def test_an_auc_of_0_mirrors_one_of_1() -> None:
    low, high = auc_interval(1.0, 7, 40)
    assert auc_interval(0.0, 7, 40) == (pytest.approx(1 - high), pytest.approx(1 - low))
    assert high == 1.0 > low > 0.5


@pytest.mark.parametrize("positive", [3, 10, 40])
@pytest.mark.parametrize("apart", [1.0, 2.5])
def test_auc_intervals_hold_about_95_times_of_100(positive: int, apart: float) -> None:
    random, held = np.random.default_rng(0), 0
    true = 0.5 * (1 + math.erf(apart / 2))
    for _ in range(400):
        ill, healthy = random.normal(apart, size=positive), random.normal(size=60)
        low, high = auc_interval(float((ill[:, None] > healthy).mean()), positive, 60)
        held += low <= true <= high
    assert 0.92 <= held / 400 <= 1.0


def test_an_f1_is_that_of_the_ends_of_its_share() -> None:
    low, high = f1_interval(30, 40)
    for end, share in zip((low, high), wilson(30, 40), strict=True):
        assert end / (2 - end) == pytest.approx(share)  # J = F1 / (2 - F1)
    assert low < 2 * 30 / (30 + 40) < high
    assert f1_interval(5, 5) == (pytest.approx(2 * 0.565518 / 1.565518, abs=1e-5), 1.0)
    assert f1_interval(0, 5)[0] == 0.0 < f1_interval(0, 5)[1]


def test_distances_are_added_in_squares_or_as_they_are() -> None:
    values, ends = [0.5, 0.9], [(0.2, 0.7), (0.5, 1.0)]
    assert mean_interval(values, ends, independent=True) == (
        pytest.approx(0.7 - 0.25),
        pytest.approx(0.7 + math.hypot(0.2, 0.1) / 2),
    )
    assert mean_interval(values, ends, independent=False) == (pytest.approx(0.35), pytest.approx(0.85))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("name", METRICS)
def test_no_metric_is_certain_because_all_or_none_is_right(name: str, classes: int, right: bool) -> None:
    """A bootstrap says 100 % to 100 %: every resample is as right as the images are."""
    labels = np.arange(12) % classes
    found = Predictions(labels, np.eye(classes, dtype=np.float32)[labels if right else (labels + 1) % classes])
    value, ends = metric(name, found), interval(name, found)
    assert ends is not None
    assert 0.01 < ends[1] - ends[0] < (1.3 if name == "quadratic_kappa" else 0.8)  # that one goes down to -1
    assert ends[0] <= value <= ends[1]  # type: ignore[operator]
    for row in per_class(found):
        estimate = getattr(row, name, None)
        assert estimate is None or estimate.interval[1] - estimate.interval[0] > 0.05
