"""Lion (Chen et al. 2023, arXiv 2302.06675): the sign of a moving average, so that all weights move by the same amount.

Momentum is its first beta. Its authors take a rate 3 to 10 times smaller than AdamW's, and as many times the decay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["Lion"]

SECOND_BETA = 0.99
"""of the average that is kept"""


class Lion(OptimizerFactory):
    """Builds it, with the paper's rate unless one is set."""

    start_values: ClassVar[Values] = {"lr": 1e-4}

    def __call__(self, network: nn.Module, values: Values) -> Optimizer:
        lr, decay, momentum = values["lr"], values["weight_decay"], values["momentum"]
        return _Lion(trained(network), {"lr": lr, "betas": (momentum, SECOND_BETA), "weight_decay": decay})


class _Lion(Optimizer):
    """All weights of a group at once: four passes over them, and one number kept for each."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step; there is no loss to evaluate again."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step(group, weights, [weight.grad for weight in weights])

    def _step(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["average"] = torch.zeros_like(weight)
        averages = [self.state[weight]["average"] for weight in weights]
        lr, (first, second) = group["lr"], group["betas"]
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        directions = torch._foreach_lerp(averages, gradients, 1 - first)
        torch._foreach_sign_(directions)
        torch._foreach_add_(weights, directions, alpha=-lr)
        torch._foreach_lerp_(averages, gradients, 1 - second)
