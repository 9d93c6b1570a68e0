"""`hptui compare`: any metric of saved predictions, thresholds, classes, and several studies."""

from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from answers import answered_study, answers
from fabricate import edit_study, finished_study, make_study, two_class_study, whole_run, write_run
from rich.console import Console
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from hptui.__main__ import main
from hptui.cli.comparing import comparison_text
from hptui.metrics import classification, resampling
from hptui.metrics.calls import confusion
from hptui.metrics.classification import METRICS
from hptui.metrics.groups import of_groups
from hptui.metrics.influence import image_influence, influence_of_groups, standard_error
from hptui.metrics.intervals import interval
from hptui.metrics.score_intervals import auc_interval, f1_interval, wilson
from hptui.reading.comparison import Question, compare, conclusion, paired_difference
from hptui.reading.comparison.sampling import OF_ALL_IMAGES, SamplingError
from hptui.reading.studies import follow
from hptui.record.events import AnyEvent, Evaluated
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions, write_predictions
from hptui.record.run_reader import RunReader
from hptui.record.study_directory import Study, open_study

Captured = pytest.CaptureFixture[str]
SKILLS = ([1.0, 1.1, 1.2, 1.0, 1.1], [1.6, 1.4, 1.9, 1.5, 1.6])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def found(capsys: Captured, *arguments: str) -> dict:
    assert main(["compare", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(capsys: Captured, *arguments: str) -> str:
    assert main(["compare", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: Captured, *arguments: str) -> str:
    assert main(["compare", *arguments]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    return said


def positive(study: Path, run: str, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities of the second class."""
    predictions = read_predictions(study / run, "final", split)
    assert predictions is not None
    return predictions.labels, predictions.probabilities[:, 1]


def test_the_auc_of_every_run_agrees_with_scikit_learn(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", *SKILLS)
    result = found(capsys, "s", "--metric", "auc")
    for arm in ("baseline", "optimized"):
        expected = [roc_auc_score(*positive(here / "s", f"{arm}-{seed}")) for seed in range(5)]
        measured = result[arm]["measured"]
        assert measured["values"] == pytest.approx(expected)
        assert (measured["mean"], measured["sd"]) == pytest.approx((np.mean(expected), np.std(expected, ddof=1)))
        for value, (low, high) in zip(expected, result[arm]["intervals"], strict=True):
            assert low < value < high
    test = stats.ttest_rel(result["optimized"]["measured"]["values"], result["baseline"]["measured"]["values"])
    assert result["difference"]["p_value"] == pytest.approx(test.pvalue)
    assert result["metric"] == "auc"
    assert "in AUC" in result["conclusion"]


@pytest.mark.parametrize("save", [True, False])
def test_what_a_confusion_matrix_gives_needs_no_predictions(here: Path, capsys: Captured, save: bool) -> None:
    answered_study(here / "s", *SKILLS)  # the same numbers with and without
    answered_study(here / "t", *SKILLS, save=save)
    labels, scores = positive(here / "s", "optimized-0")
    (true_negative, false_positive), (false_negative, true_positive) = confusion_matrix(labels, scores > 0.5)
    for metric, expected in (
        ("sensitivity", true_positive / (true_positive + false_negative)),
        ("specificity", true_negative / (true_negative + false_positive)),
        ("f1", f1_score(labels, scores > 0.5)),
        ("accuracy", (true_positive + true_negative) / len(labels)),
    ):
        result = found(capsys, "t", "--metric", metric)
        assert result["optimized"]["measured"]["values"][0] == pytest.approx(expected)
        assert result["sampling"]["how"] == ("paired images" if save else "upper bound")
        assert (result["sampling"]["discordant"] is None) is not save


def test_the_bound_without_predictions_is_one(here: Path) -> None:
    answered_study(here / "s", *SKILLS)
    for metric in ("accuracy", "sensitivity", "f1"):
        with_predictions = compare(follow(here / "s"), Question(metric)).sampling
        for file in (here / "s").rglob(PREDICTIONS_FILE):
            file.rename(file.with_suffix(".aside"))
        without = compare(follow(here / "s"), Question(metric)).sampling
        for file in (here / "s").rglob("predictions.aside"):
            file.rename(file.with_name(PREDICTIONS_FILE))
        assert with_predictions is not None
        assert without is not None
        assert with_predictions.one == pytest.approx(without.one)
        assert with_predictions.difference is not None
        assert without.difference is not None
        assert 0 < with_predictions.difference < without.difference


def test_a_threshold_comes_from_the_validation_images_of_each_run(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", *SKILLS)
    result = found(capsys, "s", "--metric", "sensitivity", "--threshold-for", "sensitivity=0.9")
    assert result["threshold_for"] == "sensitivity=0.9"
    for arm in ("baseline", "optimized"):
        for seed, (cut, value) in enumerate(
            zip(result[arm]["thresholds"], result[arm]["measured"]["values"], strict=True)
        ):
            labels, scores = positive(here / "s", f"{arm}-{seed}", "validation")
            above = np.sort(scores[labels == 1])[::-1]
            assert cut == above[int(np.ceil(0.9 * len(above))) - 1]  # the largest that finds nine of ten
            labels, scores = positive(here / "s", f"{arm}-{seed}")
            assert value == (scores[labels == 1] >= cut).mean()
    said = shown(capsys, "s", "--metric", "sensitivity", "--threshold-for", "sensitivity=0.9")
    assert "threshold for sensitivity=0.9 on validation images" in said
    assert result["few_to_choose"] == ""


def test_a_threshold_that_few_images_or_groups_have_set_is_told(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", *SKILLS, images=60, per_group=3)
    validation = read_predictions(here / "s" / "baseline-0", "final", "validation")
    assert validation is not None
    images = int((validation.labels == 1).sum())
    assert images >= 20
    assert found(capsys, "s", "--threshold-for", "sensitivity=0.9")["few_to_choose"] == ""
    said = " ".join(shown(capsys, "s", "--per-group", "--threshold-for", "sensitivity=0.9").split())
    assert (
        f"The threshold for sensitivity=0.9 rests on {images // 3} validation groups of ill: with fewer than 20 it may "
        "reach something else on others."
    ) in said


def test_the_best_model_is_another(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", *SKILLS)
    best = found(capsys, "s", "--metric", "auc", "--model", "best")
    labels_and_scores = read_predictions(here / "s" / "baseline-3", "best", "test")
    assert labels_and_scores is not None
    expected = roc_auc_score(labels_and_scores.labels, labels_and_scores.probabilities[:, 1])
    assert best["baseline"]["measured"]["values"][3] == pytest.approx(expected)
    assert best["baseline"]["measured"] != found(capsys, "s", "--metric", "auc")["baseline"]["measured"]


def test_a_study_of_an_older_hptui_says_what_it_lacks(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", [1.0], [1.5], save=False)
    for arguments in (["--metric", "auc"], ["--threshold-for", "specificity=0.9"]):
        said = refused(capsys, "s", *arguments)
        assert " ".join(arguments[:2]) in said
        assert "no predictions were saved by this run" in said
        assert "baseline-0" in said


def test_a_damaged_file_matters_only_where_it_is_needed(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", *SKILLS)
    (here / "s" / "baseline-1" / PREDICTIONS_FILE).write_bytes(b"torn")
    assert found(capsys, "s")["sampling"]["how"] == "upper bound"
    assert "at most (not all of these runs have readable predictions)" in shown(capsys, "s")
    damaged = f"baseline-1/{PREDICTIONS_FILE} is damaged"
    for arguments in ([], ["--metric", "f1"], ["--per-class"]):
        assert damaged in shown(capsys, "s", *arguments)  # named wherever it is done without
    assert any(damaged in line for line in found(capsys, "s")["unreadable"])
    assert damaged in refused(capsys, "s", "--metric", "auc")
    answered_study(here / "t", *SKILLS)
    assert f"s: {damaged}" in shown(capsys, "s", "t")
    for file in (here / "s").rglob(PREDICTIONS_FILE):
        file.write_bytes(b"torn")
    assert "at most (these runs have no readable predictions)" in shown(capsys, "s")


@pytest.mark.parametrize("classes", [2, 3])
def test_predictions_of_other_images_than_the_log_counted_are_not_used(
    here: Path, capsys: Captured, classes: int
) -> None:
    answered_study(here / "s", *SKILLS)
    others = np.random.default_rng(9).integers(0, classes, 200)
    write_predictions(
        here / "s" / "baseline-1", {("final", "test"): answers(np.random.default_rng(1), others, classes, 1.0)}
    )
    assert found(capsys, "s")["sampling"]["how"] == "upper bound"
    said = refused(capsys, "s", "--metric", "auc")
    assert f"it has 200 test images of {classes} classes, and not those that the run's log counted (200 of 2" in said


@pytest.mark.parametrize("kept", [(), ("validation",)])
@pytest.mark.parametrize("arguments", [[], ["--per-class"], ["--model", "best"], ["--metric", "f1", "--json"]])
def test_a_completed_run_without_a_test_in_its_log_is_told(
    here: Path, capsys: Captured, kept: tuple[str, ...], arguments: list[str]
) -> None:
    study = finished_study(here / "s", [0.5, 0.6], [0.6, 0.65])
    (here / "s" / "baseline-1" / "events.jsonl").unlink()
    events = [event for event in whole_run("baseline", 1) if not isinstance(event, Evaluated) or event.split in kept]
    write_run(study, "baseline", 1, events)
    said = refused(capsys, "s", *arguments)
    assert "baseline-1 is damaged: its log says that the run is completed, but no test images were counted." in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--metric", "sens"], "Did you mean 'sensitivity'?"),
        (["--threshold-for", "sensitivity"], "write sensitivity=0.95"),
        (["--threshold-for", "sensitivity=2"], "not a share"),
        (["--model", "worst"], "--model"),
    ],
)
def test_bad_questions(here: Path, capsys: Captured, arguments: list[str], expected: str) -> None:
    answered_study(here / "s", [1.0], [1.5])
    assert main(["compare", "s", *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_a_threshold_needs_two_classes(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", [1.0], [1.5], class_names="abc")
    assert "two classes" in refused(capsys, "s", "--threshold-for", "sensitivity=0.9")


def test_every_class_with_intervals(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", *SKILLS, class_names=("a", "[b]", "c"))
    rows = found(capsys, "s", "--per-class")["classes"]["s"]
    assert [(row["arm"], row["name"]) for row in rows] == [
        (arm, name) for arm in ("baseline", "optimized") for name in ("a", "[b]", "c")
    ]
    values = []
    for seed in range(5):
        predictions = read_predictions(here / "s" / f"optimized-{seed}")
        assert predictions is not None
        values.append(roc_auc_score(predictions.labels == 1, predictions.probabilities[:, 1]))
    assert rows[4]["auc"]["mean"] == pytest.approx(np.mean(values))
    assert rows[4]["support"] == (predictions.labels == 1).sum()
    assert all(row[name]["low"] < row[name]["mean"] < row[name]["high"] for row in rows for name in ("f1", "auc"))
    said = shown(capsys, "s", "--per-class")
    assert f"{100 * np.mean(values):.2f} (" in said
    assert "[b]" in said


def study_of_classes(directory: Path, hits: list[int], positive: int = 20, negative: int = 20) -> None:
    """Optimized runs that find so many of the second class, by seed, and call no other image so."""
    study = make_study(directory, runs=len(hits), baseline="none")
    labels = np.repeat([0, 1], [negative, positive])
    for seed, found in enumerate(hits):
        said = np.where(np.arange(negative + positive) < negative + positive - found, 0, 1)
        predictions = Predictions(labels, np.eye(2, dtype=np.float32)[said])
        matrix = confusion(predictions).tolist()
        accuracy = float((said == labels).mean())
        started, *rest = whole_run("optimized", seed, test_accuracy=accuracy, confusion=matrix)
        started = msgspec.structs.replace(started, class_names=["healthy", "ill"])
        write_predictions(write_run(study, "optimized", seed, [started, *rest]), {("final", "test"): predictions})


def test_runs_that_differ_widen_the_interval_of_their_class(here: Path, capsys: Captured) -> None:
    """Runs of 100, 0 and 100 % can tell nothing; the mean of their Wilson intervals was 61 to 69 %."""
    study_of_classes(here / "s", [20, 0, 20])
    ill = found(capsys, "s", "--per-class")["classes"]["s"][1]["sensitivity"]
    assert ill == {"mean": pytest.approx(2 / 3), "low": 0.0, "high": 1.0, "sd": pytest.approx(0.57735, abs=1e-5)}
    assert "66.67 (0.00 to 100.00)" in " ".join(shown(capsys, "s", "--per-class").split())


def test_equal_runs_leave_what_the_test_images_leave(here: Path, capsys: Captured) -> None:
    study_of_classes(here / "s", [20, 20, 20])
    ill = found(capsys, "s", "--per-class")["classes"]["s"][1]
    for name in ("sensitivity", "specificity", "f1"):
        assert (ill[name]["low"], ill[name]["high"]) == (pytest.approx(wilson(20, 20)[0], abs=0.08), 1.0)
    assert ill["sensitivity"]["low"] == pytest.approx(wilson(20, 20)[0])
    assert 0.8 < ill["auc"]["low"] < 0.95


def test_an_interval_over_runs_is_students_and_that_of_the_images_together(here: Path, capsys: Captured) -> None:
    study_of_classes(here / "s", [16, 17, 18])
    ill = found(capsys, "s", "--per-class")["classes"]["s"][1]["sensitivity"]
    by_run = 4.302653 * 0.05 / math.sqrt(3)
    by_image = [0.85 - np.mean([wilson(hits, 20)[0] for hits in (16, 17, 18)])]
    by_image.append(np.mean([wilson(hits, 20)[1] for hits in (16, 17, 18)]) - 0.85)
    assert ill["low"] == pytest.approx(0.85 - math.hypot(by_run, by_image[0]), abs=1e-6)
    assert ill["high"] == pytest.approx(min(0.85 + math.hypot(by_run, by_image[1]), 1), abs=1e-6)


def test_two_positives_that_are_found_do_not_prove_an_auc_of_100_percent(here: Path, capsys: Captured) -> None:
    study_of_classes(here / "s", [2, 2], positive=2, negative=98)
    asked = found(capsys, "s", "--metric", "auc", "--per-class")
    ill = asked["classes"]["s"][1]["auc"]
    assert (ill["mean"], ill["high"]) == (1.0, 1.0)
    assert ill["low"] == pytest.approx(0.61, abs=0.02)
    assert asked["optimized"]["intervals"] == [[ill["low"], 1.0]] * 2
    assert asked["sampling"]["one"] == pytest.approx((1 - ill["low"]) / 1.959964)  # Newcombe's interval of an area of 1
    assert asked["sampling"]["one_how"] == "upper bound"
    assert asked["sampling"]["rests_on"] == 2
    said = " ".join(shown(capsys, "s", "--metric", "auc", "--per-class").split())
    assert "standard error" not in said.replace("no standard error is known", "")
    assert "test set: 100 images, 2 behind this metric (too few to tell)" in said
    assert "Too few test images to tell: ill (2)." in said


def test_arms_that_agree_on_every_image_leave_more_than_nothing_open(here: Path, capsys: Captured) -> None:
    two_class_study(here / "s", runs=1)
    baseline, optimized = here / "s" / "baseline-0", here / "s" / "optimized-0"
    saved = read_predictions(baseline)
    assert saved is not None
    (optimized / "events.jsonl").unlink()
    write_run(open_study(here / "s"), "optimized", 0, RunReader(baseline).read())
    write_predictions(optimized, {("final", "test"): saved})
    sampling = found(capsys, "s")["sampling"]
    assert sampling["discordant"] == 0
    assert sampling["how"] == "upper bound"
    assert "of the difference at most (no image tells the arms apart)" in shown(capsys, "s")
    assert sampling["difference"] == pytest.approx(1 / 62)  # Agresti and Min: half an image in each of four cells


def test_tables_fit_80_columns(here: Path) -> None:
    answered_study(here / "a", *SKILLS)
    answered_study(here / "b", *SKILLS)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(comparison_text([here / "a", here / "b"], Question(), classes=True))
    text = console.export_text()
    assert "…" not in text
    assert "p (Holm)" in text
    assert "specificity" in text


def test_long_names_of_studies_are_told_once_and_folded_nowhere(here: Path) -> None:
    """In 80 columns every row of the differences took three lines."""
    names = [f"20261127-1527{number}-pneumoniamnist-adaptive-second-attempt" for number in (10, 20)]
    for name in names:
        answered_study(here / name, *SKILLS)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(comparison_text([here / name for name in names], Question(), classes=False))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[:2] == [f"A  {names[0]}", f"B  {names[1]}"]
    assert [line.split()[:2] for line in lines if " fixed " in line] == [["A", "baseline"], ["B", "baseline"]]
    rows = lines[next(number for number, line in enumerate(lines) if line.startswith(" difference")) :]
    assert sum(line.split()[:1] in (["A:"], ["B:"]) for line in rows) == 3
    assert not any("2026" in line for line in rows if line.startswith(" "))


def test_without_predictions_a_class_has_no_auc(here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(resampling, "weighted_areas")  # none is computed either
    answered_study(here / "s", [1.0], [1.5], save=False)
    rows = found(capsys, "s", "--per-class")["classes"]["s"]
    assert all(row["auc"] is None and row["f1"] is not None for row in rows)


def ten_classes(folder: Path, wrong: int) -> None:
    """One finished pair on 350 images of ten classes, of which some are called another class."""
    study = make_study(folder)
    labels = np.repeat(np.arange(10), 35)
    for seed_of_arm, arm in enumerate(("baseline", "optimized")):
        random = np.random.default_rng(seed_of_arm)
        logits = random.normal(size=(350, 10))
        logits[np.arange(350), labels] += 5.0 if wrong else 15.0
        some = random.choice(350, wrong, replace=False)
        logits[some, (labels[some] + 1) % 10] = logits[some, labels[some]] + 1
        shares = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
        matrix = confusion_matrix(labels, shares.argmax(1), labels=range(10))
        started, *events = whole_run(arm, test_accuracy=float(np.trace(matrix)) / 350, confusion=matrix.tolist())
        begun = msgspec.structs.replace(started, class_names=[str(n) for n in range(10)], test_images=350)
        run = write_run(study, arm, 0, [begun, *events])
        write_predictions(run, {("final", "test"): Predictions(labels, shares)})


@pytest.mark.parametrize("metric", METRICS)
def test_each_metric_has_its_own_standard_error_and_no_facts_of_another(
    here: Path, capsys: Captured, metric: str
) -> None:
    """That of a mean over ten classes of 35 images is not that of one of them, 5.05 points."""
    ten_classes(here / "s", wrong=12)
    asked = found(capsys, "s", "--metric", metric)["sampling"]
    runs = follow(here / "s").runs
    predictions = [read_predictions(run.directory) for run in runs]
    errors = [standard_error(image_influence(metric, one)) for one in predictions if one is not None]
    assert (asked["one"], asked["one_how"]) == (pytest.approx(np.mean(errors)), "standard error")
    assert asked["one"] < 0.015
    said = " ".join(shown(capsys, "s", "--metric", metric).split())
    delta = ("f1", "average_precision", "calibration_error", "quadratic_kappa")
    name = {"auc": " (DeLong)", **dict.fromkeys(delta, " (delta method)")}.get(metric, "")
    assert f"standard error{name} {100 * asked['one']:.2f} points of one run" in said
    assert ("just one run of a pair is right" in said) is (metric == "accuracy")
    few = asked["rests_on"]
    assert few == 35 or metric in ("ppv", *OF_ALL_IMAGES)  # predictive values rest on those that were called so
    assert (f"{few} in the smallest of 10 classes" in said) is (metric not in OF_ALL_IMAGES)
    assert "at most" not in said


@pytest.mark.parametrize("metric", METRICS)
def test_where_all_is_right_a_bound_of_the_metric_is_given_and_called_one(
    here: Path, capsys: Captured, metric: str
) -> None:
    ten_classes(here / "s", wrong=0)
    asked = found(capsys, "s", "--metric", metric)["sampling"]
    others = wilson(315, 315)
    one_class = {"specificity": others, "npv": others, "f1": f1_interval(35, 35), "auc": auc_interval(1.0, 35, 315)}
    low, _ = wilson(350, 350) if metric in OF_ALL_IMAGES else one_class.get(metric, wilson(35, 35))
    scale = math.sqrt(10) if metric in ("sensitivity", "balanced_accuracy", "ppv") else 1
    scale = 2 * 8.25 / 81 if metric == "quadratic_kappa" else scale  # disagreement by chance
    assert asked["one"] == pytest.approx((1 - low) / 1.959964 / scale, rel=1e-5)
    assert (asked["one_how"], asked["how"]) == ("upper bound", "upper bound")
    said = " ".join(shown(capsys, "s", "--metric", metric).split())
    assert f"at most {100 * asked['one']:.2f} points of one run (no image moves it: no standard error is known)" in said
    assert "of the difference at most (no image tells the arms apart)" in said


def test_where_images_are_of_groups_these_are_what_was_drawn(here: Path, capsys: Captured) -> None:
    """200 images of 40 patients: standard errors are those of sums by patient."""
    answered_study(here / "s", [1.0, 1.2], [1.5, 1.7], per_group=5)
    asked = found(capsys, "s", "--metric", "auc")
    assert (asked["sampling"]["images"], asked["sampling"]["groups"]) == (200, 40)
    runs = [read_predictions(run.directory) for run in follow(here / "s").runs]
    expected = [
        standard_error(influence_of_groups(image_influence("auc", one), one.group_numbers))
        for one in runs
        if one is not None and one.groups is not None
    ]
    assert asked["sampling"]["one"] == pytest.approx(np.mean(expected))
    assert [tuple(ends) for ends in asked["baseline"]["intervals"]] == [
        interval("auc", one) for one in runs[::2] if one
    ]
    said = " ".join(shown(capsys, "s", "--metric", "auc").split())
    assert "test set: 200 images of 40 groups, which are resampled" in said
    assert "standard error (Obuchowski)" in said
    assert "The choice of these 40 groups of test images leaves" in said


def test_per_group_each_counts_once_with_the_mean_of_its_images(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", [1.0, 1.2], [1.5, 1.7], per_group=5)
    asked = found(capsys, "s", "--metric", "auc", "--per-group")
    runs = [read_predictions(run.directory) for run in follow(here / "s").runs]
    values = [classification.metric("auc", of_groups(one).predictions) for one in runs if one is not None]
    assert asked["baseline"]["measured"]["values"] + asked["optimized"]["measured"]["values"] == pytest.approx(values)
    assert (asked["per_group"], asked["sampling"]["images"], asked["sampling"]["groups"]) == (True, 40, 0)
    assert "measured: AUC, per group (mean probability of its images)" in shown(
        capsys, "s", "--metric", "auc", "--per-group"
    )
    said = " ".join(shown(capsys, "s", "--metric", "auc", "--per-group").split())
    assert "test set: 40 groups" in said
    assert "The choice of these 40 groups of test images" in said
    rows = found(capsys, "s", "--per-group", "--per-class")["classes"]["s"]
    assert sum(row["support"] for row in rows if row["arm"] == "baseline") == 40


def test_per_group_without_groups_says_what_to_do(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", [1.0], [1.5])
    assert "does not know of which group each image is" in refused(capsys, "s", "--per-group")


def test_an_error_that_falls_is_better(here: Path, capsys: Captured) -> None:
    answered_study(here / "s", [0.8, 0.9, 1.0, 0.7, 0.8, 0.9], [2.8, 2.9, 3.0, 2.7, 2.9, 3.1])
    asked = found(capsys, "s", "--metric", "brier")
    assert asked["difference"]["mean"] < 0
    assert "the optimized runs are better in Brier score by" in asked["conclusion"]


# ---- several studies


def test_several_studies_are_paired_by_seed_and_corrected_for_how_many_they_are(here: Path, capsys: Captured) -> None:
    answered_study(here / "a", *SKILLS)
    answered_study(here / "b", SKILLS[0], [skill + 0.8 for skill in SKILLS[1]])
    result = found(capsys, "a", "b")
    assert [study["study"] for study in result["studies"]] == ["a", "b"]
    pairs = [(contrast["one"], contrast["other"]) for contrast in result["contrasts"]]
    assert pairs == [("a: baseline", "a: optimized"), ("b: baseline", "b: optimized"), ("a: optimized", "b: optimized")]
    values = [result["studies"][index]["optimized"]["measured"]["values"] for index in (0, 1)]
    across = result["contrasts"][2]
    assert across["difference"]["p_value"] == pytest.approx(stats.ttest_rel(values[1], values[0]).pvalue)
    assert (across["note"], across["sampling"]["how"]) == ("", "paired images")
    raw = sorted((contrast["difference"]["p_value"], contrast["p_holm"]) for contrast in result["contrasts"])
    assert raw[0][1] == pytest.approx(3 * raw[0][0])
    assert raw[1][1] == pytest.approx(max(3 * raw[0][0], 2 * raw[1][0]))
    said = shown(capsys, "a", "b")
    assert "p (Holm) is adjusted for 3 comparisons" in said
    assert "b: optimized is better than b: baseline by" in said


def test_what_cannot_be_paired_is_compared_by_welch_and_says_why(here: Path, capsys: Captured) -> None:
    finished_study(here / "a", [0.5, 0.6, 0.7], [0.6, 0.65, 0.9])
    finished_study(here / "b", [0.5, 0.6], [0.7, 0.75], epochs=3)
    across = found(capsys, "a", "b")["contrasts"][2]
    assert across["note"] == "not paired: epochs differs"
    expected = stats.ttest_ind([0.7, 0.75], [0.6, 0.65, 0.9], equal_var=False)
    assert across["difference"]["test"] == "Welch's t-test"
    assert across["difference"]["p_value"] == pytest.approx(expected.pvalue)
    assert "b: optimized against a: optimized: not paired: epochs differs." in shown(capsys, "a", "b")


def test_other_seeds_are_not_paired(here: Path, capsys: Captured) -> None:
    finished_study(here / "a", [0.5, 0.6], [0.6, 0.65])
    study = finished_study(here / "b", [], [], seed=5, runs=2)
    for seed in (5, 6):
        for arm in ("baseline", "optimized"):
            write_run(study, arm, seed, whole_run(arm, seed, test_accuracy=0.7 + seed / 100))
    across = found(capsys, "a", "b")["contrasts"][2]
    assert across["note"] == "not paired: of the completed seeds only 0 are the same"
    assert across["difference"]["n"] == 4


def test_other_test_images_are_listed_and_not_tested(here: Path, capsys: Captured) -> None:
    finished_study(here / "a", [0.5, 0.6], [0.6, 0.65])
    other = finished_study(here / "b", [0.5, 0.6], [0.7, 0.75])
    other_fingerprint(other)
    result = found(capsys, "a", "b")
    assert result["contrasts"][2]["difference"] is None
    assert result["contrasts"][2]["note"] == "not tested: the test images are not the same"
    assert len(result["studies"]) == 2


def other_fingerprint(study: Study) -> None:
    edit_study(study.directory, lambda text: text.replace("f" * 64, "e" * 64))


def test_fewer_training_images_leave_the_test_images_as_they_are(here: Path, capsys: Captured) -> None:
    finished_study(here / "a", [0.5, 0.6], [0.6, 0.65])
    other_fingerprint(finished_study(here / "b", [0.5, 0.6], [0.7, 0.75], train_size=100))
    assert found(capsys, "a", "b")["contrasts"][2]["note"] == "not paired: train_size differs"
    answered_study(here / "c", *SKILLS)
    other_fingerprint(answered_study(here / "d", *SKILLS, train_size=100))
    assert found(capsys, "c", "d")["contrasts"][2]["note"] == "not paired: train_size differs"


@pytest.mark.parametrize("dataset", ["folder:scans", "medmnist:pneumoniamnist.npz", "own.py:images"])
def test_own_images_with_another_fingerprint_are_not_tested(here: Path, capsys: Captured, dataset: str) -> None:
    (here / "own.py").write_text("def images():\n    pass\n")
    finished_study(here / "a", [0.5, 0.6], [0.6, 0.65], dataset=dataset)
    other_fingerprint(finished_study(here / "b", [0.5, 0.6], [0.7, 0.75], dataset=dataset, train_size=100))
    assert found(capsys, "a", "b")["contrasts"][2]["note"] == "not tested: the test images are not the same"


@pytest.mark.parametrize("facts", [{"images": 199}, {"class_names": ("ill", "healthy")}, {"first": 1}, {"order": -1}])
def test_test_images_that_were_counted_otherwise_are_not_tested(here: Path, capsys: Captured, facts: dict) -> None:
    """Fewer images; other names; one image of another class; the same images in another order."""
    changes = {name: value for name, value in facts.items() if name in ("images", "class_names")}
    answered_study(here / "a", *SKILLS, save="order" in facts)
    study = answered_study(here / "b", *SKILLS, save="order" in facts, train_size=100, **changes)
    other_fingerprint(study)
    for run in study.directory.glob("optimized-*"):
        if "first" in facts:
            events = list(RunReader(run).read())
            (run / "events.jsonl").unlink()
            write_run(study, "optimized", int(run.name[-1]), map(with_one_more, events))
        if "order" in facts:
            predictions = read_predictions(run)
            assert predictions is not None
            turned = Predictions(predictions.labels[::-1], predictions.probabilities[::-1])
            write_predictions(run, {("final", "test"): turned})
    assert found(capsys, "a", "b")["contrasts"][2]["note"] == "not tested: the test images are not the same"


def with_one_more(event: AnyEvent) -> AnyEvent:
    """Of the first class, and one less of the second."""
    if not isinstance(event, Evaluated) or event.split != "test":
        return event
    (first, *others), (second, *right) = event.confusion
    return msgspec.structs.replace(event, confusion=[[first + 1, *others], [second - 1, *right]])


def test_studies_of_one_name_are_told_apart_and_none_is_named_twice(here: Path, capsys: Captured) -> None:
    finished_study(here / "x" / "s", [0.5, 0.6], [0.6, 0.65])
    finished_study(here / "y" / "s", [0.5, 0.6], [0.6, 0.65])
    assert found(capsys, "x/s", "y/s")["names"] == ["x/s", "y/s"]
    assert "is given twice" in refused(capsys, "x/s", "y/s", "x/../x/s")


def test_studies_that_share_the_folder_above_too_keep_their_own_numbers(here: Path, capsys: Captured) -> None:
    finished_study(here / "a" / "x" / "s", [0.5, 0.6], [0.6, 0.65])
    finished_study(here / "b" / "x" / "s", [0.7, 0.75], [0.8, 0.95])
    finished_study(here / "c", [0.1, 0.2], [0.3, 0.5])
    result = found(capsys, "a/x/s", "b/x/s", "c", "--per-class")
    assert result["names"] == ["a/x/s", "b/x/s", "c"]
    assert list(result["classes"]) == result["names"]
    means = [contrast["difference"]["mean"] for contrast in result["contrasts"]]
    assert means == pytest.approx([0.075, 0.15, 0.25, 0.25, -0.225])
    assert [contrast["one"] for contrast in result["contrasts"][3:]] == ["a/x/s: optimized"] * 2


def test_folders_that_differ_in_what_cannot_be_shown_are_numbered(here: Path, capsys: Captured) -> None:
    names = [os.fsdecode(b"s\xfe"), os.fsdecode(b"s\xff")]
    for name in names:
        finished_study(here / name, [0.5, 0.6], [0.6, 0.65])
    assert found(capsys, *names)["names"] == ["s\ufffd", "s\ufffd #2"]


def test_a_run_that_is_not_finished_is_named_and_not_counted(here: Path, capsys: Captured) -> None:
    study = make_study(here / "s", runs=2)
    for seed in (0, 1):
        write_run(study, "baseline", seed, whole_run("baseline", seed))
    write_run(study, "optimized", 0, whole_run("optimized", 0))
    write_run(study, "optimized", 1, whole_run("optimized", 1)[:-8])
    asked = found(capsys, "s")
    assert (asked["optimized"]["n"], asked["difference"]["n"]) == (1, 1)
    assert asked["unfinished"] == ["optimized-1 (lost, 1 of 2 epochs)"]
    assert "Not finished, so not counted: optimized-1 (lost, 1 of 2 epochs)." in shown(capsys, "s")
    finished_study(here / "t", [0.8, 0.81], [0.85, 0.86])
    assert "s: Not finished, so not counted: optimized-1" in shown(capsys, "s", "t")


# ---- the sentence


def sampling(error: float, how: str = "paired images") -> SamplingError:
    return SamplingError(500, 0.01, error, how, 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("differences", "error", "how", "expected"),
    [
        (
            [0.010, 0.012, 0.011, 0.009, 0.013],
            0.001,
            "paired images",
            "leaves another 0.20 points to either side open (95 %), too little to undo it.",
        ),
        (
            [0.010, 0.012, 0.011, 0.009, 0.013],
            0.01,
            "paired images",
            "leaves another 1.96 points to either side open (95 %): "
            "it holds for these test images, and may not for others.",
        ),
        (
            [0.010, 0.012, 0.011, 0.009, 0.013],
            0.01,
            "upper bound",
            "leaves at most another 1.96 points to either side open (95 %): "
            "whether it holds on other images cannot be told.",
        ),
        (
            [0.010, -0.012, 0.011, 0.009, -0.013],
            0.01,
            "paired images",
            "leaves another 1.96 points to either side open (95 %).",
        ),
    ],
)
def test_the_sentence_says_what_the_test_set_allows(
    differences: list[float], error: float, how: str, expected: str
) -> None:
    found = paired_difference(dict.fromkeys(range(5), 0.5), {seed: 0.5 + d for seed, d in enumerate(differences)})
    sentence = conclusion(found, sampling(error, how))
    assert sentence.endswith(f" The choice of these 500 test images {expected}")
