"""Groups of an optimizer's weights: each has a rate and a decay of its own, as a share of the chosen ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from hptui.hyperparameters import Values
from hptui.hyperparameters.lr import PRETRAINED, SHARE
from hptui.hyperparameters.weight_decay import SHARE as DECAY_SHARE
from hptui.optimizers import OptimizerFactory


def note_shares(optimizer: Optimizer, factory: OptimizerFactory, network: nn.Module, values: Values) -> None:
    """Let each group keep what it was given as a share of the rate and of the decay that an optimizer was built with.

    One group alone has both as they are chosen.
    """
    groups = optimizer.param_groups
    if len(groups) == 1:
        return
    for group, decay in zip(groups, _decay_shares(groups, factory, network, values), strict=True):
        _note(group, SHARE, group["lr"] / values["lr"])
        _note(group, DECAY_SHARE, decay)


def _decay_shares(
    groups: Sequence[dict[str, Any]], factory: OptimizerFactory, network: nn.Module, values: Values
) -> list[float]:
    """Shares of the decay by group; where none is chosen, those of another optimizer, built with one and not used."""
    decay = values["weight_decay"]
    if not decay:
        decay = 1.0
        try:
            groups = factory(network, values | {"weight_decay": decay}).param_groups
        except Exception:  # it takes no such decay, so there is none to share
            return [1.0] * len(groups)
    return [group.get("weight_decay", decay) / decay for group in groups]


def _note(group: dict[str, Any], key: str, share: float) -> None:
    if share != 1.0:
        group[key] = float(share)


def split_pretrained(optimizer: Optimizer, pretrained: Collection[Tensor]) -> None:
    """Give those weights groups of their own, which have what their groups had; `backbone_lr` is about them."""
    known, groups = {id(weight) for weight in pretrained}, []
    for group in optimizer.param_groups:
        parts = {kind: [one for one in group["params"] if (id(one) in known) == kind] for kind in (False, True)}
        groups += [
            {**group, "params": weights, **({PRETRAINED: True} if is_pretrained else {})}
            for is_pretrained, weights in parts.items()
            if weights
        ]
    optimizer.param_groups[:] = groups
