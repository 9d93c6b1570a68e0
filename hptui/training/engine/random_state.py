"""The random number generators that a training draws from without owning them.

nn.Dropout and most user code draw from torch's global generators, and a model may use those of Python and
NumPy. All of them belong to a snapshot.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed torch (all devices), Python and NumPy."""
    seed_torch(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def seed_torch(seed: int) -> None:
    """Seed torch on all devices."""
    if torch.cuda.is_available():
        torch.manual_seed(seed)
    else:  # which would keep for absent devices, as text, whence it was called: hundreds of times the work
        torch.default_generator.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Any]:
    """All states, as tensors and plain data."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    assert isinstance(keys, np.ndarray)
    version, internal, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "device": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "python": (version, torch.tensor(internal), gauss_next),  # as 625 numbers it took most of a checkpoint's time
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
    }


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Inverse of `random_state`."""
    torch.set_rng_state(state["torch"].cpu())
    if state["device"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["device"].cpu(), device)
    version, internal, gauss_next = state["python"]
    plain = internal.tolist() if isinstance(internal, torch.Tensor) else internal  # numbers in older checkpoints
    random.setstate((version, tuple(plain), gauss_next))
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), position, has_gauss, gauss))
