"""`hptui replay RUN`: what the log says of how a run came to its weights, and whether it leads there again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hptui.errors import ConfigError, RunDirectoryError
from hptui.reading.run_state import RunState
from hptui.reading.run_state import replay as fold
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    EpochCompleted,
    EpochsAdded,
    HyperparametersChosen,
    RunCompleted,
    RunResumed,
    RunStarted,
)
from hptui.record.run_directory import MODEL_FILE, RunFile, create_run, read_run_file
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import localized, open_study

if TYPE_CHECKING:
    from hptui.training.engine.state import Identity
    from hptui.training.replaying import Position, Recipe, RecordedProbe


@dataclass(frozen=True)
class Replay:
    """What a second training came to."""

    equal: bool
    """to the bit"""
    comparable: bool
    """whether they have to be: both on a CPU with as many threads all along; else the order of additions differs"""
    lines: tuple[str, ...]
    """what was compared, for people"""


def replay(
    run: Path, to: Path | None, *, data_dir: str | None, device: str | None, tell: Callable[[str], object]
) -> Replay:
    """Train `run` again with its recorded values, and compare the final weights.

    Args:
        run: directory of a completed run within its study.
        to: where the second run is kept; None: nowhere.
        data_dir: where the data are now, if they have moved.
        device: to train on, instead of the study's.
        tell: called with a line of progress now and then.

    Raises:
        UsageError: this is no completed run, its log lacks what a replay needs, or the data are others.
        TrainingError: the training fails.
    """
    recorded, events = _read(run)
    study = open_study(run.parent)
    recipe = recipe_of(events, run)
    started = next(event for event in events if isinstance(event, RunStarted))
    if to is not None and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RunDirectoryError(f"{to} is not an empty folder; choose another --to.")
    config = msgspec.structs.replace(
        localized(study, data_dir), **{"device": device} if device else {}, **_threads(started)
    )
    from hptui.training import gather
    from hptui.training.replaying import train_again
    from hptui.training.run.checkpoints import load_file

    load_file(run / MODEL_FILE)  # a damaged one is told before hours of training, not after
    ingredients = gather(config)
    if ingredients.data.fingerprint != study.fingerprint:
        raise ConfigError(f"{ingredients.data.name}: these are not the images that the study began with.")
    with ExitStack() as stack:
        place = to or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hptui-replay-")))
        create_run(place, recorded)
        writer = stack.enter_context(RunWriter(place))

        def emit(event: AnyEvent) -> None:
            writer.append(event)
            if isinstance(event, EpochCompleted):
                tell(f"epoch {event.epoch}/{ingredients.config.epochs}")

        train_again(ingredients, recipe, recorded.arm, recorded.seed, place, emit)
        on_cpu = started.device.startswith("cpu") and ingredients.device.type == "cpu"
        return _compared(run, place, comparable=on_cpu and not _moved(started, events))


def _moved(started: RunStarted, events: Iterable[AnyEvent]) -> bool:
    """Whether the run went on with another device or number of threads, which add in another order."""
    resumed = [event for event in events if isinstance(event, RunResumed) and event.device]
    return any((event.device, event.threads) != (started.device, started.threads) for event in resumed)


def _threads(started: RunStarted) -> dict[str, int]:
    """The last bits depend on how many threads add; 0: not recorded."""
    return {"threads": started.threads} if started.threads else {}


def _read(run: Path) -> tuple[RunFile, list[AnyEvent]]:
    recorded = read_run_file(run)
    events = RunReader(run).read()
    if not events or not isinstance(events[-1], RunCompleted):
        raise RunDirectoryError(f"{run} is not completed; there are no final weights to come to (hptui resume).")
    return recorded, events


def recipe_of(events: Sequence[AnyEvent], run: Path) -> Recipe:
    """What the log of a completed run says of how it came to its weights.

    Raises:
        RunDirectoryError: an older hptui wrote it, without where candidates and choices began.
    """
    from hptui.training.replaying import Recipe, RecordedDecision

    state = fold(events)
    if any(candidate.steps == 0 for decision in state.decisions for candidate in decision.candidates):
        raise RunDirectoryError(
            f"{run} was recorded by an older hptui, which did not write where its candidates began; "
            "it cannot be replayed."
        )
    probes = _needed(state)
    decisions = {
        decision.chosen.epoch: RecordedDecision(
            number=decision.chosen.decision,
            values=decision.chosen.values,
            start=decision.chosen.start,
            probes={name[1]: probe for name, probe in probes.items() if name[0] == decision.chosen.decision},
        )
        for decision in state.decisions
        if decision.chosen is not None
    }
    return Recipe(decisions, epochs_by_position(events))


def _needed(state: RunState) -> dict[Identity, RecordedProbe]:
    """Probes at whose ends the run went on, and those that these began at, and so on; in the order of the log."""
    from hptui.training.replaying import RecordedProbe

    every = {
        (candidate.decision, candidate.candidate): RecordedProbe(candidate.values, candidate.steps, candidate.start)
        for decision in state.decisions
        for candidate in decision.candidates
    }
    wanted = {decision.chosen.start for decision in state.decisions if decision.chosen is not None}
    for name in reversed(every):  # a probe begins at an earlier one
        if name in wanted:
            wanted.add(every[name].start)
    return {name: probe for name, probe in every.items() if name in wanted}


def epochs_by_position(events: Iterable[AnyEvent]) -> list[tuple[Position, int]]:
    """How many epochs the run was to have, from which position on, without what a resumption made void."""
    from hptui.training.replaying import BEFORE_DECISION

    found: list[tuple[Position, int]] = []
    epoch, batch = 1, BEFORE_DECISION
    batches: dict[tuple[int, int], int] = {}
    """done in an epoch, by epoch and step"""
    decided: list[int] = []
    """epochs of the decisions that stand"""
    for event in events:
        match event:
            case RunStarted():
                found = [((1, BEFORE_DECISION), event.epochs)]
            case HyperparametersChosen():
                decided.append(event.epoch)
                batch = 0
            case BatchesTrained():
                batch = batches[event.epoch, event.step] = event.batch
            case EpochCompleted():
                epoch, batch = event.epoch + 1, BEFORE_DECISION
            case EpochsAdded():
                found.append(((epoch, batch), event.epochs))
            case RunResumed():
                epoch, decided = event.epoch + 1, decided[: event.decisions]
                batch = batches.get((epoch, event.step), 0 if epoch in decided else BEFORE_DECISION)
                found = [entry for entry in found if entry[0] <= (epoch, batch)]
                found.append(((epoch, batch), event.epochs))
    return _without_repeats(found)


def _without_repeats(found: Iterable[tuple[Position, int]]) -> list[tuple[Position, int]]:
    """Of several at one position the last; none that changes nothing."""
    kept: list[tuple[Position, int]] = []
    for position, epochs in dict(found).items():
        if not kept or kept[-1][1] != epochs:
            kept.append((position, epochs))
    return kept


def _compared(run: Path, again: Path, *, comparable: bool) -> Replay:
    from hptui.training.run.checkpoints import largest_difference

    name, tensors, difference = largest_difference(run / MODEL_FILE, again / MODEL_FILE)
    if difference == 0:
        weights = f"final weights: equal to the bit in {tensors} tensors"
    else:
        weights = f"final weights: different, by {difference:.3g} at most (in {name})"
        weights += "" if comparable else "; on a GPU, or resumed with other threads, they may be"
    before, now = _end(run), _end(again)
    accuracies = f"test accuracy: recorded {before.test_accuracy:.6f}, now {now.test_accuracy:.6f}"
    searched = before.images_probed - now.images_probed
    saved = f"images of probes: recorded {before.images_probed}, now {now.images_probed} ({searched} not needed again)"
    return Replay(difference == 0, comparable, (weights, accuracies, saved))


def _end(run: Path) -> RunCompleted:
    end = RunReader(run).read()[-1]
    assert isinstance(end, RunCompleted)
    return end
