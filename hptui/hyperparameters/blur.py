"""Training images blurred by a Gaussian, each by its own width."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["BLUR"]

REACH = 3.0
"""how far the Gaussian goes, in its widths"""
NONE = 1e-3
"""a width in pixels that changes nothing, and divides nothing by zero"""


class Blur(OfInputs):
    """Blurs along one axis after the other; the pixels of the edge go on beyond it."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        import torch

        radius = math.ceil(REACH * value)
        width = uniform(inputs, generator, 0.0, value).clamp_min_(NONE)
        distances = torch.arange(-radius, radius + 1, device=inputs.device)
        weights = torch.exp(-0.5 * (distances / width).square()).flatten(1)  # (B, taps)
        weights /= weights.sum(1, keepdim=True)
        return _along(_along(inputs, weights, 3), weights, 2)


def _along(inputs: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Each image by its own `weights` (B, taps) along one of its sides."""
    import torch
    from torch.nn import functional as F

    taps, side = weights.shape[1], inputs.shape[axis]
    radius = taps // 2
    wider = F.pad(inputs, (radius, radius, 0, 0) if axis == 3 else (0, 0, radius, radius), mode="replicate")
    total = torch.zeros_like(inputs)
    for tap in range(taps):
        total.addcmul_(wider.narrow(axis, tap, side), weights[:, tap].view(-1, 1, 1, 1))
    return total


BLUR = Blur(
    "blur",
    "blur",
    default=0.0,
    low=0.0,
    high=10.0,
    suggested="0:1:lin:3",
    careful="larger",
    can_be_off=True,
    unit="pixels",
    meaning="a training image blurred by a Gaussian of up to so many pixels",
    if_named=True,
    order=150,
)
