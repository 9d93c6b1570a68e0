"""From settings to what all runs of a study share: data on the device, the network's class, optimizer and loss."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hptui.config import StudyConfig
from hptui.datasets import ImageDataset
from hptui.datasets._intensity import fit_intensity
from hptui.datasets._prepare import fingerprint, prepare, request_dataset
from hptui.errors import ConfigError, HptuiError, ModelError, first_line
from hptui.hyperparameters import Values
from hptui.metrics.classification import METRICS, metric
from hptui.planning import new_strategy
from hptui.record.predictions import Predictions
from hptui.training.engine.building import StudyInputs, new_state
from hptui.training.engine.device import resolve_device, use_threads
from hptui.training.engine.device_data import DeviceDataset, DeviceImages, to_device
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.plug_ins import ModelFactory, load_factory, load_loss, load_optimizer, load_schedule
from hptui.training.sole import sole_in_process


@sole_in_process()
def prepare_inputs(
    config: StudyConfig, *, dataset: ImageDataset | None = None, factory: ModelFactory | None = None
) -> StudyInputs:
    """Read the data, load the classes, and check that everything fits; nothing is written.

    Raises:
        UsageError: device, data, model, optimizer, loss and values do not exist or do not fit each other.
        TrainingError: a training goes on in this process.
    """
    device = resolve_device(config.device)
    use_threads(config.threads)
    if factory is None:
        factory = load_factory(config.model)
    optimizer, loss = load_optimizer(config.optimizer), load_loss(config.loss)
    if config.schedule is not None:
        load_schedule(config.schedule)
    if dataset is None:
        dataset = request_dataset(
            config.dataset,
            data_dir=Path(config.data_dir) if config.data_dir is not None else None,
            image_size=config.image_size,
            split_seed=config.split_seed,
            resize=config.resize,
            pages=config.pages,
            intensity=config.intensity,
            keep_decoded=config.keep_decoded,
        )
    split = prepare(
        dataset,
        train_size=config.train_size,
        validation_size=config.validation_size,
        split_seed=config.split_seed,
    )
    del dataset  # it may hold all images once more
    fitted = fit_intensity(config.intensity, split)
    split = replace(split, notes=(*split.notes, *fitted.notes))
    try:
        data, test = to_device(split, fingerprint(split), device, config.class_weights, fitted)
    except (torch.OutOfMemoryError, MemoryError):
        raise ConfigError(
            f"train_size: the images of {split.name} do not fit into the memory of {device}; "
            "take fewer, or smaller ones, or another device."
        ) from None
    _check_score(config, data)
    inputs = StudyInputs(data, test, factory, optimizer, loss, device)
    _try_out(inputs, config)
    return inputs


def check_strategies(config: StudyConfig) -> None:
    """Make the strategy of every arm, and look at the schedule that it goes with.

    Raises:
        ConfigError: one cannot be made, refuses the settings, or names a schedule that is none.
    """
    for arm in config.arms:
        load_schedule(config.schedule or new_strategy(config, arm).schedule)


def _check_score(config: StudyConfig, data: DeviceDataset) -> None:
    """A metric that the validation images do not define would make all candidates equal."""
    if config.score not in METRICS:
        return
    labels, classes = data.validation.labels.cpu().numpy(), len(data.class_names)
    guess = Predictions(labels, np.full((len(labels), classes), 1 / classes, np.float32))
    if metric(config.score, guess) is None:
        raise ConfigError(
            f"score {config.score!r} is not defined on the validation images of {data.name}: a class has none."
        )


def _try_out(inputs: StudyInputs, config: StudyConfig) -> None:
    """Build everything once, so that a mistake is told before the first run, not in the middle of the night."""
    low = {name: entry.low for name, entry in config.space.items()}
    high = {name: entry.high for name, entry in config.space.items()}
    _try_checkpoint(inputs, config)
    start = round((inputs.optimizer.start_values | config.start_values)["batch_size"])
    sizes = {start, round(low.get("batch_size", start)), round(high.get("batch_size", start))}
    for size in sorted(sizes):
        _try_step(inputs, config, high, size)
    if low:
        _try_step(inputs, config, low, start)


def _try_step(inputs: StudyInputs, config: StudyConfig, values: Values, batch_size: int) -> None:
    """A step and a look at two images, on a throwaway state with `values`, and so with all that the study may use."""
    try:
        state = new_state(inputs, config, config.seed)
        for name in config.space:
            state.values.require(name)
        state.values.set(values | {"batch_size": float(batch_size)})
        trainer = Trainer(state, inputs.data, inputs.loss, average_window=1.0, precision=config.precision)
        LossSum(inputs.device).add(*trainer.step())
        validation = inputs.data.validation
        for averaged in (False, True):
            trainer.evaluate(DeviceImages(validation.pixels[:2], validation.labels[:2]), averaged=averaged)
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"model {config.model!r} cannot be trained with batches of {batch_size}{_as_words(values)}: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error


def _try_checkpoint(inputs: StudyInputs, config: StudyConfig) -> None:
    """Keep a state and take it back, as a checkpoint does: own code may have one that only pickle could hold."""
    state = new_state(inputs, config, config.seed)
    trainer = Trainer(state, inputs.data, inputs.loss, average_window=1.0, precision=config.precision)
    try:
        trainer.step()  # the optimizer has no state before
    except (Exception, SystemExit):
        return  # told better by `_try_step`
    try:
        file = io.BytesIO()
        torch.save(state.snapshot(), file)
        file.seek(0)
        state.restore(torch.load(file, map_location=inputs.device, weights_only=True))
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the state of model {config.model!r} with optimizer {config.optimizer!r} cannot be kept in a checkpoint "
            f"and taken back ({type(error).__name__}); it has to be tensors and plain data."
        ) from error


def _as_words(values: Values) -> str:
    return "".join(f", {name} {value:g}" for name, value in values.items() if name != "batch_size")
