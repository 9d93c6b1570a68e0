"""Training images moved along both of their sides, each by its own amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["SHIFT"]


class Shift(Hyperparameter):
    """Off at 0; bilinear, and joined with rotation and zoom."""

    def on_geometry(self, images: int, sides: tuple[int, int], value: float, generator: Generator) -> Tensor | None:
        import torch

        if value == 0:
            return None
        height, width = sides
        amount = torch.rand(images, 2, generator=generator).mul_(2).sub_(1).mul_(value)
        back = (-amount * torch.tensor([width, height])).unsqueeze(2)
        return torch.cat((torch.eye(2).expand(images, 2, 2), back), 2)


SHIFT = Shift(
    "shift",
    "shift",
    default=0.0,
    low=0.0,
    high=1.0,
    suggested="0:0.15:lin:3",
    careful="larger",
    can_be_off=True,
    unit="share of a side",
    meaning="a training image moved by up to this share of each side, either way",
    if_named=True,
    order=110,
)
