"""Metrics against scikit-learn, Wilson's interval against a published table, thresholds against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from hptui.config import choices
from hptui.errors import ConfigError
from hptui.metrics import resampling
from hptui.metrics.calibration import bin_of_image, reliability, stated_and_true
from hptui.metrics.calls import confusion, predicted_classes
from hptui.metrics.classification import (
    LABEL_METRICS,
    METRIC_TITLES,
    METRICS,
    NO_SCORES,
    class_counts,
    metric,
    sensitivity,
    specificity,
)
from hptui.metrics.intervals import interval, per_class
from hptui.metrics.matrices import metric_of_matrices
from hptui.metrics.score_intervals import wilson
from hptui.metrics.thresholds import choose_threshold
from hptui.metrics.weighted import OF_PROBABILITIES, weighted_metric
from hptui.record.class_counts import ClassCounts
from hptui.record.predictions import Predictions


def made_up(classes: int, images: int = 300, seed: int = 0, digits: int = 2) -> Predictions:
    """Better than guessing, unbalanced, and with ties: probabilities of few digits."""
    random = np.random.default_rng(seed)
    labels = np.minimum(random.geometric(0.4, images) - 1, classes - 1)
    logits = random.normal(0, 1, (images, classes))
    logits[np.arange(images), labels] += 1.0
    shares = np.round(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), digits)
    return Predictions(labels.astype(np.int64), shares.astype(np.float32))


def slow(name: str, labels: np.ndarray, probabilities: np.ndarray, said: np.ndarray) -> float:  # noqa: PLR0911
    """The same by scikit-learn."""
    classes = probabilities.shape[1]
    average = "binary" if classes == 2 else "macro"
    match name:
        case "accuracy":
            return float(accuracy_score(labels, said))
        case "balanced_accuracy":
            return float(balanced_accuracy_score(labels, said))
        case "sensitivity":
            return float(recall_score(labels, said, average=average))
        case "specificity":
            against = [recall_score(labels != k, said != k) for k in range(classes)]
            return float(against[1] if classes == 2 else np.mean(against))
        case "f1":
            return float(f1_score(labels, said, average=average))
        case "ppv":
            return float(precision_score(labels, said, average=average, zero_division=np.nan))
        case "npv":
            against = [precision_score(labels != k, said != k) for k in range(classes)]
            return float(against[1] if classes == 2 else np.mean(against))
        case "average_precision":
            areas = [average_precision_score(labels == k, probabilities[:, k]) for k in range(classes)]
            return float(areas[1] if classes == 2 else np.mean(areas))
        case "brier":
            return float(((probabilities.astype(float) - np.eye(classes)[labels]) ** 2).sum(1).mean() / 2)
        case "calibration_error":
            return slow_calibration_error(labels, probabilities)
        case "quadratic_kappa":
            return float(cohen_kappa_score(labels, said, weights="quadratic"))
    areas = [roc_auc_score(labels == k, probabilities[:, k]) for k in range(classes)]
    return float(areas[1] if classes == 2 else np.mean(areas))


def slow_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Guo et al. 2017, bin by bin, in the bins of scikit-learn's calibration_curve."""
    two = probabilities.shape[1] == 2
    stated = probabilities[:, 1].astype(float) if two else probabilities.max(1).astype(float)
    true = labels == 1 if two else probabilities.argmax(1) == labels
    shares, means = calibration_curve(true, stated, n_bins=10, strategy="quantile")
    edges = np.quantile(stated, np.linspace(0, 1, 11))
    images = np.bincount(np.searchsorted(edges[1:-1], stated), minlength=10)
    return float((images[images > 0] * np.abs(shares - means)).sum() / len(labels))


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("name", METRICS)
def test_metrics_agree_with_scikit_learn(name: str, classes: int) -> None:
    found = made_up(classes)
    said = found.probabilities.argmax(1)
    assert metric(name, found) == pytest.approx(slow(name, found.labels, found.probabilities, said), abs=1e-12)


def test_the_auc_of_several_classes_is_that_of_one_against_the_rest() -> None:
    found = made_up(4, digits=6)
    rows = found.probabilities.astype(float) / found.probabilities.astype(float).sum(1, keepdims=True)
    expected = roc_auc_score(found.labels, rows, multi_class="ovr", average="macro")
    # scikit-learn wants rows that add up to one, to the last bit, which breaks a tie or two
    assert metric("auc", found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.83])
@pytest.mark.parametrize("name", [name for name in METRICS if name not in OF_PROBABILITIES])
def test_metrics_at_a_threshold_agree_with_scikit_learn(name: str, threshold: float) -> None:
    found = made_up(2, digits=6)
    said = (found.probabilities[:, 1] >= threshold).astype(int)
    expected = slow(name, found.labels, found.probabilities, said)
    assert metric(name, found, threshold) == pytest.approx(expected, abs=1e-12)
    assert metric(name, found, threshold) != metric(name, found, 0.6)


def test_the_auc_is_over_all_thresholds() -> None:
    found = made_up(2)
    assert metric("auc", found, 0.9) == metric("auc", found)
    assert interval("auc", found, 0.9) == interval("auc", found)


def test_a_threshold_is_compared_in_double_precision() -> None:
    found = Predictions(np.array([0, 1]), np.array([[0.9, 0.1], [0.5, 0.5]], np.float32))
    assert float(np.float32(0.1)) > 0.1  # so the first image is positive from 0.1 on, and not from a hair above itself
    assert predicted_classes(found, 0.1).tolist() == [1, 1]
    assert predicted_classes(found, float(np.float32(0.1)) + 1e-12).tolist() == [0, 1]
    assert predicted_classes(found).tolist() == [0, 0]  # the first of two equal ones, as in training
    with pytest.raises(ValueError, match="two classes"):
        predicted_classes(made_up(3), 0.5)


def test_the_confusion_matrix_has_true_classes_in_its_rows() -> None:
    found = made_up(3)
    expected = confusion_matrix(found.labels, found.probabilities.argmax(1))
    assert confusion(found).tolist() == expected.tolist()
    assert expected.tolist() != expected.T.tolist()
    wide = Predictions(found.labels, np.pad(found.probabilities, ((0, 0), (0, 2))))
    assert confusion(wide).shape == (5, 5)


def test_sensitivity_and_specificity_of_counts() -> None:
    counts = class_counts([[45, 5, 0], [4, 32, 4], [0, 2, 8]])
    assert sensitivity(counts) == pytest.approx((45 / 50 + 32 / 40 + 8 / 10) / 3)
    assert specificity(counts) == pytest.approx((46 / 50 + 53 / 60 + 86 / 90) / 3)
    two = class_counts([[7, 3], [1, 9]])
    assert (sensitivity(two), specificity(two)) == (0.9, 0.7)


def test_classes_that_do_not_occur_do_not_divide_by_zero() -> None:
    assert sensitivity(ClassCounts(support=[5, 0], predicted=[5, 0], hits=[5, 0])) is None
    assert specificity(ClassCounts(support=[0, 5], predicted=[0, 5], hits=[0, 5])) is None
    assert sensitivity(ClassCounts(support=[5, 0, 5], predicted=[5, 0, 5], hits=[5, 0, 5])) == 1.0
    assert sensitivity(ClassCounts(support=[0, 0, 0], predicted=[0, 0, 0], hits=[0, 0, 0])) is None


def test_what_is_not_defined_is_none_and_has_no_interval() -> None:
    healthy = Predictions(np.zeros(5, np.int64), made_up(2, 5).probabilities)
    for name in ("sensitivity", "auc", "f1"):
        assert metric(name, healthy) is None
        assert interval(name, healthy) is None
    assert metric("specificity", healthy) is not None
    negative, positive = per_class(healthy)
    assert (negative.support, positive.support) == (5, 0)
    assert positive.sensitivity is positive.f1 is positive.auc is negative.auc is negative.specificity is None
    assert negative.sensitivity == positive.specificity is not None


def test_a_network_that_has_diverged_ranks_nothing() -> None:
    found = Predictions(np.array([0, 1, 1]), np.full((3, 2), np.nan, np.float32))
    assert metric("auc", found) is interval("auc", found) is None
    assert metric("accuracy", found) == pytest.approx(1 / 3)
    with pytest.raises(ConfigError, match="diverged"):
        choose_threshold(found, "sensitivity=0.9")


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_newcombe_1998_table_1(part: int, whole: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3."""
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)
    for name, label in (("sensitivity", 1), ("specificity", 0)):
        said = np.where(np.arange(whole) < part, label, 1 - label)
        found = Predictions(np.full(whole, label), np.eye(2, dtype=np.float32)[said])
        assert metric(name, found) == part / whole
        assert interval(name, found) == pytest.approx((low, high), abs=5e-5)
        assert interval("accuracy", found) == interval(name, found)


@pytest.mark.parametrize("classes", [2, 4])
def test_resampled_matrices_give_the_metrics_of_their_images(classes: int) -> None:
    matrices = resampling.resampled_matrices(confusion(made_up(classes)), 20, 0)
    names = [name for name in METRICS if name not in OF_PROBABILITIES]
    cells = np.arange(classes**2)
    for name in names:
        fast = metric_of_matrices(name, matrices)
        for matrix, value in zip(matrices, fast, strict=True):
            images = np.repeat(cells, matrix.reshape(-1))
            labels, said = images // classes, images % classes
            assert value == pytest.approx(slow(name, labels, np.zeros((1, classes)), said), abs=1e-12)
    assert matrices.sum((1, 2)).tolist() == [300] * 20
    assert len({matrix.tobytes() for matrix in matrices}) == 20


def test_a_weighted_area_is_that_of_the_drawn_images() -> None:
    found, random = made_up(3, 80), np.random.default_rng(1)
    drawn = random.integers(0, 80, (15, 80))
    weights = np.stack([np.bincount(row, minlength=80) for row in drawn]).astype(float)
    areas = resampling.weighted_areas(found, weights)
    for row, area in zip(drawn, areas, strict=True):
        labels, scores = found.labels[row], found.probabilities[row]
        assert area == pytest.approx([roc_auc_score(labels == k, scores[:, k]) for k in range(3)], abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", METRICS)
def test_a_weighted_metric_is_that_of_the_drawn_images(name: str, classes: int) -> None:
    found, random = made_up(classes, 120), np.random.default_rng(1)
    drawn = random.integers(0, 120, (10, 120))
    weights = np.stack([np.bincount(row, minlength=120) for row in drawn]).astype(float)
    for row, value in zip(drawn, weighted_metric(name, found, weights), strict=True):
        if name == "calibration_error":  # its bins are those of all images, whichever were drawn
            stated, true = stated_and_true(found)
            inside = bin_of_image(stated)[row]
            gaps = [abs((true - stated)[row][inside == k].sum()) for k in range(10)]
            assert value == pytest.approx(sum(gaps) / 120)
        else:
            assert value == pytest.approx(metric(name, found.take(row)), abs=1e-12)


def test_the_brier_score_of_two_classes_is_scikit_learns() -> None:
    two, more = made_up(2), made_up(4, digits=6)
    expected = brier_score_loss(two.labels, two.probabilities[:, 1].astype(float))
    assert metric("brier", two) == pytest.approx(expected, abs=1e-7)  # rounded probabilities do not add up to one
    rows = more.probabilities.astype(float) / more.probabilities.astype(float).sum(1, keepdims=True)
    expected = brier_score_loss(more.labels, rows, scale_by_half=True, labels=range(4))
    assert metric("brier", more) == pytest.approx(expected, abs=1e-5)


def test_reliability_bins_hold_equally_many_images_and_equal_probabilities_together() -> None:
    found = made_up(2, 1000, digits=6)
    bins = reliability(found)
    assert [one.images for one in bins] == [100] * 10
    shares, means = calibration_curve(found.labels, found.probabilities[:, 1], n_bins=10, strategy="quantile")
    assert [one.share for one in bins] == pytest.approx(shares.tolist())
    assert [one.probability for one in bins] == pytest.approx(means.tolist(), abs=1e-6)
    assert all(one.interval == wilson(round(one.share * 100), 100) for one in bins)
    (only,) = reliability(Predictions(np.array([0, 1, 1]), np.full((3, 2), 0.5, np.float32)))
    assert (only.images, only.probability, only.share) == (3, 0.5, pytest.approx(2 / 3))
    assert reliability(Predictions(np.array([0, 1]), np.full((2, 2), np.nan, np.float32))) == []


def test_predictive_values_that_nobody_was_called_for_are_not_defined() -> None:
    nobody = Predictions(np.array([0, 1, 0]), np.tile(np.array([0.9, 0.1], np.float32), (3, 1)))
    assert metric("ppv", nobody) is interval("ppv", nobody) is None
    assert metric("npv", nobody) == pytest.approx(2 / 3)


def test_the_kappa_of_grades_counts_squared_distances() -> None:
    """One of four images is called two grades off, then one: a quarter of that, and by chance less as well."""
    ends = np.array([0, 0, 2, 2])
    found = Predictions(ends, np.eye(3, dtype=np.float32)[[0, 0, 2, 0]])
    assert metric("quadratic_kappa", found) == pytest.approx(1 - 0.25 / 0.5)
    near = Predictions(ends, np.eye(3, dtype=np.float32)[[0, 0, 2, 1]])
    assert metric("quadratic_kappa", near) == pytest.approx(1 - 0.25 / 4 / 0.4375)
    assert metric("quadratic_kappa", Predictions(np.zeros(3, int), np.eye(2, dtype=np.float32)[[0, 0, 0]])) is None


def test_pieces_of_the_bootstrap_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resampling.drawn_weights(50, 30, 5)))
    monkeypatch.setattr(resampling, "CHUNK_VALUES", 7 * 50)
    pieces = list(resampling.drawn_weights(50, 30, 5))
    assert len(pieces) == 5
    assert whole.shape == (30, 50)
    # whole rows are drawn one after another, so the size of a piece changes nothing
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("name", ["auc", "f1", "balanced_accuracy", "ppv", "brier", "average_precision"])
def test_bootstrap_intervals_are_as_wide_as_other_test_sets_differ(name: str) -> None:
    """The spread over test sets drawn anew is what the interval of one of them estimates."""
    low, high = interval(name, made_up(2, 400, seed=1)) or (0.0, 0.0)
    others = np.array([metric(name, made_up(2, 400, seed=seed)) for seed in range(2, 202)], float)
    assert low < metric(name, made_up(2, 400, seed=1)) < high  # type: ignore[operator]
    assert 0.7 < (high - low) / (2 * 1.96 * others.std(ddof=1)) < 1.4


def test_intervals_are_the_same_for_the_same_seed() -> None:
    found = made_up(3)
    assert interval("auc", found) == interval("auc", found)
    assert interval("auc", found) != interval("auc", found, seed=1)
    assert interval("f1", found, resamples=200) == interval("f1", found, resamples=200)


def test_per_class_agrees_with_scikit_learn() -> None:
    found = made_up(4)
    said = found.probabilities.argmax(1)
    for k, one in enumerate(per_class(found)):
        assert one.label == k
        assert one.support == int((found.labels == k).sum())
        expected = {
            "sensitivity": recall_score(found.labels == k, said == k),
            "specificity": recall_score(found.labels != k, said != k),
            "f1": f1_score(found.labels == k, said == k),
            "auc": roc_auc_score(found.labels == k, found.probabilities[:, k]),
            "ppv": precision_score(found.labels == k, said == k),
            "npv": precision_score(found.labels != k, said != k),
            "average_precision": average_precision_score(found.labels == k, found.probabilities[:, k]),
        }
        for name, value in expected.items():
            estimate = getattr(one, name)
            assert estimate.value == pytest.approx(value, abs=1e-12)
            assert estimate.interval[0] <= estimate.value <= estimate.interval[1]


def test_per_class_of_two_is_what_the_whole_says() -> None:
    found = made_up(2)
    positive = per_class(found, 0.4)[1]
    for name in ("sensitivity", "specificity", "f1", "auc", "ppv", "npv", "average_precision"):
        estimate = getattr(positive, name)
        assert estimate.value == metric(name, found, 0.4)
        assert estimate.interval == pytest.approx(interval(name, found, 0.4))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.95, 1.0])
def test_a_threshold_reaches_what_is_wanted_and_no_more_than_it_must(share: float) -> None:
    found = made_up(2, digits=3)
    scores = found.probabilities[:, 1]
    at = choose_threshold(found, f"sensitivity={share}")
    assert metric("sensitivity", found, at) >= share  # type: ignore[operator]
    assert metric("sensitivity", found, float(np.nextafter(np.float32(at), np.float32(2)))) < share  # type: ignore[operator]
    at = choose_threshold(found, f"specificity={share}")
    assert metric("specificity", found, at) >= share  # type: ignore[operator]
    assert metric("specificity", found, float(scores[scores < at].max())) < share  # type: ignore[operator]


@pytest.mark.parametrize("wanted", ["", "sensitivity", "sensitivity=", "recall=0.9", "sensitivity=0", "specificity=95"])
def test_a_threshold_that_makes_no_sense_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError, match="threshold for"):
        choose_threshold(made_up(2), wanted)


def test_a_threshold_needs_two_classes_and_images_of_the_class() -> None:
    with pytest.raises(ConfigError, match="two classes"):
        choose_threshold(made_up(3), "sensitivity=0.9")
    with pytest.raises(ConfigError, match="class 1"):
        choose_threshold(Predictions(np.zeros(5, np.int64), made_up(2, 5).probabilities), "sensitivity=0.9")


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'sensitivity'"):
        metric("sensitivty", made_up(2))


def test_every_metric_has_a_title_and_is_a_score_unless_it_should_not_be() -> None:
    assert set(METRIC_TITLES) == {*METRICS, *LABEL_METRICS}
    assert set(choices("score")) == {"loss", *METRIC_TITLES} - NO_SCORES


def test_classes_without_images_count_in_no_mean() -> None:
    """Two of five classes occur, and every image is called by the other one."""
    labels = np.array([0, 0, 1, 1])
    wrong = Predictions(labels, np.eye(5, dtype=np.float32)[1 - labels])
    assert metric("specificity", wrong) == 0.0
    assert metric("sensitivity", wrong) == 0.0
    assert metric_of_matrices("specificity", confusion(wrong)[None]).tolist() == [0.0]
