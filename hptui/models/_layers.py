"""Layers that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16


class Dropout(nn.Dropout):
    """nn.Dropout with a mask from 16 random bits per unit instead of 64 (32 on a GPU).

    The keep probability is rounded to 1/65536 and the scaling uses the rounded one, so the expectation is exact.
    On one CPU thread a training step of the course network takes 0.55 of the time with nn.Dropout (median of 15
    interleaved rounds of 20 steps, 0.52 to 0.56; tests/benchmarks/training_speed.py).
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        threshold, scale = kept(self.p)
        return x * ((random_levels(x) >= threshold) * scale).to(x.dtype)


def kept(rate: float) -> tuple[int, float]:
    """The least of `random_levels` that is kept, and what it is multiplied with."""
    dropped = min(round(rate * _LEVELS), _LEVELS - 1)
    return dropped - _LEVELS // 2, _LEVELS / (_LEVELS - dropped)


def random_levels(x: Tensor) -> Tensor:
    """A number of 16 bits for each unit of `x`, in its shape."""
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    return words.view(torch.int16)[: x.numel()].view(x.shape)
