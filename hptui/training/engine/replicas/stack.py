"""K replicas of one network as stacked tensors, and a training step of all of them.

All are as old as each other, see the same images in the same order and draw the same random numbers (`kinship`), as
they would one after another; what differs is weights, buffers, optimizer state and values. Images and losses are worked
out once for each combination of the values that change them, the network by torch.vmap.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from hptui.hyperparameters import Batch, Values
from hptui.training.engine.averaging import STATISTICS
from hptui.training.engine.batch_changes import training_batch
from hptui.training.engine.evaluation import forward_precision, full_precision
from hptui.training.engine.loop import Trainer
from hptui.training.engine.random_state import random_state
from hptui.training.engine.replicas.dropping import StackedDropout, stand_in
from hptui.training.engine.replicas.kinship import changes_images
from hptui.training.engine.replicas.optimizing import StackedOptimizer
from hptui.training.engine.replicas.rows import stacked
from hptui.training.engine.state import Snapshot

Tensors = dict[str, Tensor]
Dropping = Sequence[tuple[Tensor, ...]]
"""of each dropout layer, what `StackedDropout` needs"""


class Skeleton:
    """The form of a network, whose tensors are given to it at each call."""

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network)
        self.dropout = stand_in(self.network)
        self.network.train()
        weights = dict(network.named_parameters())
        self.frozen = {name: weight for name, weight in weights.items() if not weight.requires_grad}
        self.trained = [name for name, weight in weights.items() if weight.requires_grad]
        self.buffers = [name for name, _ in network.named_buffers()]
        everywhere = [
            *network.named_parameters(remove_duplicate=False),
            *network.named_buffers(remove_duplicate=False),
        ]
        first: dict[int, str] = {}
        self.names = {name: first.setdefault(id(tensor), name) for name, tensor in everywhere}
        """of each tensor, under whichever name it is asked for: the one that it has here"""

    def set_rates(self, rates: Sequence[Sequence[float]], device: torch.device) -> list[tuple[Tensor, ...]]:
        """Take the rates of all dropout layers, by replica; what `forward` needs of each layer."""
        found: list[tuple[Tensor, ...]] = []
        for layer, own in zip(self.dropout, zip(*rates, strict=True), strict=True):
            if isinstance(layer, StackedDropout):
                found.append(layer.values(own, device))
            else:
                layer.p = own[0]  # all have the same
                found.append(())
        return found

    def forward(self, weights: Tensors, buffers: Tensors, dropout: Dropping, inputs: Tensor, *, shared: bool) -> Tensor:
        """(K, B, classes) of the images (B, C, H, W) that all replicas share, or (K, B, C, H, W); `buffers` change."""

        def one(weights: Tensors, buffers: Tensors, dropout: Dropping, inputs: Tensor) -> tuple[Tensor, Tensors]:
            for layer, own in zip(self.dropout, dropout, strict=True):
                layer.own = own
            tensors = {**weights, **buffers, **self.frozen}
            output: Tensor = functional_call(self.network, tensors, (inputs,))
            return output, {name: tensors[name] for name in buffers}

        # all draw the same numbers, as each does where they are trained one after another from the same moment
        mapped = torch.vmap(one, (0, 0, 0, None if shared else 0), randomness="same")
        output, changed = mapped(weights, buffers, dropout, inputs)
        for name, tensor in changed.items():  # own code may have put another tensor in its place
            if tensor.data_ptr() != buffers[name].data_ptr():
                buffers[name].copy_(tensor)
        return output


@dataclass
class Alike:
    """Replicas that see their images changed alike."""

    held: Values
    generator: Generator


class Stack:
    """A training of K replicas."""

    def __init__(self, trainer: Trainer, skeleton: Skeleton, members: Sequence[Snapshot]) -> None:
        """Begin where `members` are, which are kin; of `trainer` order and random numbers go on from there.

        Raises:
            Exception: whatever torch raises where this network cannot be stacked.
        """
        self._trainer, self._skeleton, self._members = trainer, skeleton, list(members)
        self.step_number: int = members[0]["step"]
        trainer.state.restore(members[0])
        everything = [{**one["unsaved_buffers"], **one["network"]} for one in members]
        self._weights = {name: stacked([one[name] for one in everything]).requires_grad_() for name in skeleton.trained}
        self._buffers = {name: stacked([one[name] for one in everything]) for name in skeleton.buffers}
        self._begin_average()
        numbers = _numbers(trainer)
        leaves = {numbers[name]: weight for name, weight in self._weights.items() if name in numbers}
        kind = type(trainer.state.optimizer)
        self._optimizer = StackedOptimizer(kind, [one["optimizer"] for one in members], leaves)
        self._begin_values()

    def _begin_average(self) -> None:
        names, average = list(self._trainer.state.average.tensors()), [one["average"] for one in self._members]
        self._steps_averaged: int = average[0]["steps"]
        live = {**self._weights, **{name: b for name, b in self._buffers.items() if name.endswith(STATISTICS)}}
        self._live = {name: tensor.detach() for name, tensor in live.items() if name in names}
        self._average = {
            name: stacked([one["average"][place] for one in average])
            if name in self._live
            else average[0]["average"][place]
            for place, name in enumerate(names)
        }

    def _begin_values(self) -> None:
        values, device = [one["values"] for one in self._members], self._trainer.state.device
        self._held: list[Values] = [one["held"] for one in values]
        self._dropout = self._skeleton.set_rates([one["own"]["dropout"] for one in values], device)
        drawn = [one["augmentation"].cpu().numpy().tobytes() for one in self._members]
        alike = [(changes_images(held), own) for held, own in zip(self._held, drawn, strict=True)]
        self._alike, images = _grouped(alike, self._images)
        self._images_of, self._images_index = images, torch.tensor(images, device=device)
        reads = self._trainer.state.values.loss_reads
        keys = [(own, *(held.get(name) for name in reads)) for own, held in zip(images, self._held, strict=True)]
        self._losses, of = _grouped(keys, lambda first: first)
        places = [[place for place, own in enumerate(of) if own == number] for number in range(len(self._losses))]
        self._loss_index = [torch.tensor(own, device=device) for own in places]
        self._back = torch.cat(self._loss_index).argsort()

    def _images(self, first: int) -> Alike:
        generator = Generator()
        generator.set_state(self._members[first]["augmentation"].cpu())
        return Alike(self._held[first], generator)

    def step(self) -> tuple[Tensor, int]:
        """One step of all: the mean losses (K,), still on the device, and the number of images of each."""
        trainer, order, size = self._trainer, self._trainer.state.order, round(self._held[0]["batch_size"])
        chosen = order.next_batch(size)
        batches = [
            training_batch(trainer.data, chosen, alike.held, alike.generator, self.step_number) for alike in self._alike
        ]
        trainer.data.train.expect(order.upcoming(size))
        for weight in self._weights.values():
            weight.grad = None
        losses = self._losses_of(self._forward(batches), batches)
        losses.sum().backward()  # type: ignore[no-untyped-call]  # the gradient of each is that of its own loss
        self._optimizer.step()
        self._update_average(trainer.window(size))
        self.step_number += 1
        return losses.detach(), len(chosen)

    def _forward(self, batches: Sequence[Batch]) -> Tensor:
        """(K, B, classes) logits."""
        shared = len(batches) == 1
        inputs = batches[0].inputs
        if not shared:
            inputs = torch.stack([batch.inputs for batch in batches])[self._images_index]
        with forward_precision(self._trainer.precision, inputs.device):
            output = self._skeleton.forward(self._weights, self._buffers, self._dropout, inputs, shared=shared)
        return full_precision(output)

    def _losses_of(self, logits: Tensor, batches: Sequence[Batch]) -> Tensor:
        """(K,) mean losses, in one call for those whose values and labels are the same."""
        found: list[Tensor] = []
        for first, index in zip(self._losses, self._loss_index, strict=True):
            batch, held = batches[self._images_of[first]], self._held[first]
            mapped = torch.vmap(lambda one, batch=batch, held=held: self._trainer.loss_of(one, batch, held))
            found.append(mapped(logits if len(self._losses) == 1 else logits[index]))
        return found[0] if len(found) == 1 else torch.cat(found)[self._back]

    @torch.no_grad()
    def _update_average(self, window: float) -> None:
        self._steps_averaged += 1
        live, average = list(self._live.values()), [self._average[name] for name in self._live]
        torch._foreach_lerp_(average, live, 1.0 / min(self._steps_averaged, max(window, 1.0)))

    def snapshot(self, index: int) -> Snapshot:
        """Where one replica is, as its own training would tell; its tensors are rows of these."""
        former, names = self._members[index], self._skeleton.names
        live = {**self._weights, **self._buffers}

        def row(name: str, tensor: Tensor) -> Tensor:
            whole = live.get(names[name])
            return tensor if whole is None else whole.detach()[index]

        state = self._trainer.state
        average = [whole[index] if name in self._live else whole for name, whole in self._average.items()]
        return {
            "network": {name: row(name, tensor) for name, tensor in former["network"].items()},
            "unsaved_buffers": {name: row(name, tensor) for name, tensor in former["unsaved_buffers"].items()},
            "optimizer": self._optimizer.member(index, former["optimizer"]),
            "average": {"steps": self._steps_averaged, "average": average},
            "values": former["values"],
            "order": state.order.state(),
            "augmentation": self._alike[self._images_of[index]].generator.get_state(),
            "random": random_state(state.device),
            "step": self.step_number,
        }


def _grouped(keys: Sequence[Hashable], make: Callable[[int], Any]) -> tuple[list[Any], list[int]]:
    """What `make` gives for the first place of each key, and for every place the number of its own."""
    numbers: dict[Hashable, int] = {}
    made: list[Any] = []
    for place, key in enumerate(keys):
        if key not in numbers:
            numbers[key] = len(made)
            made.append(make(place))
    return made, [numbers[key] for key in keys]


def _numbers(trainer: Trainer) -> dict[str, int]:
    """Numbers of weights in the state of the optimizer, by their names."""
    weights = [weight for group in trainer.state.optimizer.param_groups for weight in group["params"]]
    numbers = {id(weight): number for number, weight in enumerate(weights)}
    named = trainer.state.network.named_parameters()
    return {name: numbers[id(weight)] for name, weight in named if id(weight) in numbers}
