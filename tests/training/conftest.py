"""Small trainings that take a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.training.run.run import Ingredients
from hptui.training.study import gather


class NormDropNet(nn.Module):
    """BatchNorm, nn.Dropout and a buffer that is not saved: everything that a snapshot has to hold."""

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


@pytest.fixture
def small_dataset() -> ImageDataset:
    return ImageDataset("stripes", ("low", "middle", "high"), stripes(240, 0), stripes(60, 1), stripes(60, 2))


@pytest.fixture
def ingredients(small_dataset: ImageDataset) -> Callable[..., Ingredients]:
    """`ingredients(epochs=2, ...)`: everything a run of the small network on the small data needs."""

    def make(factory: Any = NormDropNet, dataset: ImageDataset = small_dataset, **settings: Any) -> Ingredients:
        defaults = {
            "dataset": "digits",  # a name that is checked and then not used: the data are given as an object
            "epochs": 2,
            "set": {"batch_size": 20},
            "search": {"lr": "1e-3:1e-1:log:3", "dropout": "0:0.5:lin:2"},
            "horizon": 0.5,
            "log_every": 5,
            "threads": 1,
        }
        config = resolve([Layer("test", defaults | settings)]).config
        return gather(config, dataset=dataset, factory=factory)

    return make
