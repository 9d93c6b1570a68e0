"""Your own network on your own images, in one file.

    hptui run --model examples/own_model_and_data.py:Net --dataset examples/own_model_and_data.py:load \
        --search lr=1e-4:3e-3:log:4 --search dropout=0:0.6:lin:3 --runs 2 --epochs 6

Replace `load` by whatever reads your images: arrays (N, C, H, W) of uint8, uint16, int16 or float32, and
whole-number labels. Images that sit in one folder per class need no code at all: --dataset folder:PATH.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from hptui.datasets import ImageDataset, Images


class Net(nn.Module):
    """Any nn.Module; the constructor names what it wants of in_channels, num_classes, image_size."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.dropout = nn.Dropout(0.25)  # --search dropout=... sets every nn.Dropout
        self.output = nn.Linear(32, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) float32, normalised -> (B, classes) logits."""
        features = F.max_pool2d(F.relu(self.norm(self.first(images))), 2)
        features = F.relu(self.second(features)).amax((2, 3))
        logits: Tensor = self.output(self.dropout(features))
        return logits


def load() -> ImageDataset:
    """Discs and squares of random size and place in noise: 3,000 to learn from, 500 to test with."""
    return ImageDataset("shapes", ("disc", "square"), train=_draw(3000, seed=0), test=_draw(500, seed=1))


def _draw(count: int, seed: int) -> Images:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    pixels = random.integers(0, 130, (count, 1, 32, 32), dtype=np.uint8)
    rows, columns = np.mgrid[:32, :32]
    for image, label in zip(pixels, labels, strict=True):
        y, x, radius = random.integers(9, 23), random.integers(9, 23), random.integers(4, 9)
        disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        square = np.maximum(abs(rows - y), abs(columns - x)) <= radius * 0.886  # equal areas
        image[0, square if label else disc] += 90
    return Images(pixels, labels)
