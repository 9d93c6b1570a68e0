"""Train a run again with the values that its log has, without search: probes only of what it went on from.

A run that keeps its own weights at every decision needs no probe at all. Where the winner of a decision took over, with
its weights, that probe is done again, and those whose ends it began at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hptui.errors import TrainingError
from hptui.space import Values
from hptui.strategies import Candidate, Choice, Measurement, Situation, Start, Strategy
from hptui.training.engine.state import Identity
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.run import Ingredients, Progress, Run
from hptui.training.study import new_strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.config import Arm
    from hptui.record.events import AnyEvent

Position = tuple[int, int]
"""(epoch, batches done in it); -1: before the decision for this epoch"""
BEFORE_DECISION = -1


@dataclass(frozen=True)
class RecordedProbe:
    """What it takes to come to the end of a candidate again."""

    values: Values
    steps: int
    start: Identity | None


@dataclass(frozen=True)
class RecordedDecision:
    """One decision that stands."""

    number: int
    values: Values
    """all that were in force after it"""
    start: Identity | None
    probes: Mapping[int, RecordedProbe]
    """by candidate; only those from whose ends the run, or a probe in here, went on"""


@dataclass(frozen=True)
class Recipe:
    """What a log says of how a run came to its weights."""

    decisions: Mapping[int, RecordedDecision]
    """by the epoch they were for"""
    epochs: Sequence[tuple[Position, int]]
    """how many the run was to have in all, from which position on; a schedule of the rate depends on it"""


class Replayed(Strategy):
    """Chooses what was chosen; optimizer, start and schedule are those of the original strategy."""

    searches = True

    def __init__(self, original: Strategy, recipe: Recipe) -> None:
        super().__init__(original.epochs)
        self.optimizer = original.optimizer  # type: ignore[misc]  # the engine asks the object, not the class
        self._original, self._recipe = original, recipe
        self._ends: dict[Identity, Start] = {}
        self._asked: list[Identity] = []

    def start_values(self, given: Values) -> Values:
        return self._original.start_values(given)

    def rate_factor(self, progress: float) -> float:
        return self._original.rate_factor(progress)

    def last_until(self, epochs: int) -> None:
        """The run is to have so many epochs from now on."""
        self.epochs = self._original.epochs = epochs

    def decides(self, epoch: int, loss: float | None) -> bool:  # noqa: ARG002 (the engine names both)
        return epoch in self._recipe.decisions

    def ask(self, situation: Situation) -> list[Candidate] | Choice:
        decision = self._recipe.decisions[situation.epoch]
        left = {(decision.number, number): probe for number, probe in decision.probes.items()}
        ready = {
            name: probe
            for name, probe in left.items()
            if name not in self._ends and (probe.start is None or probe.start in self._ends)
        }
        self._asked = list(ready)
        if ready:
            return [self._candidate(probe, situation) for probe in ready.values()]
        start = None if decision.start is None else self._ends[decision.start]
        needed = self._needed_after(situation.epoch)
        self._ends = {name: end for name, end in self._ends.items() if name in needed}
        return Choice(decision.values, "as recorded", start=start)

    def tell(self, measurements: Sequence[Measurement]) -> None:
        for name, found in zip(self._asked, measurements, strict=True):
            assert found.end is not None  # it was asked to be kept
            self._ends[name] = found.end

    def _candidate(self, probe: RecordedProbe, situation: Situation) -> Candidate:
        # steps as a share of an epoch: the engine rounds it back to the same whole number
        horizon = probe.steps * probe.values["batch_size"] / situation.images_per_epoch
        start = None if probe.start is None else self._ends[probe.start]
        return Candidate(probe.values, horizon, start, keep=True)

    def _needed_after(self, epoch: int) -> set[Identity]:
        """Ends that a later decision goes on from."""
        later = [decision for at, decision in self._recipe.decisions.items() if at > epoch]
        starts = {decision.start for decision in later} | {p.start for d in later for p in d.probes.values()}
        return {start for start in starts if start is not None}


class StopAtPosition(Control):
    """Stops where the log says that the number of epochs was changed: there the engine is to go on with another."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: Callable[[], Progress] = Progress
        self.position: Position | None = None

    def check(self, *, now: bool = False) -> None:
        at = self.progress()
        here = (at.epoch + 1, BEFORE_DECISION if at.decided <= at.epoch else at.batch)
        if here == self.position:
            raise StopRequested("the number of epochs was changed here")
        super().check(now=now)


def train_again(
    ingredients: Ingredients,
    recipe: Recipe,
    arm: Arm,
    seed: int,
    directory: Path,
    emit: Callable[[AnyEvent], None],
) -> None:
    """Train as the recipe says; networks and predictions lie in `directory` afterwards.

    Raises:
        TrainingError: the training ends before the recipe does.
    """
    strategy = Replayed(new_strategy(ingredients.config, arm, seed), recipe)
    # values that were chosen within ranges that were changed since are not to be refused, and nothing is checked twice
    ingredients.config = msgspec.structs.replace(ingredients.config, search={}, greed_check=0)
    control = StopAtPosition()
    run = Run(ingredients, strategy, arm, seed, emit=emit, control=control, directory=directory)
    control.progress = lambda: run.progress
    for index, (_, epochs) in enumerate(recipe.epochs):
        ingredients.config = msgspec.structs.replace(ingredients.config, epochs=epochs)
        strategy.last_until(epochs)
        is_last = index + 1 == len(recipe.epochs)
        control.position = None if is_last else recipe.epochs[index + 1][0]
        if run.execute(resume=index > 0) != is_last:
            raise TrainingError(f"{run.name} ended in epoch {run.progress.epoch}, before its log does.")
