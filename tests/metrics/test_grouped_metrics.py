"""Images of groups: what holds for one of each, for copies, at the edges, and in 1,000 draws of patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from grouped import drawn_patients, without_groups

from hptui.metrics.classification import METRICS, metric
from hptui.metrics.groups import drawn_weights, of_groups
from hptui.metrics.influence import image_influence, influence_of_groups, standard_error
from hptui.metrics.intervals import interval, per_class
from hptui.metrics.score_intervals import wilson
from hptui.record.predictions import Predictions


def test_a_group_has_the_mean_probability_of_its_images_and_their_common_label() -> None:
    answers = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5], [0.3, 0.7]], np.float32)
    found = Predictions(np.array([0, 1, 0, 1, 0]), answers, np.array(["b", "a", "b", "a", "c"]))
    groups = of_groups(found)
    assert groups.mixed == ()
    assert groups.predictions.names is not None
    assert groups.predictions.names.tolist() == ["a", "b", "c"]
    assert groups.predictions.labels.tolist() == [1, 0, 0]
    assert groups.predictions.probabilities[:, 1] == pytest.approx([0.65, 0.35, 0.7])
    torn = of_groups(Predictions(np.array([0, 1, 1, 1, 0]), answers, found.groups))
    assert torn.mixed == ("b",)
    assert torn.predictions.labels.tolist() == [1, 0]


@pytest.mark.parametrize("name", METRICS)
def test_copies_of_an_image_make_no_interval_shorter(name: str) -> None:
    """Each of 40 patients with five equal images: what 40 images tell, and not what 200 do."""
    one = without_groups(drawn_patients(6, 60).take(np.arange(0, 200, 5)))
    copies = np.repeat(np.arange(40), 5)
    many = Predictions(one.labels[copies], one.probabilities[copies], copies.astype(str))
    widths = []
    for found in (one, many, without_groups(many)):
        low, high = interval(name, found) or (0.0, 0.0)
        widths.append(high - low)
    assert widths[1] / widths[0] == pytest.approx(1, abs=0.3)
    assert widths[2] < 0.75 * widths[1]


@pytest.mark.parametrize("name", METRICS)
def test_one_image_of_each_group_is_as_good_as_no_groups(name: str) -> None:
    one = without_groups(drawn_patients(1, 60))
    alone = Predictions(one.labels, one.probabilities, np.arange(len(one)).astype(str))
    assert interval(name, alone) == interval(name, one)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", METRICS)
def test_two_patients_of_a_class_are_not_certain_however_many_images_they_have(name: str, classes: int) -> None:
    labels = np.repeat(np.arange(classes), 100)
    groups = (np.arange(100 * classes) // 50).astype(str)
    found = Predictions(labels, np.eye(classes, dtype=np.float32)[labels], groups)
    ends = interval(name, found)
    assert ends is not None
    assert ends[1] - ends[0] > 0.3
    for row in per_class(found):
        for kind in ("sensitivity", "specificity", "ppv", "npv", "f1", "auc", "average_precision"):
            low, high = getattr(row, kind).interval
            assert (low < 0.75, high) == (True, 1.0), kind


def test_the_error_of_an_auc_is_obuchowskis() -> None:
    """Obuchowski 1997: the sums of the placements by group, of both classes together."""
    found = drawn_patients(3, 30)
    assert found.groups is not None
    positive, score = found.labels == 1, found.probabilities[:, 1]
    ill, healthy, area = score[positive], score[~positive], metric("auc", found)
    wins = (ill[:, None] > healthy) + 0.5 * (ill[:, None] == healthy)
    names = np.unique(found.groups)
    total = 0.0
    for name in names:
        here = found.groups == name
        of_ill = (wins[here[positive]].mean(1) - area).sum() / len(ill)
        total += (of_ill + (wins[:, here[~positive]].mean(0) - area).sum() / len(healthy)) ** 2
    expected = math.sqrt(total * len(names) / (len(names) - 1))
    of_groups_alone = influence_of_groups(image_influence("auc", found), found.group_numbers)
    assert standard_error(of_groups_alone) == pytest.approx(expected)


def test_whole_groups_are_drawn() -> None:
    groups = np.array(["a", "b", "a", "c", "b", "a"])
    (weights,) = drawn_weights(groups, 50, 0)
    for who in "abc":
        assert (np.ptp(weights[:, groups == who], axis=1) == 0).all()
    assert {int(row[[0, 1, 3]].sum()) for row in weights} == {3}


HOLD = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "brier")


@pytest.mark.parametrize("name", HOLD)
def test_intervals_of_groups_hold_95_of_100_times_and_those_of_images_do_not(name: str) -> None:
    """1,000 draws of 60 patients; those that take a bootstrap: tests/benchmarks/coverage.py."""
    true, held = metric(name, drawn_patients(10**6, 60_000)), np.zeros(2)
    assert true is not None
    for seed in range(1000):
        found = drawn_patients(seed, 60)
        for index, one in enumerate((found, without_groups(found))):
            low, high = interval(name, one) or (0.0, 0.0)
            held[index] += low <= true <= high
    assert 0.93 <= held[0] / 1000 <= 0.97
    assert held[1] / 1000 < 0.87


@pytest.mark.parametrize("name", ["auc", "average_precision", "quadratic_kappa"])
def test_bootstrap_intervals_of_groups_hold_too(name: str) -> None:
    true, held = metric(name, drawn_patients(10**6, 60_000)), 0
    assert true is not None
    for seed in range(100):
        low, high = interval(name, drawn_patients(seed, 60), resamples=200) or (0.0, 0.0)
        held += low <= true <= high
    assert held >= 90


def test_two_of_two_are_as_uncertain_as_their_groups() -> None:
    found = Predictions(
        np.ones(6, np.int64), np.tile(np.array([0.1, 0.9], np.float32), (6, 1)), np.array(list("aaabbb"))
    )
    assert interval("sensitivity", found) == wilson(2, 2)
