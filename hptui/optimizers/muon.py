"""Muon (Jordan et al. 2024) for the weights of hidden layers, AdamW for all others: biases, norms and the output layer.

A step of Muon is the momentum made orthogonal, so that no direction of a layer is neglected. Filters of a convolution
are the rows of a matrix (torch.optim.Muon takes matrices alone, and would leave a CNN's filters out). Steps are scaled
to the size of AdamW's (Liu et al. 2025, arXiv 2502.16982), so that one rate and decay fit both; so does one momentum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["Muon"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""of the polynomial that draws singular values towards 1"""
ITERATIONS = 5
SECOND_BETA = 0.999
"""of AdamW"""


class Muon(OptimizerFactory):
    """Builds it, with its author's momentum unless one is set."""

    start_values: ClassVar[Values] = {"momentum": 0.95}

    def __call__(self, network: nn.Module, values: Values) -> Optimizer:
        hidden = _hidden_weights(network)
        others = [weight for weight in trained(network) if weight not in hidden]
        momentum = values["momentum"]
        groups: list[dict[str, Any]] = [
            {"params": list(hidden), "momentum": momentum},
            {"params": others, "betas": (momentum, SECOND_BETA), "fused": True},
        ]
        return _MuonAndAdamW(groups, {"lr": values["lr"], "weight_decay": values["weight_decay"]})


def _hidden_weights(network: nn.Module) -> dict[Tensor, None]:
    """Trained weights of linear and convolutional layers, except the last in order of definition, the output."""
    layers = dict.fromkeys(one.weight for one in network.modules() if isinstance(one, (nn.Linear, _ConvNd)))
    return dict.fromkeys(weight for weight in [*layers][:-1] if weight.requires_grad)


class _MuonAndAdamW(Optimizer):
    """Groups with `momentum` are for the one, groups with `betas` for the other."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step; there is no loss to evaluate again."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if "betas" in group:
                self._adamw(group, weights)
            else:
                self._muon(group, weights)

    def _muon(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        for weight in weights:
            gradient, state = weight.grad, self.state[weight]
            assert gradient is not None
            if not state:
                state["average"] = torch.zeros_like(weight)
            average: Tensor = state["average"].lerp_(gradient, 1 - momentum)
            matrix = gradient.lerp(average, momentum).flatten(1)  # Nesterov's; (filters, channels x height x width)
            size = 0.2 * max(matrix.shape) ** 0.5  # the root mean square of AdamW's steps is about 0.2
            weight.mul_(1 - lr * group["weight_decay"])
            weight.add_(orthogonal(matrix).view(weight.shape), alpha=-lr * size)

    def _adamw(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        for weight in weights:
            if not self.state[weight]:
                mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
                self.state[weight] |= {"step": torch.zeros((), device=weight.device), "mean": mean, "square": square}
        states = [self.state[weight] for weight in weights]
        adamw(
            weights,
            [weight.grad for weight in weights if weight.grad is not None],
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the nearest matrix with orthonormal rows or columns: most singular values end between 0.7 and 1.2.

    Newton-Schulz iterations in the precision of `matrix`; bfloat16, which is usual, gains nothing on a CPU.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T.contiguous() if is_tall else x
