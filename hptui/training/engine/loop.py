"""The training loop: the same one for a run's epochs and for the probes of a decision.

Per step, on the device: gather images (B, C, H, W) in 0..255, augment, normalise, augment, forward, loss, backward,
step, average. The host only launches work: the sum of the losses stays on the device, and is read where the caller
asks for it (`LossSum.read`), which is the loop's one synchronisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from hptui.hyperparameters import Batch
from hptui.losses import Loss
from hptui.nothing import do_nothing
from hptui.training.engine.batch_changes import training_batch
from hptui.training.engine.device_data import DeviceDataset, DeviceImages
from hptui.training.engine.evaluation import Evaluation, evaluate, forward_precision, full_precision
from hptui.training.engine.norm_statistics import norm_statistics
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

    def total(self) -> float:
        """Sum over all images. Waits for the device."""
        return float(self._sum)

    def restore(self, total: float, images: int) -> None:
        """Go on with a sum that was read before."""
        self._sum.fill_(total)
        self.images = images

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

    def __init__(
        self,
        state: TrainingState,
        data: DeviceDataset,
        loss: Loss,
        *,
        average_window: float,
        precision: str,
        batchnorm: str = "precise",
    ) -> None:
        self.state = state
        self.data = data
        self._loss = loss
        self.precision = precision
        """of the forward pass"""
        self._average_window = average_window
        self.batchnorm = batchnorm
        """precise or running: its statistics in evaluations"""
        self.before_batch: Callable[[], object] = do_nothing
        """called before each batch of an evaluation; it raises where the rest is not wanted any more"""

    def batches(self, epochs: float) -> int:
        """Steps in `epochs` with the batch size in force, at least one; of whole batches, as an epoch has them."""
        return max(1, round(epochs * self.state.order.batches_of_epoch(self.state.values.batch_size)))

    def step(self) -> tuple[Tensor, int]:
        """Train one step; its mean loss, still on the device, and its number of images."""
        state, values = self.state, self.state.values
        if not state.network.training:  # since it was evaluated, or built
            state.network.train()
        chosen = state.order.next_batch(values.batch_size)  # (B,) indices
        batch = training_batch(self.data, chosen, values.held, state.augmentation, state.step)
        self.data.train.expect(state.order.upcoming(values.batch_size))
        with forward_precision(self.precision, batch.inputs.device):
            output = state.network(batch.inputs)  # (B, classes)
        loss = self.loss_of(full_precision(output), batch, values.held)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        values.change_gradients()
        state.optimizer.step()
        state.average.update(self.window(values.batch_size))
        state.step += 1
        return loss, len(chosen)

    def window(self, batch_size: float) -> float:
        """Steps over which weights are averaged."""
        return self._average_window * len(self.data.train) / batch_size

    def loss_of(self, logits: Tensor, batch: Batch, held: Mapping[str, float]) -> Tensor:
        """The mean loss of a batch; an image that is several (mixup) counts as several, each by its share."""
        labels, shares, by_class = batch.labels, batch.shares, self.data.class_weights
        labelling = self.data.labelling
        weights = None if by_class is None else labelling.weights(labels, by_class)
        if shares is not None:
            # expanded, not repeated: the gradient of a repetition is not equal to the bit on a GPU
            logits = logits.unsqueeze(1).expand(-1, labels.shape[1], -1).flatten(0, 1)
            shares = labelling.shared(shares, labels)
            weights = (shares if weights is None else shares * weights).flatten(0, 1)
            labels = labels.flatten(0, 1)
        return labelling.training_loss(self._loss, logits, labels, weights, held)

    def statistics(self, *, averaged: bool) -> Mapping[str, Tensor]:
        """Those of BatchNorm that the last weights, or their average, are to be evaluated with, by name."""
        if self.batchnorm == "running":
            return {}
        weights, network = self.state.average.tensors() if averaged else {}, self.state.network
        with self.state.at_evaluation_point():
            return norm_statistics(
                network,
                self.data,
                weights,
                batch_size=self.state.values.batch_size,
                precision=forward_precision(self.precision, self.state.device),
                before_batch=self.before_batch,
            )

    def evaluate(
        self,
        images: DeviceImages,
        *,
        averaged: bool,
        statistics: Mapping[str, Tensor] | None = None,
        with_predictions: bool = False,
        class_weighted: bool = False,
    ) -> Evaluation:
        """Evaluate the last weights, or their average, as they would be delivered; the training is left as it was.

        Args:
            images: a split.
            averaged: the average instead of the last weights.
            statistics: of these weights, where they are known.
            with_predictions: hand them back too.
            class_weighted: see `evaluation.evaluate`.
        """
        weights = self.state.average.tensors() if averaged else {}
        weights |= self.statistics(averaged=averaged) if statistics is None else statistics
        with self.state.at_evaluation_point():
            return evaluate(
                self.state.network,
                self.data,
                images,
                weights=weights or None,
                precision=self.precision,
                with_predictions=with_predictions,
                class_weighted=class_weighted,
                before_batch=self.before_batch,
            )
