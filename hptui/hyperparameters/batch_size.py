"""Images of one training step."""

from __future__ import annotations

from hptui.hyperparameters import Hyperparameter

__all__ = ["BATCH_SIZE"]

BATCH_SIZE = Hyperparameter(  # the loop reads it
    "batch_size",
    "batch size",
    default=100.0,
    low=1.0,
    high=1e6,
    whole=True,
    suggested="32:512:log:5",
    order=60,
)
