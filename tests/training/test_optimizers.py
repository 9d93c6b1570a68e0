"""Optimizers from packages of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from hptui import registry
from hptui.errors import ConfigError, ModelError
from hptui.record.events import CandidateScored, RunCompleted, RunStarted
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.training.engine.plug_ins import load_optimizer
from hptui.training.run.control import Control

from .conftest import Prepared, delivered, make_run, train_run, train_steps
from .test_exactness import StopAfter, assert_same

Make = Callable[..., Prepared]


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


@pytest.mark.parametrize("name", OWN)
def test_it_trains_in_place_of_the_study_s_optimizer_and_learns(prepare: Make, name: str) -> None:
    run, events = make_run(prepare(PlainNet, strategy="fixed", optimizer=name, epochs=30, stop="never"))
    assert type(run.state.optimizer).__name__ == OWN[name]
    assert run.execute().completed
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
def test_both_arms_have_it_and_a_rate_that_was_set_holds(prepare: Make, name: str) -> None:
    made = prepare(PlainNet, strategy="fixed", optimizer=name, set={"lr": 0.02, "batch_size": 20})
    baseline, optimized = (make_run(made, arm)[0] for arm in ("baseline", "optimized"))
    for run in (baseline, optimized):
        assert type(run.state.optimizer).__name__ == OWN[name]
        assert run.state.values.chosen()["lr"] == 0.02
    assert_same(dict(baseline.network.state_dict()), dict(optimized.network.state_dict()))


@pytest.mark.parametrize("name", OWN)
def test_it_can_be_searched_and_scheduled(prepare: Make, name: str) -> None:
    search = {"lr": "1e-3:1:log:3"}
    run, events = make_run(prepare(PlainNet, strategy="grid", optimizer=name, schedule="cosine", search=search))
    assert run.execute().completed
    scored = [event for event in events if isinstance(event, CandidateScored)]
    assert [event.values["lr"] for event in scored] == pytest.approx([1e-3, 10**-1.5, 1] * 2)
    assert events[0].schedule == "cosine"


@pytest.mark.parametrize("stop_after", [7, 30])
@pytest.mark.parametrize("name", OWN)
def test_stopped_and_resumed_equals_uninterrupted(prepare: Make, tmp_path: Path, name: str, stop_after: int) -> None:
    made = prepare(PlainNet, strategy="fixed", optimizer=name, epochs=4)
    straight, _ = make_run(made)
    assert straight.execute().completed
    create_run(tmp_path, RunFile(1, "0", "optimized", 0, {}))
    assert not train_run(tmp_path, made, "optimized", 0, StopAfter(stop_after))
    assert train_run(tmp_path, made, "optimized", 0, Control())
    assert isinstance(RunReader(tmp_path).read()[-1], RunCompleted)
    saved = torch.load(tmp_path / "model.pt", weights_only=True)["network"]
    assert_same(dict(saved), dict(delivered(straight)))


def test_schedule_free_is_read_at_its_average_and_trained_elsewhere(prepare: Make) -> None:
    run, _ = make_run(prepare(PlainNet, strategy="fixed", optimizer="schedule_free"))
    train_steps(run, 10)
    trained = {name: weight.clone() for name, weight in run.network.named_parameters()}
    with run.state.at_evaluation_point():
        read = {name: weight.clone() for name, weight in run.network.named_parameters()}
    assert all(not torch.equal(read[name], trained[name]) for name in read)
    for name, weight in run.network.named_parameters():
        assert torch.equal(weight, trained[name])  # to the bit: looking must not change the training
    last = run.state.average  # what is delivered is one of the two, and neither is the point of the training
    assert all(not torch.equal(tensor, trained[name]) for name, tensor in last.tensors().items() if name in trained)


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_the_file_of_an_optimizer_names_the_package_that_its_class_does(name: str) -> None:
    assert (registry.constant("optimizers", name, "PACKAGE") or "") == load_optimizer(name).package


@pytest.mark.parametrize("name", OWN)
def test_a_package_that_is_not_installed_is_named(prepare: Make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.load("optimizers", name), "package", "no_such_package")
    with pytest.raises(
        ConfigError, match=r"needs the package no_such_package; install it with: pip install 'hptui\[optimizers\]'"
    ):
        prepare(PlainNet, strategy="fixed", optimizer=name)


def test_schedule_free_refuses_what_it_cannot_train_well(prepare: Make) -> None:
    with pytest.raises(ConfigError, match="schedule_free needs a momentum above 0"):
        make_run(prepare(PlainNet, strategy="fixed", optimizer="schedule_free", set={"momentum": 0.0}))


def test_the_low_end_of_a_range_is_tried_out_before_anything_is_trained(prepare: Make) -> None:
    with pytest.raises(ModelError, match=r"cannot be trained with batches of 20, momentum 0: ZeroDivisionError"):
        prepare(PlainNet, optimizer="schedule_free", search={"momentum": "0:0.9:lin:3"})
