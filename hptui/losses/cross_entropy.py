"""Cross-entropy in nats, with label smoothing; where an image may have several labels, of each by itself (binary)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from hptui.losses import Loss, cross_entropy_of_labels, weighted_mean

__all__ = ["CrossEntropy"]


class CrossEntropy(Loss):
    """Weighs images, not classes.

    Not by the `weight` of cross_entropy: with label smoothing that weighs the smoothed part by the other classes, and
    draws every image towards the rarest.
    """

    tasks = ("single-label", "multi-label")
    of_labels = staticmethod(cross_entropy_of_labels)

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        smoothing = values["label_smoothing"]
        if weights is None:
            return F.cross_entropy(logits, labels, label_smoothing=smoothing)
        losses = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        return weighted_mean(losses, weights)
