"""From settings to what all runs of a study share: data on the device, the network's class, optimizer and loss."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch

from hptui import registry
from hptui.config import StudyConfig
from hptui.datasets import ImageDataset
from hptui.datasets._intensity import fit_intensity
from hptui.datasets._prepare import fingerprint
from hptui.datasets._reading import read_dataset, split_dataset
from hptui.datasets._summary import summarize
from hptui.errors import ConfigError
from hptui.headway import tell
from hptui.losses import Loss
from hptui.metrics.classification import METRIC_TITLES, metric
from hptui.planning import new_strategy
from hptui.record.predictions import Predictions
from hptui.record.study_directory import Study
from hptui.training.backbone import NO_BACKBONE, with_real_ranges
from hptui.training.engine.building import StudyInputs
from hptui.training.engine.device import resolve_device, use_threads
from hptui.training.engine.device_data import DeviceDataset, to_device
from hptui.training.engine.normalisation import normalised
from hptui.training.engine.placement import placement
from hptui.training.engine.plug_ins import (
    ModelFactory,
    load_factory,
    load_loss,
    load_optimizer,
    load_schedule,
    with_arguments,
)
from hptui.training.engine.pretrained import read_weights
from hptui.training.sole import sole_in_process
from hptui.training.trial import try_out


@sole_in_process()
def prepare_inputs(
    config: StudyConfig,
    *,
    dataset: ImageDataset | None = None,
    factory: ModelFactory | None = None,
    was_tried: bool = False,
) -> StudyInputs:
    """Read the data, load the classes, and check that everything fits; nothing is written.

    Args:
        config: the settings.
        dataset: instead of the one that they name.
        factory: instead of the network that they name.
        was_tried: another process of this study has tried the network out with these data.

    Raises:
        UsageError: device, data, model, optimizer, loss and values do not exist or do not fit each other.
        TrainingError: a training goes on in this process.
    """
    device = resolve_device(config.device)
    use_threads(config.threads)
    if factory is None:
        factory = load_factory(config.model)
    factory = with_arguments(factory, config.model_args)
    optimizer, loss = load_optimizer(config.optimizer), load_loss(config.loss)
    if config.schedule is not None:
        load_schedule(config.schedule)
    if dataset is None:
        dataset = read_dataset(config)
    split = split_dataset(dataset, config)
    del dataset  # it may hold all images once more
    tell("looking at the intensities")
    with ThreadPoolExecutor(1) as beside:  # hashing lets go of the interpreter
        identity = beside.submit(fingerprint, split)
        fitted = fit_intensity(config.intensity, split)
        split = replace(split, notes=(*split.notes, *fitted.notes))
        summary = summarize(split)
    placed = placement(config.images_on, split, device)
    try:
        data, test = to_device(split, identity.result(), device, config.class_weights, fitted, placed)
    except (torch.OutOfMemoryError, MemoryError):
        raise ConfigError(
            f"train_size: the images of {split.name} do not fit into the memory of {device}; "
            "take fewer, or smaller ones, or another device, or leave them in main memory (--images-on host)."
        ) from None
    _check_loss(config, loss, data)
    _check_score(config, data)
    weights = read_weights(config.weights) if config.weights is not None else None
    data, how = normalised(data, config.normalisation, factory, weights)
    inputs = StudyInputs(data, test, factory, optimizer, loss, device, summary, weights)
    if was_tried:
        return inputs
    tell("trying the network out")
    lines = [*[f"images are normalised {how}"] * bool(how), *[placed.note] * bool(placed.note)]
    lines += _order(config, data.class_names)
    tried = with_real_ranges(config, inputs)
    if tried is not config:
        lines.append(NO_BACKBONE)
    return replace(inputs, warnings=(*lines, *try_out(inputs, tried)))


def _order(config: StudyConfig, names: Sequence[str]) -> list[str]:
    """The order of the grades, where something goes by it: names alone do not say which is the worse one."""
    if config.loss != "ordinal" and config.score != "quadratic_kappa":
        return []
    return [f"the classes count as grades in this order: {', '.join(names)}"]


def require_same(inputs: StudyInputs, study: Study) -> None:
    """Raise ConfigError where the images, or the pretrained weights, are not those that a study began with."""
    if inputs.data.fingerprint != study.fingerprint:
        raise ConfigError(f"{inputs.data.name}: these are not the images that the study began with.")
    if inputs.pretrained is not None and study.weights_digest not in ("", inputs.pretrained.digest):
        raise ConfigError(f"weights: {inputs.pretrained.name} is not the file that the study began with.")


def check_strategies(config: StudyConfig) -> None:
    """Make the strategy of every arm, and look at the schedule that it goes with.

    Raises:
        ConfigError: one cannot be made, refuses the settings, or names a schedule that is none.
    """
    for arm in config.arms:
        load_schedule(config.schedule or new_strategy(config, arm).schedule)


def _check_score(config: StudyConfig, data: DeviceDataset) -> None:
    """A metric that the validation images do not define would make all candidates equal."""
    if config.score not in METRIC_TITLES:
        return
    labels, classes = data.validation.labels.cpu().numpy(), len(data.class_names)
    guess = Predictions(labels, np.full((len(labels), classes), 1 / classes, np.float32))
    try:
        defined = metric(config.score, guess) is not None
    except ConfigError as error:
        raise ConfigError(f"score = {config.score!r} with {data.name}: {error}") from None
    if not defined:
        none = "a class has none" if data.task == "single-label" else "all have, or lack, each label"
        raise ConfigError(f"score {config.score!r} is not defined on the validation images of {data.name}: {none}.")


def _check_loss(config: StudyConfig, loss: Loss, data: DeviceDataset) -> None:
    """A loss that has no formula for the task."""
    if data.task in loss.tasks:
        return
    if data.task == "single-label":
        raise ConfigError(f"loss {config.loss!r} is for several labels per image; {data.name} has one class for each.")
    able = [name for name in registry.names("losses") if data.task in load_loss(name).tasks]
    raise ConfigError(
        f"loss {config.loss!r} is for one class per image; in {data.name} an image may have several labels: take "
        f"{', '.join(able)}. An own loss says what it is for (tasks), and has of_labels."
    )
