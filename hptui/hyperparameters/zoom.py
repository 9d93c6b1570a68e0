"""Training images enlarged or made smaller about their centre, each by its own factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["ZOOM"]


class Zoom(Hyperparameter):
    """Off at 0; bilinear, and joined with rotation and shift."""

    def on_geometry(self, images: int, sides: tuple[int, int], value: float, generator: Generator) -> Tensor | None:
        import torch

        if value == 0:
            return None
        factor = (1 + value) ** torch.rand(images, 1, 1, generator=generator).mul_(2).sub_(1)
        return torch.eye(2, 3) / factor


ZOOM = Zoom(
    "zoom",
    "zoom",
    default=0.0,
    low=0.0,
    high=1.0,
    suggested="0:0.2:lin:3",
    careful="larger",
    can_be_off=True,
    unit="share",
    meaning="a training image enlarged, or made smaller, by a factor of up to 1 + this",
    if_named=True,
    order=120,
)
