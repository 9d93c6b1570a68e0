"""A trial of everything before a study begins: what cannot work is refused, and what is odd is told."""

from __future__ import annotations

import io
from collections.abc import Iterator

import torch

from hptui.config import StudyConfig
from hptui.errors import ConfigError, HptuiError, ModelError, failure_words, first_line
from hptui.hyperparameters import Values
from hptui.plan import largest_batch
from hptui.registry import without_folder
from hptui.training.engine.building import StudyInputs, build_network, new_state
from hptui.training.engine.contract import too_small_to_train
from hptui.training.engine.device_data import DeviceImages
from hptui.training.engine.failures import is_out_of_memory
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.pretrained import load_weights
from hptui.training.engine.state import TrainingState
from hptui.training.network_trial import network_warnings
from hptui.training.own_parts import check_loss, optimizer_warnings


def try_out(inputs: StudyInputs, config: StudyConfig) -> Iterator[str]:
    """Build everything once, so that a mistake is told before the first run, not in the middle of the night.

    Yields:
        what is no mistake, but worth knowing: one line each.

    Raises:
        ModelError: the network cannot be trained with the values of the start, or with those that may be tried.
        ConfigError: its state, or that of the optimizer, cannot be kept; or the loss is none to train with.
    """
    yield from check_loss(inputs, config)
    low = {name: entry.low for name, entry in config.space.items()}
    high = {name: entry.high for name, entry in config.space.items()}
    if inputs.pretrained is not None:
        network = build_network(inputs.factory, config.model, inputs.data, config.seed)
        yield from load_weights(network, inputs.pretrained).lines
    start = round((inputs.optimizer.start_values | config.start_values)["batch_size"])
    sizes = {start, round(low.get("batch_size", start)), round(high.get("batch_size", start))}
    for size in sorted(sizes):
        try:
            state = _try_step(inputs, config, high, size)
        except _TooLargeError as error:
            if size == start:
                raise
            yield f"{error} Candidates with such batches will fail, and not be chosen."
        else:
            if size == start:
                _try_checkpoint(state, config)
    if low:
        _try_step(inputs, config, low, start)
    yield from network_warnings(inputs, config)
    yield from optimizer_warnings(inputs, config)


def _try_step(inputs: StudyInputs, config: StudyConfig, values: Values, batch_size: int) -> TrainingState:
    """A step and a look at two images, on a throwaway state with `values`, and so with all that the study may use."""
    try:
        state = new_state(inputs, config, config.seed)
        for name in config.space:
            state.values.require(name)
        state.values.set(values | {"batch_size": float(batch_size)})
        trainer = Trainer(state, inputs.data, inputs.loss, average_window=1.0, precision=config.precision)
        state.order.go_to_largest(batch_size)
        LossSum(inputs.device).add(*trainer.step())
        validation = inputs.data.validation
        two = DeviceImages(validation.pixels[:2], validation.labels[:2])
        for averaged in (False, True):
            trainer.evaluate(two, averaged=averaged, statistics={})
        return state
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise _TooLargeError(
                f"model {without_folder(config.model)!r}: batches of {batch_size}{_last(inputs, config, batch_size)} "
                f"images of {inputs.data.name} do not fit into the memory of {inputs.device} ({first_line(error)}); "
                "set a smaller batch_size, or a smaller range of it."
            ) from error
        raise ModelError(
            f"model {config.model!r} cannot be trained with batches of {batch_size}{_as_words(values)}: "
            f"{failure_words(error)}{_gradient_advice(error)}{_size_advice(inputs, config)}"
        ) from error


def _last(inputs: StudyInputs, config: StudyConfig, batch_size: int) -> str:
    """Words on the last batch of an epoch, where that is larger than the others."""
    largest = largest_batch(len(inputs.data.train), batch_size, config.remainder)
    return f" (the last of an epoch: {largest})" if largest > batch_size else ""


def _gradient_advice(error: BaseException) -> str:
    """What to look for where no gradient leads from the loss to the weights."""
    if "does not require grad" not in str(error):
        return ""
    return ". No gradient leads from its answer to its weights: is there a detach() or torch.no_grad() in its forward?"


def _size_advice(inputs: StudyInputs, config: StudyConfig) -> str:
    """What to do where images are too small in training alone, as for a second output from within the network."""
    try:
        return too_small_to_train(build_network(inputs.factory, config.model, inputs.data, config.seed), inputs.data)
    except HptuiError:
        return ""


class _TooLargeError(ModelError):
    """Batches need more memory than there is."""


def _try_checkpoint(state: TrainingState, config: StudyConfig) -> None:
    """Keep a state and take it back, as a checkpoint does: own code may have one that only pickle could hold."""
    try:
        file = io.BytesIO()
        torch.save(state.snapshot(), file)
        file.seek(0)
        state.restore(torch.load(file, map_location=state.device, weights_only=True))
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the state of model {config.model!r} with optimizer {config.optimizer!r} cannot be kept in a checkpoint "
            f"and taken back ({type(error).__name__}); it has to be tensors and plain data."
        ) from error


def _as_words(values: Values) -> str:
    return "".join(f", {name} {value:g}" for name, value in values.items() if name != "batch_size")
