"""A pretrained network for images that are smaller than those it knows: it enlarges them itself.

MedMNIST's images have 28 pixels, and networks of ImageNet saw 224: with four times the side their first layers find
what they know. Any network of timm will do that stands on the command line (pip install '.[timm]'):

    hptui run --model examples/enlarged.py:enlarged --model-args name=resnet18 --model-args times=4 \
        --weights resnet18.pth --dataset medmnist:DIR/retinamnist.npz --normalisation imagenet --set backbone_lr=0.1 \
        --search lr=1e-4:1e-2:log --epochs 20

The names of its weights are those that the file has, because nothing is put around the network.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


def enlarged(in_channels: int, num_classes: int, name: str = "resnet18", times: int = 4) -> nn.Module:
    """A network of timm that gets images of `times` their side."""
    import timm

    network: nn.Module = timm.create_model(name, in_chans=in_channels, num_classes=num_classes)

    def enlarge(_: nn.Module, images: tuple[Any, ...]) -> Tensor:
        larger: Tensor = F.interpolate(images[0], scale_factor=float(times), mode="bilinear")
        return larger

    network.register_forward_pre_hook(enlarge)
    return network
