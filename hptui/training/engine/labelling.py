"""What labels mean for a network's outputs: losses, calls and probabilities of one class, or of several labels.

All that training and evaluation do differently for the two tasks is here; what is common to both asks `labelling_of`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from hptui.losses import Loss
from hptui.record.class_counts import ClassCounts
from hptui.record.task import Task

Counts = npt.NDArray[np.int64]


class Labelling(Protocol):
    """One task; `labels` are (B,), or (B, labels)."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, classes) of (B, classes) float32 logits."""

    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        """(B,) cross-entropy of each image in nats; of several labels the mean over these."""

    def tally(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What `counted` needs of a batch, still on the device."""

    def counted(self, tallies: Sequence[Tensor], images: int, classes: int) -> tuple[Counts, ClassCounts | None]:
        """Confusion matrix, or counts of each label beside an empty one. Waits for the device."""

    def weights(self, labels: Tensor, by_class: Tensor) -> Tensor:
        """Weight of each image, or of each label of each image; `by_class` is what `balanced` gives."""

    def balanced(self, labels: Counts, classes: int) -> npt.NDArray[np.float32] | int:
        """Weights with which all classes, or both sides of each label, weigh the same; else the class without image."""

    def shared(self, shares: Tensor, labels: Tensor) -> Tensor:
        """Shares (B, K) of an image that is several (mixup), in the shape of `labels`."""

    def training_loss(
        self, loss: Loss, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]
    ) -> Tensor:
        """A scalar to be differentiated."""


class OneClass:
    """Each image is of one class: softmax."""

    def probabilities(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, 1)

    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        losses = F.cross_entropy(logits, labels, reduction="none")
        return losses if weights is None else losses * weights

    def tally(self, logits: Tensor, labels: Tensor) -> Tensor:
        return labels * logits.shape[1] + logits.argmax(1)

    def counted(self, tallies: Sequence[Tensor], images: int, classes: int) -> tuple[Counts, ClassCounts | None]:  # noqa: ARG002
        counts = torch.bincount(torch.cat(list(tallies)), minlength=classes**2)
        return counts.cpu().numpy().reshape(classes, classes), None

    def weights(self, labels: Tensor, by_class: Tensor) -> Tensor:
        return by_class[labels]

    def balanced(self, labels: Counts, classes: int) -> npt.NDArray[np.float32] | int:
        """(classes,) n / (classes * count)."""
        counts = np.bincount(labels, minlength=classes)
        if not counts.all():
            return int(counts.argmin())
        weights: npt.NDArray[np.float32] = (counts.sum() / (classes * counts)).astype(np.float32)
        return weights

    def shared(self, shares: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        return shares

    def training_loss(
        self, loss: Loss, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]
    ) -> Tensor:
        return loss(logits, labels, weights, values)


class SeveralLabels:
    """Each image has any number of labels: a sigmoid of each, which is called from above one half on."""

    def probabilities(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits)

    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        losses = F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        return (losses if weights is None else losses * weights).mean(1)

    def tally(self, logits: Tensor, labels: Tensor) -> Tensor:
        called = (torch.sigmoid(logits) > 0.5).to(labels.dtype)
        return torch.stack((labels, called, labels * called)).sum(1)  # (3, labels)

    def counted(self, tallies: Sequence[Tensor], images: int, classes: int) -> tuple[Counts, ClassCounts | None]:  # noqa: ARG002
        support, predicted, hits = torch.stack(list(tallies)).sum(0).tolist()
        return np.zeros((0, 0), np.int64), ClassCounts(support, predicted, hits, images)

    def weights(self, labels: Tensor, by_class: Tensor) -> Tensor:
        without, having = by_class.unbind(1)
        return torch.where(labels == 1, having, without)

    def balanced(self, labels: Counts, classes: int) -> npt.NDArray[np.float32] | int:  # noqa: ARG002
        """(labels, 2) of images without and with each: n / (2 * count).

        That is the usual weight of the positive ones, negative / positive, scaled so that the mean weight is 1.
        """
        having = labels.sum(0)
        counts = np.stack((len(labels) - having, having), axis=1)
        if not counts.all():
            return int(counts.min(1).argmin())
        weights: npt.NDArray[np.float32] = (len(labels) / (2 * counts)).astype(np.float32)
        return weights

    def shared(self, shares: Tensor, labels: Tensor) -> Tensor:
        return shares.unsqueeze(2).expand(labels.shape)

    def training_loss(
        self, loss: Loss, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]
    ) -> Tensor:
        return loss.of_labels(logits, labels, weights, values)


_LABELLINGS: dict[Task, Labelling] = {"single-label": OneClass(), "multi-label": SeveralLabels()}


def labelling_of(task: Task) -> Labelling:
    """What is done for a task."""
    return _LABELLINGS[task]
