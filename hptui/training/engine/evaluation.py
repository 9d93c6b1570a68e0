"""Losses, confusion matrix and, where they are wanted, probabilities of some weights on some images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call

from hptui.metrics.classification import accuracy
from hptui.nothing import do_nothing
from hptui.record.class_counts import ClassCounts, class_counts
from hptui.record.predictions import Predictions
from hptui.training.engine.device_data import DeviceDataset, DeviceImages
from hptui.training.engine.host_pixels import HostPixels

CPU_BATCH = 100
"""on a CPU larger batches cost more (500: 1.47, 2000: 1.91 of the time), because their activations leave the cache"""
GPU_PIXELS = 2000 * 28 * 28
"""values per batch on a GPU, where the activations of larger images have to fit"""


@dataclass(frozen=True)
class Evaluation:
    """What one pass over a split found."""

    losses: npt.NDArray[np.float32]
    """(N,) cross-entropy per image in nats, without label smoothing, in the split's own order; where the study weighs
    its classes and that was asked for, times the image's weight, whose mean over the split is 1; of several labels the
    mean over these"""
    confusion: npt.NDArray[np.int64]
    """(classes, classes); row: true class, column: predicted class; (0, 0) where an image may have several labels"""
    predictions: Predictions | None = None
    """where they were asked for"""
    by_label: ClassCounts | None = None
    """where an image may have several labels"""

    @property
    def loss(self) -> float:
        """Mean; infinity if any image's loss is not finite."""
        mean = float(self.losses.mean(dtype=np.float64))
        return mean if math.isfinite(mean) else math.inf

    @property
    def accuracy(self) -> float:
        if self.by_label is not None:
            share = accuracy(self.by_label)
            assert share is not None  # there are images
            return share
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def class_counts(self) -> ClassCounts:
        return class_counts(self.confusion.tolist()) if self.by_label is None else self.by_label


def forward_precision(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """bfloat16: matrix products in half the bits; weights, loss and optimizer stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def full_precision(output: Tensor) -> Tensor:
    """Logits in float32 where they are in less; in float64 they stay."""
    return output if output.dtype == torch.float64 else output.float()


def evaluate(
    network: nn.Module,
    data: DeviceDataset,
    images: DeviceImages,
    *,
    weights: dict[str, Tensor] | None = None,
    precision: str = "float32",
    with_predictions: bool = False,
    class_weighted: bool = False,
    before_batch: Callable[[], object] = do_nothing,
) -> Evaluation:
    """Evaluate a network; waits for the device at the end.

    Args:
        network: its mode (training or not) and weights are as before afterwards.
        data: how images are normalised, and the weights of the classes.
        images: a split.
        weights: by name, in place of the network's own.
        precision: of the forward pass.
        with_predictions: hand them back too.
        class_weighted: weigh the losses by the study's class weights, if it has any (validation images, which decide).
        before_batch: raises where the rest is not wanted any more.
    """
    was_training = network.training
    network.eval()
    device = images.pixels.device
    classes, labelling = len(data.class_names), data.labelling
    weighted = class_weighted and data.class_weights is not None
    image_weights = data.image_weights(images.labels) if weighted else None
    losses, tallies, logits = [], [], []
    try:
        with torch.inference_mode(), forward_precision(precision, device):
            for batch, following in _batches(images.pixels):
                before_batch()
                pixels, labels = images.pixels[batch], images.labels[batch]
                images.expect(following)
                weights_of = image_weights[batch] if image_weights is not None else None
                inputs = data.normalise(pixels)
                output = network(inputs) if weights is None else functional_call(network, weights, (inputs,))
                output = full_precision(output)
                if with_predictions:
                    logits.append(output)
                losses.append(labelling.losses(output, labels, weights_of))
                tallies.append(labelling.tally(output, labels))
            every = torch.cat(losses)
            kept = _predictions(labelling.probabilities(torch.cat(logits)), images) if with_predictions else None
            confusion, by_label = labelling.counted(tallies, len(images), classes)
    finally:
        network.train(was_training)
    return Evaluation(every.cpu().numpy(), confusion, kept, by_label)


def probabilities(
    network: nn.Module, data: DeviceDataset, pixels: Tensor, precision: str = "float32"
) -> npt.NDArray[np.float32]:
    """(N, classes) probabilities of (N, C, H, W) images as stored, without labels, in its batches."""
    network.eval()
    with torch.inference_mode(), forward_precision(precision, pixels.device):
        logits = torch.cat([network(data.normalise(pixels[batch])).float() for batch, _ in _batches(pixels)])
        shares: npt.NDArray[np.float32] = data.labelling.probabilities(logits).cpu().numpy()
    return shares


def _batches(pixels: Tensor | HostPixels) -> Iterator[tuple[slice, slice | None]]:
    """One after another through (N, C, H, W), each with the one that follows it."""
    size = CPU_BATCH if pixels.device.type == "cpu" else max(1, GPU_PIXELS // pixels.shape[1:].numel())
    for start in range(0, len(pixels), size):
        end = start + size
        yield slice(start, end), slice(end, end + size) if end < len(pixels) else None


def _predictions(shares: Tensor, images: DeviceImages) -> Predictions:
    """(N, classes) probabilities, beside what is known of the images."""
    return Predictions(images.labels.cpu().numpy(), shares.cpu().numpy(), images.groups, images.names)
