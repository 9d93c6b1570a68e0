"""Paired standard errors of scores, against closed forms and against what repeated sampling does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from hptui.metrics.classification import LOWER_IS_BETTER, metric
from hptui.metrics.evidence import MANY, MEANS, draw_resamples, evidence, evidence_of_parts
from hptui.metrics.influence import image_influence, standard_error
from hptui.record.predictions import Predictions

RANKED = ("auc", "average_precision", "balanced_accuracy", "sensitivity", "specificity", "f1", "quadratic_kappa")


def networks(
    labels: np.ndarray, groups: np.ndarray | None = None, seed: int = 0, skills: tuple[float, float] = (1.2, 1.5)
) -> tuple[Predictions, Predictions]:
    """Answers of two networks that share most of their noise, as candidates of one decision do."""
    random = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    shared = random.normal(size=(len(labels), classes))
    found = []
    for skill in skills:
        logits = skill * np.eye(classes)[labels] + shared + 0.4 * random.normal(size=shared.shape)
        found.append(Predictions(labels, softmax(logits, axis=1).astype(np.float32), groups))
    return found[0], found[1]


def delong(first: Predictions, second: Predictions) -> float:
    """Standard error of the difference of two AUCs, as DeLong et al. 1988 have it: from placements, pair by pair."""
    true = first.labels == 1
    above, below = [], []
    for one in (first, second):
        score = one.probabilities[:, 1].astype(float)
        won = (score[true][:, None] > score[~true]) + 0.5 * (score[true][:, None] == score[~true])
        above.append(won.mean(1))
        below.append(won.mean(0))
    return float(
        np.sqrt((above[0] - above[1]).var(ddof=1) / true.sum() + (below[0] - below[1]).var(ddof=1) / (~true).sum())
    )


@pytest.mark.parametrize("name", MEANS)
def test_a_mean_over_images_has_its_closed_form(name: str) -> None:
    one, other = networks(np.arange(90) % 3)
    if name == "exact_match":
        labels = np.eye(3, dtype=np.int64)[one.labels]
        one, other = (Predictions(labels, each.probabilities) for each in (one, other))
    value, wanted = evidence(name, one, None), evidence(name, other, None)
    expected = metric(name, one)
    assert expected is not None
    assert value.values.mean() == pytest.approx(expected if name in LOWER_IS_BETTER else 1 - expected, rel=1e-6)
    differences = value.values - wanted.values
    assert value.error(wanted) == pytest.approx(differences.std(ddof=1) / np.sqrt(90))
    assert 0 < (value.error(wanted) or 0) < np.hypot(value.error() or 0, wanted.error() or 0)  # they are paired


def test_resampling_of_a_mean_is_the_closed_form_also_of_very_few_images() -> None:
    """The sensitivity of 3 positive images is a mean over 3: drawing 3 of 3 would give two thirds of its variance."""
    labels = np.array([0] * 20 + [1] * 3)
    positive = np.array([0.2, 0.7, 0.9])
    shares = np.concatenate([np.full(20, 0.1), positive]).astype(np.float32)
    one = Predictions(labels, np.stack([1 - shares, shares], axis=1))
    errors = [evidence("sensitivity", one, draw_resamples(labels, None, seed)).error() for seed in range(30)]
    assert np.mean(errors) == pytest.approx(np.std([0, 1, 1], ddof=1) / np.sqrt(3), rel=0.03)  # type: ignore[arg-type]


def test_the_auc_has_the_paired_error_of_delong() -> None:
    labels = (np.arange(120) % 4 == 0).astype(np.int64)
    one, other = networks(labels)
    errors = []
    for seed in range(10):
        drawn = draw_resamples(labels, None, seed)
        errors.append(evidence("auc", one, drawn).error(evidence("auc", other, drawn)))
    assert np.mean(errors) == pytest.approx(delong(one, other), rel=0.06)  # type: ignore[arg-type]
    many = (np.arange(MANY + 100) % 4 == 0).astype(np.int64)
    one, other = networks(many)
    assert draw_resamples(many, None, 0) is None
    assert evidence("auc", one, None).error(evidence("auc", other, None)) == pytest.approx(delong(one, other), rel=0.01)


@pytest.mark.parametrize("name", RANKED)
def test_every_other_score_is_resampled_as_the_delta_method_has_it(name: str) -> None:
    labels = np.arange(200) % 3
    one, other = networks(labels)
    drawn = draw_resamples(labels, None, 0)
    assert drawn is not None
    found = evidence(name, one, drawn).error(evidence(name, other, drawn))
    difference = image_influence(name, one) - image_influence(name, other)
    assert found == pytest.approx(standard_error(difference), rel=0.2)
    value = metric(name, one)
    assert value is not None
    assert evidence(name, one, drawn).values.mean() == pytest.approx(1 - value, abs=0.02)


@pytest.mark.parametrize("name", ["accuracy", "auc"])
def test_groups_are_what_is_drawn(name: str) -> None:
    """Four copies of each image are no more evidence than one, and of independent images they would be."""
    labels = np.arange(100) % 2
    one, other = networks(labels)
    copies = np.repeat(np.arange(100), 4)
    groups = np.char.add("P", copies.astype(str))
    errors = {}
    for what, known in (("groups", groups), ("images", None)):
        drawn = draw_resamples(labels[copies], known, 0)
        answers = [Predictions(labels[copies], each.probabilities[copies], known) for each in (one, other)]
        first, second = (evidence(name, each, drawn) for each in answers)
        errors[what] = first.error(second) or 0.0
    influence = image_influence(name, one) - image_influence(name, other)
    assert errors["groups"] == pytest.approx(standard_error(influence), rel=0.2)
    assert errors["groups"] > 1.6 * errors["images"]


def test_losses_of_groups_are_as_few_as_these() -> None:
    groups = np.repeat(["a", "b", "c", "d"], [1, 2, 3, 4])
    parts = np.repeat([1.0, 2.0, 3.0, 6.0], [1, 2, 3, 4])
    found = evidence_of_parts(parts, groups)
    assert found.values.mean() == pytest.approx(parts.mean())
    sums = np.array([(parts - parts.mean())[groups == name].sum() for name in "abcd"])
    assert found.error() == pytest.approx(np.sqrt((sums**2).sum() * 4 / 3) / len(parts))


def test_no_resample_lacks_a_rare_class_and_a_single_image_of_a_class_is_no_evidence() -> None:
    labels = np.array([0] * 50 + [1] * 2)
    drawn = draw_resamples(labels, None, 0)
    assert drawn is not None
    assert (drawn.weights @ labels == 2).all()  # one of the two, twice
    assert np.allclose(drawn.weights.sum(1), 52)
    single = np.array([0] * 50 + [1])
    one, other = networks(single)
    drawn = draw_resamples(single, None, 0)
    assert evidence("auc", one, drawn).error(evidence("auc", other, drawn)) is None
    assert draw_resamples(np.zeros(5, np.int64), np.repeat("a", 5), 0) is None


def test_a_group_of_several_classes_is_drawn_with_those_of_its_rarest() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 0, 1])
    groups = np.array(["a", "b", "c", "d", "e", "e", "f", "f"])
    drawn = draw_resamples(labels, groups, 0)
    assert drawn is not None
    assert (drawn.weights[:, 4:].sum(1) == 4).all()  # e or f, twice
    assert (drawn.weights[:, 4] == drawn.weights[:, 5]).all()
    assert np.allclose(drawn.weights[:, :4].sum(1), 4)


def test_one_seed_draws_the_same_and_another_one_others() -> None:
    labels = np.arange(60) % 3
    first, again, other = (draw_resamples(labels, None, seed) for seed in (3, 3, 4))
    assert first is not None
    assert again is not None
    assert other is not None
    assert (first.times == again.times).all()
    assert (first.times != other.times).any()


def test_candidates_that_are_equally_good_seldom_seem_to_lead() -> None:
    """Of two networks of one skill, the AUC of 80 images leads by two standard errors in about one case of twenty."""
    labels, leads = (np.arange(80) % 4 == 0).astype(np.int64), []
    for seed in range(200):
        one, other = networks(labels, seed=seed, skills=(1.2, 1.2))
        drawn = draw_resamples(labels, None, seed)
        error = evidence("auc", one, drawn).error(evidence("auc", other, drawn))
        first, second = metric("auc", one), metric("auc", other)
        assert first is not None
        assert second is not None
        assert error
        leads.append((first - second) / error)
    assert 0.01 <= np.mean(np.abs(leads) > 2) <= 0.1
    assert np.std(leads) == pytest.approx(1, abs=0.15)
