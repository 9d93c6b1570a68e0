"""Other people's networks: of odd numbers, wrapped, answering in odd forms; they work, or are told what to change."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hptui.errors import ModelError
from hptui.training.engine.plug_ins import load_factory

from .conftest import Prepared, make_run

Make = Callable[..., Prepared]
LR = {"lr": "1e-3:1e-1:log:2"}


class Body(nn.Module):
    def __init__(self, in_channels: int = 1, num_classes: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 8, 3)
        self.output = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Any:
        return self.output(F.relu(self.convolution(x)).amax((2, 3)))


class Frequencies(nn.Module):
    """Complex weights, as those of networks in the frequency domain."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.randn(12, 7, dtype=torch.cfloat))
        self.output = nn.Linear(144, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.fft.irfft2(torch.fft.rfft2(x) * self.filter, s=x.shape[-2:]).flatten(1))


class Double(Body):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.double()

    def forward(self, x: Tensor) -> Any:
        return super().forward(x.double())


class SharedBuffers(Body):
    """One running mean under two names."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        mean = torch.zeros(8)
        self.register_buffer("mean", mean)
        self.register_buffer("again", mean)

    def forward(self, x: Tensor) -> Any:
        features = F.relu(self.convolution(x)).amax((2, 3))
        if self.training:
            self.mean.mul_(0.9).add_(features.detach().mean(0), alpha=0.1)
        return self.output(features - self.again)


class Printing(Body):
    def forward(self, x: Tensor) -> Any:
        print("forward", tuple(x.shape))
        return super().forward(x)


Parts = namedtuple("Parts", "features logits")  # as people write it


class Named(Body):
    def forward(self, x: Tensor) -> Any:
        return Parts(x.flatten(1), super().forward(x))


@dataclass
class Answer:
    """As transformers have it."""

    logits: Tensor
    loss: Tensor | None = None


class Dataclass(Body):
    def forward(self, x: Tensor) -> Any:
        return Answer(super().forward(x))


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_complex_weights_are_trained(prepare: Make, optimizer: str) -> None:
    run, _ = make_run(prepare(Frequencies, epochs=1, optimizer=optimizer, search=LR))
    before = run.network.filter.detach().clone()
    assert run.execute().completed
    assert run.network.filter.isfinite().all()
    assert not torch.equal(run.network.filter, before)


@pytest.mark.parametrize("factory", [Double, SharedBuffers, Printing, Named, Dataclass])
def test_odd_networks_are_trained(prepare: Make, factory: Any) -> None:
    run, _ = make_run(prepare(factory, epochs=1, search=LR))
    assert run.execute().completed


class Bare(Double):
    def forward(self, x: Tensor) -> Any:
        return Body.forward(self, x)


class WithTarget(Body):
    def forward(self, x: Tensor, target: Tensor) -> Any:
        return F.cross_entropy(super().forward(x), target)


class NoWeights(nn.Module):
    """Without a constructor of its own: it takes no arguments, although nn.Module's has a place for any."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :3]


def scripted(in_channels: int, num_classes: int) -> nn.Module:
    example = torch.zeros(1, in_channels, 12, 12)
    return torch.jit.trace(Body(in_channels, num_classes), example)  # type: ignore[no-untyped-call]


def parallel(in_channels: int, num_classes: int) -> nn.Module:
    return nn.DataParallel(Body(in_channels, num_classes))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("factory", "told"),
    [
        (Bare, "Images are float32, and weights of it float64: network.float(), or convert the images in forward()."),
        (WithTarget, "Its forward() is given the images alone, not target."),
        (NoWeights, "has no weights to train."),
        (scripted, "which runs cannot take snapshots of: return the network itself."),
        (parallel, "gives a DataParallel, which runs cannot take snapshots of: return the network itself."),
    ],
)
def test_what_cannot_work_is_told_with_what_to_change(prepare: Make, factory: Any, told: str) -> None:
    with pytest.raises(ModelError) as caught:
        prepare(factory, search=LR)
    assert str(caught.value).endswith(told)
    assert "\n" not in str(caught.value)


class SecondOutput(Body):
    """As inception: in training there is a second output, from a map that has to have some size left."""

    def forward(self, x: Tensor) -> Any:
        answer = super().forward(x)
        return (answer, F.avg_pool2d(x, 20).mean((2, 3))) if self.training else answer


def test_images_that_are_too_small_in_training_alone_are_told_with_a_size(prepare: Make) -> None:
    with pytest.raises(ModelError, match=r"in training it takes 32 x 32; use --image-size 32\.$"):
        prepare(SecondOutput, search=LR)


def test_a_network_that_is_built_already_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("from torch import nn\nbuilt = nn.Linear(2, 2)\n", "utf-8")
    with pytest.raises(ModelError, match="is one network; each run builds its own, so name its class or a function"):
        load_factory(f"{file}:built")


class NotFinite(Body):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x) / 0.0


class SoftmaxInEvaluation(Body):
    def forward(self, x: Tensor) -> Any:
        answer = super().forward(x)
        return answer if self.training else answer.softmax(1)


class ThreeChannels(Body):
    def __init__(self, num_classes: int) -> None:
        super().__init__(3, num_classes)


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        (NotFinite, "answers training images with numbers that are not finite (NaN or infinity) before any training"),
        (SoftmaxInEvaluation, "ends in softmax in evaluation alone, and losses have one of their own, so what is told"),
        (ThreeChannels, "takes three channels: each grey image is given to it three times"),
    ],
)
def test_what_is_odd_is_told_before_training(prepare: Make, factory: Any, told: str) -> None:
    (line,) = prepare(factory, search=LR).inputs.warnings
    assert told in line
