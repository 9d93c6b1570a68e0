"""Predictive values at a prevalence: against Bayes, published numbers, how often they hold, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hptui.metrics.class_metrics import Estimate
from hptui.metrics.prevalence import npv_at, ppv_at, ratio_interval
from hptui.metrics.score_intervals import wilson


def share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole, wilson(part, whole))


def test_at_the_prevalence_of_the_images_they_are_the_plain_ones() -> None:
    """90 of 100 ill found, 50 of 400 healthy called ill: 90 of 140, and 350 of 360."""
    ill, healthy = share(90, 100), share(350, 400)
    positive, negative = ppv_at(0.2, ill, healthy), npv_at(0.2, ill, healthy)
    assert positive is not None
    assert negative is not None
    assert positive.value == pytest.approx(90 / 140)
    assert negative.value == pytest.approx(350 / 360)


def test_of_a_rare_illness_a_good_test_is_mostly_wrong() -> None:
    """Eddy 1982: prevalence 1 %, sensitivity 79.2 %, specificity 90.4 %: 7.7 % of the positive are ill."""
    found = ppv_at(0.01, Estimate(0.792, (0.7, 0.86)), Estimate(0.904, (0.87, 0.93)))
    assert found is not None
    assert found.value == pytest.approx(0.077, abs=5e-4)
    assert 0.05 < found.interval[0] < found.value < found.interval[1] < 0.12


def test_the_ratio_of_two_shares_agrees_with_the_published_interval() -> None:
    """Ends of MOVER as Fagerland and Newcombe have them, from the equation that defines them."""
    one, other = share(30, 40), share(8, 50)
    low, high = ratio_interval(one, other)
    for end, near, far in ((low, one.interval[0], other.interval[1]), (high, one.interval[1], other.interval[0])):
        # where the interval of one - end * other, by the squares of the distances, ends at zero
        distance = math.hypot(one.value - near, end * (far - other.value))
        assert abs(one.value - end * other.value) == pytest.approx(distance)
    assert low < (30 / 40) / (8 / 50) < high


@pytest.mark.parametrize(("ill", "healthy", "true_se", "true_sp"), [(40, 60, 0.8, 0.9), (15, 200, 0.9, 0.97)])
def test_intervals_hold_about_95_times_of_100(ill: int, healthy: int, true_se: float, true_sp: float) -> None:
    random, held = np.random.default_rng(0), np.zeros(2)
    true = [
        0.05 * true_se / (0.05 * true_se + 0.95 * (1 - true_sp)),
        0.95 * true_sp / (0.95 * true_sp + 0.05 * (1 - true_se)),
    ]
    for _ in range(1000):
        found, spared = share(random.binomial(ill, true_se), ill), share(random.binomial(healthy, true_sp), healthy)
        for index, at in enumerate((ppv_at, npv_at)):
            estimate = at(0.05, found, spared)
            assert estimate is not None
            held[index] += estimate.interval[0] <= true[index] <= estimate.interval[1]
    assert (held / 1000 >= 0.93).all()
    assert (held / 1000 <= 0.98).all()


def test_two_of_two_are_not_certain() -> None:
    found = ppv_at(0.1, share(2, 2), share(50, 50))
    assert found is not None
    assert found.value == found.interval[1] == 1.0
    assert 0.1 < found.interval[0] < 0.9
    missed = npv_at(0.1, share(2, 2), share(50, 50))
    assert missed is not None
    assert missed.value == missed.interval[1] == 1.0
    assert missed.interval[0] < 0.98
    assert ppv_at(0.1, share(0, 5), share(5, 5)) is None
    none = ppv_at(0.1, share(0, 5), share(4, 5))
    assert none is not None
    assert none.value == none.interval[0] == 0.0
