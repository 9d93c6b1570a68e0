"""What a run is, computed from its events: the fold over them. Of its end alone, `reading.glance` makes the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from hptui.plan import Stage
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

MOST_BATCH_LOSSES = 256
"""of one epoch that are kept: more than a screen has columns"""


@dataclass
class Decision:
    """One decision with the candidates scored so far."""

    started: DecisionStarted
    candidates: list[CandidateScored] = field(default_factory=list)
    predicted: LandscapePredicted | None = None
    repeated: DecisionRepeated | None = None
    """the greed check"""
    chosen: HyperparametersChosen | None = None
    stages: tuple[Stage, ...] = ()
    """planned for it; none: it was not planned, or an older hptui did not record it"""
    images_before: int = 0
    """that the run had probed when it began"""

    @property
    def tried(self) -> bool:
        """Whether it measured a candidate, be they kept here or not."""
        if self.candidates or self.chosen is None:
            return bool(self.candidates)
        return self.chosen.candidate is not None or self.chosen.images_probed > self.images_before

    def tries(self, name: str) -> bool:
        """Whether it tries values of a hyperparameter, as far as the log tells."""
        planned = [searched for stage in self.stages for searched in stage.names]
        if self.chosen is None:
            return not planned or name in planned
        return self.tried and name not in self.chosen.left_out and (not planned or name in planned)


@dataclass
class Epoch:
    """One epoch; `evaluations` by (split, weights)."""

    number: int
    evaluations: dict[tuple[str, str], Evaluated] = field(default_factory=dict)
    completed: EpochCompleted | None = None

    @property
    def validation(self) -> Evaluated | None:
        """Evaluation on validation images of the weights that would be delivered."""
        return self._delivered("validation")

    @property
    def test(self) -> Evaluated | None:
        """Evaluation on test images of the weights that would be delivered."""
        return self._delivered("test")

    def _delivered(self, split: str) -> Evaluated | None:
        return self.evaluations.get((split, self.completed.delivered)) if self.completed else None


def best_of(epochs: Sequence[Epoch]) -> Epoch:
    """The epoch whose delivered weights had the lowest validation loss: that of the best model."""

    def validation_loss(epoch: Epoch) -> float:
        loss = epoch.validation.loss if epoch.validation is not None else None
        return math.inf if loss is None else loss

    return min(epochs, key=validation_loss)


@dataclass(frozen=True)
class Change:
    """Something that was changed from outside while the run went on."""

    event: RangesChanged | ValuesRequested | EpochsAdded | RunResumed
    """RunResumed: it went on with another number of epochs, because epochs were added while another run was trained"""
    epoch: int
    """the first epoch that it can hold for"""
    epochs_before: int
    """that the run was to have until then"""


@dataclass
class RunState:
    """What a run's events come to; `apply` adds one more."""

    started: RunStarted | None = None
    completed: RunCompleted | None = None
    stopped: RunStopped | None = None
    failed: RunFailed | None = None
    completed_at: int | None = None
    """step of the last completion that the log tells of, also where it was gone on with since"""
    paused: RunPaused | None = None
    refused: list[CommandRefused] = field(default_factory=list)
    """requests that were not done"""
    by_hand: dict[str, float] = field(default_factory=dict)
    """values that somebody put in force; empty while the strategy chooses"""
    changes: list[Change] = field(default_factory=list)
    """what was changed from outside, without what a resumption made void"""
    epochs_planned: int = 0
    """that it was asked to have"""
    plan: DecisionsPlanned | None = None
    """what the strategy plans; None: it plans nothing, or an older hptui did not record it"""
    decisions: list[Decision] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    last_batches: BatchesTrained | None = None
    """of the epoch under way; None between epochs"""
    batch_losses: list[tuple[float, float]] = field(default_factory=list)
    """of the epoch under way: epochs trained so far, such as 2.25, and the training loss of the images before"""
    values: dict[str, float] = field(default_factory=dict)
    """in force, as last read back"""
    images_trained: int = 0
    images_probed: int = 0
    seconds: float = 0.0
    """spent in training, probes and evaluation, without pauses and interruptions"""
    time: float = 0.0
    """of the last event, seconds since 1970"""
    longest_silence: float = field(default=0.0, compare=False)
    """seconds between two events that were read, without pauses and interruptions; longer where others were skimmed"""

    @property
    def end_moved(self) -> int:
        """Epochs by which its own losses have moved its end."""
        last = next((epoch.completed for epoch in reversed(self.epochs) if epoch.completed is not None), None)
        return last.end_moved if last is not None else 0

    @property
    def end(self) -> int:
        """Epochs with which it comes to its end, as it stands now."""
        return self.epochs_planned + self.end_moved

    @property
    def untested(self) -> bool:
        """Whether there are no test images, so that nothing can be measured on any."""
        if self.completed is not None:
            return self.completed.test_accuracy is None
        return self.started is not None and self.started.test_images == 0

    @property
    def tested(self) -> list[Epoch]:
        """Epochs with an evaluation on test images."""
        return [epoch for epoch in self.epochs if epoch.test is not None]

    @property
    def delivered(self) -> Epoch | None:
        """The epoch whose weights the run delivers, or would if it ended now; None: none is completed."""
        completed = [epoch for epoch in self.epochs if epoch.completed is not None]
        if not completed:
            return None
        last = completed[-1]
        assert last.completed is not None
        number = self.completed.delivered_epoch if self.completed is not None else last.completed.deliverable
        return next((epoch for epoch in completed if epoch.number == number), last)

    def apply(self, event: AnyEvent) -> None:  # noqa: PLR0912, PLR0915 (one short branch per kind of event)
        """Apply one more fact, in the order of the log."""
        if self.time and not isinstance(event, (RunResumed, RunContinued)):
            self.longest_silence = max(self.longest_silence, event.time - self.time)
        self.time = event.time
        match event:
            case RunStarted():
                self.started, self.values, self.epochs_planned = event, event.values, event.epochs
            case RunResumed():
                self._go_back(event)
            case DecisionsPlanned():
                self.plan = event
            case DecisionStarted():
                if self.decisions and self.decisions[-1].started.decision == event.decision:
                    self.decisions.pop()  # it was not over, and begins anew
                planned = self.plan.plan.decisions().get(event.epoch, ()) if self.plan is not None else ()
                self.decisions.append(Decision(event, stages=planned, images_before=self.images_probed))
            case CandidateScored():
                self.decisions[-1].candidates.append(event)
                self.images_probed += event.images
                self.seconds += event.seconds
            case LandscapePredicted():
                self.decisions[-1].predicted = event
            case DecisionRepeated():
                self.decisions[-1].repeated = event
                self.images_probed += event.images
            case HyperparametersChosen():
                self.decisions[-1].chosen = event
                self.values, self.images_probed = event.values, event.images_probed
                # of the whole decision: what its probes took is counted already
                self.seconds += event.seconds - sum(probe.seconds for probe in self.decisions[-1].candidates)
            case BatchesTrained():
                self.last_batches, self.values = event, event.values
                self.images_trained += event.images
                self.seconds += event.seconds
                self._follow_loss(event)
            case Evaluated():
                self._epoch(event.epoch).evaluations[event.split, event.weights] = event
            case EpochCompleted():
                self._epoch(event.epoch).completed = event
                self.last_batches, self.batch_losses = None, []
                self.values, self.seconds = event.values, event.seconds
                self.images_trained, self.images_probed = event.images_trained, event.images_probed
            case RunPaused():
                self.paused = event
            case RunContinued():
                self.paused = None
            case ValuesRequested():
                self.by_hand = event.values
                self.changes.append(Change(event, event.epoch, self.epochs_planned))
            case CommandRefused():
                self.refused.append(event)
            case EpochsAdded():
                self.changes.append(Change(event, self.epochs_completed + 1, self.epochs_planned))
                self.epochs_planned = event.epochs
            case RangesChanged():
                self.changes.append(Change(event, event.epoch, self.epochs_planned))
            case RunStopped():
                self.stopped = event
            case RunFailed():
                self.failed = event
            case RunCompleted():
                self.completed, self.seconds, self.completed_at = event, event.seconds, event.step
            case EndMoved() | CheckpointSaved() | LogMended():
                pass
            case _:
                assert_never(event)

    def _epoch(self, number: int) -> Epoch:
        if not self.epochs or self.epochs[-1].number != number:
            self.epochs.append(Epoch(number))
        return self.epochs[-1]

    def _follow_loss(self, event: BatchesTrained) -> None:
        """Add one more to the losses of the epoch; when they become many, two neighbours become one."""
        if event.loss is None:
            return
        if len(self.batch_losses) >= MOST_BATCH_LOSSES:
            pairs = zip(self.batch_losses[::2], self.batch_losses[1::2], strict=True)
            self.batch_losses = [(after[0], (before[1] + after[1]) / 2) for before, after in pairs]
        self.batch_losses.append((event.epoch - 1 + event.batch / event.batches, event.loss))

    def _go_back(self, event: RunResumed) -> None:
        """Forget what came after the checkpoint that the run went on from."""
        self.stopped = self.failed = self.completed = self.paused = self.last_batches = None
        self.changes = [change for change in self.changes if not _is_void(change, event)]
        if event.epochs != self.epochs_planned:
            self.changes.append(Change(event, event.epoch + 1, self.epochs_planned))
        self.batch_losses = []
        self.epochs_planned, self.by_hand = event.epochs, event.by_hand
        self.epochs = [epoch for epoch in self.epochs if epoch.number <= event.epoch and epoch.completed]
        standing, running = self.decisions[: event.decisions], self.decisions[event.decisions :][:1]
        if running and event.candidates is not None:
            kept = running[0].candidates[: event.candidates]
            standing.append(replace(running[0], candidates=kept, predicted=None, repeated=None, chosen=None))
        self.decisions = standing
        self.values = self._standing_values()
        self.images_trained, self.images_probed = event.images_trained, event.images_probed
        self.seconds = event.seconds

    def _standing_values(self) -> dict[str, float]:
        """Values in force, by the last fact about the start, a decision or the end of an epoch."""
        epoch = self.epochs[-1] if self.epochs else None
        chosen = self.decisions[-1].chosen if self.decisions else None
        if chosen is not None and (epoch is None or chosen.epoch > epoch.number):
            return chosen.values
        if epoch is not None and epoch.completed is not None:
            return epoch.completed.values
        return self.started.values if self.started is not None else {}

    @property
    def epochs_completed(self) -> int:
        return sum(epoch.completed is not None for epoch in self.epochs)

    @property
    def cost(self) -> float:
        """Images of probes and training so far, as a multiple of one plain training of all epochs."""
        if self.started is None or self.started.images_per_epoch == 0:
            return 0.0
        return (self.images_trained + self.images_probed) / (self.epochs_planned * self.started.images_per_epoch)


def _is_void(change: Change, resumed: RunResumed) -> bool:
    """Whether a change is lost with what came after the checkpoint; ranges and epochs are kept for the whole study."""
    asked = change.event
    return isinstance(asked, ValuesRequested) and asked.epoch > resumed.epoch and asked.values != resumed.by_hand


def state_of(events: Iterable[AnyEvent]) -> RunState:
    """State after all `events`."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state
