"""Where a run is, and every fact it records: the one thing that all steps of a run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hptui.record.events import AnyEvent
from hptui.training.run.pending import PendingDecision


@dataclass
class Progress:
    """Where a run is; plain data, saved with every checkpoint."""

    epoch: int = 0
    """epochs completed"""
    decided: int = 0
    """last epoch whose decision, if it had one, is done"""
    batch: int = 0
    """steps done in the current epoch"""
    decisions: int = 0
    images_trained: int = 0
    images_probed: int = 0
    images_checked: int = 0
    """of these, in greed checks, or trained in vain (`EpochBeginning.return_to`): no strategy has to make do with less
    because of them"""
    seconds: float = 0.0
    epoch_loss: float = 0.0
    """sum of the losses of the current epoch's images so far, and their number"""
    epoch_images: int = 0
    unlogged_loss: float = 0.0
    """the same of the batches that no line of the log has yet; only while a checkpoint is written between two lines"""
    unlogged_images: int = 0
    by_hand: dict[str, float] = field(default_factory=dict)
    """values that somebody chose, instead of the strategy"""
    scored_loss: float | None = None
    """validation loss after the last epoch, of the weights that decisions compare"""
    delivered: str = "last"
    results: dict[str, tuple[float, float]] = field(default_factory=dict)
    """(loss, accuracy) of the delivered weights after the last epoch, by split"""
    chosen_for: int = 0
    """last epoch that values were chosen for; 0: none"""
    end_moved: int = 0
    """by how many epochs the run ends later than it was asked to; below 0: earlier"""
    trained_with: dict[str, float] = field(default_factory=dict)
    """values of the last epoch, or of the start"""
    too_large: int = 0
    """images of the smallest batch that ran out of memory in training; 0: none has"""
    ended_early: bool = False
    """whether its losses have ended it before its end of then; it goes on only because somebody added epochs"""

    def end(self, asked: int) -> int:
        """Epochs that the run is to have now, of so many asked for."""
        return asked + self.end_moved

    def schedule_end(self, asked: int) -> int:
        """Epochs that its schedule of the learning rate goes over: one that ends early leaves off within it."""
        return asked + max(self.end_moved, 0)


class Ledger:
    """Progress, facts and time of one run."""

    def __init__(self, emit: Callable[[AnyEvent], object], clock: Callable[[], float]) -> None:
        """`emit` gets every fact; `clock` gives seconds, and stands still while the training is paused."""
        self.progress = Progress()
        self.pending: PendingDecision | None = None
        """the decision that is not over"""
        self.emit = emit
        self.clock = clock
        self._lap_began = clock()

    def lap(self) -> float:
        """Seconds since the last call; they count as time of the run."""
        now = self.clock()
        seconds, self._lap_began = now - self._lap_began, now
        self.progress.seconds += seconds
        return seconds
