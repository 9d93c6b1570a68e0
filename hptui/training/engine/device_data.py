"""A data set as the device sees it, at the depth of its files, and the order in which a run sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hptui.datasets import ImageDataset, Images, Names
from hptui.datasets._intensity import FittedIntensity, Statistic, fit_intensity
from hptui.errors import ConfigError
from hptui.plan import Remainder, batches_per_epoch, largest_batch, next_batch
from hptui.record.intensity import BYTES, Intensity
from hptui.record.task import Task, guessing_loss, task_of
from hptui.training.engine.host_pixels import HostPixels
from hptui.training.engine.labelling import Labelling, labelling_of
from hptui.training.engine.placement import Placement
from hptui.training.engine.stored_pixels import scaled


@dataclass(frozen=True)
class DeviceImages:
    """One split on the device."""

    pixels: Tensor | HostPixels
    """(N, C, H, W), see `stored`; what stays in main memory comes batch by batch"""
    labels: Tensor
    """(N,) int64, or (N, labels) of 0 and 1"""
    groups: Names | None = None
    names: Names | None = None
    """(N,) text, see `hptui.datasets.Images`; on no device: only the record of predictions keeps them"""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def index_device(self) -> torch.device:
        """Where indices of images are wanted."""
        return torch.device("cpu") if isinstance(self.pixels, HostPixels) else self.pixels.device

    def expect(self, index: Tensor | slice | None) -> None:
        """Say which images will be asked for next, where they have to be brought; None: nobody knows."""
        if index is not None and isinstance(self.pixels, HostPixels):
            self.pixels.expect(index)


@dataclass(frozen=True)
class DeviceDataset:
    """What training and decisions see: no test images in here, so no decision can touch them."""

    name: str
    class_names: tuple[str, ...]
    train: DeviceImages
    validation: DeviceImages
    mean: Tensor
    """(1, C, 1, 1) float32, of the training pixels, brought to 0..255"""
    std: Tensor
    """(1, C, 1, 1) float32"""
    fingerprint: str
    """SHA-256 of pixels and labels: a resumed run must see the same images"""
    class_weights: Tensor | None = None
    """float32, of each class in the training loss and in validation losses, see `Labelling.balanced`; None: all images
    count the same"""
    intensity: Intensity = BYTES
    """what brings pixels to 0..255"""

    @property
    def task(self) -> Task:
        return task_of(self.train.labels)

    @property
    def guessing(self) -> float:
        """Loss of saying nothing."""
        return guessing_loss(self.task, len(self.class_names))

    @property
    def labelling(self) -> Labelling:
        return labelling_of(self.task)

    @property
    def channels(self) -> int:
        return self.train.pixels.shape[1]

    @property
    def image_shape(self) -> tuple[int, int]:
        return self.train.pixels.shape[2], self.train.pixels.shape[3]

    def scaled(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) as they are stored -> uint8 or float32 in 0..255, for what changes images."""
        return scaled(pixels, self.intensity)

    def normalise(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) as stored, or in 0..255 -> float32 with mean 0 and deviation 1 over the training pixels."""
        return (self.scaled(pixels) - self.mean).div_(self.std)

    def image_weights(self, labels: Tensor) -> Tensor:
        """Weights of a split's images by their class, scaled to a mean of 1: a loss stays comparable to log C.

        (N,), or (N, labels) of each label by whether an image has it.
        """
        assert self.class_weights is not None
        weights = self.labelling.weights(labels, self.class_weights)
        return weights / weights.mean()

    def validation_weights(self) -> npt.NDArray[np.float64] | None:
        """Weights of the validation images, or of their labels; None: all count alike."""
        if self.class_weights is None:
            return None
        weights: npt.NDArray[np.float64] = self.image_weights(self.validation.labels).double().cpu().numpy()
        return weights


def to_device(
    dataset: ImageDataset,
    fingerprint: str,
    device: torch.device,
    class_weights: str = "none",
    fitted: FittedIntensity | None = None,
    placement: Placement | None = None,
) -> tuple[DeviceDataset, DeviceImages]:
    """Copy all splits to `device` once, or where `placement` says; test images apart, none where there are none.
    `dataset` has validation images.

    On a CPU, images are not copied: whoever made them must not change them any more.

    Raises:
        ConfigError: classes are to be balanced, and one has no training image.
    """
    assert dataset.validation is not None
    fit = fit_intensity("auto", dataset) if fitted is None else fitted
    place = Placement() if placement is None else placement

    def channel(values: Statistic) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)

    learning = DeviceDataset(
        name=dataset.name,
        class_names=dataset.class_names,
        train=_images(dataset.train, fit.intensity, device, place),
        validation=_images(dataset.validation, fit.intensity, device, place),
        mean=channel(fit.mean),
        std=channel(fit.std),
        fingerprint=fingerprint,
        class_weights=torch.tensor(balanced(dataset), device=device) if class_weights == "balanced" else None,
        intensity=fit.intensity,
    )
    test = dataset.test if dataset.test is not None else dataset.train.take(np.empty(0, np.int64))
    return learning, _images(test, fit.intensity, device, place)


def balanced(dataset: ImageDataset) -> npt.NDArray[np.float32]:
    """Weights over the training labels with which all classes weigh the same together, see `Labelling.balanced`.

    Raises:
        ConfigError: a class has no training image, so there is nothing to weigh.
    """
    weights = labelling_of(dataset.task).balanced(dataset.train.labels, len(dataset.class_names))
    if isinstance(weights, int):
        absent, several = dataset.class_names[weights], dataset.task == "multi-label"
        what = f"not both with and without label {absent!r}" if several else f"of class {absent!r}"
        there = "training images" if several else "no training image"
        raise ConfigError(f"class_weights: {there} of {dataset.name} {'are' if several else 'is'} {what}; use none.")
    return weights


def _images(images: Images, intensity: Intensity, device: torch.device, placement: Placement) -> DeviceImages:
    labels = torch.tensor(np.ascontiguousarray(images.labels), device=device)
    return DeviceImages(placement.place(images.pixels, intensity, device), labels, images.groups, images.names)


class BatchOrder:
    """A new permutation of the training images each epoch, from a generator of its own.

    It depends on the seed alone, so baseline and optimized runs of one seed see the same images in the same
    order whatever their strategies draw.
    """

    def __init__(self, images: int, seed: int, device: torch.device, remainder: Remainder = "joined") -> None:
        self._images = images
        self.remainder: Remainder = remainder
        """what becomes of a short last batch"""
        self._device = device
        self._generator = torch.Generator().manual_seed(seed)
        self._order = self._permute()
        self.position = 0
        """images of the current permutation that have been used"""

    def _permute(self) -> Tensor:
        return torch.randperm(self._images, generator=self._generator).to(self._device)

    def next_batch(self, batch_size: int) -> Tensor:
        """Indices (B,) int64 of the next batch; every image is used exactly once in an epoch."""
        if self.position == self._images:
            self._order = self._permute()
            self.position = 0
        batch = self._batch_here(batch_size)
        self.position += len(batch)
        return batch

    def upcoming(self, batch_size: int) -> Tensor | None:
        """The batch that comes next, if it is one of this epoch; nothing is moved on."""
        return self._batch_here(batch_size) if self.position < self._images else None

    def _batch_here(self, batch_size: int) -> Tensor:
        size = next_batch(self._images - self.position, batch_size, self.remainder)
        return self._order[self.position : self.position + size]

    def batches_left(self, batch_size: int) -> int:
        """Batches left of this epoch."""
        left = self._images - self.position
        return batches_per_epoch(left, batch_size, self.remainder) if left else 0

    def batches_of_epoch(self, batch_size: int) -> int:
        """Batches of a whole epoch."""
        return batches_per_epoch(self._images, batch_size, self.remainder)

    def largest(self, batch_size: int) -> int:
        """Images of the largest batch of an epoch."""
        return largest_batch(self._images, batch_size, self.remainder)

    def go_to_largest(self, batch_size: int) -> None:
        """Move to where the largest batch of this epoch begins."""
        self.position = self._images - size if (size := self.largest(batch_size)) > batch_size else 0

    def start_epoch(self) -> None:
        """Begin a new permutation unless the current one is untouched."""
        if self.position:
            self._order = self._permute()
            self.position = 0

    def state(self) -> dict[str, object]:
        return {"generator": self._generator.get_state(), "order": self._order, "position": self.position} | {
            "remainder": self.remainder
        }

    def restore(self, state: dict[str, object]) -> None:
        generator, order, position = state["generator"], state["order"], state["position"]
        assert isinstance(generator, Tensor)
        assert isinstance(order, Tensor)
        assert isinstance(position, int)
        self._generator.set_state(generator.cpu())  # a checkpoint may have been loaded to the GPU
        self._order = order.to(self._device)  # never written in place, so sharing it is safe
        self.position = position
        self.remainder = "even" if state.get("remainder") == "even" else "joined"  # an older hptui knew no other
