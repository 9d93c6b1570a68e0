"""RMSprop (Tieleman and Hinton 2012; torch's); without momentum, unless some is set or searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["RMSprop"]


class RMSprop(OptimizerFactory):
    """Builds torch's own, for a momentum that changes."""

    start_values: ClassVar[Values] = {"momentum": 0.0}

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        lr, decay, momentum = values["lr"], values["weight_decay"], values["momentum"]
        return _RMSprop(trained(network), lr, weight_decay=decay, momentum=momentum)


class _RMSprop(torch.optim.RMSprop):
    """torch's takes a momentum above 0 only where it had one at its first step, and fails otherwise."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            for weight in group["params"] if group["momentum"] > 0 else ():
                if weight in self.state and "momentum_buffer" not in self.state[weight]:
                    self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        return super().step(closure)
