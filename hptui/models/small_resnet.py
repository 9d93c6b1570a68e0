"""A small residual network with BatchNorm, for images of any size (He et al. 2016, arXiv 1512.03385, basic blocks).

Three stages of one block with 16, 32 and 64 channels, halving the side between them, then global average
pooling: 77,562 weights on grey images with ten classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hptui.models._layers import Dropout

__all__ = ["SmallResNet"]

BATCH_NORM = True
"""whether it has layers whose running statistics belong to its weights"""

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two 3x3 convolutions with BatchNorm beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        same = channels == width and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class SmallResNet(nn.Module):
    """(B, C, H, W) -> (B, classes)."""

    memory_format = torch.channels_last

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, WIDTHS[0], 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(WIDTHS[0])
        before = (WIDTHS[0], *WIDTHS[:-1])
        self.blocks = nn.Sequential(
            *(Block(channels, width, 1 + (channels != width)) for channels, width in zip(before, WIDTHS, strict=True))
        )
        self.dropout = Dropout(0.0)
        self.output = nn.Linear(WIDTHS[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.stem_norm(self.stem(x))))
        output: Tensor = self.output(self.dropout(x.mean((2, 3))))
        return output
