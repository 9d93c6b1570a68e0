"""All runs of a study, one after another in this process, pair by pair."""

from __future__ import annotations

import math
import os
import traceback
from pathlib import Path

import numpy as np

from hptui import registry
from hptui.config import Arm, StudyConfig
from hptui.datasets import ImageDataset
from hptui.datasets._prepare import fingerprint, prepare, request_dataset
from hptui.errors import ConfigError, HptuiError, ModelError, TrainingError
from hptui.metrics.classification import METRICS, metric
from hptui.record.events import RunCompleted, RunFailed
from hptui.record.predictions import Predictions
from hptui.record.presence import Presence
from hptui.record.run_directory import ERROR_FILE
from hptui.record.run_reader import last_event
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, create_study
from hptui.strategies import Strategy
from hptui.training.engine.building import ModelFactory, check_optimizer, first_line, load_factory
from hptui.training.engine.device import resolve_device, use_threads
from hptui.training.engine.device_data import DeviceDataset, to_device
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.run.control import Control
from hptui.training.run.decision import LONGER
from hptui.training.run.delivery import remove_predictions
from hptui.training.run.run import Ingredients, Run, new_state


def gather(
    config: StudyConfig, *, dataset: ImageDataset | None = None, factory: ModelFactory | None = None
) -> Ingredients:
    """Read the data, load the network's class, and check that everything fits; nothing is written.

    Raises:
        UsageError: device, data, model, strategy and values do not exist or do not fit each other.
    """
    device = resolve_device(config.device)
    use_threads(config.threads)
    if factory is None:
        factory = load_factory(config.model)
    if dataset is None:
        dataset = request_dataset(
            config.dataset,
            data_dir=Path(config.data_dir) if config.data_dir is not None else None,
            image_size=config.image_size,
            split_seed=config.split_seed,
        )
    split = prepare(
        dataset,
        train_size=config.train_size,
        validation_size=config.validation_size,
        split_seed=config.split_seed,
    )
    data, test = to_device(split, fingerprint(split), device, config.class_weights)
    _check_score(config, data)
    ingredients = Ingredients(config, data, test, factory, device)
    _try_out(ingredients)
    return ingredients


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


def _planned_cost(config: StudyConfig, arm: Arm) -> float:
    strategy = new_strategy(config, arm)
    try:
        cost = float(strategy.planned_cost(config.space, config.horizon))
    except Exception as error:
        name = type(strategy).__name__
        raise ConfigError(
            f"strategy {name} cannot plan its cost: {type(error).__name__}: {first_line(error)}"
        ) from error
    if not 0 < cost < math.inf:
        raise ConfigError(f"strategy {type(strategy).__name__} plans a cost of {cost}.")
    if not (config.greed_check and strategy.searches):
        return cost
    decisions = max(1, sum(epoch <= config.epochs for epoch in config.decision_epochs()))
    return (
        cost + LONGER * (cost - 1) * math.ceil(decisions / config.greed_check) / decisions
    )  # the first one is checked


def _try_out(ingredients: Ingredients) -> None:
    """Build everything once, so that a mistake is told before the first run, not in the middle of the night."""
    config = ingredients.config
    sizes = config.space.get("batch_size")
    start = round(config.start_values["batch_size"])
    for size in {start} if sizes is None else {start, round(sizes.low), round(sizes.high)}:
        _try_step(ingredients, size)


def _try_step(ingredients: Ingredients, batch_size: int) -> None:
    """One training step on a throwaway state, with all that the study may switch on."""
    config, losses = ingredients.config, LossSum(ingredients.device)
    try:
        state = new_state(ingredients, config.seed)
        if "dropout" in config.search:
            state.values.require_dropout()
        strongest = config.space["augmentation"].high if "augmentation" in config.search else state.values.augmentation
        state.values.set({"batch_size": float(batch_size), "augmentation": strongest})
        trainer = Trainer(state, ingredients.data, average_window=1.0, precision=config.precision)
        trainer.train(1, lambda: None, after_step=losses.add)
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"model {config.model!r} cannot be trained with batches of {batch_size}: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error


def new_strategy(config: StudyConfig, arm: Arm, seed: int = 0, own: type[Strategy] | None = None) -> Strategy:
    """The strategy of one arm, of the class `own` if there is one; raise ConfigError if it is no Strategy."""
    name = config.strategy_of(arm)
    factory = own or registry.load("strategies", name)
    try:
        strategy = factory(config.epochs, config.decision_epochs(), seed)
    except Exception as error:
        raise ConfigError(f"strategy {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(strategy, Strategy):
        raise ConfigError(f"strategy {name!r} is a {type(strategy).__name__}, not a hptui.strategies.Strategy.")
    strategy.budget = config.budget
    if strategy.optimizer is not None:
        check_optimizer(strategy.optimizer)
    if config.greed_check and strategy.searches and not strategy.has_horizon:
        raise ConfigError(f"greed_check: strategy {name!r} has no probes that could be twice as long; set it to 0.")
    if config.score != "loss" and strategy.searches and not strategy.compares_score:
        raise ConfigError(
            f"score = {config.score!r}: strategy {name!r} compares validation losses, "
            "image by image; leave score at loss, or take grid or pbt."
        )
    if strategy.searches and not config.search:
        raise ConfigError(f"strategy {name!r} has nothing to search; name at least one range with --search.")
    return strategy


def start_study(config: StudyConfig, directory: Path) -> tuple[Study, Ingredients]:
    """Check everything, then make the study's folder.

    Raises:
        UsageError: see `gather`, or the folder cannot be written.
    """
    planned: dict[str, float] = {arm: _planned_cost(config, arm) for arm in config.arms}
    ingredients = gather(config)
    return create_study(directory, config, ingredients.data.fingerprint, planned), ingredients


def train_study(study: Study, ingredients: Ingredients, control: Control) -> bool:
    """Train all runs that are not completed; True if all are now, False if `control` stopped one or all.

    Raises:
        RunDirectoryError: another process writes this study.
        ConfigError: the data are not those that the study began with.
        TrainingError: the disk is full, or a run cannot go on.
    """
    if ingredients.data.fingerprint != study.fingerprint:
        raise ConfigError(f"{ingredients.data.name}: these are not the images that the study began with.")
    with Presence(study.directory):
        left = study.runs()
        while left:
            for arm, seed, directory in left:
                study.create_run(arm, seed, directory)
                if not train_run(directory, ingredients, arm, seed, control) and not control.run_stopped():
                    return False
            # epochs may have been added after the first runs were done
            left = [run for run in left if _has_more_epochs(run[2], ingredients.config.epochs)]
    return all(isinstance(last_event(directory), RunCompleted) for _, _, directory in study.runs())


def _has_more_epochs(directory: Path, epochs: int) -> bool:
    last = last_event(directory)
    return isinstance(last, RunCompleted) and last.epoch < epochs


def train_run(directory: Path, ingredients: Ingredients, arm: Arm, seed: int, control: Control) -> bool:
    """Begin one run or go on with it, writing to its directory; True once it is completed."""
    with RunWriter(directory) as writer:
        (directory / ERROR_FILE).unlink(missing_ok=True)
        last = last_event(directory)
        if isinstance(last, RunCompleted) and last.epoch >= ingredients.config.epochs:
            return True
        if isinstance(last, RunCompleted):
            remove_predictions(directory)
        run = Run(
            ingredients,
            new_strategy(ingredients.config, arm, seed),
            arm,
            seed,
            emit=writer.append,
            control=control,
            directory=directory,
        )
        try:
            return run.execute(resume=last is not None)
        except HptuiError as error:
            _record_failure(writer, directory, error)
            raise
        except (Exception, SystemExit) as error:
            _record_failure(writer, directory, error)
            raise TrainingError(
                f"{directory.name} failed: {type(error).__name__}: {error} (more in {directory / ERROR_FILE})"
            ) from error


def _record_failure(writer: RunWriter, directory: Path, error: BaseException) -> None:
    try:
        told = f"{type(error).__name__}: {error}".replace(f"{directory.parent}{os.sep}", "")  # no absolute path
        writer.append(RunFailed(error=told))
        (directory / ERROR_FILE).write_text("".join(traceback.format_exception(error)), "utf-8")
    except (HptuiError, OSError):
        pass  # the disk that failed the run cannot take this either; the error itself is raised
