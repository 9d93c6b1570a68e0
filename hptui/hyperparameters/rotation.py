"""Training images turned about their centre, each by its own angle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hptui.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["ROTATION"]


class Rotation(Hyperparameter):
    """Off at 0; bilinear, and joined with shift and zoom."""

    def on_geometry(self, images: int, sides: tuple[int, int], value: float, generator: Generator) -> Tensor | None:
        import torch

        if value == 0:
            return None
        angle = torch.rand(images, generator=generator).mul_(2).sub_(1).mul_(math.radians(value))
        cos, sin, none = angle.cos(), angle.sin(), torch.zeros(images)
        return torch.stack((cos, -sin, none, sin, cos, none), 1).view(images, 2, 3)


ROTATION = Rotation(
    "rotation",
    "rotation",
    default=0.0,
    low=0.0,
    high=180.0,
    suggested="0:20:lin:3",
    careful="larger",
    can_be_off=True,
    unit="degrees",
    meaning="a training image turned by up to so many degrees, either way",
    if_named=True,
    order=100,
)
