"""Intervals, tests and effect sizes against SciPy, published tables and examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hptui.reading.comparison.differences import Difference, hedges_factor, holm, paired_difference, unpaired_difference
from hptui.reading.comparison.words import other_statistics

# Darwin's plants, cross- minus self-fertilised, eighths of an inch (Fisher 1935, The Design of Experiments, ch. 3).
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Student 1908: additional hours of sleep under two drugs, ten patients (R's data set `sleep`).
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def differ(differences: list[float]) -> Difference:
    """Of pairs whose first value is zero."""
    return paired_difference(dict.fromkeys(range(len(differences)), 0.0), dict(enumerate(differences)))


def test_students_sleep_data() -> None:
    """Published: t(9) = 4.0621, p = 0.002833, mean 1.58, 95 % interval 0.70 to 2.46 (Student 1908; R's ?sleep)."""
    found = paired_difference(dict(enumerate(SLEEP_1)), dict(enumerate(SLEEP_2)))
    assert found.mean == pytest.approx(1.58)
    assert found.p_value == pytest.approx(0.002833, abs=1e-6)
    assert (found.low, found.high) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)
    assert found.sd == pytest.approx(1.229995, abs=1e-6)
    assert found.effect_size == pytest.approx(4.0621 / math.sqrt(10), abs=1e-4)


def test_darwins_plants_by_wilcoxon() -> None:
    """Published: sum of the negative ranks 24, one-sided exact p = 0.0206, hence two-sided 0.0413 (Fisher's data)."""
    found = differ([value / 100 for value in DARWIN])
    assert found.wilcoxon_p == pytest.approx(0.04126, abs=5e-5)
    assert found.wilcoxon_exact


@pytest.mark.parametrize(("n", "smallest", "critical"), [(6, 0, 0.05), (8, 3, 0.05), (10, 8, 0.05), (10, 3, 0.01)])
def test_wilcoxon_against_the_table_of_critical_values(n: int, smallest: int, critical: float) -> None:
    """Two-sided critical values of the smaller rank sum: 0, 3 and 8 for n = 6, 8, 10 at 5 %, 3 for n = 10 at 1 %."""

    def with_sum(total: int) -> float:
        """P value of n ranks of which the negative ones add up to `total`."""
        signs, left = dict.fromkeys(range(1, n + 1), 1), total
        for rank in range(n, 0, -1):
            if rank <= left:
                signs[rank], left = -1, left - rank
        found = differ([sign * rank / 1000 for rank, sign in signs.items()])
        assert found.wilcoxon_exact
        assert found.wilcoxon_p is not None
        return found.wilcoxon_p

    assert with_sum(smallest) <= critical < with_sum(smallest + 1)


def test_ties_and_zeros_are_counted_over_all_signs() -> None:
    """By hand: differences 0, 1, 1, 1, 2; without the zero all four are positive: two of sixteen signs, p = 1/8."""
    found = differ([0.0, 0.01, 0.01, 0.01, 0.02])
    assert (found.wilcoxon_p, found.wilcoxon_exact, found.wilcoxon_n) == (pytest.approx(2 / 16), True, 4)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.0, 0.01, 0.02, 0.03, 0.04], "(exact; 4 differing pairs allow no less than 0.125)"),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.01, 0.02], "(exact; 2 differing pairs allow no less than 0.5)"),
        ([0.0, 0.0, 0.01], "(exact; 1 differing pair allows no less than 1)"),
        ([0.01, 0.02, 0.03, 0.04, 0.05, 0.06], "(exact)"),
    ],
)
def test_the_smallest_p_value_is_that_of_the_pairs_that_differ(differences: list[float], expected: str) -> None:
    assert expected in other_statistics(differ(differences))


def test_differences_that_are_equal_but_for_rounding_are_ties() -> None:
    one = paired_difference({0: 0.1, 1: 0.2, 2: 0.5}, {0: 0.2, 1: 0.3, 2: 0.3})  # 0.1, 0.09999..., -0.2
    assert 0.2 - 0.1 != 0.3 - 0.2
    assert one.wilcoxon_p == pytest.approx(1.0)  # ranks 1.5 + 1.5 against 3


def test_many_ties_use_the_normal_approximation() -> None:
    values = [0.01] * 15 + [-0.02] * 5
    found = differ(values)
    assert not found.wilcoxon_exact
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(values, method="asymptotic").pvalue)


def test_where_no_pair_differs_there_is_no_rank() -> None:
    assert differ([0.0, 0.0, 0.0]).wilcoxon_p is None


def test_the_bootstrap_interval_is_scipys_and_the_same_every_time() -> None:
    values = [value / 100 for value in DARWIN]
    found = differ(values)
    expected = stats.bootstrap((np.array(values),), np.mean, method="BCa", n_resamples=100_000, rng=1)
    interval = expected.confidence_interval
    assert (found.bootstrap_low, found.bootstrap_high) == pytest.approx((interval.low, interval.high), abs=0.008)
    assert differ(values) == found


def test_a_bootstrap_needs_five_pairs() -> None:
    assert differ([0.01, 0.02, 0.03, 0.05]).bootstrap_low is None
    assert differ([0.01, 0.02, 0.03, 0.05, 0.06]).bootstrap_low is not None


@pytest.mark.parametrize(("freedom", "factor"), [(2, 0.5642), (5, 0.8408), (10, 0.9228), (20, 0.9619), (50, 0.9849)])
def test_hedges_factor_against_his_table(freedom: int, factor: float) -> None:
    """Hedges 1981, table 1: c(m), by its exact formula."""
    assert hedges_factor(freedom) == pytest.approx(factor, abs=2e-4)


def test_the_effect_size_is_corrected() -> None:
    found = differ([0.01, 0.02, 0.03, 0.04])
    assert found.effect_size_corrected == pytest.approx(2.5 / 1.290994 * hedges_factor(3), rel=1e-6)
    assert differ([0.01, 0.02]).effect_size_corrected is None


def test_unpaired_against_scipy() -> None:
    found = unpaired_difference(SLEEP_1, SLEEP_2)
    expected = stats.ttest_ind(SLEEP_2, SLEEP_1, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert (found.n, found.test) == (20, "Welch's t-test")
    assert found.mean == pytest.approx(1.58)
    assert found.p_value == pytest.approx(0.07939, abs=1e-5)  # R: t.test(extra ~ group, sleep)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_unpaired_with_too_few_runs() -> None:
    assert unpaired_difference([], [0.5]).mean is None
    one = unpaired_difference([0.5], [0.75, 0.5])
    assert (one.mean, one.low, one.p_value) == (0.125, None, None)
    assert unpaired_difference([0.5, 0.5], [0.75, 0.75]).p_value is None


def test_holm_by_hand() -> None:
    """Holm 1979: 0.01 x 4, then 0.02 x 3, 0.03 x 2 and 0.04, each at least as large as the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
