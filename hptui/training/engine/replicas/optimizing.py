"""Steps of K optimizers of torch on rows of stacked weights, by the fused kernels that each of them would use alone.

One call per replica and group of weights: rate, decay and momentum are numbers of that call. On an H200 a kernel that
reads and writes each number once was worth more than one call for all replicas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from hptui.training.engine.replicas.rows import stacked

Group = dict[str, Any]
OF_ADAM = ("exp_avg", "exp_avg_sq")
FUSED_ADAM = {Adam: torch._fused_adam_, AdamW: torch._fused_adamw_}


def optimizer_problem(optimizer: Optimizer) -> str:
    """Why its steps cannot be stacked; empty if they can."""
    kind = type(optimizer)
    if kind not in (SGD, *FUSED_ADAM):
        return f"steps of {kind.__name__} are not stacked, those of SGD, Adam and AdamW are"
    for group in optimizer.param_groups:
        if not group["fused"]:
            return f"steps of {kind.__name__} are stacked where they are fused alone"
        if group.get("amsgrad"):
            return "steps of Adam with amsgrad are not stacked"
        if kind is Adam and group.get("decoupled_weight_decay"):
            return "steps of Adam with decoupled_weight_decay are not stacked, those of AdamW are"
    return ""


class StackedOptimizer:
    """The optimizers of K replicas, all as old as each other."""

    def __init__(
        self, kind: type[Optimizer], members: Sequence[Mapping[str, Any]], weights: Mapping[int, Tensor]
    ) -> None:
        """Copy the state.

        Args:
            kind: SGD, Adam or AdamW.
            members: a `state_dict` of each replica.
            weights: (K, ...) leaves by their number in the state.
        """
        self._kind, self._weights = kind, weights
        self._groups: list[list[Group]] = [[dict(group) for group in one["param_groups"]] for one in members]
        self.state: dict[int, dict[str, Tensor | None]] = {
            number: {key: _joined([one["state"][number][key] for one in members]) for key in held}
            for number, held in members[0]["state"].items()
        }
        """by number of the weight and name: (K, ...); None as in the state of one"""

    def member(self, index: int, former: Mapping[str, Any]) -> dict[str, Any]:
        """A `state_dict` of one replica, whose tensors are rows; `former` is what it began with."""
        rows = {
            number: {key: None if whole is None else whole[index] for key, whole in held.items()}
            for number, held in self.state.items()
        }
        return {"state": rows, "param_groups": former["param_groups"]}

    @torch.no_grad()
    def step(self) -> None:
        """One step of all, with the gradients of the weights; a weight without one stays as it is."""
        for place, group in enumerate(self._groups[0]):
            numbers = [number for number in group["params"] if number in self._weights]
            numbers = [number for number in numbers if self._weights[number].grad is not None]
            if numbers:
                options = [groups[place] for groups in self._groups]
                (self._sgd if self._kind is SGD else self._adam)(numbers, options)

    def _rows(self, wholes: Sequence[Tensor | None]) -> list[tuple[Tensor, ...]]:
        """Rows of all weights by replica."""
        return list(zip(*(whole.detach().unbind(0) for whole in wholes if whole is not None), strict=True))

    def _given(self, numbers: Sequence[int]) -> tuple[list[tuple[Tensor, ...]], list[tuple[Tensor, ...]]]:
        weights = [self._weights[number] for number in numbers]
        return self._rows(weights), self._rows([weight.grad for weight in weights])

    def _adam(self, numbers: Sequence[int], options: Sequence[Group]) -> None:
        for number in numbers:
            if number not in self.state:
                weight = self._weights[number].detach()
                steps = torch.zeros(len(weight), device=weight.device)
                self.state[number] = {"step": steps, **{key: torch.zeros_like(weight) for key in OF_ADAM}}
        states = [self.state[number] for number in numbers]
        ages = [age for held in states if (age := held["step"]) is not None]
        torch._foreach_add_(ages, 1)
        means, squares = (self._rows([held[key] for held in states]) for key in OF_ADAM)
        given = zip(*self._given(numbers), means, squares, self._rows(ages), options, strict=True)
        for weights, gradients, mean, square, step, group in given:
            FUSED_ADAM[self._kind](
                weights,
                gradients,
                mean,
                square,
                [],
                step,
                lr=float(group["lr"]),
                beta1=float(group["betas"][0]),
                beta2=float(group["betas"][1]),
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )

    def _sgd(self, numbers: Sequence[int], options: Sequence[Group]) -> None:
        moving = options[0]["momentum"] != 0  # whether is the same for all replicas
        is_first = moving and all(not self._buffer(number) for number in numbers)
        if is_first:
            for number in numbers:
                self.state[number] = {"momentum_buffer": torch.empty_like(self._weights[number].detach())}
        held = [self.state[number]["momentum_buffer"] for number in numbers] if moving else []
        buffers = self._rows(held) if moving else [()] * len(options)
        for weights, gradients, buffer, group in zip(*self._given(numbers), buffers, options, strict=True):
            torch._fused_sgd_(
                weights,
                gradients,
                buffer,
                weight_decay=group["weight_decay"],
                momentum=group["momentum"],
                lr=float(group["lr"]),
                dampening=group["dampening"],
                nesterov=group["nesterov"],
                maximize=group["maximize"],
                is_first_step=is_first,
            )

    def _buffer(self, number: int) -> bool:
        return self.state.get(number, {}).get("momentum_buffer") is not None


def _joined(values: Sequence[Tensor | None]) -> Tensor | None:
    tensors = [value for value in values if value is not None]
    return stacked(tensors) if tensors else None
