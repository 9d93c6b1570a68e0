"""Every optimizer beside torch's plain form or its formula written out, with values that change meanwhile."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from hptui import registry
from hptui.datasets import ImageDataset
from hptui.hyperparameters import Values, default_values
from hptui.optimizers.muon import COEFFICIENTS, orthogonal
from hptui.record.events import CandidateScored, RunStarted
from hptui.training.engine.plug_ins import load_factory, load_optimizer
from hptui.training.engine.values_in_force import ValuesInForce

from .conftest import Prepared, make_run, padded, train_epoch, train_steps
from .test_exactness import StopAfter, assert_same, stop_and_resume

Make = Callable[..., Prepared]
PACKAGED = ("prodigy", "schedule_free")
"""tested in test_optimizers.py"""
OWN = [name for name in registry.names("optimizers") if name not in PACKAGED]
TORCH = {
    "adadelta": "Adadelta", "adafactor": "Adafactor", "adagrad": "Adagrad", "adam": "Adam", "adamax": "Adamax",
    "adamw": "AdamW", "nadam": "NAdam", "radam": "RAdam", "sgd": "SGD",
}  # fmt: skip
WITHOUT_MOMENTUM = ("adadelta", "adafactor", "adagrad")
COURSE: list[Values] = [
    {"lr": 1e-2, "weight_decay": 1e-2, "momentum": 0.0},
    {"lr": 1e-2, "weight_decay": 1e-2, "momentum": 0.9},
    {"lr": 1e-3, "weight_decay": 1e-1, "momentum": 0.5},
    {"lr": 5e-3, "weight_decay": 0.0, "momentum": 0.0},
    {"lr": 5e-3, "weight_decay": 1e-3, "momentum": 0.95},
]
"""values of successive steps, as a search puts them in force: momentum comes and goes"""


def network() -> nn.Sequential:
    torch.manual_seed(0)
    convolution = nn.Conv2d(2, 6, 3).to(memory_format=torch.channels_last)
    return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(96, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def gradients(model: nn.Module, steps: int) -> Iterator[None]:
    torch.manual_seed(1)
    images, labels = torch.randn(steps, 12, 2, 6, 6, dtype=torch.float64), torch.randint(3, (steps, 12))
    for batch, truth in zip(images, labels, strict=True):
        model.zero_grad()
        F.cross_entropy(model(batch), truth).backward()
        yield


def trained(optimizer: Optimizer, model: nn.Module, put: Callable[[Values], object]) -> list[Tensor]:
    """Weights after one step with each of the values of the course."""
    for values, _ in zip(COURSE, gradients(model, len(COURSE)), strict=True):
        put(values)
        optimizer.step()
    return [weight.detach().clone() for weight in model.parameters()]


def trained_here(name: str) -> list[Tensor]:
    model = network()
    factory = load_optimizer(name)
    optimizer = factory(model, default_values() | factory.start_values)
    in_force = ValuesInForce(model, optimizer, {})

    def put(values: Values) -> None:
        given = {key: value for key, value in values.items() if key != "momentum" or name not in WITHOUT_MOMENTUM}
        in_force.set(given)
        assert {key: in_force.read()[key] for key in given} == given

    return trained(optimizer, model, put)


@pytest.mark.parametrize("name", TORCH)
def test_it_is_torchs_with_values_that_change(name: str) -> None:
    model = network()
    kind = getattr(torch.optim, TORCH[name])
    optimizer = kind(model.parameters(), foreach=False)

    def put(values: Values) -> None:
        for group in optimizer.param_groups:
            group |= {"lr": values["lr"], "weight_decay": values["weight_decay"]}
            if "betas" in group:
                group["betas"] = (values["momentum"], 0.999)
            elif "momentum" in group:
                group["momentum"] = values["momentum"]

    for here, plain in zip(trained_here(name), trained(optimizer, model, put), strict=True):
        assert torch.allclose(here, plain, rtol=1e-9, atol=1e-12)


def test_rmsprop_is_the_formula_written_out_with_a_momentum_that_comes_and_goes() -> None:
    """torch's own fails where it had no momentum at its first step."""
    model = network()
    weights = list(model.parameters())
    squares, buffers = [torch.zeros_like(one) for one in weights], [torch.zeros_like(one) for one in weights]
    for values, _ in zip(COURSE, gradients(model, len(COURSE)), strict=True):
        with torch.no_grad():
            for weight, square, buffer in zip(weights, squares, buffers, strict=True):
                gradient = weight.grad + values["weight_decay"] * weight
                square.copy_(0.99 * square + 0.01 * gradient**2)
                direction = gradient / (square.sqrt() + 1e-8)
                if values["momentum"]:
                    buffer.copy_(values["momentum"] * buffer + direction)
                    direction = buffer
                weight.sub_(values["lr"] * direction)
    for here, plain in zip(trained_here("rmsprop"), weights, strict=True):
        assert torch.allclose(here, plain, rtol=1e-9, atol=1e-12)


def test_lion_is_the_papers_algorithm_number_by_number() -> None:
    """Chen et al. 2023, Algorithm 2."""
    model = network()
    weights = list(model.parameters())
    kept = [[0.0] * weight.numel() for weight in weights]
    for values, _ in zip(COURSE, gradients(model, len(COURSE)), strict=True):
        lr, decay, first = values["lr"], values["weight_decay"], values["momentum"]
        for weight, average in zip(weights, kept, strict=True):
            flat, slopes = weight.detach().flatten().tolist(), weight.grad.flatten().tolist()
            for index, slope in enumerate(slopes):
                c = first * average[index] + (1 - first) * slope
                sign = (c > 0) - (c < 0)
                flat[index] -= lr * (sign + decay * flat[index])
                average[index] = 0.99 * average[index] + 0.01 * slope
            with torch.no_grad():
                weight.copy_(torch.tensor(flat, dtype=torch.float64).view(weight.shape))
    for here, plain in zip(trained_here("lion"), weights, strict=True):
        assert torch.allclose(here, plain, rtol=1e-9, atol=1e-12)


def written_out_muon(matrix: Tensor) -> Tensor:
    """By singular values: the iterations act on each of them alone."""
    a, b, c = COEFFICIENTS
    u, sizes, v = torch.linalg.svd(matrix / (matrix.norm() + 1e-7), full_matrices=False)
    for _ in range(5):
        sizes = a * sizes + b * sizes**3 + c * sizes**5
    return u @ sizes.diag() @ v


@pytest.mark.parametrize("shape", [(6, 18), (18, 6), (5, 5), (1, 9)])
def test_the_orthogonal_factor_is_that_of_the_singular_values(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64)
    found = orthogonal(matrix)
    assert torch.allclose(found, written_out_muon(matrix), atol=1e-9)
    assert bool((torch.linalg.svdvals(found) > 0.5).all())
    assert torch.equal(orthogonal(torch.zeros(shape)), torch.zeros(shape))


def test_muon_is_written_out_for_hidden_layers_and_torchs_adamw_for_the_rest() -> None:
    model = network()
    weights = dict(model.named_parameters())
    hidden = ["0.weight", "3.weight"]
    averages = {name: torch.zeros_like(weights[name]) for name in hidden}
    rest = torch.optim.AdamW([weight for name, weight in weights.items() if name not in hidden], foreach=False)
    for values, _ in zip(COURSE, gradients(model, len(COURSE)), strict=True):
        rest.param_groups[0] |= {"lr": values["lr"], "weight_decay": values["weight_decay"]}
        rest.param_groups[0]["betas"] = (values["momentum"], 0.999)
        rest.step()
        momentum = values["momentum"]
        with torch.no_grad():
            for name in hidden:
                weight = weights[name]
                averages[name].copy_(momentum * averages[name] + (1 - momentum) * weight.grad)
                matrix = ((1 - momentum) * weight.grad + momentum * averages[name]).reshape(len(weight), -1)
                size = 0.2 * math.sqrt(max(matrix.shape))
                weight -= values["lr"] * values["weight_decay"] * weight
                weight -= values["lr"] * size * written_out_muon(matrix).view(weight.shape)
    for name, here in zip(weights, trained_here("muon"), strict=True):
        assert torch.allclose(here, weights[name], rtol=1e-7, atol=1e-10), name


def test_muon_of_matrices_is_torchs_to_the_digits_of_its_bfloat16() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(12, 20, bias=False), nn.Linear(20, 3, bias=False))
    theirs = copy.deepcopy(ours)
    values = default_values() | {"lr": 0.01, "weight_decay": 0.1, "momentum": 0.9}
    here = load_optimizer("muon")(ours, values)
    plain = torch.optim.Muon(
        [theirs[0].weight], lr=0.01, weight_decay=0.1, momentum=0.9, adjust_lr_fn="match_rms_adamw"
    )
    before = ours[0].weight.detach().clone()
    for model, optimizer in ((ours, here), (theirs, plain)):
        for step in range(3):
            torch.manual_seed(step)
            model.zero_grad()
            model[0](torch.randn(8, 12)).square().sum().backward()
            optimizer.step()
    moved, expected = ours[0].weight.detach() - before, theirs[0].weight.detach() - before
    assert float((moved - expected).norm() / expected.norm()) < 0.08


@pytest.mark.parametrize("name", OWN)
def test_states_are_put_back_to_the_bit(prepare: Make, name: str) -> None:
    run, _ = make_run(prepare(optimizer=name))
    train_epoch(run, 1)
    home = run.state.snapshot()
    ends = []
    for _ in range(2):
        run.state.restore(home)
        if name not in WITHOUT_MOMENTUM:
            run.state.values.set({"momentum": 0.8})
        train_steps(run, 5)
        ends.append(run.state.snapshot())
    assert_same(*ends)
    assert not torch.equal(ends[0]["network"]["output.weight"], home["network"]["output.weight"])


@pytest.mark.parametrize("name", [name for name in OWN if name not in ("adam", "adamw", "sgd")])
def test_it_is_searched_stopped_and_resumed(prepare: Make, tmp_path: Path, name: str) -> None:
    search = {"lr": "1e-3:1e-1:log:2"} | ({} if name in WITHOUT_MOMENTUM else {"momentum": "0:0.9:lin:2"})
    made = prepare(strategy="grid", optimizer=name, search=search)
    straight, events = make_run(made)
    assert straight.execute().completed
    started, scored = events[0], [event for event in events if isinstance(event, CandidateScored)]
    assert isinstance(started, RunStarted)
    assert all(started.values[key] == value for key, value in load_optimizer(name).start_values.items())
    assert ("momentum" in started.values) == (name not in WITHOUT_MOMENTUM)
    tried = [(one.values["lr"], one.values.get("momentum")) for one in scored[: len(scored) // 2]]
    second = [None] if name in WITHOUT_MOMENTUM else [0, 0.9]
    assert tried == [(lr, momentum) for lr in (1e-3, 1e-1) for momentum in second]
    assert len({one.loss for one in scored}) == len(scored)  # each value has an effect
    stop_and_resume(made, tmp_path, straight, StopAfter(20))


def test_those_without_momentum_refuse_a_search_of_it(prepare: Make) -> None:
    for name in WITHOUT_MOMENTUM:
        with pytest.raises(Exception, match=rf"momentum cannot be set: {TORCH[name]} has no momentum"):
            prepare(optimizer=name, search={"momentum": "0:0.9:lin:2"})


@pytest.mark.parametrize("name", OWN)
def test_it_learns_with_a_network_that_comes_along(prepare: Make, small_dataset: ImageDataset, name: str) -> None:
    """Its filters lie channels last in memory."""
    splits = (small_dataset.train, small_dataset.validation, small_dataset.test)
    images = ImageDataset("large", small_dataset.class_names, *(padded(split) for split in splits if split is not None))
    settings = {"factory": load_factory("lenet"), "dataset": images, "optimizer": name, "strategy": "fixed"}
    rate = {"adadelta": 1.0, "adafactor": 0.1, "lion": 1e-3, "sgd": 0.1}.get(name, 0.01)
    run, events = make_run(prepare(**settings, epochs=3, set={"lr": rate, "batch_size": 20}))
    assert run.execute().completed
    assert events[-1].validation_accuracy > 0.6  # guessing has a third
