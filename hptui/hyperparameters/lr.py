"""The learning rate, as it is chosen; a schedule multiplies it with its factor."""

from __future__ import annotations

import math

from hptui.hyperparameters import Hyperparameter, TrainingParts

__all__ = ["LEARNING_RATE"]


class LearningRate(Hyperparameter):
    """Held as chosen; the optimizer has it times the schedule's factor."""

    def put(self, training: TrainingParts, value: float) -> None:
        training.held[self.name] = value
        for group in training.optimizer.param_groups:
            group["lr"] = value * training.rate_factor

    def read(self, training: TrainingParts) -> float:
        return float(training.optimizer.param_groups[0]["lr"])


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
