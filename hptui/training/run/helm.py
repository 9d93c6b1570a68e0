"""Changes that somebody asks for while a run goes on, done before the next decision and recorded as events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import msgspec

from hptui.config import Arm, Layer, StudyConfig, resolve
from hptui.errors import ConfigError, RunDirectoryError
from hptui.hyperparameters import Values, hyperparameter
from hptui.record.commands import AddEpochs, ChangeRanges, UseValues
from hptui.record.events import CommandRefused, EpochsAdded, RangesChanged, RunCompleted, ValuesRequested
from hptui.record.log_backwards import last_event
from hptui.record.mending import has_checkpoints
from hptui.record.run_directory import RUN_FILE, run_name
from hptui.record.steering import Steering, keep_change
from hptui.strategies import Strategy
from hptui.training.engine.values_in_force import ValuesInForce
from hptui.training.run.control import Request
from hptui.training.run.facts import axes
from hptui.training.run.ledger import Ledger


@dataclass(frozen=True)
class Helm:
    """Applies requests to one run; settings that change are handed back, for this run and the later ones."""

    arm: Arm
    seed: int
    values: ValuesInForce
    strategy: Strategy
    ledger: Ledger
    refuse: Callable[[Values], object]
    """raises ConfigError for values that the optimizer cannot train with"""
    study: Path | None
    """where changes are kept for later runs and for resuming; None: nowhere"""

    def apply(self, requests: list[Request], config: StudyConfig, epoch: int) -> StudyConfig:
        """Do what was asked for, one after another; a request that cannot be done is refused in the log.

        Args:
            requests: since the last decision.
            config: in force.
            epoch: that the next decision is for.
        """
        for request in requests:
            try:
                config = self._apply(request, config, epoch)
            except ConfigError as error:
                self.ledger.emit(CommandRefused(by=request.author, reason=str(error)))
        return config

    def _apply(self, request: Request, config: StudyConfig, epoch: int) -> StudyConfig:
        match request:
            case ChangeRanges():
                changed = self._change(request, config, search=request.search)
                old, new = axes(config.space), axes(changed.space)
                self.ledger.emit(RangesChanged(by=request.author, epoch=epoch, old=old, new=new))
                return changed
            case AddEpochs():
                self._require_checkpoints()
                changed = self._change(request, config, epochs=config.epochs + request.epochs)
                self.ledger.emit(EpochsAdded(by=request.author, epochs=changed.epochs))
                return changed
            case UseValues():
                self._check_run(request, config)
                values = self._checked(request.values)
                self.ledger.progress.by_hand = values
                self.ledger.emit(ValuesRequested(by=request.author, epoch=epoch, values=values))
                return config
            case _:
                assert_never(request)

    def _change(self, request: ChangeRanges | AddEpochs, config: StudyConfig, **changes: object) -> StudyConfig:
        """Check the settings as a whole, tell the strategy, and keep them."""
        changed = resolve([Layer("change", msgspec.to_builtins(config) | changes)]).config
        for name in changed.space:
            self.values.require(name)
        self.refuse({name: entry.low for name, entry in changed.space.items()})
        self.refuse({name: entry.high for name, entry in changed.space.items()})
        self.strategy.epochs, self.strategy.decision_epochs = changed.epochs, changed.decision_epochs()
        if changed.space != config.space:
            self.strategy.ranges_changed(config.space, changed.space)
        if self.study is not None:
            more = request.epochs if isinstance(request, AddEpochs) else 0
            steering = Steering(changed.epochs, changed.search)
            keep_change(self.study, request.mark, changed=steering, more_epochs=more)
        return changed

    def _require_checkpoints(self) -> None:
        """A completed run gets more epochs from its checkpoint: without one it would be trained from the beginning."""
        for run_file in sorted(self.study.glob(f"*/{RUN_FILE}")) if self.study is not None else ():
            run = run_file.parent
            try:
                completed = isinstance(last_event(run), RunCompleted)
            except RunDirectoryError as error:
                raise ConfigError(f"no epochs can be added: {error}") from None
            if completed and not has_checkpoints(run):
                raise ConfigError(f"no epochs can be added: the checkpoint of {run.name} was removed (hptui clean).")

    def _check_run(self, request: UseValues, config: StudyConfig) -> None:
        name = run_name(self.arm, self.seed)
        if request.run != name:
            raise ConfigError(f"values for {request.run}, but {name} is trained now.")
        if self.arm == "baseline":
            raise ConfigError("a baseline run keeps its values, or it would be none.")
        if self.ledger.progress.epoch >= self.ledger.progress.end(config.epochs):
            raise ConfigError(f"{name} has no decision left.")

    def _checked(self, values: Values) -> Values:
        known = {hyperparameter(name).name: value for name, value in values.items()}
        for name in known:
            self.values.require(name)
        checked = {name: hyperparameter(name).check(value) for name, value in known.items()}
        self.refuse(checked)
        return checked
