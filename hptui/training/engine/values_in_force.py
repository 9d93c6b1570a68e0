"""The hyperparameters of one training: put in force, and read back, so that the log never repeats a wish."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from torch import nn
from torch.optim import Optimizer

from hptui.errors import ConfigError, TrainingError
from hptui.hyperparameters import Values, default_values, hyperparameter, hyperparameters
from hptui.losses import Loss
from hptui.training.engine.batch_changes import with_own


class ValuesInForce:
    """The hyperparameters of one network, its optimizer, its loss and its batches; they act on it as TrainingParts."""

    def __init__(
        self, network: nn.Module, optimizer: Optimizer, values: Values, loss_reads: Collection[str] = Loss.reads
    ) -> None:
        """Put `values` in force, and of the others the defaults, as far as this training has them."""
        self.network = network
        self.optimizer = optimizer
        self.loss_reads = loss_reads
        self.held: Values = {}
        self.rate_factor = 1.0
        for name, default in default_values().items():
            known = hyperparameter(name)
            if name not in values and not known.if_named and not known.problem(self):
                known.put(self, default)
        self.set(values)

    @property
    def batch_size(self) -> int:
        return round(self.held["batch_size"])

    def set(self, values: Mapping[str, float]) -> None:
        """Put `values` in force; names that are missing stay as they are.

        Raises:
            ConfigError: this training has nothing of the kind (dropout is named, but the network has no nn.Dropout).
        """
        for name, value in values.items():
            self.require(name)
            hyperparameter(name).put(self, value)

    def begin(self, names: Iterable[str]) -> None:
        """Put the defaults of those of `names` in force that have been off so far, because nobody had named them."""
        for known in map(hyperparameter, names):
            if known.default is not None and known.read(self) is None and not known.problem(self):
                known.put(self, known.default)

    def require(self, name: str) -> None:
        """Raise ConfigError if this training has nothing that `name` could set."""
        if problem := hyperparameter(name).problem(self):
            raise ConfigError(f"{name} cannot be set: {problem}.")

    def scale_rate(self, factor: float) -> None:
        """Let the optimizer use `factor` times the chosen learning rate."""
        factor = float(factor)  # of an own schedule it may be whatever counts as a number
        if not 0 <= factor < math.inf:
            raise TrainingError(f"the schedule gives the factor {factor}; it has to be finite, and 0 or more.")
        self.rate_factor = factor
        hyperparameter("lr").put(self, self.held["lr"])

    def change_gradients(self) -> None:
        """Let those that act on gradients do so."""
        for entry in with_own("on_gradients"):
            if entry.name in self.held:
                entry.on_gradients(self, self.held[entry.name])

    def read(self) -> Values:
        """What is in force now, from the optimizer, the dropout layers, the loss and the batches."""
        values = {name: entry.read(self) for name, entry in hyperparameters().items()}
        return {name: value for name, value in values.items() if value is not None}

    def chosen(self) -> Values:
        """Like `read`, with the learning rate as chosen: before the schedule's factor."""
        values, rate = self.read(), self.held["lr"]
        if not math.isclose(values["lr"], rate * self.rate_factor, rel_tol=1e-9):
            return values  # somebody else changed the optimizer: tell what is in force
        return values | {"lr": rate}

    def state(self) -> dict[str, object]:
        """Everything that `restore` needs, as plain data; the optimizer's part is in the optimizer's own state."""
        own = {name: entry.state(self) for name, entry in hyperparameters().items()}
        return {"held": dict(self.held), "rate_factor": self.rate_factor, "own": own}

    def restore(self, state: dict[str, object]) -> None:
        held, factor, own = state["held"], state["rate_factor"], state["own"]
        assert isinstance(held, dict)
        assert isinstance(factor, float)
        assert isinstance(own, dict)
        self.held, self.rate_factor = dict(held), factor
        for name, kept in own.items():
            if kept is not None:
                hyperparameter(name).restore(self, kept)
