"""Train a completed run again with its recorded values, and say whether that leads to the same weights."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hptui.cli.recipe import recipe_of
from hptui.cli.trusting import allowed_code
from hptui.config import StudyConfig
from hptui.config.former import as_of_today
from hptui.errors import RunDirectoryError
from hptui.record.events import (
    AnyEvent,
    EpochCompleted,
    HyperparametersChosen,
    RunCompleted,
    RunFailed,
    RunResumed,
    RunStarted,
)
from hptui.record.localizing import localized
from hptui.record.run_directory import MODEL_FILE, RunFile, create_run, read_run_file
from hptui.record.run_reader import RunReader, check_format
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, open_study

if TYPE_CHECKING:
    from hptui.training.engine.building import StudyInputs


@dataclass(frozen=True)
class ReplayResult:
    """Result of a second training."""

    equal: bool
    """to the bit"""
    comparable: bool
    """whether they have to be: both on a CPU, with as many threads all along, and no candidates side by side that the
    run went on from; else the order of additions differs"""
    lines: tuple[str, ...]
    """what was compared, for people"""


def replay_run(
    run: Path,
    to: Path | None,
    *,
    data_dir: str | None,
    device: str | None,
    trust: bool = False,
    report_line: Callable[[str], object],
) -> ReplayResult:
    """Train `run` again with its recorded values, and compare the final weights.

    Args:
        run: directory of a completed run within its study.
        to: where the second run is kept; None: nowhere.
        data_dir: where the data are now, if they have moved.
        device: to train on, instead of the study's.
        trust: run the study's own code without asking.
        report_line: called with a line of progress now and then.

    Raises:
        UsageError: this is no completed run, its log lacks what a replay needs, the data are others, or its code
            may not be run.
        TrainingError: the training fails.
    """
    recorded, events = _read_completed(run)
    study = open_study(run.parent)
    recipe = recipe_of(events, run)
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    if started is None:
        raise RunDirectoryError(f"{run} has no RunStarted in its log, so nobody knows how it was trained.")
    if to is not None and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RunDirectoryError(f"{to} is not an empty folder; choose another --to.")
    allowed = allowed_code(study, trust=trust)
    changes: dict[str, Any] = ({"device": device} if device else {}) | _recorded_threads(started)
    config = as_of_today(msgspec.structs.replace(localized(study, data_dir, allowed), **changes), recorded.arm)
    inputs = _inputs(study, run, config)
    with ExitStack() as stack:
        again = to or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hptui-replay-")))
        create_run(again, recorded)
        writer = stack.enter_context(RunWriter(again))

        def emit(event: AnyEvent) -> None:
            writer.append(event)
            if isinstance(event, EpochCompleted):
                report_line(f"epoch {event.epoch}/{config.epochs}")

        from hptui.training.replaying import train_again

        train_again(config, inputs, recipe, recorded.arm, recorded.seed, directory=again, emit=emit)
        on_cpu = started.device.startswith("cpu") and inputs.device.type == "cpu"
        return _compared(
            run, again, comparable=on_cpu and not _moved(started, events) and not _goes_on_from_stacks(events)
        )


def _inputs(study: Study, run: Path, config: StudyConfig) -> StudyInputs:
    """Inputs of a training, once it is sure that they are those of the recorded run."""
    from hptui.training.inputs import prepare_inputs, require_same
    from hptui.training.run.checkpoints import load_file

    load_file(run / MODEL_FILE)  # a damaged one is refused before hours of training, not after
    inputs = prepare_inputs(config)
    require_same(inputs, study)
    return inputs


def _moved(started: RunStarted, events: Iterable[AnyEvent]) -> bool:
    """Whether the run went on with another device or number of threads, which add in another order."""
    resumed = [event for event in events if isinstance(event, RunResumed) and event.device]
    return any((event.device, event.threads) != (started.device, started.threads) for event in resumed)


def _recorded_threads(started: RunStarted) -> dict[str, Any]:
    """Setting of as many threads as recorded, because the last bits depend on how many add; 0: not recorded."""
    return {"threads": started.threads} if started.threads else {}


def _read_completed(run: Path) -> tuple[RunFile, list[AnyEvent]]:
    recorded = read_run_file(run)
    check_format(run)
    events = RunReader(run).read()
    while events and isinstance(events[-1], RunFailed):  # an older hptui noted so that a completed run could not go on
        del events[-1]
    if not events or not isinstance(events[-1], RunCompleted):
        raise RunDirectoryError(f"{run} is not completed; there are no final weights to come to (hptui resume).")
    return recorded, events


def _goes_on_from_stacks(events: Iterable[AnyEvent]) -> bool:
    """Whether weights are of a candidate that may have been trained beside others, whose last bits are others."""
    chosen = (event for event in events if isinstance(event, HyperparametersChosen))
    return any(event.stacked and event.start is not None for event in chosen)


def _compared(run: Path, again: Path, *, comparable: bool) -> ReplayResult:
    from hptui.training.run.checkpoints import largest_difference

    name, tensors, difference = largest_difference(run / MODEL_FILE, again / MODEL_FILE)
    if difference == 0:
        weights = f"final weights: equal to the bit in {tensors} tensors"
    else:
        weights = f"final weights: different, by {difference:.3g} at most (in {name})"
        if math.isinf(difference):
            weights = f"final weights: different; {name} has another shape, is missing, or is not finite in one of them"
        weights += "" if comparable else "; on a GPU, resumed with other threads, or side by side, they may be"
    before, now = _end(run), _end(again)
    split = "validation" if before.test_accuracy is None else "test"
    accuracies = f"{split} accuracy: recorded {_accuracy(before):.6f}, now {_accuracy(now):.6f}"
    searched = before.images_probed - now.images_probed
    saved = f"images of probes: recorded {before.images_probed}, now {now.images_probed} ({searched} not needed again)"
    return ReplayResult(difference == 0, comparable, (weights, accuracies, saved))


def _accuracy(end: RunCompleted) -> float:
    """Accuracy on test images, or on validation images where there are no others."""
    return end.validation_accuracy if end.test_accuracy is None else end.test_accuracy


def _end(run: Path) -> RunCompleted:
    _, events = _read_completed(run)
    end = events[-1]
    assert isinstance(end, RunCompleted)
    return end
