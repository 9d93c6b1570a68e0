"""What may be chosen while a network trains: one file each, every one a `Hyperparameter`.

The file holds all there is to know of it: bounds and default, the range that a form suggests, which side of a tie is
the careful one, and how it is put in force and read back. Screens read it too, so torch is imported within the methods
that need it. One that lives nowhere else is held by the training, and used by the loop, the loss or a hook of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from hptui import registry
from hptui.errors import ConfigError, nearest

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer

Values = dict[str, float]
"""hyperparameter name -> value; batch_size is a whole number"""


class TrainingParts(Protocol):
    """What a hyperparameter acts on: the parts of one training."""

    network: nn.Module
    optimizer: Optimizer
    held: Values
    """values that live nowhere else, by name; the loop, the loss and the hooks read them here"""
    rate_factor: float
    """of the schedule at this moment"""
    loss_reads: Collection[str]
    """names of those that change the loss"""


@dataclass(frozen=True)
class Batch:
    """Training images as the network is going to see them, and what they are of."""

    inputs: Tensor
    """(B, C, H, W) float32, normalised: whatever the pixels were, their mean is 0 and their deviation 1 in the training
    images, so that nothing here depends on bit depth or unit"""
    labels: Tensor
    """(B,) int64, or (B, labels) of 0 and 1 where an image may have several; with shares (B, K), or (B, K, labels):
    each image is K of them"""
    shares: Tensor | None = None
    """(B, K) float32, how much of each; a row sums to 1. None: each is one image"""

    def mixed(self, inputs: Tensor, partner: Tensor, share: Tensor) -> Batch:
        """Other `inputs`: by `share` (B,) the images in their places, for the rest their `partner` (B,), by index."""
        import torch

        labels = self.labels.unsqueeze(1) if self.shares is None else self.labels
        shares = share.new_ones(len(share), 1) if self.shares is None else self.shares
        both = shares * share.unsqueeze(1), shares[partner] * (1 - share).unsqueeze(1)
        return replace(self, inputs=inputs, labels=torch.cat((labels, labels[partner]), 1), shares=torch.cat(both, 1))


@dataclass(frozen=True)
class Hyperparameter:
    """One thing that may be chosen while a network trains."""

    name: str
    title: str
    """as it stands on an axis, before its unit"""
    default: float | None
    """None: whatever the model was built with"""
    low: float
    high: float
    """what makes sense at all; a range the user asks for lies within"""
    low_open: bool = False
    """the lower bound itself is not allowed (a learning rate of zero trains nothing)"""
    high_open: bool = False
    whole: bool = False
    aliases: tuple[str, ...] = ()
    suggested: str = ""
    """low:high:scale:steps, what its range starts with when it is switched on"""
    searched: bool = False
    """whether that range is searched where the user names none at all"""
    careful: Literal["stay", "larger"] = "stay"
    """which of two values that look equally good after a short probe is taken: the one in force, or the larger one. A
    regulariser costs at first and pays late, so more of it is the careful side"""
    can_be_off: bool = False
    """the low end means none of it: on that edge of a range nothing is missed"""
    unit: str = ""
    """of its values, in a word or two"""
    meaning: str = ""
    """what a value does, in a sentence without its subject, where title and unit do not say it"""
    if_named: bool = False
    """put in force, and told in the log, only where it is set or searched: one of many that most studies leave off"""
    order: int = 1000
    """among all others, in forms and tables"""

    def check(self, value: float) -> float:
        """Return `value` as the training uses it; raise ConfigError where it makes no sense."""
        below = value < self.low or (self.low_open and value == self.low)
        above = value > self.high or (self.high_open and value == self.high)
        if not math.isfinite(value) or below or above:
            raise ConfigError(f"{self.name} = {value:g} is out of bounds; it takes {self.bounds}.")
        if self.whole and value != round(value):
            raise ConfigError(f"{self.name} = {value:g} has to be a whole number.")
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """The nearest value that the training can use."""
        return float(round(value)) if self.whole else float(value)

    @property
    def bounds(self) -> str:
        left = f"more than {self.low:g}" if self.low_open else f"{self.low:g}"
        if math.isinf(self.high):
            return left if self.low_open else f"{left} or more"
        return f"{left} to {'less than ' if self.high_open else ''}{self.high:g}"

    def problem(self, training: TrainingParts) -> str:
        """Why it cannot be set in this training; empty if it can."""
        return ""

    def put(self, training: TrainingParts, value: float) -> None:
        """Put `value` in force."""
        training.held[self.name] = value

    def read(self, training: TrainingParts) -> float | None:
        """The value in force, from where it acts; None: there is no one value."""
        return training.held.get(self.name)

    def state(self, training: TrainingParts) -> object:
        """Plain data that `restore` needs, beyond `held` and the optimizer's own state."""
        return None

    def restore(self, training: TrainingParts, state: object) -> None:
        """Inverse of `state`."""

    def on_images(self, pixels: Tensor, value: float, generator: Generator) -> Tensor:
        """Change a batch of training images.

        Args:
            pixels: (B, C, H, W) uint8 or float32 in 0..255.
            value: in force.
            generator: the run's own for this, on the CPU; nothing else may be drawn from.
        """
        return pixels

    def on_geometry(self, images: int, sides: tuple[int, int], value: float, generator: Generator) -> Tensor | None:
        """Where the images of a batch are moved; those of all hyperparameters are joined, and the images sampled once.

        Args:
            images: of the batch.
            sides: height and width.
            value: in force.
            generator: of this step and this hyperparameter alone, on the CPU: whatever others draw, and whatever the
                value is, the numbers are the same, so that candidates differ in nothing else.

        Returns:
            (images, 2, 3) on the CPU: where each pixel of the result comes from, as an affine map of (x, y, 1), in
            pixels from the centre, x to the right and y down. None: they stay where they are.
        """
        return None

    def on_batch(self, batch: Batch, value: float, generator: Generator) -> Batch:
        """Change a batch of the training, after the geometry; `generator` is as in `on_geometry`."""
        return batch

    def on_gradients(self, training: TrainingParts, value: float) -> None:
        """Act between the backward pass and the optimizer's step."""


class OfLoss(Hyperparameter):
    """One that the loss reads; another loss has nothing of the kind."""

    def problem(self, training: TrainingParts) -> str:
        return "" if self.name in training.loss_reads else "the loss does not take it"


@cache
def hyperparameters() -> dict[str, Hyperparameter]:
    """All that the registry finds, by name, in their order.

    Raises:
        ConfigError: a file of an installed package holds something else.
    """
    return _loaded(registry.names("hyperparameters"))


def _loaded(names: Iterable[str]) -> dict[str, Hyperparameter]:
    known = sorted(map(_load, names), key=lambda entry: (entry.order, entry.name))
    return {entry.name: entry for entry in known}


@cache
def _load(name: str) -> Hyperparameter:
    entry = registry.load("hyperparameters", name)
    if not isinstance(entry, Hyperparameter) or entry.name != name:
        raise ConfigError(f"hyperparameter {name!r} is {entry!r:.80}, not a Hyperparameter of that name.")
    return entry


def hyperparameter(name: str, *, installed: bool = True) -> Hyperparameter:
    """Look a hyperparameter up by name or alias; raise ConfigError naming the nearest valid one.

    With `installed` false one that is not here is taken as any number: an old study can be read without the package
    that it was trained with.
    """
    canonical = name.strip().replace("-", "_")
    if registry.is_built_in("hyperparameters", canonical) and not registry.entry_points("hyperparameters"):
        return _load(canonical)  # the others need not be imported for the first picture
    if canonical not in _by_alias() and not installed:
        return Hyperparameter(name, name, default=None, low=-math.inf, high=math.inf)
    if canonical not in _by_alias():
        raise ConfigError(f"unknown hyperparameter {name!r}.{nearest(canonical, _by_alias())}")
    return _by_alias()[canonical]


@cache
def _by_alias() -> dict[str, Hyperparameter]:
    return {alias: entry for entry in hyperparameters().values() for alias in (entry.name, *entry.aliases)}


def title(name: str) -> str:
    """The words on an axis; of a hyperparameter that this version does not know (an older log), its name."""
    known = hyperparameters().get(name)
    if known is None:
        return name
    return f"{known.title} ({known.unit})" if known.unit else known.title


def default_values() -> Values:
    """Values in force where the user says nothing; dropout is missing: the model's own stays."""
    return {entry.name: entry.default for entry in hyperparameters().values() if entry.default is not None}


def default_search(more: Iterable[str] = ()) -> dict[str, str]:
    """Ranges that are searched where the user names none; `more`: names that the strategy would have searched too."""
    known = _loaded([*registry.mentioning("hyperparameters", "searched"), *more])
    return {entry.name: entry.suggested for entry in known.values() if entry.searched or entry.name in more}
