"""The parts of a training that are plug-ins, checked for what they are."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from torch import nn
from torch.optim import Optimizer

from hptui import registry
from hptui.engines import Engine
from hptui.errors import ConfigError, ModelError, failure_words, first_line
from hptui.losses import Loss
from hptui.optimizers import OptimizerFactory, Plain
from hptui.schedules import Schedule

ModelFactory = Callable[..., nn.Module]
Kind = TypeVar("Kind")
STEPS = 1000
"""of a run, at which the factors of a schedule are looked at before anything is trained"""


def load_factory(name: str) -> ModelFactory:
    """The class or function behind --model."""
    factory: Any = registry.load("models", name)
    if isinstance(factory, nn.Module):
        raise ModelError(f"model {name!r} is one network; each run builds its own, so name its class or a function.")
    if not callable(factory):
        raise ModelError(f"model {name!r} is a {type(factory).__name__}, not a class or function that builds one.")
    return factory  # type: ignore[no-any-return]


def with_arguments(factory: ModelFactory, arguments: Mapping[str, Any]) -> ModelFactory:
    """What builds a network, with the arguments that --model-args gives it."""
    if not arguments:
        return factory
    bound = partial(factory, **arguments)
    for name in ("memory_format", "normalisation"):
        setattr(bound, name, getattr(factory, name, None))
    return bound


def load_optimizer(name: str) -> OptimizerFactory:
    """The factory behind --optimizer; raise ConfigError if it is none, or its package is not installed."""
    kind: Any = registry.load("optimizers", name)
    if inspect.isclass(kind) and issubclass(kind, Optimizer):
        return Plain(kind)
    factory = _instance("optimizer", name, kind, OptimizerFactory)
    if factory.package and importlib.util.find_spec(factory.package) is None:
        raise ConfigError(
            f"{name} needs the package {factory.package}; install it with: pip install 'hptui[optimizers]'"
        )
    return factory


def load_loss(name: str) -> Loss:
    """The loss behind --loss; raise ConfigError if it is none."""
    return _instance("loss", name, registry.load("losses", name), Loss)


def load_engine(name: str) -> Engine:
    """The engine behind --engine; raise ConfigError if it is none."""
    return _instance("engine", name, registry.load("engines", name), Engine)


def load_schedule(name: str) -> Schedule:
    """The schedule behind --schedule; raise ConfigError if it gives no factors."""
    schedule: Any = registry.load("schedules", name)
    for progress in (step / STEPS for step in range(STEPS + 1)):
        try:
            factor = float(schedule(progress))
        except Exception as error:
            raise ConfigError(
                f"schedule {name!r} fails at {progress:.1%} of a run: {failure_words(error)}. It is called with that "
                "share, 0 to 1, and gives the factor of the rate."
            ) from error
        if not 0 <= factor < float("inf"):
            raise ConfigError(
                f"schedule {name!r} gives the factor {factor} at {progress:.1%} of a run; "
                "it has to be finite, and 0 or more."
            )
    return schedule  # type: ignore[no-any-return]


def _instance(word: str, name: str, kind: Any, base: type[Kind]) -> Kind:
    """An object of a plug-in's class."""
    try:
        made = kind() if inspect.isclass(kind) else kind
    except Exception as error:
        raise ConfigError(f"{word} {name!r} cannot be made: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(made, base):
        raise ConfigError(f"{word} {name!r} is a {type(made).__name__}, not a {base.__module__}.{base.__name__}.")
    return made
