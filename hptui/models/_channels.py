"""Another number of channels for a network that was made for colour images."""

from __future__ import annotations

from torch import nn

COLOUR = 3


def take_channels(network: nn.Module, channels: int) -> None:
    """Replace the first convolution, where it takes three channels, by one that takes so many, with new weights."""
    if channels == COLOUR:
        return
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels == COLOUR and module.groups == 1:
                parent, _, attribute = name.rpartition(".")
                setattr(network.get_submodule(parent), attribute, _with_channels(module, channels))
            return


def _with_channels(layer: nn.Conv2d, channels: int) -> nn.Conv2d:
    return nn.Conv2d(
        channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]  # of a layer of two dimensions these are pairs
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
    )
