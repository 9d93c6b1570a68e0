"""BatchNorm's statistics of the weights as they are, not of the steps that led there.

Running statistics follow the weights some ten steps behind. Where an epoch has ten steps, or a probe, an evaluation
with them tells of this delay more than of the weights, and most at large rates (tests/benchmarks/RESULTS.md, "Which
statistics is BatchNorm evaluated with?"). Statistics taken anew over training images, with the weights that are
evaluated, have no delay (PreciseBN: Wu and Johnson 2021, arXiv 2105.07576; of averaged weights: Izmailov et al. 2018,
arXiv 1803.05407). Dropout is off and images are as they are, as in the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from hptui.nothing import do_nothing
from hptui.training.engine.device_data import DeviceDataset

IMAGES = 1000
"""training images that are looked at, at most"""
BATCH = 100
"""images at once; of a training in smaller batches so many, because its network or images may leave no room for more"""
MOMENTS = ("running_mean", "running_var")
COUNT = "num_batches_tracked"


def moving_norms(network: nn.Module) -> dict[str, _BatchNorm]:
    """The layers, by name, whose statistics move while the network is trained: frozen ones stay."""
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    return {name: norm for name, norm in norms.items() if norm.running_mean is not None and _moves(norm)}


def _moves(norm: _BatchNorm) -> bool:
    was = norm.training
    moves = norm.train().training
    norm.train(was)
    return moves


def images_looked_at(network: nn.Module, images: int) -> int:
    """Of so many training images, before each evaluation."""
    return min(images, IMAGES) if images > 1 and moving_norms(network) else 0


@torch.no_grad()
def norm_statistics(
    network: nn.Module,
    data: DeviceDataset,
    weights: Mapping[str, Tensor],
    *,
    batch_size: float,
    precision: AbstractContextManager[object],
    before_batch: Callable[[], object] = do_nothing,
) -> dict[str, Tensor]:
    """Statistics of moving layers, by the names of their buffers; the network is as before afterwards.

    Layers that an evaluation leaves out, as those of a second output in training, have none and keep what they have.

    Args:
        network: without such layers nothing is done.
        data: of whose training images some are looked at, always the same.
        weights: by name, in place of the network's own.
        batch_size: of the training.
        precision: of the forward pass.
        before_batch: raises where the rest is not wanted any more.
    """
    norms = moving_norms(network)
    if not norms or len(data.train) < 2:
        return {}
    buffers = {
        f"{name}.{kind}".removeprefix("."): torch.zeros_like(getattr(norm, kind))
        for name, norm in norms.items()
        for kind in (*MOMENTS, COUNT)
    }
    with _collecting(network, norms) as reached, precision:
        for number, chosen in enumerate(_batches(data, batch_size), 1):
            before_batch()
            for norm in norms.values():
                norm.momentum = 1 / number  # the plain mean over all batches
            functional_call(network, {**weights, **buffers}, (data.normalise(data.train.pixels[chosen]),))
    return {
        name: buffers[name]
        for layer in norms
        if layer in reached
        for name in (f"{layer}.{kind}".removeprefix(".") for kind in MOMENTS)
    }


@contextmanager
def put_in(network: nn.Module, statistics: Mapping[str, Tensor]) -> Iterator[None]:
    """Let the network's own buffers be these while the block lasts."""
    buffers = dict(network.named_buffers())
    own = {name: buffers[name].clone() for name in statistics}
    with torch.no_grad():
        for name, values in statistics.items():
            buffers[name].copy_(values)
        try:
            yield
        finally:
            for name, values in own.items():
                buffers[name].copy_(values)


@contextmanager
def _collecting(network: nn.Module, norms: Mapping[str, _BatchNorm]) -> Iterator[set[str]]:
    """The network as in an evaluation, but for layers that take in what they see; names of those that saw anything."""
    was_training, momenta = network.training, {name: norm.momentum for name, norm in norms.items()}
    reached: set[str] = set()

    def note(name: str) -> RemovableHandle:
        return norms[name].register_forward_hook(lambda *_: reached.add(name))

    hooks = [note(name) for name in norms]
    network.eval()
    for norm in norms.values():
        norm.train()
    try:
        yield reached
    finally:
        for hook in hooks:
            hook.remove()
        for name, norm in norms.items():
            norm.momentum = momenta[name]
        network.train(was_training)


def _batches(data: DeviceDataset, batch_size: float) -> Iterator[Tensor]:
    """Indices (B,) of whole batches of training images, drawn once and for all: the images may lie class by class."""
    images = len(data.train)
    drawn = torch.randperm(images, generator=torch.Generator().manual_seed(0))[:IMAGES]
    drawn = drawn.to(data.train.labels.device)
    size = min(max(int(batch_size), 2), BATCH, len(drawn))
    for begin in range(0, len(drawn) - size + 1, size):
        yield drawn[begin : begin + size]
