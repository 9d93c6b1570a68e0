"""Training images with more or less contrast, each by its own factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["CONTRAST"]


class Contrast(OfInputs):
    """Multiplies the distance of an image's pixels from their mean, channel by channel."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        factor = (1 + value) ** uniform(inputs, generator)
        mean = inputs.mean((2, 3), keepdim=True)
        return (inputs - mean).mul_(factor).add_(mean)


CONTRAST = Contrast(
    "contrast",
    "contrast",
    default=0.0,
    low=0.0,
    high=10.0,
    suggested="0:0.5:lin:3",
    careful="larger",
    can_be_off=True,
    unit="share",
    meaning="contrast of a training image multiplied or divided by up to 1 + this",
    if_named=True,
    order=140,
)
