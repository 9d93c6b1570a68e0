"""Networks of torchvision for classification, without weights of their own (`--weights` has them from a file)."""

from __future__ import annotations

from typing import Any

from torch import nn

from hptui.errors import ConfigError, nearest
from hptui.models._channels import take_channels

__all__ = ["networks"]

WITH_EXTRA_OUTPUT = ("googlenet", "inception_v3")
"""whose extra heads are left out: training would use them, and nothing is gained on few images"""
SIZED = {"vit_": "image_size", "maxvit": "input_size"}
"""beginnings of names of networks that are made for one size of images, and their argument"""


def networks(name: str) -> Any:
    """What builds the network of this name; raise ConfigError where there is none."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise ConfigError(f"torchvision has no model {name!r}.{nearest(name, known)}")

    def build(in_channels: int, num_classes: int, image_size: tuple[int, int], **arguments: Any) -> nn.Module:
        given: dict[str, Any] = {"weights": None}
        given |= {"aux_logits": False, "init_weights": True} if name in WITH_EXTRA_OUTPUT else {}
        for beginning, argument in SIZED.items():
            if name.startswith(beginning):
                given[argument] = image_size[0] if argument == "image_size" else image_size
        network: nn.Module = models.get_model(name, **given | {"num_classes": num_classes} | arguments)
        take_channels(network, in_channels)
        return network

    return build
