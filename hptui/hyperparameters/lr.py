"""The learning rate, as it is chosen; a schedule multiplies it with its factor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hptui.hyperparameters import Hyperparameter, TrainingParts, Values

__all__ = ["LEARNING_RATE"]

SHARE = "lr_share"
"""key of a group of an optimizer: the share of the rate that it was built with; missing: all of it"""
PRETRAINED = "pretrained"
"""key of a group of an optimizer whose weights were pretrained"""


class LearningRate(Hyperparameter):
    """Held as chosen; the optimizer has it times the schedule's factor."""

    def put(self, training: TrainingParts, value: float) -> None:
        training.held[self.name] = value
        for group in training.optimizer.param_groups:
            group["lr"] = value * training.rate_factor * _share(group, training.held)

    def read(self, training: TrainingParts) -> float:
        groups = [(_share(group, training.held), group["lr"]) for group in training.optimizer.param_groups]
        whole = next((float(rate) for share, rate in groups if share == 1), None)  # a quotient may be rounded
        return whole if whole is not None else next((float(rate / share) for share, rate in groups if share), 0.0)


def _share(group: Mapping[str, Any], held: Values) -> float:
    """What a group of weights gets of the rate: what its optimizer gave it, and of pretrained ones the share chosen."""
    own: float = group.get(SHARE, 1.0)
    return own * held.get("backbone_lr", 1.0) if group.get(PRETRAINED) else own


LEARNING_RATE = LearningRate(
    "lr",
    "learning rate",
    default=1e-3,
    low=0.0,
    high=math.inf,
    low_open=True,
    aliases=("learning_rate",),
    suggested="1e-4:1e-2:log:5",
    searched=True,
    careful="larger",  # short probes flatter small rates (short-horizon bias, Wu et al. 2018, arXiv 1803.02021)
    order=10,
)
