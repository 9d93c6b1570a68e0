"""Training images made brighter or darker, each by its own amount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["BRIGHTNESS"]


class Brightness(OfInputs):
    """Adds one number to all pixels of an image, in units of the deviation that the training pixels have."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        return inputs + uniform(inputs, generator, -value, value)


BRIGHTNESS = Brightness(
    "brightness",
    "brightness",
    default=0.0,
    low=0.0,
    high=10.0,
    suggested="0:0.5:lin:3",
    careful="larger",
    can_be_off=True,
    unit="deviations",
    meaning="all pixels of a training image brighter or darker by up to so many deviations of the training pixels",
    if_named=True,
    order=130,
)
