"""What those augmentations share that change the images of a batch, and nothing else.

One CPU core takes, in milliseconds, for 100 grey images of 28 pixels and for 32 RGB images of 224 pixels: flips 0.1 and
14, brightness 0.03 and 5, contrast 0.1 and 8, blur of up to 1 pixel 0.5 and 62, noise 0.4 and 40, erasing 0.3 and 14;
mixup, which is not one of them, 0.2 and 10.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hptui.hyperparameters import Batch, Hyperparameter

if TYPE_CHECKING:
    from torch import Generator, Tensor


class OfInputs(Hyperparameter):
    """One that is off at 0."""

    def on_batch(self, batch: Batch, value: float, generator: Generator) -> Batch:
        return replace(batch, inputs=self.changed(batch.inputs, value, generator)) if value > 0 else batch

    def changed(self, inputs: Tensor, value: float, generator: Generator) -> Tensor:
        """Other images (B, C, H, W); `value` is above 0, and in units of the deviation of the training pixels."""
        raise NotImplementedError(f"{self.name} changes nothing")


def uniform(inputs: Tensor, generator: Generator, low: float = -1.0, high: float = 1.0) -> Tensor:
    """(B, 1, 1, 1) a number for each of the images, on their device."""
    import torch

    drawn = torch.rand(len(inputs), 1, 1, 1, generator=generator)
    return drawn.mul_(high - low).add_(low).to(inputs.device)
