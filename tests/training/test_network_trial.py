"""What a trial of the network before training tells, and that it tells nothing where there is nothing to tell."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hptui import registry
from hptui.datasets import ImageDataset, Images
from hptui.errors import ModelError
from hptui.training.network_trial import DROPOUTS

from .conftest import NormDropNet, Prepared, make_run
from .test_exactness import assert_same

Make = Callable[..., Prepared]
LR = {"lr": "1e-3:1e-1:log:2"}
WITH_DROPOUT = LR | {"dropout": "0:0.5:lin:2"}


class Body(nn.Module):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 8, 3)
        self.drop = nn.Dropout(0.3)
        self.output = nn.Linear(8, num_classes)

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.convolution(x)).amax((2, 3))

    def forward(self, x: Tensor) -> Any:
        return self.output(self.drop(self.features(x)))


class Softmax(Body):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x).softmax(1)


class OwnSoftmax(Body):
    def forward(self, x: Tensor) -> Any:
        powers = super().forward(x).exp()
        return powers / powers.sum(1, keepdim=True)


class Reshaped(Softmax):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x).unsqueeze(2)[:, :, 0]


class Hidden(Softmax):
    def forward(self, x: Tensor) -> Any:
        return {"out": super().forward(x), "features": self.features(x)}


class Sigmoid(Body):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x).sigmoid()


class EndsInReLU(Body):
    def forward(self, x: Tensor) -> Any:
        return F.relu(super().forward(x))


class EndsInTanh(Body):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x).tanh()


class PooledReLU(Body):
    """As SqueezeNet: the mean of what a ReLU lets through."""

    def forward(self, x: Tensor) -> Any:
        return F.relu(super().forward(x)[..., None, None]).mean((2, 3))


class LogSoftmax(Body):
    """Harmless: the logarithm of a softmax is its own."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x).log_softmax(1)


class Gated(Body):
    """A sigmoid within, and logits that happen to be positive."""

    def forward(self, x: Tensor) -> Any:
        return self.output(self.drop(self.features(x)).sigmoid()).sigmoid() * 3 - 1


class Functional(Body):
    def forward(self, x: Tensor) -> Any:
        return self.output(F.dropout(self.features(x), 0.5, self.training))


class Reads(Body):
    """A function with the rate of a layer: a value reaches it."""

    def forward(self, x: Tensor) -> Any:
        return self.output(F.dropout(self.features(x), self.drop.p, self.training))


class NeverCalled(Body):
    def forward(self, x: Tensor) -> Any:
        return self.output(self.features(x))


class Always(NeverCalled):
    def forward(self, x: Tensor) -> Any:
        return self.output(F.dropout(self.features(x), 0.5))


class Squeezes(NeverCalled):
    """Of a batch of one it takes the batch too."""

    def features(self, x: Tensor) -> Tensor:
        return super().features(x)[..., None, None].squeeze()


class MeanOfBatch(NeverCalled):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x - x.mean(0))


class NormOfBatch(NeverCalled):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.norm = nn.BatchNorm2d(in_channels, track_running_stats=False)

    def features(self, x: Tensor) -> Tensor:
        return super().features(self.norm(x))


class NothingInTraining(NeverCalled):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x) / (0 if self.training else 1)


class Detached(NeverCalled):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x).detach()


@pytest.mark.parametrize("factory", [Softmax, OwnSoftmax, Reshaped, Hidden])
def test_a_softmax_at_the_end_is_told(prepare: Make, factory: Any) -> None:
    lines = prepare(factory, search=LR).inputs.warnings
    assert "ends in softmax" in lines[-1]
    assert "return what comes before it" in lines[-1]


def test_the_order_of_grades_is_told_where_something_goes_by_it(prepare: Make) -> None:
    lines = prepare(NormDropNet, search=LR, loss="ordinal").inputs.warnings
    assert lines == ("the classes count as grades in this order: low, middle, high",)


def test_a_sigmoid_at_the_end_is_told(prepare: Make) -> None:
    (line,) = prepare(Sigmoid, search=LR).inputs.warnings
    assert "ends in sigmoid" in line


@pytest.mark.parametrize(("factory", "end"), [(EndsInReLU, "ReLU"), (EndsInTanh, "tanh")])
def test_an_end_that_leaves_logits_out_of_reach_is_told(prepare: Make, factory: Any, end: str) -> None:
    (line,) = prepare(factory, search=LR).inputs.warnings
    assert f"ends in {end}, and the loss has a softmax or sigmoid of its own" in line


def test_functional_dropout_is_told(prepare: Make) -> None:
    first, second = prepare(Functional, search=WITH_DROPOUT).inputs.warnings
    assert "drops by a function (F.dropout, 0.5), which a value of dropout does not reach" in first
    assert second.startswith("dropout changes nothing")
    assert len(prepare(Functional, search=LR).inputs.warnings) == 1


@pytest.mark.parametrize(
    "settings", [{"search": WITH_DROPOUT}, {"search": LR, "set": {"batch_size": 20, "dropout": 0.2}}]
)
def test_dropout_that_is_never_called_is_told_where_it_is_searched_or_set(prepare: Make, settings: Any) -> None:
    (line,) = prepare(NeverCalled, **settings).inputs.warnings
    assert line.startswith("dropout changes nothing")
    assert prepare(NeverCalled, search=LR).inputs.warnings == ()


def test_an_evaluation_that_is_not_repeatable_is_told(prepare: Make) -> None:
    first, second = prepare(Always, search=LR).inputs.warnings
    assert "evaluation of model" in first
    assert "not repeatable" in first
    assert "drops by a function" in second


@pytest.mark.parametrize("factory", [MeanOfBatch, NormOfBatch])
def test_an_answer_that_depends_on_the_other_images_is_told(prepare: Make, factory: Any) -> None:
    (line,) = prepare(factory, search=LR).inputs.warnings
    assert "depends on the other images of a batch" in line


def test_a_network_that_cannot_answer_a_single_image_is_told(prepare: Make) -> None:
    (line,) = prepare(Squeezes, search=LR).inputs.warnings
    assert "cannot answer a single image" in line
    assert "x.flatten(1)" in line


def test_numbers_that_are_not_finite_in_training_alone_are_told(prepare: Make) -> None:
    (line,) = prepare(NothingInTraining, search=LR).inputs.warnings
    assert "not finite (NaN or infinity) in training alone" in line


def test_where_no_gradient_leads_to_the_weights_is_told(prepare: Make) -> None:
    with pytest.raises(ModelError, match=r"No gradient leads from its answer to its weights: is there a detach\(\)"):
        prepare(Detached, search=LR)


class OlderSpectralNorm(Body):
    """Its weight is an attribute, made anew of weight_orig in each forward pass."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.output = nn.utils.spectral_norm(self.output)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("factory", [Body, LogSoftmax, Gated, Reads, NormDropNet, PooledReLU, OlderSpectralNorm])
def test_nothing_is_told_of_a_sound_network(prepare: Make, factory: Any) -> None:
    assert prepare(factory, search=WITH_DROPOUT).inputs.warnings == ()


@pytest.mark.parametrize("name", [name for name in registry.names("models") if ":" not in name])
@pytest.mark.parametrize("classes", [2, 10])
def test_nothing_is_told_of_the_networks_that_come_with_hptui(prepare: Make, name: str, classes: int) -> None:
    random = np.random.default_rng(0)
    parts = [
        Images(random.integers(0, 256, (count, 1, 28, 28), np.uint8), np.arange(count) % classes)
        for count in (60, 20, 20)
    ]
    data = ImageDataset("noise", tuple(map(str, range(classes))), *parts)
    for seed in range(3):
        made = prepare(registry.load("models", name), data, search=WITH_DROPOUT, seed=seed)
        assert made.inputs.warnings == ()


def test_a_trial_leaves_no_trace(prepare: Make) -> None:
    """The first state of a run is the same with and without one before."""
    made = prepare(NormDropNet, search=WITH_DROPOUT)
    first, _ = make_run(made)
    before = first.state.snapshot()
    prepare(NormDropNet, search=WITH_DROPOUT)
    assert_same(before, make_run(made)[0].state.snapshot())


def test_every_function_of_dropout_is_seen(prepare: Make) -> None:
    for function in DROPOUTS:

        class Uses(Body):
            def forward(self, x: Tensor, function: Any = function) -> Any:
                x = F.relu(self.convolution(x))
                x = x.flatten(2) if function is F.dropout1d else x.unsqueeze(2) if function is F.dropout3d else x * 1.0
                return self.output(function(x, 0.25, self.training).flatten(2).amax(2))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = prepare(Uses, search=LR).inputs.warnings
        assert any("drops by a function (F.dropout, 0.25)" in line for line in lines), function
    assert torch.dropout in DROPOUTS


class IgnoresImages(NeverCalled):
    def features(self, x: Tensor) -> Tensor:
        return super().features(torch.ones_like(x))


class Dead(NeverCalled):
    """A ReLU at which no image arrives above zero."""

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.convolution(x) - 100).amax((2, 3))


class DeadBehindNorm(Dead):
    """Dropout before the end, which lets nothing through that is not there."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.norm = nn.BatchNorm1d(8)

    def features(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(super().features(x)))


class BiasAlone(NeverCalled):
    def forward(self, x: Tensor) -> Any:
        return self.output.bias.expand(len(x), -1)


class ZeroTwice(NeverCalled):
    """Behind a layer of zeros no gradient is left for one before it, and there is none of it either."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.output = nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, num_classes))
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)


class ZeroHead(Body):
    """As fine-tuning has it: the answer depends on the image after the first step."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        nn.init.zeros_(self.output.weight)
        nn.init.constant_(self.output.bias, 0.3)


class ZeroScale(ZeroHead):
    """A residual branch with a scale of zero, and nothing beside it, before a head of zeros."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.scale = nn.Parameter(torch.zeros(8))
        nn.init.ones_(self.output.weight[:1].data)

    def features(self, x: Tensor) -> Tensor:
        return super().features(x) * self.scale


class AliveInTraining(NeverCalled):
    """Batch norm has to get to know such numbers first: until then all that is behind it is dead in evaluation."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.norm = nn.BatchNorm2d(8)

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolution(x) - 100)).amax((2, 3))


@pytest.mark.parametrize("factory", [IgnoresImages, Dead, DeadBehindNorm, BiasAlone, ZeroTwice])
def test_an_answer_that_never_depends_on_the_image_is_told(prepare: Make, factory: Any) -> None:
    (line,) = prepare(factory, search=LR).inputs.warnings
    assert "gives every image the same answer, before and after a few steps of training" in line


class Listed(NeverCalled):
    """Layers in a list that torch does not look into."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.more = [nn.Linear(8, 8, bias=False)]

    def features(self, x: Tensor) -> Tensor:
        return self.more[0](super().features(x))


class PlainTensor(NeverCalled):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.scale = torch.ones(8, requires_grad=True)

    def features(self, x: Tensor) -> Tensor:
        return super().features(x) * self.scale


class MadeInForward(NeverCalled):
    """Sound: an answer comes before the optimizer does."""

    def features(self, x: Tensor) -> Tensor:
        if not hasattr(self, "more"):
            self.more = nn.Linear(8, 8, bias=False)
        return self.more(super().features(x))


class MeanOfItsOwn(NeverCalled):
    """A running mean that no checkpoint has; a constant beside it is no state."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.mean, self.one = torch.zeros(8), torch.ones(8)

    def features(self, x: Tensor) -> Tensor:
        x = super().features(x)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return (x - self.mean) * self.one


class PartlyFrozen(NeverCalled):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.convolution.requires_grad_(False)


@pytest.mark.parametrize(("factory", "shape"), [(Listed, "8 x 8"), (PlainTensor, "(8)")])
def test_weights_that_are_never_trained_are_told(prepare: Make, factory: Any, shape: str) -> None:
    (line,) = prepare(factory, search=LR).inputs.warnings
    assert "depends on 1 weights that are not trained, and may be in no file of it" in line
    assert shape in line


class DrawnConstant(NeverCalled):
    """Numbers that are drawn once, and that no file has."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.constant = torch.randn(8)

    def features(self, x: Tensor) -> Tensor:
        return super().features(x) * self.constant


class DrawnBuffer(DrawnConstant):
    """The same where a file has them."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        del self.constant
        self.register_buffer("constant", torch.randn(8))


class Counts(NeverCalled):
    """A plain number that forward changes."""

    share = 1.0

    def features(self, x: Tensor) -> Tensor:
        if self.training:
            self.share *= 0.5
        return super().features(x) * self.share


class UnsavedMean(NeverCalled):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        self.register_buffer("mean", torch.zeros(8), persistent=False)

    def features(self, x: Tensor) -> Tensor:
        x = super().features(x)
        if self.training:
            self.mean += 0.5 * x.detach().mean(0)
        return x - self.mean


@pytest.mark.parametrize("factory", [DrawnConstant, Counts, UnsavedMean])
def test_what_no_file_has_is_told(prepare: Make, factory: Any) -> None:
    """predict would give other answers than those that were measured."""
    (line,) = prepare(factory, search=LR).inputs.warnings
    assert "built anew with the same weights, answers otherwise" in line


def test_what_a_buffer_has_is_sound(prepare: Make) -> None:
    assert prepare(DrawnBuffer, search=LR).inputs.warnings == ()


def test_a_layer_that_forward_makes_is_trained(prepare: Make) -> None:
    assert prepare(MadeInForward, search=LR).inputs.warnings == ()


def test_a_state_that_no_checkpoint_has_is_told(prepare: Make) -> None:
    (line,) = prepare(MeanOfItsOwn, search=LR).inputs.warnings
    assert "changes a tensor of its own in forward (mean) that is in no checkpoint" in line


@pytest.mark.parametrize("optimizer", registry.names("optimizers"))
def test_every_optimizer_has_the_weights_that_are_not_frozen(prepare: Make, optimizer: str) -> None:
    assert prepare(PartlyFrozen, search=LR, optimizer=optimizer).inputs.warnings == ()


class LeavesOnOne(NeverCalled):
    """As a script does where its input is not as it was meant."""

    def forward(self, x: Tensor) -> Any:
        if len(x) == 1:
            raise SystemExit(1)
        return super().forward(x)


def test_a_network_that_leaves_the_program_in_the_trial_does_not_end_it(prepare: Make) -> None:
    assert prepare(LeavesOnOne, search=LR).inputs.warnings == ()


@pytest.mark.parametrize("factory", [ZeroHead, ZeroScale, AliveInTraining])
def test_an_answer_that_comes_to_depend_on_the_image_is_sound(prepare: Make, factory: Any) -> None:
    assert prepare(factory, search=LR).inputs.warnings == ()


def test_images_that_are_all_alike_say_nothing_of_a_network(prepare: Make) -> None:
    images = Images(np.full((40, 1, 12, 12), 7, np.uint8), np.arange(40) % 2)
    made = prepare(Body, ImageDataset("flat", ("a", "b"), images, images, images), search=LR)
    assert not any("gives every image" in line for line in made.inputs.warnings)


@pytest.mark.parametrize("name", [name for name in registry.names("models") if ":" not in name])
def test_a_head_of_zeros_is_sound_on_every_network_that_comes_with_hptui(prepare: Make, name: str) -> None:
    def headless(**wanted: Any) -> nn.Module:
        network = registry.load("models", name)(**wanted)
        (*_, last) = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return network

    def build(in_channels: int, num_classes: int, image_size: Any) -> nn.Module:
        known = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}
        taken = inspect.signature(registry.load("models", name)).parameters
        return headless(**{key: value for key, value in known.items() if key in taken})

    random = np.random.default_rng(0)
    parts = [Images(random.integers(0, 256, (count, 1, 28, 28), np.uint8), np.arange(count) % 2) for count in (60, 20)]
    data = ImageDataset("noise", ("a", "b"), *parts, parts[1])
    for seed in range(3):
        assert prepare(build, data, search=LR, seed=seed).inputs.warnings == ()
