"""A rectangle of a training image erased, with this probability (Zhong et al. 2020, arXiv 1708.04896)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["ERASING"]

LEAST, MOST = 0.02, 0.33
"""share of the image"""
LONGEST = 1 / 0.3
"""height by width, or width by height"""


class Erasing(OfInputs):
    """Leaves the mean of the training pixels in it; sizes and sides are those of the paper."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        import torch

        height, width = inputs.shape[2:]
        draw = torch.rand(len(inputs), 5, generator=generator).to(inputs.device)
        chosen, size, shape, top, left = torch.split(draw, 1, 1)  # (B, 1) each
        area = height * width * (LEAST + (MOST - LEAST) * size)
        stretch = LONGEST ** (2 * shape - 1)
        rows = _inside(height, (area * stretch).sqrt(), top)
        columns = _inside(width, (area / stretch).sqrt(), left)
        erased = (chosen < value).unsqueeze(2) & rows.unsqueeze(2) & columns.unsqueeze(1)
        return inputs.masked_fill(erased.unsqueeze(1), 0.0)


def _inside(side: int, length: Tensor, place: Tensor) -> Tensor:
    """(B, side) whether a pixel lies within the `length` (B, 1) that begins at a share `place` of what is left."""
    import torch

    length = length.round().clamp_(1, side)
    start = (place * (side - length + 1)).floor()
    pixels = torch.arange(side, device=length.device)
    return (pixels >= start) & (pixels < start + length)


ERASING = Erasing(
    "erasing",
    "erasing",
    default=0.0,
    low=0.0,
    high=1.0,
    suggested="0:0.5:lin:3",
    careful="larger",
    can_be_off=True,
    unit="probability",
    meaning="a rectangle of 2 to 33 % of a training image erased",
    if_named=True,
    order=170,
)
