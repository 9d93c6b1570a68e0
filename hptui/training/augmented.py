"""Examples of what each augmentation does to a few training images; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hptui.datasets import ImageDataset
from hptui.hyperparameters import Hyperparameter, Values
from hptui.space import parse_range
from hptui.training.engine.batch_changes import training_batch, with_own
from hptui.training.engine.device_data import DeviceDataset, to_device

Bytes = npt.NDArray[np.uint8]
SHOWN, DRAWS = 2, 4
"""images, and draws of each"""
BATCH = 16
"""so that mixup finds others"""


@dataclass(frozen=True)
class Examples:
    """Training images of different classes, and what becomes of them."""

    originals: Bytes
    """(SHOWN, H, W, C), with one channel or three"""
    augmented: dict[str, list[tuple[float, Bytes]]]
    """by name, some of its values with (draws, SHOWN, H, W, C) each, together DRAWS"""


def augmented_examples(dataset: ImageDataset, seed: int = 0) -> Examples:
    """Change images as a training would; `dataset` has validation images.

    The last value of each suggested range is shown, and one in its middle.
    """
    data, _ = to_device(dataset, "", torch.device("cpu"))
    chosen = _of_several_classes(data.train.labels)
    augmentations = dict.fromkeys(
        entry for hook in ("on_images", "on_geometry", "on_batch") for entry in with_own(hook)
    )
    ordered = sorted(augmentations, key=lambda entry: (entry.order, entry.name))
    made = {entry.name: list(_examples(entry, data, chosen, seed)) for entry in ordered}
    return Examples(_changed(data, chosen, {}, seed, 0), made)


def _of_several_classes(labels: Tensor) -> Tensor:
    """Indices of images, one class (or set of labels) after the other, as far as there are any."""
    by_class = [
        torch.nonzero((labels == kind).view(len(labels), -1).all(1)).flatten() for kind in torch.unique(labels, dim=0)
    ]
    turns = [images[turn] for turn in range(BATCH) for images in by_class if turn < len(images)]
    return torch.stack(turns[:BATCH])


def _examples(entry: Hyperparameter, data: DeviceDataset, chosen: Tensor, seed: int) -> Iterator[tuple[float, Bytes]]:
    values = parse_range(entry.name, entry.suggested).values()
    shown = sorted({values[len(values) // 2], values[-1]})
    draws = DRAWS // len(shown)
    for turn, value in enumerate(shown):
        steps = range(turn * draws, (turn + 1) * draws)
        images = [_changed(data, chosen, {entry.name: value}, seed, step) for step in steps]
        yield value, np.stack(images)


def _changed(data: DeviceDataset, chosen: Tensor, held: Values, seed: int, step: int) -> Bytes:
    """(SHOWN, H, W, C) as a training sees them in a step, brought back to 0..255."""
    generator = torch.Generator().manual_seed(seed + step)
    inputs = training_batch(data, chosen, held, generator, step).inputs[:SHOWN]
    pixels = (inputs * data.std + data.mean).round().clamp(0, 255).byte()
    shown = pixels if pixels.shape[1] in (1, 3) else pixels[:, :1]
    images: Bytes = shown.permute(0, 2, 3, 1).numpy()
    return images
