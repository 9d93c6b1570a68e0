"""Metrics of images that may have several labels, against scikit-learn, label by label."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from hptui.errors import ConfigError
from hptui.metrics.calibration import reliability
from hptui.metrics.calls import called_labels
from hptui.metrics.class_metrics import per_class
from hptui.metrics.classification import (
    LABEL_METRICS,
    accuracy,
    balanced_accuracy,
    counts_of,
    f1,
    metric,
    metric_title,
    npv,
    ppv,
    sensitivity,
    specificity,
)
from hptui.metrics.decision_curve import decision_curve
from hptui.metrics.groups import one_for_each
from hptui.metrics.influence import image_influence, standard_error
from hptui.metrics.intervals import interval
from hptui.metrics.recalibration import fit_recalibration
from hptui.metrics.several_labels import label_alone, labels_left_out
from hptui.metrics.thresholds import choose_threshold
from hptui.metrics.weighted import weighted_metric
from hptui.reading.comparison.bounds import classes_behind, edge_error, paired_edge_error
from hptui.reading.comparison.sampling import images_behind
from hptui.reading.wrong_images import most_wrong
from hptui.record.predictions import Predictions

LABELS = 5


def drawn(images: int = 200, labels: int = LABELS, seed: int = 0, groups: int = 0) -> Predictions:
    """Answers that are better than guessing; a few equal ones."""
    random = np.random.default_rng(seed)
    true = (random.random((images, labels)) < np.linspace(0.5, 0.1, labels)).astype(np.int64)
    shares = 1 / (1 + np.exp(-random.normal(2.0 * true - 1.0, 1.3)))
    names = np.array([f"p{index % groups}" for index in range(images)]) if groups else None
    return Predictions(true, shares.round(2).astype(np.float32), names)


def expected(name: str, one: Predictions) -> float:  # noqa: PLR0911 (one for each metric)
    """By scikit-learn."""
    true, shares = one.labels, one.probabilities
    called = (shares > 0.5).astype(int)
    columns = range(true.shape[1])
    match name:
        case "accuracy":
            return float(np.mean(true == called))
        case "exact_match":
            return float(accuracy_score(true, called))
        case "balanced_accuracy":
            return float(np.mean([balanced_accuracy_score(true[:, i], called[:, i]) for i in columns]))
        case "sensitivity":
            return float(recall_score(true, called, average="macro"))
        case "specificity":
            return float(recall_score(1 - true, 1 - called, average="macro"))
        case "ppv":
            return float(precision_score(true, called, average="macro"))
        case "npv":
            return float(precision_score(1 - true, 1 - called, average="macro"))
        case "f1":
            return float(f1_score(true, called, average="macro"))
        case "auc":
            return float(roc_auc_score(true, shares, average="macro"))
        case "average_precision":
            return float(average_precision_score(true, shares, average="macro"))
        case "brier":
            return float(np.mean([brier_score_loss(true[:, i], shares[:, i]) for i in columns]))
    assert name == "calibration_error"
    return float(np.mean([metric(name, label_alone(one, i)) for i in columns]))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LABEL_METRICS)
@pytest.mark.parametrize("labels", [2, LABELS])
def test_metrics_agree_with_scikit_learn(name: str, labels: int) -> None:
    """Two labels are not two classes."""
    one = drawn(labels=labels)
    assert metric(name, one) == pytest.approx(expected(name, one), abs=1e-6)


def test_counts_in_the_log_give_the_metrics_of_the_predictions() -> None:
    one = drawn()
    counts = counts_of(one)
    assert (counts.images, counts.total) == (200, 200)
    assert counts.support == one.labels.sum(0).tolist()
    for of_counts in (accuracy, balanced_accuracy, sensitivity, specificity, ppv, npv, f1):
        assert of_counts(counts) == pytest.approx(metric(of_counts.__name__, one))


def test_a_threshold_holds_for_every_label() -> None:
    one = drawn()
    assert metric("sensitivity", one, 0.2) == pytest.approx(
        recall_score(one.labels, (one.probabilities >= np.float32(0.2)).astype(int), average="macro")
    )
    assert called_labels(np.array([[0.5, 0.51]], np.float32)).tolist() == [[0, 1]]
    assert called_labels(np.array([[0.5, 0.49]], np.float32), 0.5).tolist() == [[1, 0]]


def test_labels_of_one_kind_of_images_are_left_out_and_named() -> None:
    one = drawn()
    lacking = Predictions(one.labels * [0, 1, 1, 1, 1], one.probabilities)
    others = Predictions(one.labels[:, 1:], one.probabilities[:, 1:])
    assert labels_left_out(lacking, ("a", "b", "c", "d", "e")) == ["a"]
    for name in ("auc", "average_precision", "balanced_accuracy", "sensitivity"):
        assert metric(name, lacking) == pytest.approx(metric(name, others))
    assert image_influence("auc", lacking) == pytest.approx(image_influence("auc", others))
    none = Predictions(np.zeros((4, 2), np.int64), np.full((4, 2), 0.4, np.float32))
    assert metric("auc", none) is None
    assert metric("balanced_accuracy", none) is None
    assert metric("accuracy", none) == 1.0


@pytest.mark.parametrize("name", LABEL_METRICS)
def test_a_weighted_metric_is_that_of_the_drawn_images(name: str) -> None:
    one = drawn(60)
    indices = np.random.default_rng(3).integers(0, 60, (4, 60))
    weights = np.stack([np.bincount(row, minlength=60) for row in indices]).astype(float)
    twins = [metric(name, one.take(row)) for row in indices]
    if name == "calibration_error":  # its bins are those of all images
        return
    assert weighted_metric(name, one, weights).tolist() == pytest.approx(twins)


@pytest.mark.parametrize("name", LABEL_METRICS)
def test_the_influence_of_the_images_gives_the_error_that_resampling_gives(name: str) -> None:
    one = drawn(400, labels=3)
    random = np.random.default_rng(0)
    weights = random.multinomial(400, np.full(400, 1 / 400), 600).astype(float)
    resampled = weighted_metric(name, one, weights).std()
    influence = image_influence(name, one)
    assert influence.mean() == pytest.approx(0, abs=1e-9)
    assert standard_error(influence) == pytest.approx(resampled, rel=0.25)


@pytest.mark.parametrize("name", LABEL_METRICS)
@pytest.mark.parametrize("groups", [0, 40])
def test_intervals_hold_the_value_and_are_wider_of_groups(name: str, groups: int) -> None:
    one = drawn(200, labels=3, groups=groups)
    value, ends = metric(name, one), interval(name, one, resamples=200)
    assert value is not None
    assert ends is not None
    assert 0 <= ends[0] < value + 0.02
    assert value - 0.02 < ends[1] <= 1
    assert ends[0] < ends[1]
    assert interval(name, one, resamples=200) == ends


def test_an_interval_is_that_of_images_drawn_with_all_their_labels() -> None:
    one = drawn(100, labels=3)
    random = np.random.default_rng(0)
    values = [roc_auc_score(one.labels[row], one.probabilities[row]) for row in random.integers(0, 100, (200, 100))]
    low, high = interval("auc", one, resamples=200)  # type: ignore[misc]
    assert (low, high) == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=0.01)


@pytest.mark.parametrize("name", LABEL_METRICS)
def test_nothing_is_certain_because_all_is_right(name: str) -> None:
    true = np.tile([[1, 0], [0, 1], [0, 0], [1, 1]], (3, 1))
    certain = Predictions(true, true.astype(np.float32))
    low, high = interval(name, certain)  # type: ignore[misc]
    assert high - low > 0.02
    assert (edge_error(name, certain) > 0) == (paired_edge_error(name, certain) > 0)


def test_each_label_is_two_classes_of_its_own() -> None:
    one = drawn(groups=50)
    rows = per_class(one, resamples=50)
    assert [row.label for row in rows] == list(range(LABELS))
    assert [row.support for row in rows] == one.labels.sum(0).tolist()
    for index, row in enumerate(rows):
        alone = per_class(label_alone(one, index), resamples=50)[1]
        assert row.auc == alone.auc
        assert row.sensitivity == alone.sensitivity
        assert row.auc is not None
        assert row.auc.value == pytest.approx(roc_auc_score(one.labels[:, index], one.probabilities[:, index]))


def test_one_image_of_each_group_and_set_of_labels() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])
    found = one_for_each(Predictions(labels, labels.astype(np.float32), np.array(["a", "a", "b", "b"])))
    assert sorted(found.labels.tolist()) == [[0, 1], [1, 0], [1, 1]]


def test_what_a_metric_rests_on() -> None:
    one = drawn()
    rarest = int(one.labels.sum(0).min())
    assert images_behind("auc", one) == rarest
    assert images_behind("accuracy", one) == images_behind("exact_match", one) == 200
    assert (classes_behind("auc", one), classes_behind("exact_match", one)) == (LABELS, 0)


def test_what_needs_classes_is_refused_or_left_out() -> None:
    one = drawn(labels=2)
    with pytest.raises(ConfigError, match="an image may have several labels"):
        choose_threshold(one, "sensitivity=0.9")
    with pytest.raises(ConfigError, match="an image may have several labels"):
        fit_recalibration(one)
    assert reliability(one) == []
    assert decision_curve(one) == []
    with pytest.raises(ConfigError, match="quadratic_kappa is no metric of several labels per image"):
        metric("quadratic_kappa", one)
    with pytest.raises(ConfigError, match="exact_match is no metric of one class per image"):
        metric("exact_match", label_alone(one, 0))


def test_titles_say_what_is_meant() -> None:
    assert metric_title("accuracy", "multi-label") == "label-wise accuracy"
    assert metric_title("auc", "multi-label") == "mean AUC"
    assert metric_title("auc", "single-label") == "AUC"


def test_the_surest_mistakes_of_all_labels() -> None:
    labels = np.array([[1, 0], [0, 0]])
    shares = np.array([[0.1, 0.2], [0.4, 0.7]], np.float32)
    found = most_wrong(Predictions(labels, shares), ("edema", "mass"), 5)
    assert [(one.index, one.true, one.predicted) for one in found] == [
        (0, "edema", "not edema"),
        (1, "not mass", "mass"),
    ]
    assert [one.probability for one in found] == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize(("off", "groups"), [(0.0, 0), (0.0, 40), (0.1, 0)])
def test_the_interval_of_a_calibration_error_holds_it_and_the_truth(off: float, groups: int) -> None:
    """Bins add their noise to the error of each label, as they do to that of a class, and a resample adds more."""
    held = 0
    for seed in range(15):
        random = np.random.default_rng(seed)
        shares = random.uniform(0.1, 0.8, (200, 3))
        labels = (random.random((200, 3)) < shares).astype(np.int64)
        whose = np.array([f"g{index % groups}" for index in range(200)]) if groups else None
        one = Predictions(labels, (shares + off).astype(np.float32), whose)
        value, ends = metric("calibration_error", one), interval("calibration_error", one, resamples=100)
        assert value is not None
        assert ends is not None
        assert ends[0] <= value <= ends[1]
        held += ends[0] <= off <= ends[1]
    assert held >= 13


def test_the_interval_of_a_mean_average_precision_holds_the_truth_though_few_images_overrate_it() -> None:
    """Of rare labels; without a correction 73 % of such intervals do."""

    def some(images: int, seed: int) -> Predictions:
        random = np.random.default_rng(seed)
        labels = (random.random((images, 14)) < np.linspace(0.4, 0.05, 14)).astype(np.int64)
        shares = 1 / (1 + np.exp(-random.normal(size=labels.shape) - 1.2 * labels))
        return Predictions(labels, shares.astype(np.float32))

    truth = metric("average_precision", some(40_000, 99))
    assert truth is not None
    held = 0
    for seed in range(40):
        ends = interval("average_precision", some(200, seed), resamples=100)
        assert ends is not None
        held += ends[0] <= truth <= ends[1]
    assert held >= 34
