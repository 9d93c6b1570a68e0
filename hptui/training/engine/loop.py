"""The training loop: the same one for a run's epochs and for the probes of a decision.

Per step, on the device: gather uint8 images (B, C, H, W), augment, normalise, forward, loss, backward, step,
average. The host only launches work: the sum of the losses stays on the device, and is read where the caller
asks for it (`LossSum.read`), which is the loop's one synchronisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from hptui.training.engine.device_data import DeviceDataset, augment, batches_per_epoch
from hptui.training.engine.evaluation import forward_precision
from hptui.training.engine.state import TrainingState


class LossSum:
    """Sum of the losses of all images since the last `clear`, kept on the device."""

    def __init__(self, device: torch.device) -> None:
        self._sum = torch.zeros((), device=device, dtype=torch.float64)
        self.images = 0

    def add(self, loss: Tensor, images: int) -> None:
        """Take in one batch's mean loss."""
        self._sum += loss.detach() * images
        self.images += images

    def clear(self) -> None:
        """Begin a new sum."""
        self._sum.zero_()
        self.images = 0

    def read(self) -> float:
        """Mean per image; infinity if a loss was not finite. Waits for the device."""
        mean = float(self._sum) / max(self.images, 1)
        return mean if math.isfinite(mean) else math.inf


class Trainer:
    """Advances a TrainingState on a data set."""

    def __init__(self, state: TrainingState, data: DeviceDataset, *, average_window: float, precision: str) -> None:
        self.state = state
        self.data = data
        self._average_window = average_window
        self._precision = precision

    def batches(self, epochs: float) -> int:
        """Steps in `epochs` with the batch size in force, at least one; of whole batches, as an epoch has them."""
        return max(1, round(epochs * batches_per_epoch(len(self.data.train), self.state.values.batch_size)))

    def train(
        self,
        batches: int,
        check: Callable[[], object],
        *,
        rate_factor: Callable[[int], float] | None = None,
        after_step: Callable[[Tensor, int], None],
    ) -> None:
        """Train `batches` steps.

        Args:
            batches: steps to do.
            check: called before every step; may wait there (pause).
            rate_factor: of the learning rate, by the index of the step within this call.
            after_step: gets each batch's mean loss, still on the device, and its number of images.

        Raises:
            Whatever `check` raises, between two steps.
        """
        state = self.state
        state.network.train()
        window = self._average_window * len(self.data.train) / state.values.batch_size
        for index in range(batches):
            check()
            if rate_factor is not None:
                state.values.scale_rate(rate_factor(index))
            loss, images = self._step()
            state.average.update(window)
            state.step += 1
            after_step(loss, images)

    def _step(self) -> tuple[Tensor, int]:
        state, values, train = self.state, self.state.values, self.data.train
        chosen = state.order.next_batch(values.batch_size)  # (B,)
        pixels = train.pixels[chosen]  # (B, C, H, W) uint8
        if values.augmentation > 0:
            pixels = augment(pixels, values.augmentation, state.augmentation)
        with forward_precision(self._precision, pixels.device):
            output = state.network(self.data.normalise(pixels))  # (B, classes)
        loss = self._loss(output.float(), train.labels[chosen])
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        return loss, len(chosen)

    def _loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Mean over the batch, each image by the weight of its class.

        Not by the `weight` of cross_entropy: with label smoothing that weighs the smoothed part by the other classes,
        and draws every image towards the rarest.
        """
        smoothing, weights = self.state.values.label_smoothing, self.data.class_weights
        if weights is None:
            return F.cross_entropy(output, labels, label_smoothing=smoothing)
        of_images = weights[labels]
        losses = F.cross_entropy(output, labels, label_smoothing=smoothing, reduction="none")
        return (losses * of_images).sum() / of_images.sum()
