"""Networks of timm (PyTorch Image Models), without weights of their own (`--weights` has them from a file)."""

from __future__ import annotations

from typing import Any

from torch import nn

from hptui.errors import ConfigError, nearest

__all__ = ["networks"]


def networks(name: str) -> Any:
    """What builds the network of this name; raise ConfigError where there is none."""
    import timm

    if not timm.is_model(name):
        raise ConfigError(f"timm has no model {name!r}.{nearest(name, timm.list_models())}")
    known = timm.models.get_pretrained_cfg(name, allow_unregistered=False)

    def build(in_channels: int, num_classes: int, image_size: tuple[int, int], **arguments: Any) -> nn.Module:
        sized = {"img_size": image_size} if known is not None and known.fixed_input_size else {}
        given: dict[str, Any] = {"pretrained": False, "in_chans": in_channels, "num_classes": num_classes, **sized}
        network: nn.Module = timm.create_model(name, **given | arguments)
        return network

    if known is not None:
        build.normalisation = known.mean, known.std  # type: ignore[attr-defined]  # what its published weights want
    return build
