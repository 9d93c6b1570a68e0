"""The hyperparameters of one training: put in force, and read back, so that the log never repeats a wish."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from hptui.errors import ConfigError, TrainingError
from hptui.hyperparameters import Batch, Hyperparameter, Values, default_values, hyperparameter, hyperparameters
from hptui.losses import Loss
from hptui.training.engine.geometry import joined, moved


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
        self._on_images = _those_with_own("on_images")
        self._on_geometry = _those_with_own("on_geometry")
        self._on_batch = _those_with_own("on_batch")
        self._on_gradients = _those_with_own("on_gradients")

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

    def change_images(self, pixels: Tensor, generator: Generator) -> Tensor:
        """Let those that change images have a batch (B, C, H, W) of the training."""
        for entry in self._on_images:
            if entry.name in self.held:
                pixels = entry.on_images(pixels, self.held[entry.name], generator)
        return pixels

    def change_batch(self, batch: Batch, seed: int, step: int) -> Batch:
        """Let those that change batches have one of the training; all that they draw follows from `seed` and `step`."""
        images, sides = len(batch.inputs), (batch.inputs.shape[2], batch.inputs.shape[3])
        maps = [
            entry.on_geometry(images, sides, self.held[entry.name], _generator(entry.name, seed, step))
            for entry in self._on_geometry
            if entry.name in self.held
        ]
        if (joint := joined(maps)) is not None:
            batch = replace(batch, inputs=moved(batch.inputs, joint))
        for entry in self._on_batch:
            if entry.name in self.held:
                batch = entry.on_batch(batch, self.held[entry.name], _generator(entry.name, seed, step))
        return batch

    def change_gradients(self) -> None:
        """Let those that act on gradients do so."""
        for entry in self._on_gradients:
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


def _generator(name: str, seed: int, step: int) -> Generator:
    """Of one hyperparameter in one step of a run (12 us): it needs no place in a snapshot."""
    digest = hashlib.blake2b(f"{name} {seed} {step}".encode(), digest_size=4).digest()
    return Generator().manual_seed(int.from_bytes(digest, "big"))


def _those_with_own(hook: str) -> tuple[Hyperparameter, ...]:
    """Hyperparameters whose class has another `hook` than the base; the loop need not ask the others at every step."""
    base = getattr(Hyperparameter, hook)
    return tuple(entry for entry in hyperparameters().values() if getattr(type(entry), hook) is not base)
