"""Weight decay, as the optimizer means it: decoupled in AdamW, Adafactor, Lion and Muon, else an L2 penalty."""

from __future__ import annotations

import math

from hptui.hyperparameters import Hyperparameter, TrainingParts

__all__ = ["WEIGHT_DECAY"]

SHARE = "weight_decay_share"
"""key of a group of an optimizer: the share of the decay that it was built with (biases often have none of it)"""


class WeightDecay(Hyperparameter):
    """Lives in the optimizer's groups."""

    def put(self, training: TrainingParts, value: float) -> None:
        for group in training.optimizer.param_groups:
            group["weight_decay"] = value * group.get(SHARE, 1.0)

    def read(self, training: TrainingParts) -> float | None:
        groups = [group for group in training.optimizer.param_groups if group.get(SHARE, 1.0)]
        value = groups[0].get("weight_decay") if groups else None
        return None if value is None else float(value / groups[0].get(SHARE, 1.0))

    def problem(self, training: TrainingParts) -> str:
        name = type(training.optimizer).__name__
        return "" if "weight_decay" in training.optimizer.param_groups[0] else f"{name} has no weight decay"


WEIGHT_DECAY = WeightDecay(
    "weight_decay",
    "weight decay",
    default=0.0,
    low=0.0,
    high=math.inf,
    aliases=("wd",),
    suggested="1e-6:1e-2:log:3",
    searched=True,
    careful="larger",
    can_be_off=True,
    order=20,
)
