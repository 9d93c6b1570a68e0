"""Whether the search pays: one rule, from the interval of the paired difference, and what it cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import (
    edit_study,
    finished_study,
    make_study,
    run_completed,
    run_started,
    trained_epoch,
    two_class_study,
    write_run,
)

from hptui.config import StudyConfig
from hptui.reading.comparison import Question, compare
from hptui.reading.comparison.differences import student_difference, within_shares
from hptui.reading.comparison.verdict import (
    Cost,
    Kind,
    cost_words,
    judge,
    no_verdict,
    paired_seeds,
    subject,
    verdict_so_far,
)
from hptui.reading.comparison.words import comparison_lines, verdict_lines
from hptui.reading.studies import follow

COST = Cost(1.82, 2.2)
BASELINE = {seed: 0.9 + seed / 1000 for seed in range(6)}
STEADY = (0.015, 0.016, 0.014, 0.017, 0.013, 0.015)


def shifted(*by: float) -> dict[int, float]:
    return {seed: BASELINE[seed] + by[seed] for seed in range(len(by))}


@pytest.mark.parametrize(
    ("optimized", "planned", "kind", "begins", "holds"),
    [
        (
            shifted(*STEADY),
            6,
            "pays",
            "The search pays here: +1.50 points of test accuracy",
            "6 pairs), for 1.82 times",
        ),
        (shifted(*STEADY), 10, "pays", "The search pays here so far: +1.50 points", "and 2.20 times the seconds."),
        (shifted(*(-by for by in STEADY)), 6, "loses", "The search costs accuracy here: -1.50 points", "interval -1."),
        (shifted(0.01, -0.012, 0.02, -0.01), 10, "untold", "Whether the search pays cannot be told so far:", "hardly"),
        (
            shifted(0, 0, 0),
            3,
            "untold",
            "The search makes no difference here: all 3 pairs have the same test accuracy",
            ".",
        ),
        (shifted(0, 0, 0, 0), 5, "untold", "The search makes no difference here so far: all 4 pairs", "2.20 times"),
        (shifted(0.01, 0.0101, 0.0102), 3, "pays", "The search pays here:", "With so few pairs"),
        (
            shifted(0.25, 0.25),
            2,
            "untold",
            "Whether the search pays cannot be told: all 2 pairs differ",
            "+25.00 points",
        ),
        (shifted(0.01), 10, "too few", "Whether the search pays is told from 2 pairs on; 1 of 10 completed.", "+1.00"),
        ({}, 10, "too few", "Whether the search pays is told from 2 pairs on; 0 of 10 completed.", ""),
        (shifted(0.01), 1, "too few", "Whether the search pays is told from 2 pairs of --runs 2 or more", "1 of 1"),
    ],
)
def test_every_verdict(optimized: dict[int, float], planned: int, kind: Kind, begins: str, holds: str) -> None:
    if kind == "untold" and len(optimized) == 2:
        optimized = dict.fromkeys(optimized, 0.75)
        difference = student_difference(dict.fromkeys(optimized, 0.5), optimized)
    else:
        difference = student_difference(BASELINE, optimized)
    found = judge(difference, "accuracy", "single-label", planned, COST if optimized else None)
    assert found.kind == kind
    assert found.words.startswith(begins)
    assert holds in found.words
    assert found.is_told == (kind not in ("too few",))
    assert found.is_final == (difference.n >= planned)
    assert len(found.short) <= len(found.words)


@pytest.mark.parametrize(
    ("strategy", "baseline", "of"),
    [
        ("adaptive", "fixed", "the search"),
        ("grid", "none", "the search"),
        ("grid", "adaptive", "the optimized arm (grid against adaptive)"),
        ("fixed", "adaptive", "the optimized arm (fixed against adaptive)"),
        ("fixed", "fixed", "the optimized arm (fixed against fixed)"),
        ("fixed", "none", "the optimized arm (fixed)"),
    ],
)
def test_it_is_of_the_search_only_where_one_arm_alone_searches(strategy: str, baseline: str, of: str) -> None:
    assert subject(StudyConfig(strategy=strategy, baseline=baseline)) == of


@pytest.mark.parametrize("by", [STEADY, tuple(-by for by in STEADY), (0.01, -0.012), (0.01, 0.01), (0.01,), ()])
def test_no_sentence_speaks_of_a_search_that_does_not_tell_the_arms_apart(by: tuple[float, ...]) -> None:
    difference = student_difference(dict.fromkeys(range(6), 0.5), {seed: 0.5 + each for seed, each in enumerate(by)})
    arm = "the optimized arm (fixed)"
    found = judge(difference, "accuracy", "single-label", 6, COST if by else None, arm)
    for words in (found.short, found.words, no_verdict("no baseline", "accuracy", 6, arm).words):
        assert "he search" not in words
        assert "he optimized arm (fixed) " in words


def test_the_settings_of_a_study_say_what_its_verdict_is_of(tmp_path: Path) -> None:
    finished_study(tmp_path / "s", [0.9, 0.91], [0.92, 0.94])
    edit_study(tmp_path / "s", lambda text: text.replace('baseline = "fixed"', 'baseline = "adaptive"'))
    followed = follow(tmp_path / "s")
    found = verdict_so_far(followed)
    assert found is not None
    assert found == compare(followed).verdict
    assert f"he optimized arm ({followed.study.config.strategy} against adaptive)" in found.words


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ((0.05, -0.4), "2 pairs are too few for that: the interval bounds no difference that could matter."),
        ((0.5, -0.5) * 3, "The pairs differ too much for that: the interval bounds no difference that could matter."),
        ((0.01, -0.012), "it is hardly more than 14.08 points. With so few pairs the interval itself is uncertain."),
    ],
)
def test_an_interval_that_bounds_nothing_is_no_bound(by: tuple[float, ...], says: str) -> None:
    half = dict.fromkeys(range(6), 0.5)
    difference = within_shares(student_difference(half, {seed: 0.5 + each for seed, each in enumerate(by)}))
    words = judge(difference, "accuracy", "single-label", 6, None).words
    assert words.endswith(says)
    assert "100.00 points." not in words


def test_of_a_metric_that_is_better_the_lower_the_sign_is_turned() -> None:
    lower = student_difference(BASELINE, shifted(*(-by for by in STEADY)))
    assert judge(lower, "brier", "single-label", 6, None).kind == "pays"
    assert judge(lower, "auc", "single-label", 6, None).words.startswith("The search costs AUC here: -1.50 points")


def test_cost_is_that_of_the_pairs_alone(tmp_path: Path) -> None:
    """The third baseline run has no partner yet; added epochs came to one run of the second pair."""
    study = make_study(tmp_path / "s", runs=3)

    def run(arm: str, seed: int, epochs: int, probed: int) -> None:
        trained = [event for epoch in range(1, epochs + 1) for event in trained_epoch(epoch)]
        end = run_completed(epochs, images_trained=200, images_probed=probed, seconds=10.0 + probed / 100)
        write_run(study, arm, seed, [run_started(arm=arm, seed=seed, epochs=epochs), *trained, end])

    for seed, epochs in ((0, 2), (1, 2), (2, 2)):
        run("baseline", seed, epochs, 0)
    run("optimized", 0, 2, 100)
    run("optimized", 1, 3, 500)
    followed = follow(study.directory)
    assert paired_seeds(followed) == [0]
    found = verdict_so_far(followed)
    assert found is not None
    assert found == compare(followed).verdict
    assert found.cost == Cost(1.5, 1.1)
    assert cost_words(found.cost) == ", for 1.50 times the images and 1.10 times the seconds"


def test_the_logs_alone_say_what_the_comparison_says(tmp_path: Path) -> None:
    baseline = [0.9, 0.91, 0.92, 0.915, 0.905]
    finished_study(tmp_path / "s", baseline, [value + 0.02 + at / 1000 for at, value in enumerate(baseline)])
    followed = follow(tmp_path / "s")
    comparison = compare(followed)
    assert comparison.verdict == verdict_so_far(followed)
    assert comparison.verdict.kind == "pays"
    assert comparison.verdict.words in comparison_lines(comparison)


def test_without_a_baseline_it_says_what_it_takes(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", runs=1)
    write_run(study, "optimized", 0, [run_started(arm="optimized", epochs=1), *trained_epoch(1), run_completed(1)])
    followed = follow(study.directory)
    found = compare(followed).verdict
    assert found == verdict_so_far(followed)
    assert found.kind == "no baseline"
    assert "leave out --baseline none" in found.words


def test_without_test_images_it_says_what_it_takes(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", runs=1)
    for arm in ("baseline", "optimized"):
        events = [run_started(arm=arm, epochs=1, test_images=0), *trained_epoch(1)]
        write_run(study, arm, 0, [*events, run_completed(1, test_accuracy=None, test_loss=None)])
    found = compare(follow(study.directory)).verdict
    assert found.kind == "untested"
    assert "--test-size" in found.words


def test_the_score_that_was_searched_for_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    two_class_study(tmp_path / "s", runs=4)
    followed = follow(tmp_path / "s")
    assert compare(followed).score_verdict is None  # decisions compared the loss
    edit_study(tmp_path / "s", lambda text: text.replace('score = "loss"', 'score = "auc"'))
    followed = follow(tmp_path / "s")
    found = compare(followed)
    assert found.score_verdict is not None
    assert found.score_verdict == compare(followed, Question("auc")).verdict
    assert verdict_lines(found)[1] == f"By what it searched for: {found.score_verdict.words}"
    assert compare(followed, Question("f1")).score_verdict is None
