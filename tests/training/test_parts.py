"""Each fast routine beside its slow, obvious twin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hptui import registry
from hptui.datasets import ImageDataset, Images
from hptui.errors import ConfigError, ModelError
from hptui.hyperparameters import default_values
from hptui.hyperparameters.augmentation import augment
from hptui.models._layers import Dropout
from hptui.plan import Length, Remainder
from hptui.record.predictions import read_predictions
from hptui.training.engine.averaging import AveragedWeights
from hptui.training.engine.building import build_network
from hptui.training.engine.device_data import BatchOrder, DeviceDataset, to_device
from hptui.training.engine.evaluation import evaluate
from hptui.training.engine.plug_ins import load_factory, load_optimizer
from hptui.training.engine.values_in_force import ValuesInForce

from .conftest import Prepared, make_run

Make = Callable[..., Prepared]
CPU = torch.device("cpu")


def grey_or_rgb(channels: int, side: int, classes: int) -> DeviceDataset:
    random = np.random.default_rng(0)

    def images(count: int) -> Images:
        pixels = random.integers(0, 256, (count, channels, side, side), dtype=np.uint8)
        return Images(pixels, (np.arange(count) % classes).astype(np.int64))

    names = tuple(str(index) for index in range(classes))
    return to_device(ImageDataset("random", names, images(40), images(8), images(16)), "", CPU)[0]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 0.999999])
def test_dropout_keeps_the_expectation_and_the_share(p: float) -> None:
    torch.manual_seed(0)
    layer = Dropout(p)
    x = torch.ones(1000, 1001)  # not a multiple of four
    dropped = (layer(x) == 0).double().mean().item()
    assert dropped == pytest.approx(p, abs=0.002)
    assert layer(x).mean().item() == pytest.approx(1.0, abs=0.02 if p < 0.99 else 3.0)
    layer.eval()
    assert torch.equal(layer(x), x)


def test_dropout_passes_gradients_where_it_kept() -> None:
    torch.manual_seed(0)
    x = torch.ones(64, 33, requires_grad=True)
    y = Dropout(0.25)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert torch.equal(torch.unique(y), torch.tensor([0.0, 1 / 0.75]))


def test_averaged_weights_are_a_mean_and_then_an_exponential_average() -> None:
    network = nn.Linear(3, 2)
    averaged = AveragedWeights(network)
    window, expected, steps = 4.0, torch.zeros(2, 3, dtype=torch.float64), []
    for step in range(1, 10):
        with torch.no_grad():
            network.weight.copy_(torch.randn(2, 3))
        averaged.update(window)
        steps.append(network.weight.detach().double().clone())
        share = 1 / min(step, window)
        expected = (1 - share) * expected + share * steps[-1]
        if step <= window:
            assert torch.allclose(averaged.tensors()["weight"].double(), torch.stack(steps).mean(0), atol=1e-6)
        assert torch.allclose(averaged.tensors()["weight"].double(), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("model", ["dtu_cnn", "lenet", "small_resnet"])
def test_fused_optimizers_agree_with_plain_ones(name: str, model: str) -> None:
    data = grey_or_rgb(1, 28, 10)
    plain_class = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    values = default_values() | {"lr": 1e-3, "weight_decay": 1e-2}
    weights = []
    for fused in (True, False):
        network = build_network(load_factory(model), model, data, seed=0).double()
        network.eval()  # no dropout: both see the same function
        if fused:
            optimizer = load_optimizer(name)(network, values)
            assert optimizer.defaults["fused"]
        else:
            second = {"momentum": 0.9} if name == "sgd" else {"betas": (0.9, 0.999)}
            optimizer = plain_class(network.parameters(), 1e-3, weight_decay=1e-2, foreach=False, **second)
        x, y = data.normalise(data.train.pixels[:2]).double(), data.train.labels[:2]
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
        weights.append([parameter.detach() for parameter in network.parameters()])
    for fused_weight, plain_weight in zip(*weights, strict=True):
        assert torch.allclose(fused_weight, plain_weight, rtol=1e-9, atol=1e-12)


def test_lenet_equals_the_textbook_order_of_relu_and_pooling() -> None:
    data = grey_or_rgb(1, 28, 10)
    network = build_network(load_factory("lenet"), "lenet", data, seed=0).eval()
    x = data.normalise(data.train.pixels)
    first = F.max_pool2d(F.relu(network.first(x)), 2)
    second = F.max_pool2d(F.relu(network.second(first)), 2)
    textbook = network.output(F.relu(network.hidden(second.flatten(1))))
    assert torch.equal(network(x), textbook)


@pytest.mark.parametrize("name", registry.names("models"))
@pytest.mark.parametrize(("channels", "side", "classes"), [(1, 28, 10), (3, 28, 2), (3, 64, 5)])
def test_every_model_trains_on_grey_and_colour_of_any_size(name: str, channels: int, side: int, classes: int) -> None:
    data = grey_or_rgb(channels, side, classes)
    network = build_network(load_factory(name), name, data, seed=0)
    again = build_network(load_factory(name), name, data, seed=0)
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    network.train()
    values = default_values() | {"lr": 1e-3}
    optimizer = load_optimizer("adam")(network, values)
    losses = []
    images, labels = data.normalise(data.train.pixels[:8]), data.train.labels[:8]
    for _ in range(15):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert any(isinstance(module, nn.Dropout) for module in network.modules())


@pytest.mark.parametrize(("name", "count"), [("dtu_cnn", 923_126), ("lenet", 65_558), ("small_resnet", 77_562)])
def test_sizes_are_as_documented(name: str, count: int) -> None:
    network = build_network(load_factory(name), name, grey_or_rgb(1, 28, 10), seed=0)
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert f"{count:,}" in registry.importlib.import_module(f"hptui.models.{name}").__doc__


def test_normalisation_is_exact() -> None:
    data = grey_or_rgb(3, 9, 2)
    x = data.normalise(data.train.pixels).double()
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64), atol=1e-6)
    assert data.train.pixels.dtype == torch.uint8


def test_a_constant_channel_does_not_divide_by_zero() -> None:
    pixels = np.full((4, 1, 3, 3), 7, np.uint8)
    images = Images(pixels, np.array([0, 1, 0, 1]))
    data, _ = to_device(ImageDataset("flat", ("a", "b"), images, images, images), "", CPU)
    assert torch.equal(data.normalise(data.train.pixels), torch.zeros(4, 1, 3, 3))


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [
        (12, 4, [4, 4, 4]),
        (10, 4, [4, 6]),
        (9, 4, [4, 5]),
        (11, 4, [4, 4, 3]),
        (3, 99, [3]),
        (5, 4, [5]),
        (6, 4, [6]),
        (7, 4, [4, 3]),
        (3, 2, [3]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_an_epoch_uses_every_image_once_and_has_no_tiny_batch(images: int, size: int, expected: list[int]) -> None:
    look_at_batches(images, size, expected, "joined")


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [
        (12, 4, [4, 4, 4]),
        (10, 4, [4, 3, 3]),
        (9, 4, [4, 3, 2]),
        (11, 4, [4, 4, 3]),
        (4, 3, [2, 2]),
        (5, 4, [3, 2]),
        (7, 4, [4, 3]),
        (3, 99, [3]),
        (5, 2, [2, 3]),  # one image alone is no batch for BatchNorm
        (3, 1, [1, 1, 1]),
    ],
)
def test_where_its_size_is_searched_no_batch_is_larger(images: int, size: int, expected: list[int]) -> None:
    look_at_batches(images, size, expected, "even")


def look_at_batches(images: int, size: int, expected: list[int], remainder: Remainder) -> None:
    order = BatchOrder(images, seed=0, device=CPU, remainder=remainder)
    assert order.largest(size) == max(expected)
    length = Length(1, images, size, remainder)
    for steps in range(1, len(expected) + 1):
        assert length.of_probe(steps / len(expected)) == pytest.approx(sum(expected[:steps]) / images)
    order.go_to_largest(size)
    assert len(order.next_batch(size)) == max(expected)
    order.start_epoch()
    for _ in range(3):
        left, batches = order.batches_left(size), []
        for remaining in range(left, 0, -1):
            assert order.batches_left(size) == remaining
            batches.append(order.next_batch(size).tolist())
        assert [len(batch) for batch in batches] == expected
        assert sorted(index for batch in batches for index in batch) == list(range(images))
        assert order.batches_left(size) == 0
        order.start_epoch()
        order.start_epoch()  # untouched: nothing new is drawn
    assert order.position == 0


def test_augmentation_of_strength_zero_changes_nothing_and_rotation_is_a_rotation() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (5, 3, 16, 20), dtype=torch.uint8)
    assert torch.allclose(augment(pixels, 0.0, generator), pixels.float(), atol=1e-2)
    disk = torch.zeros(200, 1, 32, 32, dtype=torch.uint8)
    disk[:, :, 12:20, 12:20] = 200
    moved = augment(disk, 1.0, torch.Generator().manual_seed(1))
    mass = moved.sum((1, 2, 3)) / disk.float().sum((1, 2, 3))
    assert torch.allclose(mass, torch.ones(200), atol=0.05)  # nothing is lost, nothing is stretched
    rows = torch.arange(32.0)
    centre = (moved.sum((1, 3)) @ rows) / moved.sum((1, 2, 3)) - 15.5
    assert centre.abs().max() <= 0.15 * 32 + 0.5
    assert centre.std() > 1.5


def test_augmentation_rotates_by_the_documented_angle() -> None:
    bar = torch.zeros(400, 1, 65, 65, dtype=torch.uint8)
    bar[:, :, 31:34, 12:53] = 255
    moved = augment(bar, 1.0, torch.Generator().manual_seed(2))[:, 0].double()
    axis = torch.arange(65.0, dtype=torch.float64)
    mass = moved.sum((1, 2))
    x, y = (moved.sum(1) @ axis) / mass, (moved.sum(2) @ axis) / mass
    dx, dy = axis[None, None, :] - x[:, None, None], axis[None, :, None] - y[:, None, None]
    cxx, cyy, cxy = ((moved * w).sum((1, 2)) / mass for w in (dx * dx, dy * dy, dx * dy))
    angle = torch.rad2deg(0.5 * torch.atan2(2 * cxy, cxx - cyy))
    assert 15 < angle.abs().max() <= 20.5


def test_evaluation_agrees_with_a_plain_loop(prepare: Make) -> None:
    made = prepare()
    network = build_network(made.factory, "own", made.data, seed=0)
    found = evaluate(network, made.data, made.data.validation)
    network.eval()
    with torch.no_grad():
        output = network(made.data.normalise(made.data.validation.pixels))
    labels = made.data.validation.labels
    assert np.allclose(found.losses, F.cross_entropy(output, labels, reduction="none").numpy(), atol=1e-5)
    assert found.accuracy == pytest.approx((output.argmax(1) == labels).double().mean().item())
    for true in range(3):
        for said in range(3):
            assert found.confusion[true, said] == ((labels == true) & (output.argmax(1) == said)).sum()
    assert found.class_counts.support == [20, 20, 20]


def test_whom_images_are_of_goes_with_them_to_the_saved_predictions(
    prepare: Make, small_dataset: ImageDataset, tmp_path: Path
) -> None:
    who, called = np.array([f"p{index // 4}" for index in range(60)]), np.array([f"{index}.png" for index in range(60)])
    test = replace(small_dataset.test, groups=who, names=called)
    (tmp_path / "checkpoints").mkdir()
    run, _ = make_run(prepare(dataset=replace(small_dataset, test=test), epochs=1), directory=tmp_path)
    assert run.execute().completed
    for model in ("final", "best"):
        found = read_predictions(tmp_path, model)  # type: ignore[arg-type]
        assert found is not None
        assert found.groups is not None
        assert found.names is not None
        assert (found.groups.tolist(), found.names.tolist()) == (who.tolist(), called.tolist())
    validation = read_predictions(tmp_path, "final", "validation")
    assert validation is not None
    assert validation.groups is None


def test_evaluation_with_other_weights_leaves_the_network_alone(prepare: Make) -> None:
    made = prepare()
    network = build_network(made.factory, "own", made.data, seed=0).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    other = build_network(made.factory, "own", made.data, seed=1)
    weights = dict(other.named_parameters())
    found = evaluate(network, made.data, made.data.validation, weights=weights)
    assert np.array_equal(found.losses, evaluate(other, made.data, made.data.validation).losses)
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_bfloat16_is_close_to_float32(prepare: Make) -> None:
    made = prepare()
    network = build_network(made.factory, "own", made.data, seed=0)
    full = evaluate(network, made.data, made.data.validation)
    half = evaluate(network, made.data, made.data.validation, precision="bfloat16")
    assert half.loss == pytest.approx(full.loss, rel=0.02)
    assert half.losses.dtype == np.float32


@pytest.mark.parametrize("optimizer_name", ["sgd", "adam", "adamw"])
def test_values_are_put_in_force_and_read_back_from_where_they_act(optimizer_name: str) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1), nn.Linear(4, 2), nn.Dropout2d(0.2))
    optimizer = load_optimizer(optimizer_name)(network, default_values())
    values = ValuesInForce(network, optimizer, {})
    assert "dropout" not in values.read()  # two rates of its own: no one value to tell
    wanted = {
        "lr": 0.2, "weight_decay": 0.03, "momentum": 0.7, "dropout": 0.4,
        "label_smoothing": 0.1, "batch_size": 64.0, "augmentation": 0.5,
    }  # fmt: skip
    values.set(wanted)
    assert values.read() == wanted
    assert network[1].p == network[3].p == 0.4
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.2, 0.03)
    assert (group["momentum"] if optimizer_name == "sgd" else group["betas"][0]) == 0.7
    values.scale_rate(0.5)
    assert values.read()["lr"] == 0.1
    assert values.chosen()["lr"] == 0.2
    group["lr"] = 0.05  # whoever changes the optimizer is seen
    assert values.read()["lr"] == 0.05


def test_dropout_without_a_dropout_layer_is_refused() -> None:
    network = nn.Linear(2, 2)
    with pytest.raises(ConfigError, match=r"no nn\.Dropout"):
        ValuesInForce(network, load_optimizer("sgd")(network, default_values()), {"dropout": 0.5})


class WrongOutput(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(12 * 12, num_classes + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(x.flatten(1))


def frozen(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12 * 12, num_classes)).requires_grad_(False)


def broken(num_classes: int) -> nn.Module:
    raise RuntimeError("first line\nsecond line")


def wrong_size(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(99, num_classes))


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (WrongOutput, "3 classes"),
        (frozen, "no weights to train"),
        (broken, "RuntimeError: first line"),
        (wrong_size, "does not take images of 1x12x12"),
        (lambda: "text", r"not a torch\.nn\.Module"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_one_line(prepare: Make, factory: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        prepare(factory=factory, search={"lr": "1e-3:1e-1:log:3"})
    assert "\n" not in str(caught.value)


def test_cosine_reaches_every_step_and_ends_near_zero(prepare: Make) -> None:
    from hptui.record.events import BatchesTrained

    run, events = make_run(prepare(strategy="fixed", schedule="cosine", log_every=1, set={"lr": 0.1, "batch_size": 20}))
    assert run.execute().completed
    rates = [event.values["lr"] for event in events if isinstance(event, BatchesTrained)]
    expected = [0.1 * 0.5 * (1 + math.cos(math.pi * step / 24)) for step in range(24)]
    assert rates == pytest.approx(expected)
