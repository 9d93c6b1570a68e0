"""Optimizers: one file each, every one an `OptimizerFactory`. A subclass of torch.optim.Optimizer will do, too.

Of torch those are here that take a step per batch of dense gradients: not LBFGS (it evaluates the loss again), Rprop
(for all images at once), SparseAdam and ASGD (whose step has the rate that was in force before).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn
from torch.optim import Optimizer

from hptui.hyperparameters import Values


class OptimizerFactory:
    """Base: builds an optimizer, and says what it needs."""

    start_values: ClassVar[Values] = {}
    """in force from the start, where the user sets nothing, instead of hptui's own defaults"""
    package: ClassVar[str] = ""
    """that has to be installed for it (the extra hptui[optimizers] has those of the files here)"""

    def __call__(self, network: nn.Module, values: Values) -> Optimizer:
        """A new optimizer of the weights that are trained.

        Hyperparameters are changed in its `param_groups` meanwhile: "lr", "weight_decay", and "betas" or "momentum".

        Args:
            network: as it is trained.
            values: in force from the start, by name: lr, weight_decay, momentum and all others.

        Raises:
            ConfigError: it cannot train this network, or not with these values.
        """
        raise NotImplementedError(f"{type(self).__name__} builds nothing")


def trained(network: nn.Module) -> list[nn.Parameter]:
    """The weights that are not frozen."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def fusible(weights: Sequence[nn.Parameter]) -> bool:
    """Whether torch has fused kernels for all of them: it has none for complex numbers."""
    return all(weight.is_floating_point() for weight in weights)


class Plain(OptimizerFactory):
    """Builds a class of torch, or of the same form, from those values that its signature has."""

    def __init__(self, kind: type[Optimizer]) -> None:
        self._kind = kind

    def __call__(self, network: nn.Module, values: Values) -> Optimizer:
        taken: dict[str, Any] = dict(inspect.signature(self._kind).parameters)
        arguments: dict[str, Any] = {name: values[name] for name in ("lr", "weight_decay", "momentum") if name in taken}
        optimizer = self._kind(trained(network), **arguments)
        for group in optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (values["momentum"], *group["betas"][1:])
        return optimizer
