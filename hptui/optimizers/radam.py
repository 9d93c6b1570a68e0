"""RAdam (Liu et al. 2020, arXiv 1908.03265; torch's): Adam that warms itself up; momentum is its first beta."""

from __future__ import annotations

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["RAdam"]


class RAdam(OptimizerFactory):
    """Builds torch's own."""

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        lr, decay, momentum = values["lr"], values["weight_decay"], values["momentum"]
        return torch.optim.RAdam(trained(network), lr, (momentum, 0.999), weight_decay=decay)
