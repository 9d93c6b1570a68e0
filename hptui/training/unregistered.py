"""Weights and states that a network's answer depends on and that torch does not know as parts of it.

Layers in a plain list and tensors that are no nn.Parameter are never trained, and in no checkpoint or model file; nor
is a tensor in an attribute that forward changes. No error tells.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node


def untrained_weights(output: Tensor, network: nn.Module) -> list[Tensor]:
    """Tensors with a gradient that an answer comes from, and that the network does not know as its own."""
    known = set(map(id, network.parameters()))
    left, seen, found = [output.grad_fn], set[Node](), []
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        weight = getattr(node, "variable", None)  # of those that gather gradients alone
        if isinstance(weight, Tensor) and id(weight) not in known:
            found.append(weight)
        left += [before for before, _ in node.next_functions]
    return found


def changing_attributes(network: nn.Module, answer: Callable[[], object]) -> list[str]:
    """Names of plain tensors within a network that an answer changes: neither parameters nor buffers."""
    before = {name: tensor.detach().clone() for name, tensor in _plain_tensors(network).items()}
    answer()
    after = _plain_tensors(network)
    return [
        name
        for name, value in before.items()
        if name in after and (after[name].shape != value.shape or not torch.equal(after[name].detach(), value))
    ]


def _plain_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Tensors in attributes of all modules, by their names, but for those that torch makes anew of a parameter.

    Its older spectral_norm, weight_norm and pruning keep a parameter as NAME_orig, and NAME for the forward pass alone.
    """
    return {
        f"{place}.{name}".lstrip("."): value
        for place, module in network.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, Tensor) and f"{name}_orig" not in dict(module.named_parameters(recurse=False))
    }
