"""Unbalanced classes: weights in the losses that train and decide, and metrics as scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.errors import ConfigError
from hptui.metrics.classification import LOWER_IS_BETTER, METRICS, NO_SCORES, metric
from hptui.record.events import BatchesTrained, CandidateScored, DecisionStarted, Evaluated, HyperparametersChosen
from hptui.training.engine import loop
from hptui.training.engine.building import build_network
from hptui.training.engine.evaluation import evaluate
from hptui.training.inputs import prepare_inputs
from hptui.training.run.run import Run

from .conftest import Prepared, delivered, make_run, stripes, train_steps
from .test_exactness import assert_same

Make = Callable[..., Prepared]


@pytest.fixture
def unbalanced() -> ImageDataset:
    """Training images 80, 40 and 20 of three classes; 20 each to test with."""

    def thinned(images: Images, counts: tuple[int, ...]) -> Images:
        kept = [np.flatnonzero(images.labels == label)[:count] for label, count in enumerate(counts)]
        return images.take(np.concatenate(kept))

    train, validation = thinned(stripes(240, 0), (80, 40, 20)), thinned(stripes(60, 1), (20, 10, 5))
    return ImageDataset("unbalanced", ("low", "middle", "high"), train, stripes(60, 2), validation)


@pytest.fixture
def made(prepare: Make, unbalanced: ImageDataset) -> Callable[..., Prepared]:
    return lambda **settings: prepare(dataset=unbalanced, **{"class_weights": "balanced"} | settings)


def test_the_weights_are_those_of_scikit_learn(made: Make) -> None:
    data = made().data
    labels = data.train.labels.numpy()
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert data.class_weights.numpy() == pytest.approx(expected)  # type: ignore[union-attr]
    assert made(class_weights="none").data.class_weights is None


def test_a_step_follows_the_weighted_loss(made: Make) -> None:
    """The same batch by hand: gradients of the weighted mean."""
    run, _ = make_run(made(optimizer="sgd", set={"lr": 0.1, "momentum": 0, "batch_size": 140, "dropout": 0}))
    by_hand = build_network(run.inputs.factory, "own", run.inputs.data, seed=0)
    by_hand.load_state_dict(run.network.state_dict())
    by_hand.dropout.p = 0.0
    data = run.inputs.data
    labels = data.train.labels
    weights = torch.tensor([140 / (3 * count) for count in (80, 40, 20)])
    losses = F.cross_entropy(by_hand.train()(data.normalise(data.train.pixels)), labels, reduction="none")
    ((losses * weights[labels]).sum() / weights[labels].sum()).backward()
    train_steps(run, 1)
    for name, parameter in by_hand.named_parameters():
        assert parameter.grad is not None
        moved = parameter.detach() - 0.1 * parameter.grad
        assert torch.allclose(dict(run.network.named_parameters())[name], moved, atol=1e-5), name


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_a_network_that_knows_nothing_is_drawn_to_no_class(made: Make, smoothing: float) -> None:
    """Label smoothing must not undo what the weights are for."""
    run, _ = make_run(made(set={"label_smoothing": smoothing, "batch_size": 140}))
    labels = run.inputs.data.train.labels
    bias = torch.zeros(3, requires_grad=True)
    weights = run.inputs.data.class_weights[labels]  # type: ignore[index]
    run.inputs.loss(bias.expand(len(labels), 3), labels, weights, run.state.values.held).backward()
    assert bias.grad is not None
    assert bias.grad.tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_validation_losses_are_weighted_with_a_mean_of_one_and_test_losses_are_not(made: Make) -> None:
    balanced = made()
    network = build_network(balanced.factory, "own", balanced.data, seed=0)
    images = balanced.data.validation
    plain = evaluate(network, balanced.data, images)
    weighted = evaluate(network, balanced.data, images, class_weighted=True)
    ratio = weighted.losses / plain.losses
    assert ratio.mean() == pytest.approx(1.0, rel=1e-5)
    by_class = [ratio[images.labels.numpy() == label] for label in range(3)]
    assert by_class[1][0] / by_class[0][0] == pytest.approx(2.0)
    assert by_class[2][0] / by_class[0][0] == pytest.approx(4.0)
    assert np.array_equal(weighted.confusion, plain.confusion)
    run, events = make_run(balanced)
    assert run.execute().completed
    last = {(e.split, e.weights): e for e in events if isinstance(e, Evaluated) and e.epoch == 2}
    final = run.delivery.predictions["final", "test"]
    losses = -np.log(final.probabilities[np.arange(60), final.labels].astype(float))
    assert last["test", run.ledger.progress.delivered].loss == pytest.approx(losses.mean(), rel=1e-4)
    final = run.delivery.predictions["final", "validation"]
    losses = -np.log(final.probabilities[np.arange(35), final.labels].astype(float))
    weights = np.array([1.0, 2.0, 4.0])[final.labels]
    expected = (losses * weights).sum() / weights.sum()
    assert last["validation", run.ledger.progress.delivered].loss == pytest.approx(expected, rel=1e-4)


def test_both_arms_train_with_the_same_weights(made: Make) -> None:
    balanced = made(strategy="fixed", search={})
    ends = []
    for arm in ("baseline", "optimized"):
        run, _ = make_run(balanced, arm)
        assert run.execute().completed
        ends.append(delivered(run))
    assert_same(dict(ends[0]), dict(ends[1]))
    plain, events = make_run(made(strategy="fixed", search={}, class_weights="none"))
    assert plain.execute().completed
    assert not torch.equal(ends[0]["output.weight"], delivered(plain)["output.weight"])
    assert all(event.loss is not None for event in events if isinstance(event, BatchesTrained))


@pytest.mark.real_data
def test_pneumonia_is_trained_with_balanced_classes(real_data: Path) -> None:
    """Three of four training images are of the second class, and its weight is a third of the first one's."""
    settings = {
        "dataset": f"medmnist:{real_data / 'MedMNIST' / 'pneumoniamnist.npz'}", "model": "lenet", "epochs": 1,
        "train_size": 400, "validation_size": 100, "score": "balanced_accuracy", "class_weights": "balanced",
        "search": {"lr": "1e-3:1e-2:log:2"}, "threads": 1, "device": "cpu",
    }  # fmt: skip
    config = resolve([Layer("test", {"strategy": "grid"} | settings)]).config
    pneumonia = Prepared(config, prepare_inputs(config))
    healthy, ill = pneumonia.data.class_weights.tolist()  # type: ignore[union-attr]
    assert 2.5 < healthy / ill < 3.2
    run, events = make_run(pneumonia)
    assert run.execute().completed
    assert all(event.loss is not None for event in events if isinstance(event, Evaluated))
    assert 0.3 < metric("balanced_accuracy", run.delivery.predictions["final", "test"]) <= 1  # type: ignore[operator]


def test_a_class_without_training_images_cannot_be_weighed(prepare: Make, unbalanced: ImageDataset) -> None:
    only_two = unbalanced.train.take(np.flatnonzero(unbalanced.train.labels < 2))
    dataset = ImageDataset("gone", unbalanced.class_names, only_two, unbalanced.test, unbalanced.validation)
    with pytest.raises(ConfigError, match="no training image of gone is of class 'high'; use none"):
        prepare(dataset=dataset, class_weights="balanced")
    assert prepare(dataset=dataset).data.class_weights is None


@pytest.mark.parametrize("score", sorted(set(METRICS) - NO_SCORES))
def test_every_metric_can_be_what_a_decision_compares(
    prepare: Make, score: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score in the log is 1 - the metric of the scored weights, or it where it is an error; the lowest is taken."""
    seen: list[Any] = []

    def watched(*arguments: Any, **options: Any) -> Any:
        found = evaluate(*arguments, **options | {"with_predictions": True})
        seen.append(found)
        return found

    monkeypatch.setattr(loop, "evaluate", watched)
    # rates at which no cell's last weights are far behind: the grid would leave it out
    search = {"lr": "1e-3:1e-2:log:3", "dropout": "0:0.5:lin:2"}
    run, events = make_run(prepare(score=score, epochs=1, search=search))
    seen.clear()  # of what was tried out before
    assert run.execute().completed
    scored = [event for event in events if isinstance(event, CandidateScored)]
    averaged = seen[2:13:2]  # after that of the start, each candidate's last and averaged weights in turn
    assert len(scored) == len(averaged) == 6
    for event, found in zip(scored, averaged, strict=True):
        value = metric(score, found.predictions)
        assert value is not None
        assert event.score == pytest.approx(value if score in LOWER_IS_BETTER else 1 - value)
    (started,) = [event for event in events if isinstance(event, DecisionStarted)]
    (chosen,) = [event for event in events if isinstance(event, HyperparametersChosen)]
    assert started.score_name == score
    assert scored[chosen.candidate].score == min(event.score for event in scored)  # type: ignore[index,type-var]


@pytest.mark.parametrize("strategy", ["adaptive", "grid", "pbt"])
def test_strategies_cope_with_any_score(prepare: Make, strategy: str) -> None:
    run: Run
    run, events = make_run(prepare(strategy=strategy, score="auc", epochs=4, budget=4.0))
    assert run.execute().completed
    assert any(isinstance(event, HyperparametersChosen) and event.candidate is not None for event in events)


def test_a_score_that_validation_does_not_define_is_told_before_the_start(
    prepare: Make, unbalanced: ImageDataset
) -> None:
    two = ("healthy", "ill")
    healthy = Images(unbalanced.validation.pixels, np.zeros(35, np.int64))  # type: ignore[union-attr]
    train = Images(unbalanced.train.pixels, (unbalanced.train.labels > 0).astype(np.int64))
    dataset = ImageDataset("healthy", two, train, stripes(60, 2, classes=2), healthy)
    with pytest.raises(ConfigError, match="score 'auc' is not defined on the validation images of healthy"):
        prepare(dataset=dataset, score="auc")
    assert prepare(dataset=dataset, score="specificity").config.score == "specificity"
