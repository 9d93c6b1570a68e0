"""Other people's losses and optimizers: what is wrong with them is told of them, not of the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hptui.errors import ConfigError

from .conftest import NormDropNet, Prepared

Make = Callable[..., Prepared]
LOSSES = """
from torch.nn import functional as F
from hptui.losses import Loss, weighted_mean

class Sound(Loss):
    def __call__(self, logits, labels, weights, values):
        return weighted_mean(F.cross_entropy(logits, labels, reduction="none"), weights)

class PerImage(Loss):
    def __call__(self, logits, labels, weights, values):
        return F.cross_entropy(logits, labels, reduction="none")

class Number(Loss):
    def __call__(self, logits, labels, weights, values):
        return F.cross_entropy(logits, labels).item()

class Detached(Loss):
    def __call__(self, logits, labels, weights, values):
        return F.cross_entropy(logits, labels).detach()

class TwoArguments(Loss):
    def __call__(self, logits, labels):
        return F.cross_entropy(logits, labels)

class NotFinite(Loss):
    def __call__(self, logits, labels, weights, values):
        return F.cross_entropy(logits, labels) * float("nan")

class Unweighted(Loss):
    def __call__(self, logits, labels, weights, values):
        return F.cross_entropy(logits, labels)

class Sum(Loss):
    def __call__(self, logits, labels, weights, values):
        losses = F.cross_entropy(logits, labels, reduction="none")
        return (losses if weights is None else losses * weights).sum()

class Counts(Sound):
    calls = 0

    def __call__(self, logits, labels, weights, values):
        self.calls += 1
        return super().__call__(logits, labels, weights, values) / self.calls
"""
OPTIMIZERS = """
import torch
from hptui.optimizers import OptimizerFactory

class Part(OptimizerFactory):
    def __call__(self, network, values):
        return torch.optim.SGD(list(network.parameters())[:2], values["lr"])

class Momentum(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3):
        super().__init__(params, {"lr": lr})

    def kept(self, weight):
        return self.state[weight]

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                kept = self.kept(weight)
                kept["mean"] = kept.get("mean", 0) * 0.9 + weight.grad
                weight -= group["lr"] * kept["mean"]

class Hidden(Momentum):
    def kept(self, weight):
        return self.__dict__.setdefault("apart", {}).setdefault(weight, {})
"""


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Settings that name a loss or an optimizer of an own file."""
    for kind, text in (("loss", LOSSES), ("optimizer", OPTIMIZERS)):
        (tmp_path / f"{kind}.py").write_text(text)

    def settings(kind: str, name: str) -> dict[str, Any]:
        return {kind: f"{tmp_path / kind}.py:{name}", "search": {"lr": "1e-3:1e-1:log:2"}}

    return settings


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("PerImage", r"loss 'loss.py:PerImage' gives \(16,\) numbers for 16 images. A loss is called with logits"),
        ("Number", "loss 'loss.py:Number' gives a float. A loss is called with"),
        ("Detached", r"loss 'loss.py:Detached' gives a number without a gradient: is there a detach\(\)"),
        ("TwoArguments", "loss 'loss.py:TwoArguments' fails: TypeError: .* takes 3 positional arguments but 5 were"),
    ],
)
def test_a_loss_that_cannot_be_trained_with_is_refused_by_its_name(
    prepare: Make, own: Callable[..., dict[str, Any]], name: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        prepare(**own("loss", name))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NotFinite", "gives numbers that are not finite"),
        ("Unweighted", "does not use its weights: class_weights and mixup"),
        ("Sum", "adds up over a batch, where the mean is expected"),
        ("Counts", "goes on otherwise with loss 'loss.py:Counts'"),
    ],
)
def test_what_a_loss_does_otherwise_is_told(
    prepare: Make, own: Callable[..., dict[str, Any]], name: str, told: str
) -> None:
    (line,) = prepare(**own("loss", name), class_weights="balanced").inputs.warnings
    assert told in line


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Part", "optimizer 'optimizer.py:Part' leaves 4 of the network's 6 tensors of weights as they are"),
        ("Hidden", "goes on otherwise with optimizer 'optimizer.py:Hidden': something is kept that no checkpoint"),
    ],
)
def test_what_an_optimizer_does_otherwise_is_told(
    prepare: Make, own: Callable[..., dict[str, Any]], name: str, told: str
) -> None:
    (line,) = prepare(NormDropNet, **own("optimizer", name)).inputs.warnings
    assert told in line


@pytest.mark.parametrize(("kind", "name"), [("loss", "Sound"), ("optimizer", "Momentum")])
def test_nothing_is_told_of_sound_ones(prepare: Make, own: Callable[..., dict[str, Any]], kind: str, name: str) -> None:
    assert prepare(**own(kind, name), class_weights="balanced").inputs.warnings == ()
    assert prepare(**own("loss", "Unweighted")).inputs.warnings == ()  # without weights there is nothing to use
