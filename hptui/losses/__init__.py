"""Training losses: one file each, every one a `Loss`.

What decisions compare is not this but --score, on validation images; its loss is always the cross-entropy (where an
image may have several labels, the mean of that of each).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from hptui.record.task import Task


class Loss:
    """Base: the number that a training step makes smaller."""

    reads: ClassVar[tuple[str, ...]] = ("label_smoothing",)
    """hyperparameters that change it; those of a loss that are not named here cannot be set or searched with it"""

    tasks: ClassVar[tuple[Task, ...]] = ("single-label",)
    """for which it has a formula; with others it is refused before anything is trained"""

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        """The mean loss of a batch, a scalar to be differentiated.

        Args:
            logits: (B, classes) float32.
            labels: (B,) int64.
            weights: (B,) of each image, by its class; None: all count the same.
            values: hyperparameters in force, by name; those that it `reads` are there.
        """
        raise NotImplementedError(f"{type(self).__name__} has no formula")

    def of_labels(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        """The mean loss of a batch of images that may have any number of labels.

        Args:
            logits: (B, labels) float32, one of each label by itself: its probability is the sigmoid.
            labels: (B, labels) int64, 0 or 1.
            weights: (B, labels) of each label of each image, by whether it has it; None: all count the same.
            values: as above.
        """
        raise NotImplementedError(f"{type(self).__name__} has no formula for several labels")


def weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """The mean of (B,) losses, each image by its weight; of (B, labels) likewise."""
    return losses.mean() if weights is None else (losses * weights).sum() / weights.sum()


def smoothed_labels(logits: Tensor, labels: Tensor, values: Mapping[str, float]) -> Tensor:
    """(B, classes) shares of each image: 1 for its label, less what label_smoothing spreads evenly over all classes."""
    classes, smoothing = logits.shape[1], values["label_smoothing"]
    return F.one_hot(labels, classes).to(logits.dtype) * (1 - smoothing) + smoothing / classes


def smoothed_presence(logits: Tensor, labels: Tensor, values: Mapping[str, float]) -> Tensor:
    """(B, labels) 1 where an image has the label, else 0, less what label_smoothing moves towards one half."""
    smoothing = values["label_smoothing"]
    return labels.to(logits.dtype) * (1 - smoothing) + smoothing / 2


def cross_entropy_of_labels(
    logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]
) -> Tensor:
    """The cross-entropy of each label by itself, which is the binary one; the mean over images and labels."""
    targets = smoothed_presence(logits, labels, values)
    return weighted_mean(F.binary_cross_entropy_with_logits(logits, targets, reduction="none"), weights)
