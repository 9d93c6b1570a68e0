"""A network that gives every image the same answer, now and whatever it learns: its forward ignores the image, a layer
is dead, or nothing but a bias reaches the end.

A last layer of zeros does so too, as fine-tuning has it, and is sound: a step of training later the answer depends on
the image. So a few steps are taken, on a copy that is thrown away. Of what needs more of them, or is revived by
another loss, optimizer or hyperparameter, nothing is known here: what is told is what these few images show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

SAME = 1e-6
"""relative difference of two answers that are the same: what float32 tells apart"""
STEPS = 3
"""with a zero in two places, as of a last layer and a scale before it, the second step reaches what is before"""
SHARE, LEAST = 0.1, 0.01
"""of a parameter's own size, by which its largest entry moves in a step, and how far it does where it is zero"""


def never_depends(network: nn.Module, images: Tensor) -> bool:
    """Whether all images get one answer, before and after a few steps; the network is left changed.

    Images that are all alike say nothing of it, so noise is put to it instead. Batch norm is tried as in training too:
    before any training its own numbers may be far from those of the images, and all that comes behind is dead.

    Args:
        network: answers (B, C, H, W) with (B, classes).
        images: several of them, normalised.
    """
    images = images if _differ(images) else torch.randn_like(images)

    def answer() -> Tensor:
        output: Tensor = network(images.clone())
        return output

    network.eval()
    if _depends(answer) or _as_in_training(network, answer):
        return False
    return not any(_depends(answer) or _as_in_training(network, answer) for _ in _steps(network, answer))


def _as_in_training(network: nn.Module, answer: Callable[[], Tensor]) -> bool:
    """Whether the answer depends on the image where batch norm, and nothing else, does as in training."""
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    for layer in norms:
        layer.train()
    try:
        return bool(norms) and _depends(answer)
    finally:
        network.eval()


def _depends(answer: Callable[[], Tensor]) -> bool:
    with torch.no_grad():
        return _differ(answer().detach())  # a view of a bias would have a gradient even here


def _differ(rows: Tensor) -> bool:
    """Whether rows (B, ...) are not all the same, or not finite, of which others tell."""
    values = rows.double()
    apart = (values - values[:1]).abs().max()
    return not bool(apart <= SAME * values.abs().max())


def _steps(network: nn.Module, answer: Callable[[], Tensor]) -> Iterator[None]:
    """Steps along the gradient of what any loss may pull at: a share of every answer that differs from image to image.

    Each parameter moves by a share of its own size, however small its gradient is: what has one at all is reached.
    """
    parameters = [one for one in network.parameters() if one.requires_grad]
    for _ in range(STEPS):
        output = answer()
        if not output.requires_grad:
            return
        pull = torch.linspace(-1, 1, output.numel(), device=output.device, dtype=output.dtype).reshape(output.shape)
        gradients = torch.autograd.grad((output * pull).sum(), parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None and (largest := gradient.abs().max()) > 0:
                    size = max(SHARE * float(parameter.square().mean().sqrt()), LEAST)
                    parameter.sub_(size * gradient / largest)
        yield
