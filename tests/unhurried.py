"""A network that takes its time and hardly any of a processor's: a training lasts for as long as a test looks at it."""

from __future__ import annotations

import time
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

SECONDS = 0.02
"""that a step of a training takes at least"""
SIDE = 4
MODEL = f"{Path(__file__)}:Unhurried"


class Unhurried(nn.Module):
    """(B, C, H, W) -> (B, classes): linear in what is left of an image at 4 x 4 pixels."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(in_channels * SIDE**2, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            time.sleep(SECONDS)
        answer: Tensor = self.output(F.adaptive_avg_pool2d(x, SIDE).flatten(1))
        return answer
