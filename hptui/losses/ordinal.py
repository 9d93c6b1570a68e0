"""Ranked probability score (Epstein 1969): for grades, where two grades off is worse than one.

As a loss, squared earth mover's distance (Hou et al. 2016, arXiv 1611.05916). The order of the classes is that of the
labels. Unlike soft labels and kappa losses it is a proper score: nothing lowers it further than the true probabilities,
so those of the network can be read as such. It needs no other output than one logit per class.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from hptui.losses import Loss, smoothed_labels, weighted_mean

__all__ = ["Ordinal"]


class Ordinal(Loss):
    """The squared difference between the probability of at most a grade and whether it is so, summed over all grades.

    Label smoothing spreads the label evenly over all grades, as it does elsewhere.
    """

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor | None, values: Mapping[str, float]) -> Tensor:
        surplus = F.softmax(logits, 1) - smoothed_labels(logits, labels, values)
        return weighted_mean(surplus.cumsum(1).square().sum(1), weights)
