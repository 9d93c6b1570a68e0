"""Small, noisy, unbalanced sets and other networks: what `elsewhere.py` trains, in two halves.

What a method does is designed on one half and judged on the other, which nobody looks at meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.datasets._reading import read_dataset, split_dataset

MOST_TEST_IMAGES = 2_000
"""to read more after every epoch takes longer than to train on a few hundred"""
Job = dict[str, Any]
"""of `hptui.training.train`"""


@dataclass(frozen=True)
class Setting:
    """One set with a network and a plain training of it."""

    half: str
    """design, judge or fresh: looked at once, after both"""
    dataset: str
    """mnist, digits, retina or pneumonia"""
    train: int | None
    """training images, a third as many for validation (at most 1,000); None: as the set has them"""
    model: str
    epochs: int
    optimizer: str = "adam"
    noise: float = 0.0
    """share of training and validation images with a label drawn at random"""
    rare: float = 1.0
    """share of the images of every class but the first that is kept"""

    def job(self, data: Path, seed: int) -> Job:
        """What is trained, with a draw of the images of its own for each seed."""
        return {
            "dataset": self._images(data, seed),
            "model": self.model,
            "optimizer": self.optimizer,
            "epochs": self.epochs,
            "threads": 1,
            "seed": seed,
        }

    def _images(self, data: Path, seed: int) -> ImageDataset:
        whole, random = source(self.dataset, data), np.random.default_rng(seed)
        if self.train is None and not self.noise and self.rare == 1:
            return whole
        pixels = np.concatenate([whole.train.pixels[:], whole.validation.pixels[:]])
        labels = np.concatenate([whole.train.labels, whole.validation.labels])
        order = random.permutation(len(labels))
        kept = order[(labels[order] == 0) | (random.random(len(order)) < self.rare)]
        size = self.train or len(whole.train)
        size = min(size, len(kept) * 3 // 4)
        parts = [kept[:size], kept[size : size + min(1_000, max(2, size // 3))]]
        train, validation = (Images(pixels[part], self._noisy(labels[part], whole, random)) for part in parts)
        test = whole.test.take(np.arange(min(len(whole.test), MOST_TEST_IMAGES)))
        return ImageDataset(whole.name, whole.class_names, train=train, validation=validation, test=test)

    def _noisy(self, labels: Any, whole: ImageDataset, random: np.random.Generator) -> Any:
        drawn = random.integers(0, len(whole.class_names), len(labels))
        return np.where(random.random(len(labels)) < self.noise, drawn, labels)


@cache
def source(name: str, data: Path) -> ImageDataset:
    """All images of a set, split as it is."""
    settings = {
        "mnist": {"dataset": "mnist", "data_dir": str(data)},
        "digits": {"dataset": "digits"},
        "retina": {"dataset": f"medmnist:{data}/MedMNIST/retinamnist.npz"},
        "pneumonia": {"dataset": f"medmnist:{data}/MedMNIST/pneumoniamnist.npz"},
    }[name]
    config = resolve([Layer("benchmark", settings)]).config
    return split_dataset(read_dataset(config), config)


SETTINGS = {
    "retina": Setting("design", "retina", None, "dtu_cnn", 30),
    "mnist-300": Setting("design", "mnist", 300, "dtu_cnn", 40),
    "mnist-1000-noise": Setting("design", "mnist", 1_000, "lenet", 30, noise=0.3),
    "pneumonia-600": Setting("design", "pneumonia", 600, "lenet", 30),
    "digits-resnet": Setting("design", "digits", None, "small_resnet", 15),
    "mnist-5000-sgd": Setting("design", "mnist", 5_000, "lenet", 12, "sgd"),
    "mnist-1000": Setting("judge", "mnist", 1_000, "dtu_cnn", 40),
    "mnist-2000-rare": Setting("judge", "mnist", 2_000, "lenet", 25, rare=0.1),
    "retina-400-sgd": Setting("judge", "retina", 400, "lenet", 40, "sgd"),
    "retina-resnet": Setting("judge", "retina", 600, "small_resnet", 15),
    "pneumonia-1500": Setting("judge", "pneumonia", 1_500, "dtu_cnn", 20),
    "pneumonia-546": Setting("fresh", "pneumonia", 546, "dtu_cnn", 30),
    "retina-900-lenet": Setting("fresh", "retina", 900, "lenet", 30),
    "mnist-500-resnet": Setting("fresh", "mnist", 500, "small_resnet", 15),
    "pneumonia-1000-resnet": Setting("fresh", "pneumonia", 1_000, "small_resnet", 10),
    "digits-noise": Setting("judge", "digits", None, "dtu_cnn", 25, noise=0.2),
}
"""`retina` is decided by the images that its makers validate with; all others draw theirs anew for each seed"""
