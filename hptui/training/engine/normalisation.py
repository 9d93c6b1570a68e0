"""How pixels become numbers around zero: by the training images, or as those that pretrained weights were made with."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from hptui.errors import ConfigError
from hptui.training.engine.device_data import DeviceDataset
from hptui.training.engine.plug_ins import ModelFactory
from hptui.training.engine.pretrained import Pretrained

Normalisation = Literal["auto", "data", "imagenet"]
Colour = tuple[float, ...]
IMAGENET: tuple[Colour, Colour] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""mean and deviation per channel, of values in 0..1, that nearly all published weights were trained with"""

WHITE = 255.0


def normalised(
    data: DeviceDataset, wanted: Normalisation, factory: ModelFactory, weights: Pretrained | None
) -> tuple[DeviceDataset, str]:
    """The data with the statistics that fit, and a sentence where these are not those of the training images.

    Grey images become three channels where the statistics are those of colour, by which they are normalised.

    Raises:
        ConfigError: ImageNet's are asked for, and the images are neither grey nor of three channels.
    """
    if wanted == "data" or (wanted == "auto" and weights is None):
        return data, ""
    if wanted == "auto" and weights is not None:
        if weights.statistics is not None and _takes(data, weights.statistics[0].shape[1]):
            mean, std = (statistic.to(data.mean.device) for statistic in weights.statistics)
            return replace(data, mean=mean, std=std), "as those were that the weights were trained with"
        if weights.channels != len(IMAGENET[0]) or not _takes(data, len(IMAGENET[0])):
            return data, ""
    if not _takes(data, len(IMAGENET[0])):
        raise ConfigError(f"normalisation = 'imagenet': it has three channels, and the images have {data.channels}.")
    of_library: tuple[Colour, Colour] | None = getattr(factory, "normalisation", None)
    colour = of_library if of_library is not None and wanted == "auto" else IMAGENET
    mean, std = (_channels(data, values) for values in colour)
    words = " and ".join(", ".join(f"{value:.3g}" for value in values) for values in colour)
    source = "ImageNet's" if colour == IMAGENET else "those of the network's published weights"
    return replace(data, mean=mean, std=std), f"by {source} (mean and deviation {words}), not by the training images"


def _takes(data: DeviceDataset, channels: int) -> bool:
    """Whether images can be normalised by statistics of so many channels."""
    return data.channels in (1, channels)


def _channels(data: DeviceDataset, values: Colour) -> Tensor:
    """(1, 3, 1, 1) of pixels in 0..255, to which those of every depth are brought."""
    return WHITE * torch.tensor(values, dtype=torch.float32, device=data.mean.device).view(1, -1, 1, 1)
