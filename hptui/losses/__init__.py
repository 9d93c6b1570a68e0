"""Training losses: one file each, every one a `Loss`.

What decisions compare is not this but --score, on validation images; its loss is always the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F


class Loss:
    """Base: the number that a training step makes smaller."""

    reads: ClassVar[tuple[str, ...]] = ("label_smoothing",)
    """hyperparameters that change it; those of a loss that are not named here cannot be set or searched with it"""

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        """The mean loss of a batch, a scalar to be differentiated.

        Args:
            logits: (B, classes) float32.
            labels: (B,) int64.
            weights: (B,) of each image, by its class; None: all count the same.
            values: hyperparameters in force, by name; those that it `reads` are there.
        """
        raise NotImplementedError(f"{type(self).__name__} has no formula")


def weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """The mean of (B,) losses, each image by its weight."""
    return losses.mean() if weights is None else (losses * weights).sum() / weights.sum()


def smoothed_labels(logits: Tensor, labels: Tensor, values: Mapping[str, float]) -> Tensor:
    """(B, classes) shares of each image: 1 for its label, less what label_smoothing spreads evenly over all classes."""
    classes, smoothing = logits.shape[1], values["label_smoothing"]
    return F.one_hot(labels, classes).to(logits.dtype) * (1 - smoothing) + smoothing / classes
