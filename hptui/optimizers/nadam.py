"""NAdam (Dozat 2016; torch's): Adam with Nesterov's momentum, which is its first beta."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["NAdam"]


class NAdam(OptimizerFactory):
    """Builds torch's own."""

    start_values: ClassVar[Values] = {"lr": 0.002}

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        lr, decay, momentum = values["lr"], values["weight_decay"], values["momentum"]
        return torch.optim.NAdam(trained(network), lr, (momentum, 0.999), weight_decay=decay)
