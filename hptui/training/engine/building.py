"""Build the network and its optimizer, and make sure they fit the data before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from hptui.config import StudyConfig
from hptui.errors import ConfigError, HptuiError, ModelError, failure_words
from hptui.hyperparameters import Values, default_values
from hptui.losses import Loss
from hptui.optimizers import OptimizerFactory
from hptui.record.data_summary import DataSummary
from hptui.registry import without_folder
from hptui.training.engine.contract import CONTRACT, fit_to_images, offered
from hptui.training.engine.device_data import BatchOrder, DeviceDataset, DeviceImages
from hptui.training.engine.freezing import freeze
from hptui.training.engine.groups import note_shares, split_pretrained
from hptui.training.engine.norm_statistics import moving_norms
from hptui.training.engine.outputs import OutputAdapter
from hptui.training.engine.plug_ins import ModelFactory
from hptui.training.engine.pretrained import Pretrained, load_weights
from hptui.training.engine.random_state import seed_all, seed_torch
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
    summary: DataSummary | None = None
    """what was read, for the record"""
    pretrained: Pretrained | None = None
    """weights that every run begins with"""
    warnings: tuple[str, ...] = ()
    """what the trial before training found that its reader should know, one line each"""


def build_network(factory: ModelFactory, name: str, data: DeviceDataset, seed: int) -> nn.Module:
    """A new network on the data's device, its initial weights determined by `seed` alone.

    It answers with one logit per class whatever form its own code gives the answer (`OutputAdapter`), and takes grey
    images where its own code takes three channels.

    Raises:
        ModelError: the factory fails, or the network does not map these images to one logit per class.
    """
    seed_torch(seed)
    try:
        network = factory(**offered(factory, name, data))
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(f"model {name!r} cannot be built: {failure_words(error)}. {CONTRACT}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"model {name!r} gives a {type(network).__name__}, not a torch.nn.Module. {CONTRACT}")
    if isinstance(network, (torch.jit.ScriptModule, nn.DataParallel, nn.parallel.DistributedDataParallel)):
        raise ModelError(
            f"model {name!r} gives a {type(network).__name__}, which runs cannot take snapshots of: "
            "return the network itself."
        )
    network.to(data.train.pixels.device)
    memory_format = getattr(factory, "memory_format", None)
    if memory_format is not None:
        network.to(memory_format=memory_format)
    network.register_forward_hook(OutputAdapter(without_folder(name), data.name, data.class_names, data.task))
    fit_to_images(network, name, data)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ModelError(f"model {name!r} has no weights to train.")
    return network


def new_state(inputs: StudyInputs, config: StudyConfig, seed: int) -> TrainingState:
    """A training at step 0; everything in it follows from `seed`.

    Raises:
        ModelError: the network cannot be built, or does not fit the data.
        ConfigError: the optimizer or a value does not fit the network.
    """
    seed_all(seed)
    network = build_network(inputs.factory, config.model, inputs.data, seed)
    taken = load_weights(network, inputs.pretrained).names if inputs.pretrained is not None else frozenset()
    freeze(network, config.freeze)
    given = inputs.optimizer.start_values | config.set
    start = default_values() | given
    optimizer = build_optimizer(inputs.optimizer, config.optimizer, network, start)
    if config.batchnorm == "running" and hasattr(optimizer, "eval") and moving_norms(network):
        raise ConfigError(
            f"optimizer {config.optimizer!r} trains at other weights than it delivers, to which running statistics of "
            "BatchNorm do not belong: leave --batchnorm at precise."
        )
    note_shares(optimizer, inputs.optimizer, network, start)
    if taken:
        split_pretrained(optimizer, [weight for name, weight in network.named_parameters() if name in taken])
    values = ValuesInForce(network, optimizer, given, inputs.loss.reads)
    values.begin(config.space)
    order = BatchOrder(len(inputs.data.train), seed, inputs.data.train.index_device, config.remainder)
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
        raise ConfigError(f"optimizer {name!r} cannot be built: {failure_words(error)}") from error
    if not isinstance(optimizer, Optimizer) or "lr" not in optimizer.param_groups[0]:
        raise ConfigError(f"optimizer {name!r} gives a {type(optimizer).__name__}, not a torch optimizer with a rate.")
    return optimizer
