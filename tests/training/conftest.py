"""Small trainings that take a fraction of a second."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from hptui.config import Layer, StudyConfig, resolve
from hptui.datasets import ImageDataset, Images
from hptui.engines import RunPlan
from hptui.planning import new_strategy
from hptui.record.events import AnyEvent
from hptui.record.steering import steered
from hptui.record.study_directory import Study
from hptui.training.engine.building import StudyInputs
from hptui.training.engine.device_data import DeviceDataset, DeviceImages
from hptui.training.engine.plug_ins import ModelFactory
from hptui.training.inputs import prepare_inputs
from hptui.training.planned_run import train_run as train_planned_run
from hptui.training.run.checkpoints import restore_newest
from hptui.training.run.control import Control
from hptui.training.run.delivery import delivered_weights
from hptui.training.run.epoch import EpochTrainer
from hptui.training.run.run import Run
from hptui.training.study import PreparedStudy
from hptui.training.study import train_study as train_prepared_study


@dataclass(frozen=True)
class Prepared:
    """Settings and what they were prepared to."""

    config: StudyConfig
    inputs: StudyInputs

    @property
    def data(self) -> DeviceDataset:
        return self.inputs.data

    @property
    def test(self) -> DeviceImages:
        return self.inputs.test

    @property
    def factory(self) -> ModelFactory:
        return self.inputs.factory

    def changed(self, **settings: Any) -> Prepared:
        """The same data and network with other settings."""
        return replace(self, config=msgspec.structs.replace(self.config, **settings))


def make_run(prepared: Prepared, arm: str = "optimized", seed: int = 0, **options: Any) -> tuple[Run, list[AnyEvent]]:
    events: list[AnyEvent] = []
    options = {"emit": events.append, "control": Control()} | options
    strategy = new_strategy(prepared.config, arm)
    return Run(prepared.config, prepared.inputs, strategy, arm, seed, **options), events


def decide(run: Run, epoch: int) -> None:
    """One decision, whether the strategy wants it or not."""
    run._decision_maker().decide(epoch)


def train_epoch(run: Run, epoch: int) -> None:
    """The training of an epoch alone: no decision, no evaluation."""
    EpochTrainer(run.trainer, run.ledger, run.control, run.config, run._schedule, run.autosave).train(epoch)


def train_steps(run: Run, steps: int) -> None:
    for _ in range(steps):
        run.trainer.step()


def train_run(directory: Path, prepared: Prepared, arm: str, seed: int, control: Control) -> bool:
    """Train with the settings as they were steered, which is how a run is begun again."""
    plan = RunPlan(steered(prepared.config, directory.parent), arm, seed, str(directory))
    return train_planned_run(plan, control, prepared.inputs).completed


def train_study(study: Study, prepared: Prepared, control: Control) -> bool:
    """Train with the settings as they were steered, which is how a study is opened again."""
    config = steered(prepared.config, study.directory)
    return train_prepared_study(PreparedStudy(study, config, prepared.inputs), control)


def delivered(run: Run) -> dict[str, Any]:
    """The weights that a run delivers."""
    if run.delivery.chosen is not None:
        return run.delivery.chosen.weights
    return delivered_weights(run.trainer, run.ledger.progress.delivered)


class PooledNet(nn.Module):
    """BatchNorm, nn.Dropout and a buffer that is not saved: everything that a snapshot has to hold, and no more.

    A step takes half the time of one of NormDropNet. Its four pixels tell two of three classes apart: the losses
    neither vanish nor diverge.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(4 * in_channels, num_classes)
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen += len(x)
        x = self.norm(nn.functional.adaptive_avg_pool2d(x, 2))
        return self.output(self.dropout(x.flatten(1)))


class NormDropNet(nn.Module):
    """The same with a convolution: it overfits in time, and diverges at large rates."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(8, num_classes)
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen += len(x)
        x = torch.relu(self.norm(self.convolution(x)))
        return self.output(self.dropout(x.mean((2, 3)) + x.amax((2, 3))))


def stripes(count: int, seed: int, classes: int = 3) -> Images:
    """Noisy images (count, 1, 12, 12) with a bright band whose height tells the class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    pixels = random.integers(0, 120, (count, 1, 12, 12), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[0, 4 * label : 4 * label + 2] += 80
    return Images(pixels, labels.astype(np.int64))


def padded(images: Images) -> Images:
    """Those of 12 pixels in 16: the least that every network takes."""
    return Images(np.pad(images.pixels, ((0, 0), (0, 0), (2, 2), (2, 2))), images.labels)


@pytest.fixture
def small_dataset() -> ImageDataset:
    return ImageDataset("stripes", ("low", "middle", "high"), stripes(240, 0), stripes(60, 1), stripes(60, 2))


OF_NO_TRIAL: dict[str, Any] = {
    **{"epochs": 1, "runs": 1, "strategy": "fixed", "baseline": "fixed", "schedule": None, "decide_every": 1},
    **{"decide_at": None, "horizon": 0.2, "budget": "auto", "greed_check": 0, "score": "loss", "deliver": "one-se"},
    **{"score_weights": "averaged", "stop": "auto", "longest": 1.0, "average_window": 0.5, "threads": None},
    **{"replicas": "auto", "log_every": 20, "wrong_images": 24, "checkpoint_every": "10m"},
}
"""settings that a trial before training does not ask for"""
STEADY: set[Any] = {PooledNet, NormDropNet}
"""networks beside hptui's own that keep nothing outside of themselves, so that nobody sees whether one was tried out"""
TRIED: set[tuple[Any, bytes, bytes]] = set()
"""networks, settings that a trial asks for, and images, for which it found nothing to tell"""


def prepare_once(config: StudyConfig, dataset: ImageDataset, factory: Any) -> StudyInputs:
    """Inputs, where a network is tried out but once with the same settings and images: it takes most of the time."""
    images = hashlib.blake2b(repr(dataset.class_names).encode())
    for split in (dataset.train, dataset.validation, dataset.test):
        for array in () if split is None else (split.pixels, split.labels):
            images.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    key = factory, msgspec.json.encode(msgspec.structs.replace(config, **OF_NO_TRIAL)), images.digest()
    inputs = prepare_inputs(config, dataset=dataset, factory=factory, was_tried=key in TRIED)
    is_steady = factory in STEADY or factory.__module__.startswith("hptui.models.")
    if is_steady and not inputs.warnings:
        TRIED.add(key)
    return inputs


@pytest.fixture
def prepare(small_dataset: ImageDataset) -> Callable[..., Prepared]:
    """`prepare(epochs=2, ...)`: everything a run of the small network on the small data needs."""

    def make(factory: Any = PooledNet, dataset: ImageDataset = small_dataset, **settings: Any) -> Prepared:
        defaults = {
            "dataset": "digits",  # a name that is checked and then not used: the data are given as an object
            "epochs": 2,
            "strategy": "grid",
            "set": {"batch_size": 20},
            "search": {"lr": "1e-3:1e-1:log:3", "dropout": "0:0.5:lin:2"},
            "log_every": 5,
            "threads": 1,
        }
        if settings.get("strategy") not in ("adaptive", "pbt"):  # these plan it themselves, and refuse another one
            defaults["horizon"] = 0.5
        config = resolve([Layer("test", defaults | settings)]).config
        return Prepared(config, prepare_once(config, dataset, factory))

    return make


Once = Callable[[str, Prepared, Callable[[Path], object]], Path]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, made, train)`: the folder that `train(folder)` left; once for all tests with these settings."""
    done: dict[tuple[str, bytes], Path] = {}

    def folder(name: str, made: Prepared, train: Callable[[Path], object]) -> Path:
        key = name, msgspec.json.encode(made.config)
        if key not in done:
            new = tmp_path_factory.mktemp("once") / "once"
            train(new)
            done[key] = new
        return done[key]

    return folder


def newest_checkpoint(run: Path) -> dict[str, Any] | None:
    """Content of the newest checkpoint that can be used; None if there is none."""
    taken: list[dict[str, Any]] = []
    restore_newest(run, torch.device("cpu"), taken.append)
    return taken[0] if taken else None
