"""Which moments of a training can be trained side by side: those that see the same images and draw the same numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any

from torch import Tensor

from hptui.hyperparameters import Hyperparameter, Values, hyperparameter
from hptui.hyperparameters.dropout import dropout_layers
from hptui.training.engine.batch_changes import with_own
from hptui.training.engine.loop import Trainer
from hptui.training.engine.replicas.dropping import KINDS
from hptui.training.engine.replicas.optimizing import optimizer_problem
from hptui.training.engine.state import Snapshot

OF_OPTIMIZER = ("lr", "weight_decay", "momentum", "backbone_lr")
ACTING = (*OF_OPTIMIZER, "dropout")
"""hyperparameters that act on network or optimizer, and have a place for each replica"""


def training_problem(trainer: Trainer) -> str:
    """Why nothing of this training can be stacked; empty if it may be tried."""
    if problem := optimizer_problem(trainer.state.optimizer):
        return problem
    held = trainer.state.values.held
    if acting := [entry.name for entry in with_own("on_gradients") if entry.name in held]:
        return f"{acting[0]} acts on the gradients of one network"
    tensors = trainer.state.network.state_dict().values()
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        return "the network keeps a state of its own beside its tensors"
    return ""


def values_problem(values: Values) -> str:
    """Why these cannot be in force in one replica alone; empty if they can."""
    for name in values:
        entry = hyperparameter(name)
        if name not in ACTING and type(entry).put is not Hyperparameter.put:
            return f"{name} acts on one network in a way of its own"
    return ""


class Digests:
    """Checksums of parts of snapshots, many of which share them."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, bytes]] = {}

    def of(self, part: Any) -> bytes:
        """Equal for equal trees."""
        if id(part) not in self._known:
            self._known[id(part)] = part, _digest(part)  # kept, so that its place in memory stays its own
        return self._known[id(part)][1]


def kinship(snapshot: Snapshot, trainer: Trainer, digests: Digests) -> Hashable:
    """Equal for moments that can go on side by side."""
    held = snapshot["values"]["held"]
    kinds = [type(layer) for layer in dropout_layers(trainer.state.network)]
    rates = snapshot["values"]["own"]["dropout"]
    drawn = tuple(0 < rate < 1 if kind in KINDS else rate for kind, rate in zip(kinds, rates, strict=True))
    return (
        snapshot["step"],
        snapshot["average"]["steps"],
        held["batch_size"],
        drawn,
        digests.of(snapshot["order"]),
        digests.of(snapshot["random"]),
        _of_optimizer(snapshot["optimizer"]),
        tuple(held.get(entry.name) == 0 for entry in with_own("on_batch")),  # mixup: two labels of each image
    )


def changes_images(held: Values) -> Hashable:
    """Equal for values that change images alike."""
    changing = [entry for hook in ("on_images", "on_geometry", "on_batch") for entry in with_own(hook)]
    return tuple(held.get(entry.name) for entry in changing)


def _of_optimizer(state: Mapping[str, Any]) -> Hashable:
    """Which weights have a state, and whether there is momentum: its state would be left as it is without."""
    held = tuple(
        (number, *sorted(key for key in own if own[key] is not None)) for number, own in state["state"].items()
    )
    return held, tuple(group.get("momentum") == 0 for group in state["param_groups"])


def _digest(tree: Any) -> bytes:
    """Checksum of tensors and plain data."""
    digest = hashlib.blake2b(digest_size=16)

    def take(part: Any) -> None:
        if isinstance(part, Tensor):
            digest.update(part.cpu().numpy().tobytes())
        elif isinstance(part, Mapping):
            for value in part.values():
                take(value)
        elif isinstance(part, (list, tuple)):
            for value in part:
                take(value)
        else:
            digest.update(repr(part).encode())

    take(tree)
    return digest.digest()
