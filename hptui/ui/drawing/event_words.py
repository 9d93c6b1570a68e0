"""Events in a person's words, one line each."""

from __future__ import annotations

import time
from typing import assert_never

from hptui.plan import plan_lines
from hptui.reading.changes import ranges_words
from hptui.reading.failed_candidates import failed_candidate_words, failed_epoch_words
from hptui.reading.run_result import RULE, end_words
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    CheckpointSaved,
    CommandRefused,
    DecisionRepeated,
    DecisionsPlanned,
    DecisionStarted,
    EndMoved,
    EpochCompleted,
    EpochsAdded,
    Evaluated,
    HyperparametersChosen,
    LandscapePredicted,
    LogMended,
    RangesChanged,
    RunCompleted,
    RunContinued,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    RunStopped,
    ValuesRequested,
)
from hptui.space import describe
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.literal import literal


def event_words(event: AnyEvent, palette: Palette | None = None) -> str:
    """What happened, with its time; never more than one line, and names are shown literally."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.time))
    return literal(f"{clock} {_what(event)}".replace("\n", " "), palette)


def _what(event: AnyEvent) -> str:  # noqa: PLR0911, PLR0912 (one line per kind of event)
    match event:
        case RunStarted():
            return f"started {event.arm} seed {event.seed}: {event.strategy} on {event.dataset}, {event.device}"
        case RunResumed():
            return failed_epoch_words(event) or f"resumed after epoch {event.epoch}, step {event.step}"
        case DecisionsPlanned():
            return f"plan: {'; '.join(plan_lines(event.plan, decided=event.epoch - 1))}"
        case DecisionStarted():
            cells = " x ".join(f"{len(axis.values)} {axis.name}" for axis in event.axes)
            return f"decision {event.decision + 1} for epoch {event.epoch}: {cells}"
        case CandidateScored():
            return failed_candidate_words(event)
        case DecisionRepeated():
            outcome = f"would choose {describe(event.values, event.changed)}" if event.changed else "chooses the same"
            return f"greed check: a probe {event.times:g} times as long {outcome}"
        case HyperparametersChosen():
            beside = f"; {event.stacked} side by side" if event.stacked else ""
            alone = f"; not side by side: {event.not_stacked}" if event.not_stacked else ""
            return f"chosen for epoch {event.epoch}: {event.reason}{beside}{alone}"
        case Evaluated():
            return f"epoch {event.epoch} {event.split} {event.accuracy:.2%} ({event.weights} weights)"
        case EpochCompleted():
            is_own = event.deliverable in (0, event.epoch)
            what = f"delivers {event.delivered} weights" if is_own else f"delivers those of epoch {event.deliverable}"
            return f"epoch {event.epoch} completed, {what}, {event.seconds:.0f} s"
        case EndMoved():
            return end_words(event)
        case CheckpointSaved():
            return f"checkpoint {event.file}"
        case LogMended():
            return f"log was damaged: {event.restored} lines put back, {event.removed} cut off"
        case RunPaused():
            return f"paused by {event.by}"
        case RunContinued():
            return f"continued by {event.by}"
        case RangesChanged():
            return f"ranges changed by {event.by} from {ranges_words(event.old)} to {ranges_words(event.new)}"
        case ValuesRequested():
            if not event.values:
                return f"the strategy chooses again, by {event.by}"
            return f"by hand, {event.by}: {describe(event.values)}; nothing is decided until the strategy chooses again"
        case EpochsAdded():
            return f"epochs are now {event.epochs}, by {event.by}"
        case CommandRefused():
            return f"refused to {event.by}: {event.reason}"
        case RunStopped():
            return f"stopped: {event.reason}"
        case RunFailed():
            return f"failed: {event.error}"
        case RunCompleted():
            split = "validation" if event.test_accuracy is None else "test"
            accuracy = event.validation_accuracy if event.test_accuracy is None else event.test_accuracy
            of_epoch = f" of epoch {event.delivered_epoch}" if event.delivered_epoch not in (0, event.epoch) else ""
            why = f"; the latest of {event.epoch} within {RULE}" if of_epoch else ""
            return f"completed: {split} {accuracy:.2%}{of_epoch} at cost {event.cost:.2f}{why}"
        case BatchesTrained() | LandscapePredicted():  # not notable (`reading.studies`): nobody asks for their words
            return type(event).__name__
        case _:
            assert_never(event)
