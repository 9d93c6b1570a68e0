"""Training from a script or a notebook: objects instead of names, memory instead of files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from torch import nn

from hptui.config import Layer, StudyConfig, resolve
from hptui.datasets import ImageDataset
from hptui.datasets._check import check as check_dataset
from hptui.errors import ConfigError
from hptui.planning import new_strategy
from hptui.record.events import AnyEvent, RunCompleted
from hptui.record.predictions import Model, Predictions
from hptui.strategies import Strategy
from hptui.training.backbone import with_real_ranges
from hptui.training.engine.plug_ins import ModelFactory
from hptui.training.inputs import prepare_inputs
from hptui.training.run.control import Control
from hptui.training.run.delivery import delivered_weights
from hptui.training.run.run import Run
from hptui.training.settling import with_budget
from hptui.training.sole import sole_in_process


@dataclass(frozen=True)
class TrainingResult:
    """A finished (or stopped) training."""

    network: nn.Module
    """with the delivered weights: last or averaged, whichever validation prefers"""
    events: list[AnyEvent]
    """the log; `hptui.reading.run_state.state_of(events)` gives every decision, epoch and value"""
    values: dict[str, float]
    """hyperparameters in force at the end"""
    validation_accuracy: float | None
    test_accuracy: float | None
    """fractions; None if the training was stopped before its end, that of test images also where there are none"""
    predictions: dict[tuple[Model, str], Predictions]
    """of the network and of the best epoch's ("final", "best") on "validation" and "test"; empty if it was stopped"""
    cost: float | None
    """images of probes and training, as a multiple of one plain training"""
    warnings: tuple[str, ...] = ()
    """what a trial found before the training, one line each"""


def train(
    *,
    dataset: str | ImageDataset = "mnist",
    model: str | ModelFactory = "dtu_cnn",
    strategy: str | type[Strategy] = "adaptive",
    on_event: Callable[[AnyEvent], None] | None = None,
    control: Control | None = None,
    **settings: Any,
) -> TrainingResult:
    """Train one network, choosing hyperparameters meanwhile; nothing is written to disk.

    Args:
        dataset: a name as on the command line, or an ImageDataset.
        model: a name, or a class or function that builds an nn.Module (see `hptui.models`).
        strategy: a name, or a subclass of Strategy.
        on_event: called with every event as it happens.
        control: its `stop` ends the training early.
        **settings: any field of `hptui.config.StudyConfig`, for example epochs=3, seed=1,
            set={"lr": 0.01}, search={"lr": "1e-4:1e-1:log:7"}.

    Raises:
        UsageError: settings, data or model are wrong; the message says what to do.
        TrainingError: a training goes on in this process.
    """
    config = _config(dataset, model, strategy, settings)
    given = None
    if not isinstance(dataset, str):
        given = check_dataset(dataset, group_pattern=config.group_pattern, allow_overlap=config.allow_overlap)
    inputs = prepare_inputs(config, dataset=given, factory=None if isinstance(model, str) else model)
    config = with_real_ranges(config, inputs)
    own = strategy if isinstance(strategy, type) else None
    config, inputs = with_budget(config, inputs, own)
    chooser = new_strategy(config, "optimized", config.seed, own)
    events: list[AnyEvent] = []

    def emit(event: AnyEvent) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    with sole_in_process():
        run = Run(config, inputs, chooser, "optimized", config.seed, emit=emit, control=control or Control())
        run.execute()
    return _result(run, events)


def _result(run: Run, events: list[AnyEvent]) -> TrainingResult:
    """What a run came to, with the delivered weights in its network."""
    chosen, progress = run.delivery.chosen, run.ledger.progress
    run.network.load_state_dict(chosen.weights if chosen else delivered_weights(run.trainer, progress.delivered))
    run.network.eval()
    end = events[-1]
    done = end if isinstance(end, RunCompleted) else None
    return TrainingResult(
        network=run.network,
        events=events,
        values=run.state.values.chosen(),
        validation_accuracy=done.validation_accuracy if done else None,
        test_accuracy=done.test_accuracy if done else None,
        predictions=run.delivery.predictions,
        cost=done.cost if done else None,
        warnings=run.inputs.warnings,
    )


def _config(
    dataset: str | ImageDataset,
    model: str | ModelFactory,
    strategy: str | type[Strategy],
    settings: dict[str, Any],
) -> StudyConfig:
    """Check the settings; the defaults stand in for objects meanwhile."""
    for local in ("out", "runs", "baseline", "parallel", "engine", "engine_args"):
        if local in settings:
            raise ConfigError(f"train() trains one network in memory; {local!r} belongs to a study (hptui run).")
    given = {"dataset": dataset, "model": model, "strategy": strategy}
    names = {key: value for key, value in given.items() if isinstance(value, str)}
    config = resolve([Layer("train()", settings | names | {"baseline": "none", "runs": 1})]).config
    labels = {key: getattr(value, "__name__", key) for key, value in given.items() if key not in names}
    return msgspec.structs.replace(config, **labels)  # the log shows an object's own name
