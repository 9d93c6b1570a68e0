"""Tensors of K replicas as one, (K, ...): a row is laid out in memory like the tensor that it was copied from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """(K, *shape) copies of K tensors of one shape.

    Rows keep the strides (channels_last): a fused optimizer is wrong, silently, where those of weight, gradient and
    state differ, and a row goes back into the state of one network.
    """
    first = tensors[0]
    strides = torch.empty_like(first).stride()  # dense, where the first is not
    whole = torch.empty_strided(
        (len(tensors), *first.shape), (first.numel(), *strides), dtype=first.dtype, device=first.device
    )
    if all(tensor is first for tensor in tensors):
        return whole.copy_(first)
    for row, tensor in zip(whole.unbind(0), tensors, strict=True):
        row.copy_(tensor)
    return whole
