"""Adafactor (Shazeer and Stern 2018, arXiv 1804.04235; torch's): Adam with little memory, and without momentum.

The second moment is kept by rows and columns, and each weight's step is in proportion to its own size.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["Adafactor"]


class Adafactor(OptimizerFactory):
    """Builds torch's own."""

    start_values: ClassVar[Values] = {"lr": 0.01}

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        return torch.optim.Adafactor(trained(network), values["lr"], weight_decay=values["weight_decay"])
