"""Put hyperparameters in force, and read back what is in force: the log never repeats a wish."""

from __future__ import annotations

import math

from torch import nn
from torch.optim import Optimizer

from hptui.errors import ConfigError
from hptui.space import Values

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class ValuesInForce:
    """The hyperparameters of one network, its optimizer, its loss and its batches."""

    def __init__(self, network: nn.Module, optimizer: Optimizer, values: Values) -> None:
        self._dropouts = [module for module in network.modules() if isinstance(module, DROPOUTS)]
        self._optimizer = optimizer
        self.label_smoothing = 0.0
        self.batch_size = 1
        self.augmentation = 0.0
        self.rate = 0.0
        """the learning rate as chosen, before a schedule's factor"""
        self.rate_factor = 1.0
        self.set(values)

    def set(self, values: Values) -> None:
        """Put `values` in force; names that are missing stay as they are.

        Raises:
            ConfigError: dropout is named but the network has no nn.Dropout.
        """
        if "dropout" in values:
            self.require_dropout()
            for dropout in self._dropouts:
                dropout.p = values["dropout"]
        self.label_smoothing = values.get("label_smoothing", self.label_smoothing)
        self.batch_size = round(values.get("batch_size", self.batch_size))
        self.augmentation = values.get("augmentation", self.augmentation)
        self.rate = values.get("lr", self.rate)
        for group in self._optimizer.param_groups:
            if "weight_decay" in values:
                group["weight_decay"] = values["weight_decay"]
            if "momentum" in values:
                if "betas" in group:
                    group["betas"] = (values["momentum"], *group["betas"][1:])
                else:
                    group["momentum"] = values["momentum"]
        self.scale_rate(self.rate_factor)

    def require_dropout(self) -> None:
        """Raise ConfigError if the network has no dropout to set."""
        if not self._dropouts:
            raise ConfigError("dropout cannot be set: the model has no nn.Dropout.")

    def scale_rate(self, factor: float) -> None:
        """Let the optimizer use `factor` times the chosen learning rate."""
        self.rate_factor = factor
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate * factor

    def read(self) -> Values:
        """What is in force now, from the optimizer, the dropout layers, the loss and the batches."""
        group = self._optimizer.param_groups[0]
        values: Values = {
            "lr": float(group["lr"]),
            "weight_decay": float(group["weight_decay"]),
            "momentum": float(group["betas"][0] if "betas" in group else group["momentum"]),
            "label_smoothing": self.label_smoothing,
            "batch_size": float(self.batch_size),
            "augmentation": self.augmentation,
        }
        rates = {dropout.p for dropout in self._dropouts}
        if len(rates) == 1:  # a model with several rates of its own, never set, has no one value to tell
            values["dropout"] = float(rates.pop())
        return values

    def chosen(self) -> Values:
        """Like `read`, with the learning rate as chosen: before the schedule's factor."""
        read = self.read()
        if not math.isclose(read["lr"], self.rate * self.rate_factor, rel_tol=1e-9):
            return read  # somebody else changed the optimizer: tell what is in force
        return read | {"lr": self.rate}

    def state(self) -> dict[str, object]:
        """Everything that `restore` needs, as plain data; the optimizer's part is in the optimizer's own state."""
        return {
            "label_smoothing": self.label_smoothing,
            "batch_size": self.batch_size,
            "augmentation": self.augmentation,
            "rate": self.rate,
            "rate_factor": self.rate_factor,
            "dropouts": [dropout.p for dropout in self._dropouts],
        }

    def restore(self, state: dict[str, object]) -> None:
        rates = state["dropouts"]
        assert isinstance(rates, list)
        for dropout, rate in zip(self._dropouts, rates, strict=True):
            dropout.p = rate
        for name in ("label_smoothing", "batch_size", "augmentation", "rate", "rate_factor"):
            setattr(self, name, state[name])
