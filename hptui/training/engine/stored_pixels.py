"""How pixels are held on the device, and brought to 0 to 255 there, at their full depth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hptui.datasets import Pixels
from hptui.datasets._rows import PixelRows, pieces
from hptui.record.intensity import Intensity


def stored(pixels: Pixels | PixelRows, intensity: Intensity, device: torch.device) -> Tensor:
    """(N, C, H, W) on the device: bytes as they are, 16 bits as int16, floats in 0..255.

    Unsigned 16 bits keep theirs under another name: torch cannot index its uint16 on a GPU. On a CPU the memory of
    an array is shared, unless it holds floats.
    """
    if isinstance(pixels, PixelRows):
        whole = torch.empty(pixels.shape, dtype=as_tensor(pixels.array[:0]).dtype, device=device)
        begin = 0
        for piece in pieces(pixels):
            whole[begin : begin + len(piece)] = as_tensor(piece)
            begin += len(piece)
    else:
        whole = as_tensor(pixels).to(device)
        if whole.dtype == torch.float32 and device.type == "cpu":
            whole = whole.clone()
    return brought(whole, intensity) if whole.dtype == torch.float32 else whole


def as_tensor(pixels: Pixels) -> Tensor:
    """Memory of an array as a tensor, if it can be shared."""
    array = np.ascontiguousarray(pixels)
    if not array.flags.writeable:  # torch refuses to share it
        array = array.copy()
    return torch.from_numpy(array.view(np.int16) if array.dtype == np.uint16 else array)


def scaled(pixels: Tensor, intensity: Intensity) -> Tensor:
    """Images as they are stored -> in 0..255: bytes as they are where nobody asked for more, else float32."""
    if intensity.untouched or pixels.dtype == torch.float32:
        return pixels
    whole = pixels.to(torch.int32).bitwise_and_(0xFFFF) if intensity.dtype == "uint16" else pixels
    return brought(whole.to(torch.float32), intensity)


def brought(values: Tensor, intensity: Intensity) -> Tensor:
    """Float32 values, changed in place."""
    return values.sub_(intensity.low).mul_(255 / (intensity.high - intensity.low)).clamp_(0, 255)
