"""Where the images of a study lie while it is trained, by how much memory there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hptui.datasets import ImageDataset, Pixels
from hptui.datasets._rows import PixelRows
from hptui.machine import free_memory
from hptui.record.intensity import Intensity
from hptui.record.sizes import in_bytes
from hptui.training.engine.host_pixels import HostPixels
from hptui.training.engine.stored_pixels import stored

ImagesOn = Literal["auto", "device", "host"]
SHARE = 0.7
"""of the free memory of a GPU that images may take; the rest is the network's"""


@dataclass(frozen=True)
class Placement:
    """Where images lie."""

    ahead: bool = False
    """in main memory, or on the disk where they are mapped, from where batches are brought ahead"""
    whole: bool = False
    """all on the device, also where that takes a copy on a CPU"""
    note: str = ""
    """what whoever trains should know; empty where nothing is out of the ordinary"""

    def place(self, pixels: Pixels | PixelRows, intensity: Intensity, device: torch.device) -> Tensor | HostPixels:
        """Pixels (N, C, H, W) where they are to lie."""
        seen_in_place = device.type == "cpu" and isinstance(pixels, PixelRows) and not self.whole
        if self.ahead or seen_in_place:
            return HostPixels(pixels, intensity, device, ahead=self.ahead)
        return stored(pixels, intensity, device)


def placement(wanted: ImagesOn, dataset: ImageDataset, device: torch.device) -> Placement:
    """Decide by the memory that is free now."""
    if wanted == "device":
        return Placement(whole=True)
    splits = (dataset.train, dataset.validation, dataset.test)
    size = sum(images.pixels.nbytes for images in splits if images is not None)
    where = "in main memory" if device.type == "cuda" else "on the disk as far as they are mapped"
    stay = f"{in_bytes(size)} of images stay {where}, and each batch is brought ahead"
    if wanted == "host":
        return Placement(ahead=True, note=f"{stay} (--images-on host)")
    free = free_bytes(device)
    if size <= (SHARE * free if device.type == "cuda" else free):
        return Placement()
    return Placement(ahead=True, note=f"{stay}: {in_bytes(free)} are free on {device} (--images-on device: all there)")


def free_bytes(device: torch.device) -> int:
    """Bytes of the device's memory that nobody uses."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
