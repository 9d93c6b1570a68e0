"""Prodigy (Mishchenko and Defazio 2023, arXiv 2306.06101), from the package prodigyopt: it estimates its own rate.

The learning rate that is shown is a factor of that estimate, and starts at 1.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn
from torch.optim import Optimizer

from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["Prodigy"]

PACKAGE = "prodigyopt"
"""that has to be installed"""


class Prodigy(OptimizerFactory):
    """Builds the package's own."""

    start_values: ClassVar[Values] = {"lr": 1.0}
    package = PACKAGE

    def __call__(self, network: nn.Module, values: Values) -> Optimizer:
        from prodigyopt import Prodigy as Optimizing

        optimizer: Optimizer = Optimizing(
            trained(network), values["lr"], (values["momentum"], 0.999), weight_decay=values["weight_decay"]
        )
        return optimizer
