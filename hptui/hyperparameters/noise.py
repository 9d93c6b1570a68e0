"""Gaussian noise added to training images, to each of its own strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters._inputs import OfInputs, uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["NOISE"]


class Noise(OfInputs):
    """Drawn where the images are: numbers of a GPU are others than those of a CPU."""

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        import torch

        strength = uniform(inputs, generator, 0.0, value)
        if inputs.device.type != "cpu":
            seed = int(torch.randint(2**31, (), generator=generator))
            generator = torch.Generator(inputs.device).manual_seed(seed)
        drawn = torch.randn(inputs.shape, generator=generator, device=inputs.device)
        return drawn.mul_(strength).add_(inputs)


NOISE = Noise(
    "noise",
    "noise",
    default=0.0,
    low=0.0,
    high=10.0,
    suggested="0:0.2:lin:3",
    careful="larger",
    can_be_off=True,
    unit="deviations",
    meaning="noise in a training image of up to so many deviations of the training pixels",
    if_named=True,
    order=160,
)
