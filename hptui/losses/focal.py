"""Focal loss (Lin et al. 2017, arXiv 1708.02002): images that are nearly right already count less.

`--set focal_gamma=VALUE` says how much less, and it can be searched; at 0 it is the cross-entropy. The paper's alpha,
which weighs classes, is --class-weights here. It is no proper score (Charoenphakdee et al. 2021, arXiv 2011.09172): the
probabilities of a network that is trained with it are nearer to guessing than the truth is.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from hptui.losses import Loss, smoothed_labels, smoothed_presence, weighted_mean

__all__ = ["Focal"]


class Focal(Loss):
    """The cross-entropy, each class's part times (1 - its probability) to the power of gamma.

    Without label smoothing only the true class has a part, as in the paper; with it all have, by their share. Where an
    image may have several labels, that of each with and without it, which are two classes.
    """

    tasks = ("single-label", "multi-label")
    reads = ("label_smoothing", "focal_gamma")

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        log_probabilities = F.log_softmax(logits, 1)
        # 1 - p, of the logarithm: exact where p is nearly 1; the floor keeps the power's slope finite for gamma below 1
        away = -log_probabilities.expm1()
        modulated = away.clamp_min(1e-7) ** values["focal_gamma"] * log_probabilities
        return weighted_mean(-(smoothed_labels(logits, labels, values) * modulated).sum(1), weights)

    def of_labels(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        targets, gamma = smoothed_presence(logits, labels, values), values["focal_gamma"]
        present, absent = F.logsigmoid(logits), F.logsigmoid(-logits)
        with_it = targets * (-present.expm1()).clamp_min(1e-7) ** gamma * present
        without = (1 - targets) * (-absent.expm1()).clamp_min(1e-7) ** gamma * absent
        return weighted_mean(-(with_it + without), weights)
