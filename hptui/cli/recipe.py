"""Recipe of a completed run: what its log says of how it came to its weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import RunDirectoryError
from hptui.reading.run_state import RunState, state_of
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    EpochCompleted,
    EpochsAdded,
    HyperparametersChosen,
    RunResumed,
    RunStarted,
)

if TYPE_CHECKING:
    from hptui.strategies import StateName
    from hptui.training.replaying import Position, Recipe, RecordedProbe


def recipe_of(events: Sequence[AnyEvent], run: Path) -> Recipe:
    """Recipe of a completed run: what its log says of how it came to its weights.

    Raises:
        RunDirectoryError: an older hptui wrote it, without where candidates and choices began.
    """
    from hptui.training.replaying import Recipe, RecordedDecision

    state = state_of(events)
    every = (candidate for decision in state.decisions for candidate in decision.candidates)
    if any(candidate.steps == 0 and not candidate.failed for candidate in every):
        raise RunDirectoryError(
            f"{run} was recorded by an older hptui, which did not write where its candidates began; "
            "it cannot be replayed."
        )
    probes = _needed_probes(state)
    decisions: dict[int, RecordedDecision] = {}
    for chosen in (decision.chosen for decision in state.decisions if decision.chosen is not None):
        if chosen.epoch in decisions:  # its batches were too large; from where it began, it went on with others
            decisions[chosen.epoch] = replace(
                decisions[chosen.epoch], values=chosen.values, follows_schedule=chosen.follows_schedule
            )
            continue
        decisions[chosen.epoch] = RecordedDecision(
            number=chosen.decision,
            values=chosen.values,
            start=chosen.start,
            probes={name[1]: probe for name, probe in probes.items() if name[0] == chosen.decision},
            follows_schedule=chosen.follows_schedule,
        )
    assert state.completed is not None
    begun = [event.remainder for event in events if isinstance(event, (RunStarted, RunResumed)) and event.remainder]
    end, delivered = state.completed.epoch, state.completed.delivered_epoch or None
    waits = next(event.schedule_waits for event in events if isinstance(event, RunStarted))
    return Recipe(decisions, epochs_by_position(events), end, begun[-1], delivered, waits)


def _needed_probes(state: RunState) -> dict[StateName, RecordedProbe]:
    """Probes at whose ends the run went on, and those that these began at, and so on; in the order of the log."""
    from hptui.training.replaying import RecordedProbe

    every = {
        (one.decision, one.candidate): RecordedProbe(one.values, one.steps, one.start, one.along)
        for decision in state.decisions
        for one in decision.candidates
    }
    wanted = {decision.chosen.start for decision in state.decisions if decision.chosen is not None}
    for name in reversed(every):  # a probe begins at an earlier one
        if name in wanted:
            wanted.add(every[name].start)
    return {name: probe for name, probe in every.items() if name in wanted}


def epochs_by_position(events: Iterable[AnyEvent]) -> list[tuple[Position, int]]:
    """Numbers of epochs that the run was to have, from which position on, without what a resumption made void."""
    from hptui.training.replaying import BEFORE_DECISION

    planned: list[tuple[Position, int]] = []
    epoch, batch = 1, BEFORE_DECISION
    batches: dict[tuple[int, int], int] = {}
    """done in an epoch, by epoch and step"""
    decided: list[int] = []
    """epochs of the decisions that stand"""
    asked, longer = 0, {0: 0}
    """epochs, and how many more its own losses made of it, by the epoch after which that held"""
    for event in events:
        match event:
            case RunStarted():
                asked = event.epochs
                planned = [((1, BEFORE_DECISION), asked)]
            case HyperparametersChosen():
                decided.append(event.epoch)
                batch = 0
            case BatchesTrained():
                batch = batches[event.epoch, event.step] = event.batch
            case EpochCompleted():
                epoch, batch = event.epoch + 1, BEFORE_DECISION
                longer[event.epoch] = max(event.end_moved, 0)
                planned.append(((epoch, batch), asked + longer[event.epoch]))
            case EpochsAdded():
                asked = event.epochs
                planned.append(((epoch, batch), asked + longer.get(epoch - 1, 0)))
            case RunResumed():
                epoch, decided = event.epoch + 1, decided[: event.decisions]
                known = event.batch if event.batch else batches.get((epoch, event.step))
                batch = known or (0 if epoch in decided else BEFORE_DECISION)
                planned = [entry for entry in planned if entry[0] <= (epoch, batch)]
                asked = event.epochs
                planned.append(((epoch, batch), asked + longer.get(event.epoch, 0)))
    return _without_repeats(planned)


def _without_repeats(planned: Iterable[tuple[Position, int]]) -> list[tuple[Position, int]]:
    """Entries without all but the last of several at one position, and without those that change nothing."""
    kept: list[tuple[Position, int]] = []
    for position, epochs in dict(planned).items():
        if not kept or kept[-1][1] != epochs:
            kept.append((position, epochs))
    return kept
