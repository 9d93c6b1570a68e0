"""Build the network and its optimizer, and make sure they fit the data before anything is trained."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hptui.config import StudyConfig
from hptui.errors import ConfigError, ModelError, first_line
from hptui.hyperparameters import Values, default_values
from hptui.losses import Loss
from hptui.optimizers import OptimizerFactory
from hptui.training.engine.device_data import BatchOrder, DeviceDataset, DeviceImages
from hptui.training.engine.plug_ins import ModelFactory
from hptui.training.engine.random_state import seed_all
from hptui.training.engine.state import TrainingState
from hptui.training.engine.values_in_force import ValuesInForce


@dataclass(frozen=True)
class StudyInputs:
    """What all runs of a study share; it never changes."""

    data: DeviceDataset
    test: DeviceImages
    factory: ModelFactory
    optimizer: OptimizerFactory
    loss: Loss
    device: torch.device


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


def new_state(inputs: StudyInputs, config: StudyConfig, seed: int) -> TrainingState:
    """A training at step 0; everything in it follows from `seed`.

    Raises:
        ModelError: the network cannot be built, or does not fit the data.
        ConfigError: the optimizer or a value does not fit the network.
    """
    seed_all(seed)
    network = build_network(inputs.factory, config.model, inputs.data, seed)
    given = inputs.optimizer.start_values | config.set
    optimizer = build_optimizer(inputs.optimizer, config.optimizer, network, default_values() | given)
    values = ValuesInForce(network, optimizer, given, inputs.loss.reads)
    values.begin(config.space)
    order = BatchOrder(len(inputs.data.train), seed, inputs.device)
    augmentation = torch.Generator().manual_seed(seed)  # on the CPU, so that a checkpoint goes to any device
    seed_all(seed)  # whatever building the network drew, training draws the same
    return TrainingState(network, optimizer, values, order, augmentation, inputs.device)


def build_optimizer(factory: OptimizerFactory, name: str, network: nn.Module, values: Values) -> Optimizer:
    """An optimizer of the weights that are trained; raise ConfigError where `factory` fails or gives something else."""
    try:
        optimizer = factory(network, values)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"optimizer {name!r} cannot be built: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(optimizer, Optimizer) or "lr" not in optimizer.param_groups[0]:
        raise ConfigError(f"optimizer {name!r} gives a {type(optimizer).__name__}, not a torch optimizer with a rate.")
    return optimizer
