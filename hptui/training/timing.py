"""How fast this machine trains what a study asks for: a second of training that nobody keeps, nothing is written.

A form starts a process for it: it needs torch nowhere else, and a network of the user's own that hangs or crashes
takes nothing with it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable

import msgspec

from hptui.config import StudyConfig
from hptui.errors import DatasetError, HptuiError, ModelError
from hptui.planning import Refused, Speed, plan_arm
from hptui.training.engine.building import StudyInputs, new_state
from hptui.training.engine.device import resolve_device
from hptui.training.engine.device_data import DeviceImages
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.norm_statistics import images_looked_at
from hptui.training.engine.plug_ins import load_factory, load_loss, load_optimizer, load_schedule
from hptui.training.inputs import check_strategies, prepare_inputs

SECONDS = 1.0
"""of training that are measured"""
WARM_UP = 0.3
"""seconds before, for each second: the first steps choose algorithms and claim memory"""
EVALUATED = 0.3
"""seconds of evaluation, for each second of training"""
STEPS = 4
"""between two looks at the clock, each of which waits for the device"""
EVALUATED_IMAGES = 1000
NICENESS = 10
"""another training on this machine goes first"""


def measure_speed(config: StudyConfig) -> Speed:
    """Prepare a study as its start would, train for a moment, and throw that away.

    Raises:
        UsageError: whatever the start of the study would refuse.
    """
    for arm in config.arms:
        plan_arm(config, arm)
    check_strategies(config)
    return speed_of(config, prepare_inputs(config))


def speed_of(config: StudyConfig, inputs: StudyInputs, seconds: float = SECONDS) -> Speed:
    """Train what is prepared for about so long, and throw that away."""
    state = new_state(inputs, config, config.seed)
    trainer = Trainer(
        state,
        inputs.data,
        inputs.loss,
        average_window=config.average_window,
        precision=config.precision,
        batchnorm=config.batchnorm,
    )
    precise = config.batchnorm == "precise"
    looked_at = images_looked_at(state.network, len(inputs.data.train)) if precise else 0
    _train(trainer, inputs, WARM_UP * seconds)
    images, measured_seconds = _train(trainer, inputs, seconds)
    return Speed(
        trained=images / measured_seconds,
        evaluated=_evaluated(trainer, EVALUATED * seconds),
        images=len(inputs.data.train),
        validation_images=len(inputs.data.validation) + looked_at,
        test_images=len(inputs.test),
        device=inputs.device.type,
        seconds=measured_seconds,
    )


def _train(trainer: Trainer, inputs: StudyInputs, seconds: float) -> tuple[int, float]:
    """Train for about so long; the images and the exact seconds."""
    losses, began = LossSum(inputs.device), time.perf_counter()
    while True:
        for _ in range(STEPS):
            losses.add(*trainer.step())
        losses.read()  # waits for the device
        if (passed := time.perf_counter() - began) >= seconds:
            return losses.images, passed


def _evaluated(trainer: Trainer, seconds: float) -> float:
    """Images evaluated per second, measured for about so long."""
    validation = trainer.data.validation
    some = DeviceImages(validation.pixels[:EVALUATED_IMAGES], validation.labels[:EVALUATED_IMAGES])
    images, began = 0, time.perf_counter()
    while True:
        trainer.evaluate(some, averaged=False, statistics={})
        images += len(some)
        if (passed := time.perf_counter() - began) >= seconds:
            return images / passed


def measured(config: StudyConfig) -> Speed | Refused:
    """The speed, or what is refused, with the setting that it is about."""
    try:
        return measure_speed(config)
    except (HptuiError, OSError, MemoryError, RuntimeError) as error:
        return Refused(_setting(config, error), str(error).strip() or type(error).__name__)


def _setting(config: StudyConfig, error: Exception) -> str:
    """The field of the configuration that an error is about: its part of the study fails alone, too."""
    parts: dict[str, Callable[[], object]] = {
        "device": lambda: resolve_device(config.device),
        "model": lambda: load_factory(config.model),
        "optimizer": lambda: load_optimizer(config.optimizer),
        "loss": lambda: load_loss(config.loss),
        "schedule": lambda: load_schedule(config.schedule) if config.schedule is not None else None,
        "strategy": lambda: plan_arm(config, "optimized"),
    }
    for field, load in parts.items():
        try:
            load()
        except (HptuiError, OSError):
            return field
    if isinstance(error, (DatasetError, OSError)):
        return "dataset"
    first = str(error).split(maxsplit=1)[0].rstrip(":=,") if str(error).strip() else ""
    if isinstance(error, ModelError):
        return "model"
    return first if first in StudyConfig.__struct_fields__ else "optimizer" if first == config.optimizer else "model"


def answer() -> None:
    """Answer one question: settings as JSON on stdin, and one line of JSON on stdout."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    config = msgspec.json.decode(sys.stdin.buffer.read(), type=StudyConfig)
    with contextlib.redirect_stdout(sys.stderr):  # own code may print what it likes
        found = measured(config)
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
