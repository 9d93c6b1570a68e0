"""Adam (Kingma and Ba 2015, arXiv 1412.6980; torch's, fused); momentum is its first beta.

Fused kernels are wrong, silently, for a gradient whose strides differ from its weight's (seen with torch.func);
gradients from `backward()` follow the weight's strides. tests/training holds each against the plain form.
"""

from __future__ import annotations

import torch
from torch import nn

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, fusible, trained

__all__ = ["Adam"]


class Adam(OptimizerFactory):
    """Builds torch's own."""

    def __call__(self, network: nn.Module, values: Values) -> torch.optim.Optimizer:
        lr, decay, momentum, weights = values["lr"], values["weight_decay"], values["momentum"], trained(network)
        return torch.optim.Adam(weights, lr, (momentum, 0.999), weight_decay=decay, fused=fusible(weights))
