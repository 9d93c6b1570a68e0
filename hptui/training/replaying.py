"""Train a run again with the values that its log has, without search: probes only of what it went on from.

A run that keeps its own weights at every decision needs no probe at all. Where the winner of a decision took over, with
its weights, that probe is done again, and those whose ends it began at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hptui.errors import TrainingError
from hptui.hyperparameters import Values
from hptui.plan import Remainder, batches_per_epoch
from hptui.planning import new_strategy
from hptui.strategies import Candidate, Choice, DecisionCourse, Situation, StateName, Strategy
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.ledger import Ledger
from hptui.training.run.run import Run
from hptui.training.sole import sole_in_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.config import Arm, StudyConfig
    from hptui.record.events import AnyEvent
    from hptui.training.engine.building import StudyInputs

Position = tuple[int, int]
"""(epoch, batches done in it); -1: before the decision for this epoch"""
BEFORE_DECISION = -1


@dataclass(frozen=True)
class RecordedProbe:
    """What it takes to come to the end of a candidate again."""

    values: Values
    steps: int
    start: StateName | None
    along: tuple[float, float] | None
    """epochs of the run, along which its rate followed the schedule"""


@dataclass(frozen=True)
class RecordedDecision:
    """One decision that stands."""

    number: int
    values: Values
    """all that were in force after it"""
    start: StateName | None
    probes: Mapping[int, RecordedProbe]
    """by candidate; only those from whose ends the run, or a probe in here, went on"""
    follows_schedule: bool = True
    """whether the rate followed the strategy's own schedule after it"""


@dataclass(frozen=True)
class Recipe:
    """What a log says of how a run came to its weights."""

    decisions: Mapping[int, RecordedDecision]
    """by the epoch they were for"""
    epochs: Sequence[tuple[Position, int]]
    """how many the run was to have in all, from which position on; a schedule of the rate depends on it"""
    last_epoch: int
    """with which it came to its end, which may be earlier"""
    remainder: Remainder = "joined"
    """what became of a short last batch"""
    delivered_epoch: int | None = None
    """None: it is not recorded"""
    schedule_waits: bool = False
    """whether the rate stayed as it was until a decision had it follow the strategy's own schedule"""


class Replayed(Strategy):
    """Chooses what was chosen; the names of the states that it goes on from are those that this training gives them."""

    searches = True

    def __init__(self, original: Strategy, recipe: Recipe) -> None:
        super().__init__(original.epochs)
        self.schedule = original.schedule  # type: ignore[misc]  # the run asks the object, not the class
        self.memory = {"ends": {}, "follows schedule": not recipe.schedule_waits}
        self._recipe = recipe

    @property
    def _ends(self) -> dict[StateName, StateName]:
        """Kept states by the name that they have in the log."""
        ends: dict[StateName, StateName] = self.memory["ends"]
        return ends

    def follows_schedule(self) -> bool:
        follows: bool = self.memory["follows schedule"]
        return follows

    def decides(self, epoch: int, loss: float | None) -> bool:  # noqa: ARG002 (the run names both)
        return epoch in self._recipe.decisions

    def decide(self, situation: Situation) -> DecisionCourse:
        recorded = self._recipe.decisions[situation.epoch]
        left = {(recorded.number, number): probe for number, probe in recorded.probes.items()}
        while left:
            ready = {name: probe for name, probe in left.items() if probe.start is None or probe.start in self._ends}
            measurements = yield [self._candidate(probe, situation) for probe in ready.values()]
            for name, one in zip(ready, measurements, strict=True):
                if one.end is None:  # it was asked to be kept
                    raise TrainingError(f"a probe that the run went on from fails here: {one.failed}.")
                self._ends[name] = one.end
                del left[name]
        start = None if recorded.start is None else self._ends[recorded.start]
        needed = self._needed_after(situation.epoch)
        self.memory = {
            "ends": {name: end for name, end in self._ends.items() if name in needed},
            "follows schedule": recorded.follows_schedule,
        }
        return Choice(recorded.values, "as recorded", start=start)

    def needed(self) -> Collection[StateName]:
        return self._ends.values()

    def _candidate(self, probe: RecordedProbe, situation: Situation) -> Candidate:
        # steps as a share of an epoch, whose batches the run counts: it rounds it back to the same whole number
        batch_size, images = round(probe.values["batch_size"]), situation.images_per_epoch
        horizon = probe.steps / batches_per_epoch(images, batch_size, self._recipe.remainder)
        start = None if probe.start is None else self._ends[probe.start]
        return Candidate(probe.values, horizon, start, keep=True, along=probe.along)

    def _needed_after(self, epoch: int) -> set[StateName]:
        """Names of ends, as in the log, that a later decision goes on from."""
        later = [decision for at, decision in self._recipe.decisions.items() if at > epoch]
        starts = {decision.start for decision in later} | {p.start for d in later for p in d.probes.values()}
        return {start for start in starts if start is not None}


class StopAtPosition(Control):
    """Stops where the log says that the number of epochs was changed: there the run is to go on with another."""

    def __init__(self, position: Position | None) -> None:
        super().__init__()
        self._position = position
        self._ledger: Ledger | None = None

    def watch(self, ledger: Ledger) -> None:
        """Look at where this run is."""
        self._ledger = ledger

    def check(self, *, now: bool = False) -> None:
        if self._ledger is not None:
            progress = self._ledger.progress
            here = (progress.epoch + 1, BEFORE_DECISION if progress.decided <= progress.epoch else progress.batch)
            if here == self._position:
                raise StopRequested("the number of epochs was changed here")
        super().check(now=now)


@sole_in_process()
def train_again(
    config: StudyConfig,
    inputs: StudyInputs,
    recipe: Recipe,
    arm: Arm,
    seed: int,
    *,
    directory: Path,
    emit: Callable[[AnyEvent], None],
) -> None:
    """Train as the recipe says; networks and predictions lie in `directory` afterwards.

    Raises:
        TrainingError: the training ends before the recipe does, or another one goes on in this process.
    """
    strategy = Replayed(new_strategy(config, arm, seed), recipe)
    # values that were chosen within ranges that were changed since are not to be refused, and nothing is checked twice
    config = msgspec.structs.replace(config, search={}, greed_check=0, stop="never", replicas="one")
    for index, (_, epochs) in enumerate(recipe.epochs):
        config = msgspec.structs.replace(config, epochs=epochs)
        strategy.epochs = epochs
        is_last = index + 1 == len(recipe.epochs)
        control = StopAtPosition(None if is_last else recipe.epochs[index + 1][0])
        run = Run(config, inputs, strategy, arm, seed, emit=emit, control=control, directory=directory)
        control.watch(run.ledger)
        run.state.order.remainder = recipe.remainder  # that of the log, whatever the settings make of it today
        run.last_epoch = recipe.last_epoch if is_last else None
        run.recorded_epoch = recipe.delivered_epoch
        if run.execute(resume=index > 0).completed != is_last:
            raise TrainingError(f"{run.name} ended in epoch {run.ledger.progress.epoch}, before its log does.")
