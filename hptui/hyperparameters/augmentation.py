"""The strength of random shifts and rotations of the training images: one number for what suits most images.

Whoever wants more sets what is beside it in this folder: rotation, shift, zoom, flips, brightness, contrast, blur,
noise, erasing and mixup; they are added to it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hptui.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["AUGMENTATION"]

MAX_ROTATION_DEGREES = 20.0
MAX_SHIFT = 0.15
"""of the image's side; both at strength 1"""


class Augmentation(Hyperparameter):
    """Changes each batch of training images; at strength 0 not at all."""

    def on_images(self, pixels: Tensor, value: float, generator: Generator) -> Tensor:
        return augment(pixels, value, generator) if value > 0 else pixels


def augment(pixels: Tensor, strength: float, generator: Generator) -> Tensor:
    """Shift and rotate each image by its own random amount; (B, C, H, W) -> the same shape, float32.

    At strength 1 up to 20 degrees and 15 % of the side, uniformly; black comes in from outside.
    """
    import torch
    from torch.nn import functional as F

    batch, height, width = pixels.shape[0], pixels.shape[2], pixels.shape[3]
    draw = torch.rand(batch, 3, generator=generator).to(pixels.device).mul_(2).sub_(1).mul_(strength)
    angle = draw[:, 0] * math.radians(MAX_ROTATION_DEGREES)
    cos, sin, aspect = angle.cos(), angle.sin(), height / width
    rotation = torch.stack((cos, -sin * aspect, sin / aspect, cos), 1).view(batch, 2, 2)
    # affine_grid asks where each output pixel comes from, in units of half a side (15 % of the side is 0.3)
    shift = rotation @ draw[:, 1:].mul(-2 * MAX_SHIFT).unsqueeze(2)
    grid = F.affine_grid(torch.cat((rotation, shift), 2), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


AUGMENTATION = Augmentation(
    "augmentation",
    "augmentation strength",
    default=0.0,
    low=0.0,
    high=1.0,
    suggested="0:1:lin:3",
    careful="larger",
    can_be_off=True,
    meaning="rotation and shift together, at 1 of up to 20 degrees and 15 % of a side; each also has a row of its own",
    order=70,
)
