"""Training images with top and bottom exchanged, each with this probability: for images that have no up and down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["VERTICAL_FLIP"]


class VerticalFlip(OfInputs):
    """Exact: no pixel is interpolated."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        return inputs.flip(2).where(uniform(inputs, generator, 0.0) < value, inputs)


VERTICAL_FLIP = VerticalFlip(
    "vertical_flip",
    "vertical flip",
    default=0.0,
    low=0.0,
    high=1.0,
    aliases=("vflip",),
    suggested="0:0.5:lin:2",
    careful="larger",
    can_be_off=True,
    unit="probability",
    meaning="top and bottom of a training image exchanged, for images that have no up and down",
    if_named=True,
    order=90,
)
