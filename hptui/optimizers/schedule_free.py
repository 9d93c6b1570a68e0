"""Schedule-Free AdamW (Defazio et al. 2024, arXiv 2405.15682), from the package schedulefree: it needs no schedule.

It trains at one point and is read at another, an average.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn
from torch.optim import Optimizer

from hptui.errors import ConfigError
from hptui.hyperparameters import Values
from hptui.optimizers import OptimizerFactory, trained

__all__ = ["ScheduleFree"]

PACKAGE = "schedulefree"
"""that has to be installed"""
READ_ELSEWHERE = True
"""whether a network is read at other weights than those that its running statistics (BatchNorm) belong to"""


class ScheduleFree(OptimizerFactory):
    """Builds AdamWScheduleFree, ready to train."""

    start_values: ClassVar[Values] = {"lr": 0.0025}  # the package's own default
    package = PACKAGE

    def __call__(self, network: nn.Module, values: Values) -> Optimizer:
        if values["momentum"] == 0:
            raise ConfigError("schedule_free needs a momentum above 0: it trains between two points that it keeps.")
        from schedulefree import AdamWScheduleFree

        optimizer: Optimizer = AdamWScheduleFree(
            trained(network), values["lr"], (values["momentum"], 0.999), weight_decay=values["weight_decay"]
        )
        optimizer.train()  # type: ignore[attr-defined]
        return optimizer
