"""Optimizers that a strategy brings, from packages of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hptui.errors import ConfigError
from hptui.record.events import RunCompleted, RunStarted
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.training.engine.building import PACKAGES
from hptui.training.run.control import Control
from hptui.training.run.run import Ingredients, Run
from hptui.training.study import new_strategy, train_run

from .test_exactness import StopAfter, assert_same, make_run

Make = Callable[..., Ingredients]


class PlainNet(nn.Module):
    """Without BatchNorm, whose statistics would belong to other weights than Schedule-Free delivers."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 8, 3, padding=1)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(8, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.convolution(x))
        return self.output(self.dropout(x.mean((2, 3)) + x.amax((2, 3))))


OWN = {"schedule_free": "AdamWScheduleFree", "prodigy": "Prodigy"}


def new_run(made: Ingredients) -> tuple[Run, list[Any]]:
    events: list[Any] = []
    strategy = new_strategy(made.config, "optimized")
    return Run(made, strategy, "optimized", 0, emit=events.append, control=Control()), events


@pytest.mark.parametrize("name", OWN)
def test_it_trains_in_place_of_the_study_s_optimizer_and_learns(ingredients: Make, name: str) -> None:
    run, events = new_run(ingredients(PlainNet, strategy=name, epochs=30))
    assert type(run.state.optimizer).__name__ == OWN[name]
    assert run.execute()
    started, end = events[0], events[-1]
    assert isinstance(started, RunStarted)
    assert started.values["lr"] == {"schedule_free": 0.0025, "prodigy": 1.0}[name]
    assert isinstance(end, RunCompleted)
    assert end.cost == 1
    if name == "prodigy":  # on so few images its estimate is still on the way up
        assert run.state.optimizer.param_groups[0]["d"] > 1e-6
    else:
        assert end.validation_accuracy > 0.6  # guessing has a third


@pytest.mark.parametrize("name", OWN)
def test_the_baseline_keeps_the_study_s_optimizer_and_values(ingredients: Make, name: str) -> None:
    run, _ = make_run(ingredients(PlainNet, strategy=name, set={"lr": 0.02, "batch_size": 20}), "baseline")
    assert type(run.state.optimizer).__name__ == "Adam"
    assert run.state.values.rate == 0.02
    optimized, _ = new_run(ingredients(PlainNet, strategy=name, set={"lr": 0.02, "batch_size": 20}))
    # Prodigy's own estimate is multiplied by it, so a rate that was meant for another optimizer would stop it
    assert optimized.state.values.rate == {"schedule_free": 0.02, "prodigy": 1.0}[name]
    assert_same(dict(run.network.state_dict()), dict(optimized.network.state_dict()))


@pytest.mark.parametrize("stop_after", [7, 30])
@pytest.mark.parametrize("name", OWN)
def test_stopped_and_resumed_equals_uninterrupted(
    ingredients: Make, tmp_path: Path, name: str, stop_after: int
) -> None:
    made = ingredients(PlainNet, strategy=name, epochs=4)
    straight, _ = new_run(made)
    assert straight.execute()
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(tmp_path, made, "optimized", 0, StopAfter(stop_after))
    assert train_run(tmp_path, made, "optimized", 0, Control())
    assert isinstance(RunReader(tmp_path).read()[-1], RunCompleted)
    saved = torch.load(tmp_path / "model.pt", weights_only=True)["network"]
    assert_same(dict(saved), dict(straight.delivered_weights()))


def test_schedule_free_is_read_at_its_average_and_trained_elsewhere(ingredients: Make) -> None:
    run, _ = new_run(ingredients(PlainNet, strategy="schedule_free"))
    run.trainer.train(10, lambda: None, after_step=lambda loss, images: None)
    trained = {name: weight.clone() for name, weight in run.network.named_parameters()}
    with run.state.as_delivered():
        read = {name: weight.clone() for name, weight in run.network.named_parameters()}
    assert all(not torch.equal(read[name], trained[name]) for name in read)
    for name, weight in run.network.named_parameters():
        assert torch.equal(weight, trained[name])  # to the bit: looking must not change the training
    last = run.state.average  # what is delivered is one of the two, and neither is the point of the training
    assert all(not torch.equal(tensor, trained[name]) for name, tensor in last.tensors().items() if name in trained)


@pytest.mark.parametrize("name", OWN)
def test_a_package_that_is_not_installed_is_named(
    ingredients: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ingredients(PlainNet, strategy=name)
    monkeypatch.setitem(PACKAGES, name, "no_such_package")
    with pytest.raises(
        ConfigError, match=r"needs the package no_such_package; install it with: pip install 'hptui\[optimizers\]'"
    ):
        new_strategy(made.config, "optimized")


def test_schedule_free_refuses_what_it_cannot_train_well(ingredients: Make) -> None:
    with pytest.raises(ConfigError, match="schedule_free cannot train a model with BatchNorm"):
        new_run(ingredients(strategy="schedule_free"))
    with pytest.raises(ConfigError, match="schedule_free needs a momentum above 0"):
        new_run(ingredients(PlainNet, strategy="schedule_free", set={"momentum": 0.0}))
