"""Training images with left and right exchanged, each with this probability: not where the side of the body matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["HORIZONTAL_FLIP"]


class HorizontalFlip(OfInputs):
    """Exact: no pixel is interpolated."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        return inputs.flip(3).where(uniform(inputs, generator, 0.0) < value, inputs)


HORIZONTAL_FLIP = HorizontalFlip(
    "horizontal_flip",
    "horizontal flip",
    default=0.0,
    low=0.0,
    high=1.0,
    aliases=("hflip",),
    suggested="0:0.5:lin:2",
    careful="larger",
    can_be_off=True,
    unit="probability",
    meaning="left and right of a training image exchanged, not where the side of the body matters",
    if_named=True,
    order=80,
)
