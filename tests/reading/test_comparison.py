"""What N baseline and N optimized runs allow one to say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fabricate import ended_early, finished_study, make_study, run_started, trained_epoch, whole_run, write_run
from scipy import stats

from hptui.reading.comparison import Difference, compare, conclusion, paired_difference, summarize
from hptui.reading.comparison.verdict import verdict_so_far
from hptui.reading.comparison.words import comparison_lines, epochs_words
from hptui.reading.studies import follow

# Ten pairs in the manner of the reports that began this project: about 98.9 % against 99.1 % on MNIST.
BASELINE = [0.9871, 0.9893, 0.9888, 0.9902, 0.9879, 0.9895, 0.9884, 0.9890, 0.9868, 0.9899]
OPTIMIZED = [0.9902, 0.9911, 0.9897, 0.9915, 0.9909, 0.9894, 0.9912, 0.9907, 0.9899, 0.9909]


def by_seed(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values))


def test_ten_pairs_against_scipy() -> None:
    found = paired_difference(by_seed(BASELINE), by_seed(OPTIMIZED))
    expected = stats.ttest_rel(OPTIMIZED, BASELINE)
    interval = expected.confidence_interval(0.95)
    assert (found.n, found.test) == (10, "paired t-test")
    assert found.mean == pytest.approx(np.mean(OPTIMIZED) - np.mean(BASELINE), abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.effect_size == pytest.approx(expected.statistic / math.sqrt(10), rel=1e-9)


def test_by_hand() -> None:
    """Differences 1, 2, 3, 4 points: mean 2.5, sd 1.29099, t(3) = 3.87298, two-sided p = 0.030466."""
    found = paired_difference(by_seed([0.5] * 4), by_seed([0.51, 0.52, 0.53, 0.54]))
    assert found.mean == pytest.approx(0.025)
    assert found.effect_size == pytest.approx(2.5 / 1.290994, rel=1e-6)
    assert found.p_value == pytest.approx(0.030466, abs=1e-6)
    half = 3.182446 * 0.01290994 / 2  # t quantile 0.975 with 3 degrees of freedom
    assert (found.low, found.high) == pytest.approx((0.025 - half, 0.025 + half), rel=1e-5)


def test_swapping_the_arms_mirrors_the_difference() -> None:
    one = paired_difference(by_seed(BASELINE), by_seed(OPTIMIZED))
    other = paired_difference(by_seed(OPTIMIZED), by_seed(BASELINE))
    assert None not in (one.mean, one.low, one.high, one.effect_size, one.p_value)
    assert other.mean == pytest.approx(-one.mean)  # type: ignore[operator]
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))  # type: ignore[operator]
    assert other.effect_size == pytest.approx(-one.effect_size)  # type: ignore[operator]
    assert other.p_value == pytest.approx(one.p_value)


def test_no_pair_and_one_pair() -> None:
    assert paired_difference({}, {}) == Difference(0, None, None, None, None, None, "paired t-test")
    one = paired_difference({3: 0.5}, {3: 0.75})
    assert one == Difference(1, 0.25, None, None, None, None, "paired t-test")


def test_equal_differences_have_no_spread_to_test_against() -> None:
    same = paired_difference(by_seed([0.5, 0.75, 0.25]), by_seed([0.5, 0.75, 0.25]))
    assert same == Difference(3, 0.0, None, None, None, None, "paired t-test", sd=0.0)
    better = paired_difference(by_seed([0.5, 0.75, 0.25]), by_seed([0.625, 0.875, 0.375]))
    assert (better.n, better.mean, better.low, better.p_value, better.effect_size) == (3, 0.125, None, None, None)
    assert (better.wilcoxon_p, better.wilcoxon_exact) == (pytest.approx(2 / 2**3), True)  # all signs alike
    rounded = paired_difference(by_seed([0.1, 0.2, 0.3]), by_seed([0.2, 0.3, 0.4]))  # equal but for rounding
    assert (rounded.low, rounded.high, rounded.p_value, rounded.effect_size) == (None, None, None, None)
    assert rounded.mean == pytest.approx(0.1)


def test_seeds_without_a_partner_do_not_count() -> None:
    baseline, optimized = {0: 0.5, 1: 0.6, 2: 0.7, 9: 0.0}, {2: 0.9, 1: 0.7, 0: 0.5, 7: 1.0}
    assert paired_difference(baseline, optimized) == paired_difference(
        {0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.5, 1: 0.7, 2: 0.9}
    )
    assert paired_difference({1: 0.5}, {2: 0.5}).n == 0


@pytest.mark.parametrize("numbers", [[0.25], [0.1, 0.2, 0.4], BASELINE])
def test_mean_and_standard_deviation(numbers: list[float]) -> None:
    found = summarize(numbers)
    assert found.values == numbers
    assert found.mean == pytest.approx(np.mean(numbers))
    assert found.sd == (None if len(numbers) == 1 else pytest.approx(np.std(numbers, ddof=1)))


def test_nothing_has_no_mean() -> None:
    assert msgspec.to_builtins(summarize([])) == {"mean": None, "sd": None, "values": []}


@pytest.mark.parametrize(
    ("baseline", "optimized", "expected"),
    [
        ([], [], "No pair of runs is completed yet, so there is nothing to compare."),
        ([0.5], [0.6], "1 pair cannot show a difference: its spread is unknown. Use --runs 10 or more."),
        (
            [0.5, 0.5, 0.5],
            [0.6, 0.4, 0.5],
            "With 3 pairs the difference cannot be told from zero: "
            "anything from -24.84 to +24.84 points fits the data.",
        ),
        (
            [0.5, 0.5, 0.5],
            [0.61, 0.6, 0.59],
            "Over 3 pairs the optimized runs are better by 10.00 points (95 % interval +7.52 to +12.48)."
            " With so few pairs the interval itself is uncertain.",
        ),
        (
            BASELINE,
            OPTIMIZED,
            "Over 10 pairs the optimized runs are better by 0.19 points (95 % interval +0.11 to +0.27).",
        ),
        (
            OPTIMIZED,
            BASELINE,
            "Over 10 pairs the optimized runs are worse by 0.19 points (95 % interval -0.27 to -0.11).",
        ),
        ([0.5] * 6, [0.5] * 6, "All 6 differences are equal (+0.00 points), so no interval can be given."),
        ([0.5] * 2, [0.5028] * 2, "All 2 differences are equal (+0.28 points), so no interval can be given."),
    ],
)
def test_a_plain_sentence_for_every_case(baseline: list[float], optimized: list[float], expected: str) -> None:
    sentence = conclusion(paired_difference(by_seed(baseline), by_seed(optimized)))
    assert sentence == expected


def test_no_difference_of_accuracies_reaches_beyond_100_points(tmp_path: Path) -> None:
    """Student's interval of two pairs, at -87 and at 0 points, ends at -596 and +509."""
    finished_study(tmp_path / "s", [0.97, 0.97], [0.10, 0.97])
    difference = compare(follow(tmp_path / "s")).difference
    assert (difference.low, difference.high) == (-1.0, 1.0)


def test_a_finished_study_as_json(tmp_path: Path) -> None:
    finished_study(tmp_path / "s", BASELINE, OPTIMIZED)
    found = json.loads(msgspec.json.encode(compare(follow(tmp_path / "s"))))
    assert set(found) == {
        "study", "planned", "baseline", "optimized", "difference", "conclusion", "metric", "model", "threshold_for",
        "sampling", "by_hand", "unfinished", "unreadable", "few_to_choose", "per_group", "mixed", "untested", "task",
        "verdict", "score_verdict",
    }  # fmt: skip
    assert (found["study"], found["planned"]) == ("s", 10)
    for arm, accuracies, strategy in (("baseline", BASELINE, "fixed"), ("optimized", OPTIMIZED, "grid")):
        block = found[arm]
        assert (block["n"], block["strategy"], block["seeds"]) == (10, strategy, list(range(10)))
        for measure in ("test_accuracy", "balanced_accuracy", "cost", "seconds", "measured"):
            assert set(block[measure]) == {"mean", "sd", "values"}
            assert len(block[measure]["values"]) == 10
        assert block["test_accuracy"]["values"] == accuracies  # fractions, in the order of the seeds
        assert block["test_accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
        assert block["test_accuracy"]["sd"] == pytest.approx(np.std(accuracies, ddof=1))
        assert block["balanced_accuracy"]["mean"] == pytest.approx((0.9 + 0.8 + 0.8) / 3)
        assert (block["cost"]["mean"], block["seconds"]["mean"]) == (1.6, 8.0)
    difference = found["difference"]
    assert set(difference) == {
        "n", "mean", "low", "high", "p_value", "effect_size", "test", "sd", "effect_size_corrected", "wilcoxon_p",
        "wilcoxon_exact", "wilcoxon_n", "bootstrap_low", "bootstrap_high",
    }  # fmt: skip
    assert difference["n"] == 10
    assert difference["mean"] == pytest.approx(0.00186, abs=1e-9)
    assert difference["p_value"] == pytest.approx(stats.ttest_rel(OPTIMIZED, BASELINE).pvalue)


def test_runs_that_are_not_completed_do_not_count(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", runs=3)
    for seed in (0, 1):
        write_run(study, "baseline", seed, whole_run("baseline", seed, test_accuracy=0.5))
    write_run(study, "optimized", 1, whole_run("optimized", 1, test_accuracy=0.75))
    write_run(study, "optimized", 0, [run_started(), *trained_epoch(1, 0.99)])
    found = compare(follow(tmp_path / "s"))
    assert (found.planned, found.baseline.n, found.optimized.n) == (3, 2, 1)
    assert (found.baseline.seeds, found.optimized.seeds) == ([0, 1], [1])
    assert (found.difference.n, found.difference.mean) == (1, 0.25)
    assert found.conclusion.startswith("1 pair cannot show a difference")


def test_a_study_without_a_baseline_or_without_runs(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    assert compare(follow(tmp_path / "s")).optimized.n == 0
    write_run(study, "optimized", 0, whole_run())
    found = compare(follow(tmp_path / "s"))
    assert (found.baseline.n, found.baseline.strategy, found.optimized.n) == (0, "none", 1)
    assert found.difference.mean is None
    assert found.conclusion == "This study has no baseline arm, so there is nothing to compare the optimized runs with."


def test_the_last_epoch_counts_and_only_the_delivered_weights(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    events = whole_run(test_accuracy=0.85)
    worse = [event for event in trained_epoch(1, 0.1, [[1, 9], [9, 1]]) if type(event).__name__ == "Evaluated"]
    write_run(study, "optimized", 0, [events[0], *worse, *events[1:]])
    found = compare(follow(tmp_path / "s")).optimized
    assert found.test_accuracy.values == [0.85]
    assert found.balanced_accuracy.values == [pytest.approx((0.9 + 0.8 + 0.8) / 3)]


def test_runs_that_ended_early_are_compared_with_those_that_did_not(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=4, runs=2)
    for seed, epochs in enumerate((2, 3)):
        write_run(study, "baseline", seed, ended_early("baseline", seed, epochs=epochs, asked=4, test_accuracy=0.8))
        write_run(study, "optimized", seed, whole_run("optimized", seed, epochs=4, test_accuracy=0.9))
    followed = follow(study.directory)
    found = compare(followed)
    assert found.difference.n == 2 == found.verdict.pairs
    assert verdict_so_far(followed) == found.verdict
    assert found.baseline.epochs.values == [2, 3]
    words = "epochs trained: baseline 2.5 ± 0.7 of 4 asked for, 38% saved; optimized 4.0 ± 0.0 of 4 asked for"
    assert epochs_words(found) == words
    assert words in comparison_lines(found)
    assert epochs_words(compare(follow(finished_study(tmp_path / "other", [0.8], [0.9]).directory))) == ""
