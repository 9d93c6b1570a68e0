"""Training losses: one file each, every one a `Loss`.

What decisions compare is not this but --score, on validation images; its loss is always the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


class Loss:
    """Base: the number that a training step makes smaller."""

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        """The mean loss of a batch, a scalar to be differentiated.

        Args:
            logits: (B, classes) float32.
            labels: (B,) int64.
            weights: (B,) of each image, by its class; None: all count the same.
            values: hyperparameters in force, for example label_smoothing.
        """
        raise NotImplementedError(f"{type(self).__name__} has no formula")


def weighted_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """The mean of (B,) losses, each image by its weight."""
    return losses.mean() if weights is None else (losses * weights).sum() / weights.sum()
