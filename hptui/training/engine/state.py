"""Everything that makes a restart exact, in one object with one owner."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hptui.training.engine.averaging import AveragedWeights
from hptui.training.engine.device_data import BatchOrder
from hptui.training.engine.random_state import random_state, restore_random_state
from hptui.training.engine.values_in_force import ValuesInForce

Snapshot = dict[str, Any]
"""copies of all tensors, and plain data; can be saved with torch.save and loaded with weights_only=True"""


class TrainingState:
    """One training at one moment: network, optimizer, averaged weights, values, data position, RNG.

    `snapshot` and `restore` are exact to the bit: what is restored trains on as if nothing had been in between.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        values: ValuesInForce,
        order: BatchOrder,
        augmentation: torch.Generator,
        device: torch.device,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.values = values
        self.order = order
        self.augmentation = augmentation
        self.device = device
        self.average = AveragedWeights(network)
        self.step = 0
        """optimizer steps since the start"""

    @contextmanager
    def at_evaluation_point(self) -> Iterator[None]:
        """The network as its optimizer means it to be used: Schedule-Free trains at another point than it delivers."""
        if not hasattr(self.optimizer, "eval"):
            yield
            return
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        trained = [weight.detach().clone() for weight in weights]
        self.optimizer.eval()
        try:
            yield
        finally:
            self.optimizer.train()  # type: ignore[attr-defined]  # who has the one has the other
            with torch.no_grad():
                torch._foreach_copy_(weights, trained)  # there and back leaves a rounding error

    def snapshot(self, *, on_host: bool = False) -> Snapshot:
        """A copy that shares no memory with the training; where it is, or in main memory."""
        live = {
            "network": self.network.state_dict(),
            "unsaved_buffers": self._unsaved_buffers(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state(),
            "values": self.values.state(),
            "order": self.order.state(),
            "augmentation": self.augmentation.get_state(),
            "random": random_state(self.device),
            "step": self.step,
        }
        copied: Snapshot = copy_tree(live, torch.device("cpu") if on_host else None)
        return copied

    def _unsaved_buffers(self) -> dict[str, Tensor]:
        """Buffers registered with persistent=False: not part of the model file, but part of the moment."""
        saved = self.network.state_dict()
        return {name: buffer for name, buffer in self.network.named_buffers() if name not in saved}

    def restore(self, snapshot: Snapshot) -> None:
        """Put everything back; the snapshot stays untouched and can be restored again."""
        self.network.load_state_dict(snapshot["network"])  # copies into the existing tensors
        for name, buffer in self._unsaved_buffers().items():
            buffer.copy_(snapshot["unsaved_buffers"][name])
        # The optimizer would take the snapshot's own tensors as its state and train them, hence the copy.
        self.optimizer.load_state_dict(copy_tree(snapshot["optimizer"]))
        self.average.restore(snapshot["average"])
        self.values.restore(snapshot["values"])
        self.order.restore(snapshot["order"])
        self.augmentation.set_state(snapshot["augmentation"].cpu())
        restore_random_state(snapshot["random"], self.device)
        self.step = snapshot["step"]


def copy_tree(tree: Any, device: torch.device | None = None) -> Any:
    """A copy that shares no tensor with `tree`, on another device where one is given."""
    if isinstance(tree, Tensor):
        return tree.detach().to(device, copy=True)  # keeps the strides: channels_last stays channels_last
    if isinstance(tree, dict):
        return {key: copy_tree(value, device) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(copy_tree(value, device) for value in tree)
    return copy.deepcopy(tree)
