"""The small CNN of DTU's course 02456 (Deep Learning): the dummy network of the proof of concept.

conv 16 filters 5x5, ReLU, dropout, linear 100, ReLU, linear to the classes: 923,126 weights on 28x28 grey images
with ten classes.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from hptui.models._layers import Dropout

__all__ = ["DtuCnn"]

FILTERS, KERNEL, HIDDEN = 16, 5, 100


class DtuCnn(nn.Module):
    """(B, C, H, W) -> (B, classes)."""

    def __init__(self, in_channels: int, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        height, width = (side - KERNEL + 1 for side in image_size)
        self.convolution = nn.Conv2d(in_channels, FILTERS, KERNEL)
        self.dropout = Dropout(0.5)
        self.hidden = nn.Linear(FILTERS * height * width, HIDDEN)
        self.output = nn.Linear(HIDDEN, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(F.relu(self.convolution(x)))  # (B, 16, H-4, W-4)
        x = F.relu(self.hidden(x.flatten(1)))
        output: Tensor = self.output(x)
        return output
