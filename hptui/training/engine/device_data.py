"""The whole data set on the device as uint8, and the order in which a run sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hptui.datasets import ImageDataset, Images, Names, Pixels
from hptui.errors import ConfigError
from hptui.plan import batches_per_epoch

Statistic = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DeviceImages:
    """One split on the device."""

    pixels: Tensor
    """(N, C, H, W) uint8"""
    labels: Tensor
    """(N,) int64"""
    groups: Names | None = None
    names: Names | None = None
    """(N,) text, see `hptui.datasets.Images`; on no device: only the record of predictions keeps them"""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class DeviceDataset:
    """What training and decisions see: no test images in here, so no decision can touch them."""

    name: str
    class_names: tuple[str, ...]
    train: DeviceImages
    validation: DeviceImages
    mean: Tensor
    """(1, C, 1, 1) float32, of the training pixels in 0..255"""
    std: Tensor
    """(1, C, 1, 1) float32"""
    fingerprint: str
    """SHA-256 of pixels and labels: a resumed run must see the same images"""
    class_weights: Tensor | None = None
    """(classes,) float32, of each image in the training loss and in validation losses; None: all count the same"""

    @property
    def channels(self) -> int:
        return self.train.pixels.shape[1]

    @property
    def image_shape(self) -> tuple[int, int]:
        return self.train.pixels.shape[2], self.train.pixels.shape[3]

    def normalise(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) uint8 or float in 0..255 -> float32 with mean 0 and deviation 1 over the training pixels."""
        return (pixels - self.mean).div_(self.std)

    def image_weights(self, labels: Tensor) -> Tensor:
        """(N,) weights of a split's images by their class, scaled to a mean of 1: a loss stays comparable to log C."""
        assert self.class_weights is not None
        weights = self.class_weights[labels]
        return weights / weights.mean()


def to_device(
    dataset: ImageDataset, fingerprint: str, device: torch.device, class_weights: str = "none"
) -> tuple[DeviceDataset, DeviceImages]:
    """Copy all splits to `device` once; test images apart. `dataset` has validation images.

    Raises:
        ConfigError: classes are to be balanced, and one has no training image.
    """
    assert dataset.validation is not None
    mean, std = _mean_and_std(dataset.train.pixels)

    def channel(values: Statistic) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)

    learning = DeviceDataset(
        name=dataset.name,
        class_names=dataset.class_names,
        train=_images(dataset.train, device),
        validation=_images(dataset.validation, device),
        mean=channel(mean),
        std=channel(std),
        fingerprint=fingerprint,
        class_weights=torch.tensor(balanced(dataset), device=device) if class_weights == "balanced" else None,
    )
    return learning, _images(dataset.test, device)


def balanced(dataset: ImageDataset) -> npt.NDArray[np.float32]:
    """(classes,) n / (classes * count) over the training labels: all classes weigh the same together.

    Raises:
        ConfigError: a class has no training image, so there is nothing to weigh.
    """
    classes = len(dataset.class_names)
    counts = np.bincount(dataset.train.labels, minlength=classes)
    if not counts.all():
        absent = dataset.class_names[int(counts.argmin())]
        raise ConfigError(f"class_weights: no training image of {dataset.name} is of class {absent!r}; use none.")
    weights: npt.NDArray[np.float32] = (counts.sum() / (classes * counts)).astype(np.float32)
    return weights


def _mean_and_std(pixels: Pixels, chunk: int = 1000) -> tuple[Statistic, Statistic]:
    """Per channel (C,), exact: whole numbers are summed, in pieces that stay small beside the data."""
    total = square = np.zeros(pixels.shape[1], np.int64)
    for start in range(0, len(pixels), chunk):
        piece = pixels[start : start + chunk].astype(np.int64)
        total = total + piece.sum((0, 2, 3))
        square = square + np.square(piece).sum((0, 2, 3))
    count = pixels.size // pixels.shape[1]
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0))
    return mean, np.where(std == 0, 1.0, std)  # a constant channel carries nothing, and must not divide by zero


def _images(images: Images, device: torch.device) -> DeviceImages:
    # torch.tensor copies: arrays of an own data set may be read-only, or shared with the user's code
    return DeviceImages(
        torch.tensor(np.ascontiguousarray(images.pixels), device=device),
        torch.tensor(np.ascontiguousarray(images.labels), device=device),
        images.groups,
        images.names,
    )


class BatchOrder:
    """A new permutation of the training images each epoch, from a generator of its own.

    It depends on the seed alone, so baseline and optimized runs of one seed see the same images in the same
    order whatever their strategies draw.
    """

    def __init__(self, images: int, seed: int, device: torch.device) -> None:
        self._images = images
        self._device = device
        self._generator = torch.Generator().manual_seed(seed)
        self._order = self._permute()
        self.position = 0
        """images of the current permutation that have been used"""

    def _permute(self) -> Tensor:
        return torch.randperm(self._images, generator=self._generator).to(self._device)

    def next_batch(self, batch_size: int) -> Tensor:
        """Indices (B,) int64 of the next batch; every image is used exactly once in an epoch.

        A remainder of half a batch or less joins the batch before it: BatchNorm cannot use a batch of one.
        """
        left = self._images - self.position
        if left == 0:
            self._order = self._permute()
            self.position, left = 0, self._images
        size = left if 2 * left <= 3 * batch_size else batch_size
        batch = self._order[self.position : self.position + size]
        self.position += size
        return batch

    def batches_left(self, batch_size: int) -> int:
        """Batches left of this epoch."""
        left = self._images - self.position
        return batches_per_epoch(left, batch_size) if left else 0

    def start_epoch(self) -> None:
        """Begin a new permutation unless the current one is untouched."""
        if self.position:
            self._order = self._permute()
            self.position = 0

    def state(self) -> dict[str, object]:
        return {"generator": self._generator.get_state(), "order": self._order, "position": self.position}

    def restore(self, state: dict[str, object]) -> None:
        generator, order, position = state["generator"], state["order"], state["position"]
        assert isinstance(generator, Tensor)
        assert isinstance(order, Tensor)
        assert isinstance(position, int)
        self._generator.set_state(generator.cpu())  # a checkpoint may have been loaded to the GPU
        self._order = order.to(self._device)  # never written in place, so sharing it is safe
        self.position = position
