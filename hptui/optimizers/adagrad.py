"""Adagrad (Duchi et al. 2011; torch's): each weight's steps get smaller by what it has seen; without momentum."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["Adagrad"]


class Adagrad(OptimizerFactory):
    """Builds torch's own."""

    start_values: ClassVar[Values] = {"lr": 0.01}

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(trained(network), values["lr"], weight_decay=values["weight_decay"])
