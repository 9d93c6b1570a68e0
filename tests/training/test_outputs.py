"""Networks that answer otherwise than with one tensor of one logit per class: what is taken, and that it is trained."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hptui.datasets import ImageDataset
from hptui.errors import ModelError
from hptui.record.events import RunCompleted
from hptui.training.api import train
from hptui.training.engine.outputs import OutputAdapter

from .conftest import Prepared, make_run, stripes
from .test_exactness import assert_same

Make = Callable[..., Prepared]
Auxiliary = namedtuple("Auxiliary", "logits aux_logits")
SEARCH = {"search": {"lr": "1e-3:1e-1:log:2"}}


@pytest.fixture
def two_classes() -> ImageDataset:
    parts = [stripes(count, seed, classes=2) for seed, count in enumerate((240, 60, 60))]
    return ImageDataset("stripes", ("ill", "well"), *parts)


@dataclass
class Answer:
    logits: Tensor


class Plain(nn.Module):
    """The answer that the others hide."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 8, 3)
        self.output = nn.Linear(8, num_classes)

    def logits(self, x: Tensor) -> Tensor:
        return self.output(F.relu(self.convolution(x)).amax((2, 3)))

    def forward(self, x: Tensor) -> Any:
        return self.logits(x)


FORMS: dict[str, Callable[[Plain, Tensor], Any]] = {
    "tuple": lambda _, z: (z, torch.ones(len(z), 8)),
    "features first": lambda _, z: (torch.ones(len(z), 8), z),
    "list": lambda _, z: [z],
    "dict": lambda _, z: {"features": torch.ones(len(z), 2), "logits": z},
    "out": lambda _, z: OrderedDict(out=z, aux=z * 0),
    "any name": lambda _, z: {"features": torch.ones(len(z), 8), "diagnosis": z},
    "attribute": lambda _, z: Answer(z),
    "sides of one pixel": lambda _, z: z[:, :, None, None],
    "extra output in training": lambda net, z: Auxiliary(z, z * 0) if net.training else z,
}


def in_form(form: str) -> type[Plain]:
    class Formed(Plain):
        def forward(self, x: Tensor) -> Any:
            return FORMS[form](self, self.logits(x))

    return Formed


@pytest.mark.parametrize("form", FORMS)
def test_a_hidden_answer_is_trained_like_a_plain_one(prepare: Make, two_classes: ImageDataset, form: str) -> None:
    """To the bit, so all that is computed from it is the same too: probabilities, losses, metrics."""
    ends = []
    for factory in (Plain, in_form(form)):
        run, events = make_run(prepare(factory, two_classes, **SEARCH))
        assert run.execute().completed
        end = next(event for event in events if isinstance(event, RunCompleted))
        found = run.delivery.predictions["final", "test"].probabilities
        ends.append((run.state.snapshot(), end.test_loss, end.test_accuracy, torch.tensor(found)))
    assert_same(*ends)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("tuple", "has 2 outputs: the first is used, the others are left out"),
        ("features first", "has 2 outputs: the second is used"),
        ("dict", "has 2 outputs: logits is used"),
        ("any name", "has 2 outputs: diagnosis is used"),
        ("extra output in training", "has 2 outputs in training: logits is used"),
    ],
)
def test_what_is_taken_is_told(prepare: Make, two_classes: ImageDataset, form: str, words: str) -> None:
    (line,) = prepare(in_form(form), two_classes, **SEARCH).inputs.warnings
    assert words in line


@pytest.mark.parametrize("form", ["list", "attribute", "sides of one pixel"])
def test_where_there_is_one_answer_nothing_is_told(prepare: Make, two_classes: ImageDataset, form: str) -> None:
    assert prepare(in_form(form), two_classes, **SEARCH).inputs.warnings == ()


class OneLogit(Plain):
    """z of the second class, as a column or as a row of numbers."""

    flat = False

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        logit = self.logits(x)
        return logit.flatten() if self.flat else logit


class FlatLogit(OneLogit):
    flat = True


@pytest.mark.parametrize("factory", [OneLogit, FlatLogit])
def test_one_logit_for_two_classes_is_sigmoid_and_binary_cross_entropy(
    prepare: Make, two_classes: ImageDataset, factory: Any
) -> None:
    made = prepare(factory, two_classes, epochs=4, **SEARCH)
    assert made.inputs.warnings[0].endswith("has one logit for two classes: that of 'well' against 'ill'")
    run, events = make_run(made)
    network, data = run.network.eval(), made.data
    images = data.normalise(data.validation.pixels)
    logit = network.forward(images).flatten()
    found = run.trainer.evaluate(data.validation, averaged=False, with_predictions=True)
    expected = F.binary_cross_entropy_with_logits(logit, data.validation.labels.float(), reduction="none")
    assert found.predictions is not None
    np.testing.assert_allclose(found.losses, expected.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(found.predictions.probabilities[:, 1], torch.sigmoid(logit).detach().numpy(), rtol=1e-5)
    assert run.execute().completed
    (end,) = (event for event in events if isinstance(event, RunCompleted))
    assert end.test_accuracy == 1.0


def test_the_gradient_of_one_logit_is_that_of_binary_cross_entropy(prepare: Make, two_classes: ImageDataset) -> None:
    made = prepare(OneLogit, two_classes, **SEARCH)
    run, _ = make_run(made)
    images, labels = made.data.normalise(made.data.train.pixels[:20]), made.data.train.labels[:20]
    run.network.zero_grad()
    F.cross_entropy(run.network(images), labels).backward()
    ours = [weight.grad.clone() for weight in run.network.parameters() if weight.grad is not None]
    run.network.zero_grad()
    F.binary_cross_entropy_with_logits(run.network.forward(images).flatten(), labels.float()).backward()
    for one, other in zip(ours, run.network.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad)


def test_one_logit_for_three_classes_is_refused(prepare: Make) -> None:
    with pytest.raises(ModelError, match=r"answers 2 images with \(2, 1\); stripes has 3 classes.*num_classes"):
        prepare(OneLogit, **SEARCH)


def test_several_answers_that_all_fit_have_to_be_named() -> None:
    adapter = OutputAdapter("net", "data", ("a", "b"))
    fits = torch.zeros(4, 2)
    with pytest.raises(ModelError, match="answers with left, right, which all have one number per class; call the one"):
        adapter.pick({"left": fits, "right": fits}, 4)
    assert adapter.pick({"left": fits, "logits": fits + 1}, 4)[0, 0] == 1
    assert adapter.pick((torch.zeros(4, 1), fits), 4).shape == (4, 2)  # rather a number per class than one logit
    with pytest.raises(ModelError, match=r"answers 4 images with the first \(4, 7\)"):
        adapter.pick((torch.zeros(4, 7), "words"), 4)


class Colour(Plain):
    """Takes three channels, whatever the images have."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(3, num_classes)


def test_grey_images_are_given_three_times_to_a_network_that_takes_three_channels(
    prepare: Make, two_classes: ImageDataset
) -> None:
    run, events = make_run(prepare(Colour, two_classes, epochs=3, **SEARCH))
    images = run.trainer.data.normalise(run.trainer.data.train.pixels[:5])
    network = run.network.eval()
    assert torch.equal(network(images), network.forward(images.expand(-1, 3, -1, -1)))
    assert run.execute().completed
    assert isinstance(events[-1], RunCompleted)


def test_images_that_are_too_small_are_told_with_a_size_that_is_large_enough(prepare: Make) -> None:
    class Deep(nn.Sequential):
        def __init__(self, num_classes: int) -> None:
            layers = [nn.Conv2d(3, 3, 5, stride=2) for _ in range(3)]
            super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))

    with pytest.raises(ModelError, match=r"1x12x12: .*They are too small: it takes 32 x 32; use --image-size 32"):
        prepare(Deep, **SEARCH)


def test_the_api_hands_back_a_network_that_answers_with_logits(two_classes: ImageDataset) -> None:
    result = train(dataset=two_classes, model=in_form("tuple"), epochs=1, strategy="fixed", set={"batch_size": 20.0})
    assert result.network(torch.zeros(3, 1, 12, 12)).shape == (3, 2)
    assert list(result.network.state_dict()) == list(Plain(1, 2).state_dict())
    assert "the first is used" in result.warnings[0]
