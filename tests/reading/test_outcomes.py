"""What a whole study came to, against scikit-learn, SciPy and sums by hand."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fabricate import finished_study, make_study, run_started, two_class_study, whole_run, write_run
from scipy.stats import t
from sklearn.metrics import roc_auc_score, roc_curve

from hptui.errors import RunDirectoryError
from hptui.export.tables import tables
from hptui.metrics.classification import metric
from hptui.reading.comparison import Question, compare
from hptui.reading.comparison.by_class import by_class
from hptui.reading.comparison.evidence import UNREADABLE
from hptui.reading.outcomes import (
    confusions,
    cost_points,
    mean_interval,
    most_wrong_of_runs,
    roc_curves,
    trajectories_by_seed,
)
from hptui.reading.studies import follow
from hptui.reading.wrong_images import most_wrong
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions, write_predictions
from hptui.report.content import after_pictures


def test_a_confusion_matrix_is_the_mean_over_the_completed_runs(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=3)
    write_run(study, "baseline", 0, whole_run("baseline", 0, confusion=[[8, 2], [1, 9]]))
    write_run(study, "baseline", 1, whole_run("baseline", 1, confusion=[[6, 4], [0, 10]]))
    write_run(study, "baseline", 2, whole_run("baseline", 2, confusion=[[0, 10], [10, 0]])[:-1])
    (found,) = confusions(follow(study.directory))
    assert (found.arm, found.n) == ("baseline", 2)
    assert found.counts == ((7.0, 3.0), (0.5, 9.5))
    assert found.shares == ((0.7, 0.3), (0.05, 0.95))
    assert found.class_names == ("0", "1")  # the log names three classes: none of them fits


def test_a_class_without_images_has_no_share(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    write_run(study, "optimized", 0, whole_run(confusion=[[5, 0, 0], [0, 0, 0], [1, 0, 4]]))
    (found,) = confusions(follow(study.directory))
    assert found.shares[1] == (None, None, None)
    assert found.shares[2] == (0.2, 0.0, 0.8)
    assert found.class_names == ("a", "b", "c")


def test_roc_curves_are_those_of_scikit_learn_and_their_area_is_the_metric(tmp_path: Path) -> None:
    study = two_class_study(tmp_path / "study")
    curves, problems = roc_curves(follow(study.directory))
    assert problems == ()
    assert [curve.run for curve in curves] == ["baseline-0", "optimized-0", "baseline-1", "optimized-1"]
    for curve in curves:
        predictions = read_predictions(study.directory / curve.run)
        assert predictions is not None
        positive = predictions.probabilities[:, 1]
        rates = roc_curve(predictions.labels, positive)
        for found, expected in zip(
            (curve.false_positive_rate, curve.true_positive_rate, curve.thresholds), rates, strict=True
        ):
            np.testing.assert_array_equal(found, expected)
        assert curve.auc == metric("auc", predictions)
        assert curve.auc == pytest.approx(roc_auc_score(predictions.labels, positive), abs=1e-12)


def test_a_curve_that_cannot_be_drawn_up_says_why(tmp_path: Path) -> None:
    study = two_class_study(tmp_path / "study", runs=2)
    folder = study.directory
    (folder / "baseline-0" / PREDICTIONS_FILE).unlink()
    (folder / "baseline-1" / PREDICTIONS_FILE).write_bytes(b"no archive")
    (folder / "optimized-0" / "events.jsonl").unlink()
    started, *rest = whole_run("optimized", 0, confusion=[[0, 0], [2, 3]])
    write_run(study, "optimized", 0, [msgspec.structs.replace(started, class_names=["a", "b"]), *rest])
    one_class = Predictions(np.ones(5, int), np.full((5, 2), 0.5, np.float32))
    write_predictions(folder / "optimized-0", {("final", "test"): one_class})
    lost = Predictions(np.arange(60) % 2, np.full((60, 2), np.nan, np.float32))
    write_predictions(folder / "optimized-1", {("final", "test"): lost})
    curves, problems = roc_curves(follow(folder))
    assert curves == ()
    assert problems[0] == "baseline-0: no predictions saved by this run"
    assert problems[1] == "optimized-0: the test images are all of one class"
    assert problems[2] == f"baseline-1: {UNREADABLE}"
    assert problems[3] == "optimized-1: the network has diverged, its probabilities are no numbers"


def test_more_classes_have_no_curve_and_no_problem(tmp_path: Path) -> None:
    assert roc_curves(follow(finished_study(tmp_path / "study", [0.5], [0.6]).directory)) == ((), ())


def test_cost_points_are_those_of_the_comparison(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.80, 0.82], [0.84, 0.83])
    write_run(study, "optimized", 1, [run_started(seed=1)])
    followed = follow(study.directory)
    points = cost_points(followed)
    comparison = compare(followed)
    for name, arm in (("baseline", comparison.baseline), ("optimized", comparison.optimized)):
        own = [point for point in points if point.arm == name]
        assert [point.seed for point in own] == arm.seeds
        assert [point.test_accuracy for point in own] == arm.test_accuracy.values
        assert [point.cost for point in own] == arm.cost.values


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    values = [0.91, 0.93, 0.90, 0.97]
    found = mean_interval(values)
    error = statistics.stdev(values) / 2
    low, high = t.interval(0.95, 3, statistics.fmean(values), error)
    assert (found.n, found.mean, found.low, found.high) == pytest.approx((4, statistics.fmean(values), low, high))
    one = mean_interval([0.5])
    assert (one.n, one.mean, one.low, one.high) == (1, 0.5, None, None)


def test_trajectories_of_runs_that_have_begun_with_the_baseline_of_their_seed(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=3)
    write_run(study, "baseline", 1, whole_run("baseline", 1))
    write_run(study, "optimized", 1, whole_run("optimized", 1))
    ((seed, (trajectory,)),) = trajectories_by_seed(follow(study.directory))
    assert (seed, trajectory.name) == (1, "lr")
    assert [point.epoch for point in trajectory.baseline] == [1, 2]


def test_a_log_that_names_no_classes_has_numbers_for_them(tmp_path: Path) -> None:
    study = two_class_study(tmp_path / "study", runs=1, class_names=())
    followed = follow(study.directory)
    assert [confusion.class_names for confusion in confusions(followed)] == [("0", "1")] * 2
    assert [row.name for row in by_class(followed, Question())] == ["0", "1"] * 2
    assert roc_curves(followed) == ((), ())


def test_runs_that_counted_other_classes_are_told(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=2, baseline="none")
    for seed, confusion in enumerate([((50, 10), (5, 35)), ((40, 5, 5), (5, 30, 5), (0, 0, 10))]):
        write_run(study, "optimized", seed, whole_run(seed=seed, confusion=confusion))
    for read in (confusions, lambda followed: by_class(followed, Question())):
        with pytest.raises(RunDirectoryError, match=r"optimized-1 counted 3 classes, .*optimized-0 2: they are not"):
            read(follow(study.directory))


def test_two_classes_in_the_log_and_three_predicted_have_no_curve(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    started, *events = whole_run(confusion=((20, 0, 0), (0, 20, 0), (0, 0, 20)))
    run = write_run(study, "optimized", 0, [msgspec.structs.replace(started, class_names=["a", "b"]), *events])
    labels = np.arange(60) % 3
    write_predictions(run, {("final", "test"): Predictions(labels, np.eye(3, dtype=np.float32)[labels])})
    curves, problems = roc_curves(follow(study.directory))
    assert (curves, problems) == ((), ("optimized-0: the log names 2 classes, and 3 were predicted",))


def test_the_images_that_are_most_wrong_are_those_it_was_surest_of(tmp_path: Path) -> None:
    study = two_class_study(tmp_path / "s", runs=1)
    labels = np.array([0, 0, 1, 1, 1])
    positive = np.array([0.9, 0.2, 0.1, 0.45, 0.8], np.float32)
    answers = np.stack([1 - positive, positive], 1)
    names = np.array([f"{index}.png" for index in range(5)])
    found = most_wrong(Predictions(labels, answers, np.array(list("aabbb")), names), ("benign", "malignant"), 10)
    told = [(one.name, one.group, one.true, one.predicted) for one in found]
    assert told == [
        ("0.png", "a", "benign", "malignant"),
        ("2.png", "b", "malignant", "benign"),
        ("3.png", "b", "malignant", "benign"),
    ]
    assert [one.probability for one in found] == pytest.approx([0.9, 0.9, 0.55])
    assert [one.probability_of_true for one in found] == pytest.approx([0.1, 0.1, 0.45])
    at_a_threshold = most_wrong(Predictions(labels, answers), ("benign", "malignant"), 1, 0.15)
    assert [(one.name, one.group, one.predicted) for one in at_a_threshold] == [("#0", "", "malignant")]
    followed = follow(study.directory)
    by_run = {run.name: wrong for run, wrong in most_wrong_of_runs(followed, 3)}
    assert set(by_run) == {run.name for run in followed.runs}
    for run in followed.runs:
        predictions = read_predictions(run.directory)
        assert predictions is not None
        wrong = predictions.probabilities.argmax(1) != predictions.labels
        assert by_run[run.name][0].probability == predictions.probabilities.max(1)[wrong].max()
        assert len(by_run[run.name]) == min(3, wrong.sum())
    section = next(one for one in after_pictures(followed) if one.title == "Images called by another class")
    assert [table.rows[0][0] for table in section.tables] == [by_run[run.name][0].name for run in followed.runs]
    (csv_table,) = [table for table in tables(followed) if table.name == "most-wrong"]
    first = next(iter(csv_table.rows()))
    assert set(first) == set(csv_table.columns)
    assert first["image"] == by_run[followed.runs[0].name][0].name
