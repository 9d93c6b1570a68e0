"""Build the network and its optimizer, and make sure they fit the data before anything is written."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hptui import registry
from hptui.errors import ConfigError, ModelError
from hptui.space import Values
from hptui.training.engine.device_data import DeviceDataset

ModelFactory = Callable[..., nn.Module]
PACKAGES = {"schedule_free": "schedulefree", "prodigy": "prodigyopt"}
"""optimizers that come with a package of their own, an optional extra"""


def build_network(factory: ModelFactory, name: str, data: DeviceDataset, seed: int) -> nn.Module:
    """A new network on the data's device, its initial weights determined by `seed` alone.

    Raises:
        ModelError: the factory fails, or the network does not map these images to one logit per class.
    """
    torch.manual_seed(seed)
    offered = {
        "in_channels": data.channels,
        "num_classes": len(data.class_names),
        "image_size": data.image_shape,
    }
    try:
        network = factory(**_accepted(factory, offered))
    except (Exception, SystemExit) as error:
        raise ModelError(f"model {name!r} cannot be built: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"model {name!r} gives a {type(network).__name__}, not a torch.nn.Module.")
    network.to(data.train.pixels.device)
    memory_format = getattr(factory, "memory_format", None)
    if memory_format is not None:
        network.to(memory_format=memory_format)
    _check_output(network, name, data)
    return network


def load_factory(name: str) -> ModelFactory:
    """The class or function behind --model."""
    factory: Any = registry.load("models", name)
    if not callable(factory):
        raise ModelError(f"model {name!r} is a {type(factory).__name__}, not a class or function that builds one.")
    return factory  # type: ignore[no-any-return]


def _accepted(factory: ModelFactory, offered: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(factory).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return offered
    return {key: value for key, value in offered.items() if key in {parameter.name for parameter in parameters}}


def _check_output(network: nn.Module, name: str, data: DeviceDataset) -> None:
    classes = len(data.class_names)
    images = data.normalise(data.train.pixels[:2])
    network.eval()  # a trial in training mode would move BatchNorm's statistics and draw from dropout
    try:
        with torch.no_grad():
            output = network(images)
    except (Exception, SystemExit) as error:
        sides = "x".join(str(side) for side in images.shape[1:])
        raise ModelError(
            f"model {name!r} does not take images of {sides}: {type(error).__name__}: {first_line(error)}"
        ) from error
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if shape != (len(images), classes):
        raise ModelError(
            f"model {name!r} answers {len(images)} images with {shape}; {data.name} has {classes} classes, "
            f"so it has to be {(len(images), classes)}."
        )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ModelError(f"model {name!r} has no weights to train.")


def first_line(error: BaseException) -> str:
    """Of its message, for an error of one line."""
    return (str(error).strip().splitlines() or [""])[0]


def check_optimizer(name: str) -> None:
    """Raise ConfigError if the optimizer comes with a package that is not installed."""
    package = PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ConfigError(f"{name} needs the package {package}; install it with: pip install 'hptui[optimizers]'")


def build_optimizer(name: str, network: nn.Module, values: Values) -> torch.optim.Optimizer:
    """SGD with momentum, Adam or AdamW, each in torch's fused form; or one from a package of its own.

    Fused kernels are wrong, silently, for a gradient whose strides differ from its weight's (seen with
    torch.func); gradients from `backward()` follow the weight's strides. tests/training checks them against
    the plain form.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    lr, weight_decay, momentum = values["lr"], values["weight_decay"], values["momentum"]
    match name:
        case "sgd":
            return torch.optim.SGD(trained, lr, momentum, weight_decay=weight_decay, fused=True)
        case "adam":
            return torch.optim.Adam(trained, lr, (momentum, 0.999), weight_decay=weight_decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(trained, lr, (momentum, 0.999), weight_decay=weight_decay, fused=True)
        case "schedule_free":
            if momentum == 0:
                raise ConfigError("schedule_free needs a momentum above 0: it trains between two points that it keeps.")
            if any(buffer.endswith("running_mean") for buffer, _ in network.named_buffers()):
                raise ConfigError(
                    "schedule_free cannot train a model with BatchNorm here: it is read at other weights than those "
                    "that the running statistics belong to."
                )
            from schedulefree import AdamWScheduleFree

            schedule_free: torch.optim.Optimizer = AdamWScheduleFree(
                trained, lr, (momentum, 0.999), weight_decay=weight_decay
            )
            schedule_free.train()  # type: ignore[attr-defined]
            return schedule_free
        case "prodigy":
            from prodigyopt import Prodigy

            prodigy: torch.optim.Optimizer = Prodigy(trained, lr, (momentum, 0.999), weight_decay=weight_decay)
            return prodigy
    raise ValueError(f"no optimizer {name!r}")
