"""Which failures are those of a memory that is too small."""

from __future__ import annotations

import torch

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
"""in the words of CUDA, of the CPU's allocator, of cuDNN and cuBLAS, which all raise plain RuntimeErrors"""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the device, or of the machine, was too small."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY)
