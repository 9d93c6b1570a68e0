"""Adadelta (Zeiler 2012, arXiv 1212.5701; torch's): without momentum; the rate is a factor of its own, usually 1."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["Adadelta"]


class Adadelta(OptimizerFactory):
    """Builds torch's own."""

    start_values: ClassVar[Values] = {"lr": 1.0}

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        return torch.optim.Adadelta(trained(network), values["lr"], weight_decay=values["weight_decay"])
