"""Changes that somebody asks for while a run goes on, done before the next decision and recorded as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from hptui.config import Layer, StudyConfig, resolve
from hptui.errors import ConfigError
from hptui.record.commands import AddEpochs, ChangeRanges, UseValues
from hptui.record.events import CommandRefused, EpochsAdded, HyperparametersChosen, RangesChanged, ValuesRequested
from hptui.record.study_directory import Steering, save_steering
from hptui.space import hyperparameter
from hptui.training.run.decision import announce
from hptui.training.run.opening import axes

if TYPE_CHECKING:
    from hptui.training.run.control import Request
    from hptui.training.run.run import Run


def apply_requests(run: Run, epoch: int) -> None:
    """Do what was asked for since the last decision; a request that cannot be done is refused in the log."""
    for request in run.control.take_requests():
        try:
            _apply(run, request, epoch)
        except ConfigError as error:
            run.emit(CommandRefused(by=request.author, reason=str(error)))


def _apply(run: Run, request: Request, epoch: int) -> None:
    match request:
        case ChangeRanges():
            old = axes(run.config.space)
            _change(run, search=request.search)
            run.emit(RangesChanged(by=request.author, epoch=epoch, old=old, new=axes(run.config.space)))
        case AddEpochs():
            _change(run, epochs=run.config.epochs + request.epochs)
            run.emit(EpochsAdded(by=request.author, epochs=run.config.epochs))
        case UseValues():
            _check_run(run, request)
            run.progress.by_hand = _checked(run, request.values)
            run.emit(ValuesRequested(by=request.author, epoch=epoch, values=run.progress.by_hand))
        case _:
            assert_never(request)


def _change(run: Run, **changes: object) -> None:
    """Check the settings as a whole, put them in force for this run and the later ones, and keep them."""
    plain = msgspec.to_builtins(run.config)
    config: StudyConfig = resolve([Layer("change", plain | changes)]).config
    if "dropout" in config.space:
        run.state.values.require_dropout()
    old, run.ingredients.config = run.config.space, config
    run.strategy.epochs, run.strategy.decision_epochs = config.epochs, config.decision_epochs()
    if config.space != old:
        run.strategy.ranges_changed(old, config.space)
    if run.directory is not None:
        save_steering(run.directory.parent, Steering(config.epochs, config.search))


def _check_run(run: Run, request: UseValues) -> None:
    if request.run != run.name:
        raise ConfigError(f"values for {request.run}, but {run.name} is trained now.")
    if run.arm == "baseline":
        raise ConfigError("a baseline run keeps its values, or it would be none.")
    if run.progress.epoch >= run.config.epochs:
        raise ConfigError(f"{run.name} has no decision left.")


def _checked(run: Run, values: dict[str, float]) -> dict[str, float]:
    if "dropout" in values:
        run.state.values.require_dropout()
    known = {hyperparameter(name).name: value for name, value in values.items()}
    return {name: hyperparameter(name).check(value) for name, value in known.items()}


def use_by_hand(run: Run, epoch: int) -> None:
    """A decision without candidates: the values that somebody chose, unless they are in force already."""
    wanted, in_force = run.progress.by_hand, run.state.values.chosen()
    if all(in_force.get(name) == value for name, value in wanted.items()):
        return
    announce(run, epoch)
    run.state.values.set(wanted)
    run.emit(
        HyperparametersChosen(
            decision=run.progress.decisions,
            epoch=epoch,
            step=run.state.step,
            candidate=None,
            values=run.state.values.chosen(),
            reason="chosen by hand",
            images_probed=run.progress.images_probed,
            seconds=run.lap(),
        )
    )
    run.progress.decisions += 1
