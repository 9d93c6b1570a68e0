"""Dropout in a stacked network: each replica draws the numbers that it would draw alone, and has a rate of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from hptui.hyperparameters.dropout import dropout_layers
from hptui.models._layers import Dropout, kept, random_levels

KINDS: tuple[type[nn.Module], ...] = (Dropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""what can have a rate for each replica; others have the one that their network was built with"""


class StackedDropout(nn.Module):
    """Stands in a stacked network where one of `KINDS` stood."""

    def __init__(self, layer: nn.Dropout) -> None:
        super().__init__()
        self._layer = layer
        self._rates: list[float] = []
        self.own: tuple[Tensor, ...] = ()
        """of the replica whose forward pass goes on, see `values`"""

    def values(self, rates: Sequence[float], device: torch.device) -> tuple[Tensor, ...]:
        """Tensors (K,) that the forward pass of each replica has to find in `own`; none where nothing is drawn."""
        self._layer.p = rates[0]
        if not 0 < rates[0] < 1:  # whether it is so is the same for all replicas
            return ()
        if type(self._layer) is Dropout:
            levels = [kept(rate) for rate in rates]
            return (
                torch.tensor([threshold for threshold, _ in levels], dtype=torch.int16, device=device),
                torch.tensor([scale for _, scale in levels], device=device),
            )
        self._rates = sorted(set(rates))
        return (torch.tensor([[self._rates.index(rate)] for rate in rates], device=device),)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.own:
            unchanged: Tensor = self._layer(x)
            return unchanged
        if type(self._layer) is Dropout:
            threshold, scale = self.own
            return x * ((random_levels(x) >= threshold) * scale).to(x.dtype)
        (which,) = self.own
        return x * torch.stack(list(self._masks(x))).index_select(0, which).squeeze(0)

    def _masks(self, x: Tensor) -> Iterator[Tensor]:
        """One of each rate, from the same random numbers, as the layer itself draws them."""
        before, ones = _random_state(x.device), torch.ones(x.shape, dtype=x.dtype, device=x.device)
        for rate in self._rates:
            _restore(before, x.device)
            self._layer.p = rate
            yield self._layer(ones)


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _restore(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def stand_in(network: nn.Module) -> list[StackedDropout | nn.Dropout]:
    """Replace the dropout layers of a network that is to be stacked; those of `dropout_layers`, as they are now."""
    layers = dropout_layers(network)
    stands = {id(layer): StackedDropout(layer) for layer in layers if type(layer) in KINDS}
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if id(module) in stands:
            network.set_submodule(name, stands[id(module)])
    return [stands.get(id(layer), layer) for layer in layers]
