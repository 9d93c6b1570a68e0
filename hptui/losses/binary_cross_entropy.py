"""Binary cross-entropy in nats: each class against all others together, the mean over the classes.

Of the probabilities that are delivered, those of a softmax, not of one sigmoid for each class: a network trained with
sigmoids and read by a softmax is far too sure of itself (by a factor of two in the log odds of two classes). For two
classes it is the cross-entropy; for more it also rewards what is said of the classes that an image is not of.

Where an image may have several labels each has a sigmoid of its own, and this is their cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from hptui.losses import Loss, cross_entropy_of_labels, smoothed_labels, weighted_mean

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(Loss):
    """Takes label smoothing; classes x classes numbers for each image, so not for thousands of classes."""

    tasks = ("single-label", "multi-label")
    of_labels = staticmethod(cross_entropy_of_labels)

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        classes = logits.shape[1]
        own = torch.eye(classes, dtype=torch.bool, device=logits.device)
        others = logits.unsqueeze(1).masked_fill(own, -torch.inf).logsumexp(2)  # (B, classes)
        targets = smoothed_labels(logits, labels, values)
        losses = F.binary_cross_entropy_with_logits(logits - others, targets, reduction="none").mean(1)
        return weighted_mean(losses, weights)
