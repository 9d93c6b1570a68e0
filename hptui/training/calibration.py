"""Loss after temperature scaling (Guo et al. 2017, arXiv 1706.04599): what a network knows, apart from how sure it is.

A stronger regulariser makes a network less sure long before it makes it better, and an overfitted one is too sure: a
short probe that is compared by the plain loss sees little else. One temperature per network, fitted on the same
validation images, takes that out of every candidate alike.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 20
TOLERANCE = 1e-4
LEAST, MOST = 1e-3, 1e3
"""of the inverse temperature"""


def calibrated_losses(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """(N,) cross-entropy per image at the temperature with the lowest mean, from (N, C) logits and (N,) labels.

    With (N,) `weights` of mean 1 both the mean and the losses are weighted.

    The mean is convex in the inverse temperature; Newton's method finds its minimum in a few steps. Logits that are
    not finite are left as they are: such a network has diverged.
    """
    scaled = logits.double()
    if not bool(torch.isfinite(scaled).all()):
        return _losses(logits, labels, weights)
    true = scaled.gather(1, labels[:, None].long()).squeeze(1)
    inverse = 1.0
    for _ in range(STEPS):
        shares = torch.softmax(inverse * scaled, 1)
        expected = (shares * scaled).sum(1)
        slopes, curvatures = expected - true, (shares * scaled**2).sum(1) - expected**2
        slope = (slopes if weights is None else weights * slopes).mean()
        curvature = (curvatures if weights is None else weights * curvatures).mean()
        wanted = inverse - float(slope / curvature) if float(curvature) > 0 else inverse
        # a step of Newton's method may go too far where the loss is nearly linear
        wanted = min(max(wanted, inverse / 3, LEAST), inverse * 3, MOST)
        if abs(wanted - inverse) <= TOLERANCE * inverse:
            break
        inverse = wanted
    return _losses(inverse * scaled, labels, weights).float()


def _losses(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    plain = F.cross_entropy(logits, labels, reduction="none")
    return plain if weights is None else plain * weights
