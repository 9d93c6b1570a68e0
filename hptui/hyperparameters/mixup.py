"""Mixup (Zhang et al. 2018, arXiv 1710.09412): each training image laid over another, and so are their labels.

The loss is that of both labels, each by its share, whatever loss it is; shares are drawn from a beta distribution, for
each image its own. Where an image may have several labels, each of these is both images' alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters import Batch, Hyperparameter

if TYPE_CHECKING:
    from torch import Generator

__all__ = ["MIXUP"]


class Mixup(Hyperparameter):
    """Off at 0. Shares are looked up in the distribution: the same draw gives a share for every value of it."""

    def on_batch(self, batch: Batch, value: float, generator: Generator) -> Batch:
        import torch
        from scipy.special import betaincinv

        if value == 0:
            return batch
        inputs, images = batch.inputs, len(batch.inputs)
        partner = torch.randperm(images, generator=generator).to(inputs.device)
        drawn = torch.rand(images, generator=generator, dtype=torch.float64).numpy()
        share = torch.from_numpy(betaincinv(value, value, drawn)).to(inputs)
        return batch.mixed(torch.lerp(inputs[partner], inputs, share.view(-1, 1, 1, 1)), partner, share)


MIXUP = Mixup(
    "mixup",
    "mixup",
    default=0.0,
    low=0.0,
    high=10.0,
    suggested="0:0.4:lin:3",
    careful="larger",
    can_be_off=True,
    unit="alpha",
    meaning="two training images and their labels laid over each other; the larger alpha, the more evenly",
    if_named=True,
    order=180,
)
