"""Momentum of SGD, RMSprop and Muon, and the first beta of Adam and its kin, which is the same thing to them."""

from __future__ import annotations

from hptui.hyperparameters import Hyperparameter, TrainingParts

__all__ = ["MOMENTUM"]


class Momentum(Hyperparameter):
    """Lives in the optimizer's groups, under one of two names."""

    def put(self, training: TrainingParts, value: float) -> None:
        for group in training.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (value, *group["betas"][1:])
            else:
                group["momentum"] = value

    def read(self, training: TrainingParts) -> float | None:
        group = training.optimizer.param_groups[0]
        value = group["betas"][0] if "betas" in group else group.get("momentum")
        return None if value is None else float(value)

    def problem(self, training: TrainingParts) -> str:
        group = training.optimizer.param_groups[0]
        return "" if {"betas", "momentum"} & set(group) else f"{type(training.optimizer).__name__} has no momentum"


MOMENTUM = Momentum(
    "momentum",
    "momentum (Adam: beta 1)",
    default=0.9,
    low=0.0,
    high=1.0,
    high_open=True,
    aliases=("beta1",),
    suggested="0.5:0.99:lin:3",
    order=30,
)
