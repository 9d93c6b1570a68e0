"""The share of the learning rate that pretrained weights are trained with; the others have all of it."""

from __future__ import annotations

from hptui.hyperparameters import Hyperparameter, TrainingParts
from hptui.hyperparameters.lr import LEARNING_RATE, PRETRAINED

__all__ = ["BACKBONE_RATE"]


class BackboneRate(Hyperparameter):
    """Held; the learning rate is put in force with it."""

    def problem(self, training: TrainingParts) -> str:
        pretrained = any(PRETRAINED in group for group in training.optimizer.param_groups)
        return "" if pretrained else "no weights that are trained are pretrained (--weights FILE)"

    def put(self, training: TrainingParts, value: float) -> None:
        super().put(training, value)
        if LEARNING_RATE.name in training.held:
            LEARNING_RATE.put(training, training.held[LEARNING_RATE.name])


BACKBONE_RATE = BackboneRate(
    "backbone_lr",
    "share of the rate for pretrained weights",
    default=1.0,
    low=0.0,
    high=1.0,
    suggested="0.01:1:log:3",
    order=15,
)
