"""Networks of MONAI that classify, for images of two dimensions."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from hptui.errors import ConfigError, nearest

__all__ = ["networks"]

PATCH = 16
"""side in pixels of what a transformer looks at as one"""
CLASSIFIERS = (
    *(f"densenet{depth}" for depth in (121, 169, 201, 264)),
    *(f"resnet{depth}" for depth in (10, 18, 34, 50, 101, 152, 200)),
    *(f"seresnet{depth}" for depth in (50, 101, 152)),
    *("seresnext50", "seresnext101", "senet154", "vit"),
    *(f"efficientnet_b{size}" for size in range(9)),
)


def networks(name: str) -> Any:
    """What builds the network of this name; raise ConfigError where there is none."""
    from monai.networks import nets

    name = name.lower().replace("-", "_")
    if name not in CLASSIFIERS:
        raise ConfigError(f"monai has no model {name!r} for images and classes.{nearest(name, CLASSIFIERS)}")

    def build(in_channels: int, num_classes: int, image_size: tuple[int, int], **arguments: Any) -> nn.Module:
        channels, classes = "in_channels", "num_classes"
        given: dict[str, Any] = {"spatial_dims": 2}
        match re.sub(r"_?b?\d+$", "", name):
            case "vit":
                kind = nets.ViT
                sizes = {"img_size": image_size, "patch_size": PATCH}
                given |= sizes | {"classification": True, "post_activation": ""}  # no tanh over the logits
            case "efficientnet":
                kind = nets.EfficientNetBN
                given |= {"model_name": name.replace("_", "-"), "pretrained": False}
            case "densenet":
                kind, classes = getattr(nets, name), "out_channels"
            case "resnet":
                kind, channels = getattr(nets, name), "n_input_channels"
            case _:
                kind = getattr(nets, name)
        network: nn.Module = kind(**given | {channels: in_channels, classes: num_classes} | arguments)
        return network

    return build
