"""The test images that a completed run gets most wrong, brought to what a screen can show."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from hptui.metrics.wrong import most_wrong_images
from hptui.record.predictions import Predictions
from hptui.record.wrong_images import SIDE, WrongPixels
from hptui.training.engine.device_data import DeviceDataset, DeviceImages


def wrong_pixels(data: DeviceDataset, test: DeviceImages, predictions: Predictions, most: int) -> WrongPixels | None:
    """Small copies of at most so many; None: there is none to keep.

    In the intensities that the study brings to 0..255, grey or RGB; of any other number of channels the first.
    """
    indices = most_wrong_images(predictions, most)
    if not len(indices):
        return None
    pixels = data.scaled(test.pixels[torch.from_numpy(indices)]).float()
    pixels = pixels if pixels.shape[1] == 3 else pixels[:, :1]
    height, width = pixels.shape[2:]
    if (longer := max(height, width)) > SIDE:
        size = max(1, round(height * SIDE / longer)), max(1, round(width * SIDE / longer))
        pixels = F.interpolate(pixels, size, mode="area")
    return WrongPixels(indices, pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy().astype(np.uint8))
