"""Evaluations use BatchNorm's statistics of the weights as they are, and leave the training as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import nn

from hptui.models.small_resnet import SmallResNet
from hptui.record.events import EpochCompleted, Evaluated
from hptui.training.engine import norm_statistics
from hptui.training.engine.freezing import freeze
from hptui.training.run.delivery import delivered_weights
from hptui.training.run.run import Run
from hptui.training.timing import speed_of
from training.conftest import NormDropNet, PooledNet, Prepared, delivered, make_run, train_steps

Prepare = Callable[..., Prepared]
STEPS = 7


class DroppedFirst(nn.Module):
    """What is dropped comes before the norm, which would see less of it in training."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.norm = nn.BatchNorm2d(in_channels)
        self.instance = nn.InstanceNorm2d(in_channels, track_running_stats=True)
        self.output = nn.Linear(in_channels * 144, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.output(self.instance(self.norm(self.dropout(x))).flatten(1))
        return answer


def trained(prepare: Prepare, factory: Any = NormDropNet, steps: int = STEPS, **settings: Any) -> Run:
    """A run in the middle of its first epoch."""
    run, _ = make_run(prepare(factory, **settings))
    train_steps(run, steps)
    return run


def test_they_are_the_mean_over_batches_of_training_images_as_they_are(prepare: Prepare) -> None:
    trainer = trained(prepare, DroppedFirst, search={"lr": "1e-3:1e-1:log:3"}).trainer
    found = trainer.statistics(averaged=False)
    batches = [
        trainer.data.normalise(trainer.data.train.pixels[at]) for at in norm_statistics._batches(trainer.data, 20)
    ]
    assert [len(batch) for batch in batches] == [20] * 12
    assert found.keys() == {"norm.running_mean", "norm.running_var"}
    means = torch.stack([batch.mean((0, 2, 3)) for batch in batches])
    deviations = torch.stack([batch.var((0, 2, 3)) for batch in batches])
    torch.testing.assert_close(found["norm.running_mean"], means.mean(0))
    torch.testing.assert_close(found["norm.running_var"], deviations.mean(0))


class HelpedByASecond(nn.Module):
    """With a second output in training, of layers that no evaluation reaches."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm, self.helping = nn.BatchNorm2d(in_channels), nn.BatchNorm2d(in_channels)
        self.output = nn.Linear(in_channels * 144, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.norm(x) + self.helping(x) if self.training else self.norm(x)
        answer: torch.Tensor = self.output(seen.flatten(1))
        return answer


def test_layers_that_no_evaluation_reaches_keep_what_they_have(prepare: Prepare) -> None:
    run = trained(prepare, HelpedByASecond, strategy="fixed", search={})
    assert run.trainer.statistics(averaged=False).keys() == {"norm.running_mean", "norm.running_var"}
    kept = delivered_weights(run.trainer, "last")
    assert torch.equal(kept["helping.running_var"], run.network.helping.running_var)
    assert kept["helping.running_var"] > 0
    assert not run.network.norm._forward_hooks


def test_images_are_drawn_from_all_and_some_are_enough(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    data = trained(prepare).trainer.data
    assert [len(at) for at in norm_statistics._batches(data, 500)] == [100, 100]  # of 240 images
    chosen = torch.cat(list(norm_statistics._batches(data, 50)))
    assert len(set(chosen.tolist())) == 200
    assert chosen.max() > 200  # not the first ones: a folder is read class by class
    assert norm_statistics.images_looked_at(NormDropNet(1, 3), 240) == 240
    monkeypatch.setattr(norm_statistics, "IMAGES", 60)
    assert [len(at) for at in norm_statistics._batches(data, 60)] == [60]
    assert norm_statistics.images_looked_at(NormDropNet(1, 3), 240) == 60
    assert norm_statistics.images_looked_at(nn.Linear(2, 2), 240) == 0


@pytest.mark.parametrize(("kind", "images"), [("precise", 60 + 240), ("running", 60)])
def test_a_plan_counts_the_images_that_are_looked_at(prepare: Prepare, kind: str, images: int) -> None:
    made = prepare(batchnorm=kind)
    assert speed_of(made.config, made.inputs, seconds=0.01).validation_images == images


@pytest.mark.parametrize("averaged", [False, True])
def test_the_training_is_left_as_it_was(prepare: Prepare, averaged: bool) -> None:
    run = trained(prepare)
    before, random = run.state.snapshot(), torch.get_rng_state()
    first = run.trainer.statistics(averaged=averaged)
    again = run.trainer.statistics(averaged=averaged)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert run.network.training
    assert run.network.norm.momentum == nn.BatchNorm2d(8).momentum
    assert torch.equal(torch.get_rng_state(), random)
    after = run.state.snapshot()
    for kind in ("network", "unsaved_buffers"):
        assert all(torch.equal(value, after[kind][name]) for name, value in before[kind].items())
    assert all(
        torch.equal(*pair) for pair in zip(before["average"]["average"], after["average"]["average"], strict=True)
    )


def test_they_are_those_of_the_weights_that_are_evaluated(prepare: Prepare) -> None:
    trainer = trained(prepare).trainer
    last, averaged = trainer.statistics(averaged=False), trainer.statistics(averaged=True)
    assert not torch.equal(last["norm.running_mean"], averaged["norm.running_mean"])
    with trainer.state.average.in_force():
        in_force = trainer.statistics(averaged=False)
    assert all(torch.equal(values, in_force[name]) for name, values in averaged.items())


def test_they_belong_to_the_weights_that_an_optimizer_is_read_at(prepare: Prepare) -> None:
    trainer = trained(prepare, optimizer="schedule_free", strategy="fixed", search={}).trainer
    with trainer.state.at_evaluation_point():
        read = {name: weight.detach().clone() for name, weight in trainer.state.network.named_parameters()}
    size, found = trainer.state.values.batch_size, trainer.statistics(averaged=False)
    for weights, equal in ((read, True), ({}, False)):
        of_them = norm_statistics.norm_statistics(
            trainer.state.network, trainer.data, weights, batch_size=size, precision=nullcontext()
        )
        assert torch.equal(found["norm.running_mean"], of_them["norm.running_mean"]) == equal


def test_a_frozen_layer_keeps_its_own(prepare: Prepare) -> None:
    run = trained(prepare)
    freeze(run.network, ["norm"])
    assert run.trainer.statistics(averaged=False) == {}
    assert not run.network.norm.training


def test_one_image_has_no_deviation(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trained(prepare).trainer
    monkeypatch.setattr(type(trainer.data.train), "__len__", lambda split: 1)
    assert trainer.statistics(averaged=False) == {}


def test_a_network_is_judged_by_its_weights_after_a_few_steps_at_a_large_rate(prepare: Prepare) -> None:
    """With statistics that run along it looks worse than a guess, and then slow rates seem best."""
    losses = {}
    for kind in ("precise", "running"):
        settings = {"search": {"lr": "1e-3:1e-1:log:3"}, "set": {"lr": 0.03, "batch_size": 60}}
        run = trained(prepare, SmallResNet, steps=4, batchnorm=kind, **settings)
        losses[kind] = run.trainer.evaluate(run.inputs.data.validation, averaged=False).loss
    assert losses["precise"] < run.inputs.data.guessing < losses["running"]


@pytest.mark.parametrize(
    ("kind", "optimizer"), [("precise", "adam"), ("running", "adam"), ("precise", "schedule_free")]
)
def test_the_delivered_network_has_those_that_it_was_evaluated_with(
    prepare: Prepare, kind: str, optimizer: str
) -> None:
    settings = {"deliver": "last", "batchnorm": kind, "optimizer": optimizer}
    run, events = make_run(prepare(strategy="fixed", search={}, epochs=2, **settings))
    run.execute()
    (end,) = [e for e in events if isinstance(e, EpochCompleted) and e.epoch == 2]
    (told,) = [
        e
        for e in events
        if isinstance(e, Evaluated) and (e.epoch, e.split, e.weights) == (2, "validation", end.delivered)
    ]
    network = PooledNet(1, 3).eval()
    network.load_state_dict(delivered(run))
    split, data = run.inputs.data.validation, run.inputs.data
    with torch.no_grad():
        loss = nn.functional.cross_entropy(network(data.normalise(split.pixels)), split.labels)
    assert float(loss) == pytest.approx(told.loss, rel=1e-5)
    own = run.network.norm.running_mean
    assert torch.equal(network.norm.running_mean, own) == (kind == "running" and end.delivered == "last")
