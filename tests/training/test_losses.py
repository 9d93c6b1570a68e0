"""Every loss beside a reference of torch or torchvision, or the formula of its paper written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from hptui import registry
from hptui.errors import ConfigError, ModelError
from hptui.hyperparameters import default_values
from hptui.losses import Loss
from hptui.record.events import CandidateScored, RunStarted
from hptui.training.engine.plug_ins import load_loss

from .conftest import Prepared, make_run

Make = Callable[..., Prepared]
EVERY = pytest.mark.parametrize("name", registry.names("losses"))


def batch(classes: int, images: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels and weights, in double precision."""
    torch.manual_seed(classes)
    logits = 3 * torch.randn(images, classes, dtype=torch.float64)
    return logits, torch.randint(classes, (images,)), torch.rand(images, dtype=torch.float64) + 0.5


def loss_of(name: str, logits: Tensor, labels: Tensor, weights: Tensor | None = None, **values: float) -> float:
    return float(load_loss(name)(logits, labels, weights, default_values() | values))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_of_two_classes_is_torchvisions(gamma: float) -> None:
    logits, labels, _ = batch(2)
    margin = logits[:, 1] - logits[:, 0]
    expected = sigmoid_focal_loss(margin, labels.double(), alpha=-1, gamma=gamma, reduction="mean")
    assert loss_of("focal", logits, labels, focal_gamma=gamma) == pytest.approx(float(expected), rel=1e-9)


def test_focal_of_several_classes_is_the_papers_formula_and_the_cross_entropy_at_gamma_0() -> None:
    logits, labels, _ = batch(5)
    of_truth = [float(row.softmax(0)[label]) for row, label in zip(logits, labels, strict=True)]
    expected = sum(-((1 - p) ** 2) * math.log(p) for p in of_truth) / len(of_truth)
    assert loss_of("focal", logits, labels) == pytest.approx(expected, rel=1e-9)  # gamma is 2, as in the paper
    for smoothing in (0.0, 0.1):
        expected = float(F.cross_entropy(logits, labels, label_smoothing=smoothing))
        found = loss_of("focal", logits, labels, focal_gamma=0.0, label_smoothing=smoothing)
        assert found == pytest.approx(expected, rel=1e-9)


def test_binary_cross_entropy_is_torchs_on_the_probabilities_that_are_delivered() -> None:
    logits, labels, _ = batch(5)
    for smoothing in (0.0, 0.1):
        targets = F.one_hot(labels, 5).double() * (1 - smoothing) + smoothing / 5
        expected = float(F.binary_cross_entropy(logits.softmax(1), targets))
        found = loss_of("binary_cross_entropy", logits, labels, label_smoothing=smoothing)
        assert found == pytest.approx(expected, rel=1e-9)


def test_binary_cross_entropy_of_two_classes_is_the_cross_entropy() -> None:
    logits, labels, weights = batch(2)
    for smoothing, weighted in product((0.0, 0.2), (None, weights)):
        found, expected = (
            loss_of(name, logits, labels, weighted, label_smoothing=smoothing)
            for name in ("binary_cross_entropy", "cross_entropy")
        )
        assert found == pytest.approx(expected, rel=1e-9)


def test_ordinal_is_the_sum_over_the_grades_written_out() -> None:
    logits, labels, _ = batch(5)
    total = 0.0
    for row, label in zip(logits.softmax(1).tolist(), labels.tolist(), strict=True):
        total += sum((sum(row[: grade + 1]) - (1.0 if label <= grade else 0.0)) ** 2 for grade in range(5))
    assert loss_of("ordinal", logits, labels) == pytest.approx(total / len(labels), rel=1e-9)


def test_ordinal_minds_how_far_off_it_is() -> None:
    said = {grade: torch.eye(5, dtype=torch.float64)[grade : grade + 1] * 20 for grade in range(5)}
    truth = torch.tensor([1])
    found = [loss_of("ordinal", said[grade], truth) for grade in range(5)]
    assert found == pytest.approx([1, 0, 1, 2, 3], abs=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "ordinal"])
def test_proper_losses_are_least_at_the_true_probabilities(name: str) -> None:
    """So that the probabilities of a network can be read as such; the focal loss does not claim it."""
    truth = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    logits = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15)
    loss, values = load_loss(name), default_values()

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = loss(logits.expand(4, 4), torch.arange(4), truth, values)
        total.backward()
        return total

    optimizer.step(closure)
    assert logits.softmax(1)[0].tolist() == pytest.approx(truth.tolist(), abs=1e-5)


@EVERY
def test_weights_count_as_repeated_images_do(name: str) -> None:
    logits, labels, _ = batch(3, images=6)
    times = torch.tensor([1, 2, 3, 1, 2, 3])
    for smoothing in (0.0, 0.1):
        weighted = loss_of(name, logits, labels, times.double(), label_smoothing=smoothing)
        repeated = loss_of(
            name, logits.repeat_interleave(times, 0), labels.repeat_interleave(times), label_smoothing=smoothing
        )
        assert weighted == pytest.approx(repeated, rel=1e-9)


@EVERY
def test_an_image_that_is_right_beyond_doubt_costs_nothing_and_gives_finite_slopes(name: str) -> None:
    """In float32, where a probability of 1 is exact."""
    logits = torch.tensor([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    for label, smoothing, gamma in product(range(3), (0.0, 0.1), (0.0, 0.5, 2.0)):
        values = default_values() | {"label_smoothing": smoothing, "focal_gamma": gamma}
        loss = load_loss(name)(logits, torch.tensor([label, 1, 2]), None, values)
        (slope,) = torch.autograd.grad(loss, logits)
        assert bool(slope.isfinite().all()), (label, smoothing, gamma)
    right = torch.tensor([[200.0, -200.0, 0.0]])
    assert float(load_loss(name)(right, torch.tensor([0]), None, default_values())) == pytest.approx(0, abs=1e-6)


@EVERY
def test_a_network_learns_by_it_also_with_balanced_classes(prepare: Make, name: str) -> None:
    settings = {"strategy": "fixed", "loss": name, "epochs": 10, "set": {"lr": 0.03, "batch_size": 20}}
    for weights in ("none", "balanced"):
        run, events = make_run(prepare(**settings, class_weights=weights))
        assert run.execute().completed
        assert events[-1].validation_accuracy > 0.6  # guessing has a third


def test_gamma_can_be_searched_where_the_loss_is_focal_and_nowhere_else(prepare: Make) -> None:
    search = {"gamma": "0:4:lin:3"}
    run, events = make_run(prepare(loss="focal", search=search))
    assert run.execute().completed
    started = events[0]
    assert isinstance(started, RunStarted)
    assert started.values["focal_gamma"] == 2
    assert [one.values["focal_gamma"] for one in events if isinstance(one, CandidateScored)] == [0, 2, 4] * 2
    with pytest.raises(ConfigError, match="focal_gamma cannot be set: the loss does not take it"):
        prepare(loss="cross_entropy", search=search)
    plain, _ = make_run(prepare())
    assert "focal_gamma" not in plain.state.values.read()


class Unsmoothed(Loss):
    reads = ()

    def __call__(self, logits, labels, weights, values):  # type: ignore[no-untyped-def]
        assert weights is None
        assert "label_smoothing" not in values
        return F.cross_entropy(logits, labels)


def test_label_smoothing_is_refused_where_the_loss_does_not_take_it(
    prepare: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load_own", lambda _: Unsmoothed)
    run, _ = make_run(prepare(loss="own.py:Unsmoothed"))
    assert "label_smoothing" not in run.state.values.read()
    run.trainer.step()
    with pytest.raises((ConfigError, ModelError), match="label_smoothing cannot be set: the loss does not take it"):
        prepare(loss="own.py:Unsmoothed", set={"label_smoothing": 0.1, "batch_size": 20})
