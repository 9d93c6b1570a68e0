"""Train one epoch, with one line in the log every `log_every` batches."""

from __future__ import annotations

from dataclasses import dataclass

from hptui.config import StudyConfig
from hptui.record.events import BatchesTrained
from hptui.schedules import Schedule
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.run.autosave import Autosave
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.ledger import Ledger


@dataclass(frozen=True)
class EpochTrainer:
    """Trains what is left of an epoch, and records it."""

    trainer: Trainer
    ledger: Ledger
    control: Control
    config: StudyConfig
    schedule: Schedule
    autosave: Autosave

    def train(self, epoch: int) -> None:
        """Train to the end of `epoch`, counted from 1.

        Raises:
            StopRequested: between two steps; what was trained is recorded.
        """
        state, progress = self.trainer.state, self.ledger.progress
        # a strategy went on from a state at the end of an epoch; not so if this one was stopped while it was evaluated
        if progress.batch == 0 and state.order.batches_left(1) == 0:
            state.order.start_epoch()
        batches = progress.batch + state.order.batches_left(state.values.batch_size)
        length = progress.schedule_end(self.config.epochs)
        losses = LossSum(state.device)
        losses.restore(progress.unlogged_loss, progress.unlogged_images)
        progress.unlogged_loss, progress.unlogged_images = 0.0, 0
        try:
            for batch in range(progress.batch, batches):
                self.control.check()
                if self.autosave.is_due():
                    self._save(losses)
                state.values.scale_rate(self.schedule((epoch - 1 + batch / batches) / length))
                losses.add(*self.trainer.step())
                self.autosave.stepped()
                progress.batch = batch + 1
                if progress.batch % self.config.log_every == 0 or progress.batch == batches:
                    self._record(losses, epoch, batches)
        except StopRequested:
            self._record(losses, epoch, batches)  # nothing that was trained stays uncounted
            raise

    def _save(self, losses: LossSum) -> None:
        """Write a checkpoint between two steps; the lines of the log stay where they would be without it."""
        progress = self.ledger.progress
        progress.unlogged_loss, progress.unlogged_images = losses.total(), losses.images
        self.autosave.save()
        progress.unlogged_loss, progress.unlogged_images = 0.0, 0

    def _record(self, losses: LossSum, epoch: int, batches: int) -> None:
        """Record what was trained since the last time, and begin to count anew."""
        if losses.images == 0:
            return
        progress, state = self.ledger.progress, self.trainer.state
        images, mean = losses.images, losses.read()  # waits for the device
        progress.epoch_loss += mean * images
        progress.epoch_images += images
        progress.images_trained += images
        self.ledger.emit(
            BatchesTrained(
                epoch=epoch,
                step=state.step,
                batch=progress.batch,
                batches=batches,
                images=images,
                loss=mean,
                values=state.values.read(),
                seconds=self.ledger.lap(),
            )
        )
        losses.clear()
