"""Layers that stay as they are: their weights are not trained, and the statistics of their BatchNorm do not move."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from types import MethodType

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from hptui.errors import ConfigError, nearest


def freeze(network: nn.Module, patterns: Sequence[str]) -> None:
    """Freeze the weights and statistics whose names fit one of the patterns, or lie below a layer of that name.

    Raises:
        ConfigError: a pattern fits nothing, or nothing is left to train.
    """
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    for pattern in patterns:
        if not any(_fits(name, pattern) for name in names):
            layers = {name.partition(".")[0] for name in names}
            raise ConfigError(
                f"freeze = {pattern!r}: the network has no weights of this name.{nearest(pattern, layers)}"
            )
    for name, weight in network.named_parameters():
        if any(_fits(name, pattern) for pattern in patterns):
            weight.requires_grad_(False)
    for name, module in network.named_modules():
        statistics = f"{name}.running_mean".removeprefix(".")
        if isinstance(module, _NormBase) and any(_fits(statistics, pattern) for pattern in patterns):
            _stay_in_evaluation(module)
    if patterns and not any(weight.requires_grad for weight in network.parameters()):
        raise ConfigError(f"freeze = {','.join(patterns)!r}: nothing is left to train.")


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or name.startswith(f"{pattern}.")


def _stay_in_evaluation(module: nn.Module) -> None:
    """Let a layer use its statistics, and leave them, also while the network around it is in training."""

    def train(self: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001 (as torch calls it)
        return nn.Module.train(self, mode=False)

    module.train = MethodType(train, module)  # type: ignore[method-assign]
    module.eval()
