"""One run: one network from initialisation to the end, with one strategy and one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hptui.config import Arm, StudyConfig
from hptui.errors import TrainingError
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CheckpointSaved,
    RunResumed,
    RunStopped,
)
from hptui.record.run_directory import run_name
from hptui.space import default_values, parse_range
from hptui.strategies import Strategy
from hptui.training.engine.building import ModelFactory, build_network, build_optimizer
from hptui.training.engine.device_data import BatchOrder, DeviceDataset, DeviceImages
from hptui.training.engine.hyperparameters import ValuesInForce
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.random_state import seed_all
from hptui.training.engine.state import TrainingState, copy_tree
from hptui.training.run.checkpoints import load_newest, require_plain, save_checkpoint
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.decision import decide
from hptui.training.run.delivery import BestEpoch, Delivery
from hptui.training.run.opening import describe_device, run_started
from hptui.training.run.records import complete, record_epoch
from hptui.training.run.steering import apply_requests, use_by_hand


@dataclass
class Ingredients:
    """What all runs of a study share."""

    config: StudyConfig
    """replaced where ranges or epochs are changed; the rest never changes"""
    data: DeviceDataset
    test: DeviceImages
    factory: ModelFactory
    device: torch.device


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
    """of these, in greed checks: no strategy has to make do with less because of them"""
    seconds: float = 0.0
    epoch_loss: float = 0.0
    """sum of the losses of the current epoch's images so far, and their number"""
    epoch_images: int = 0
    by_hand: dict[str, float] = field(default_factory=dict)
    """values that somebody chose, instead of the strategy"""
    scored_loss: float | None = None
    """validation loss after the last epoch, of the weights that decisions compare"""
    delivered: str = "last"
    results: dict[str, tuple[float, float]] = field(default_factory=dict)
    """(loss, accuracy) of the delivered weights after the last epoch, by split"""


class Run:
    """Trains; tells `emit` every fact; keeps files only if it has a directory."""

    def __init__(
        self,
        ingredients: Ingredients,
        strategy: Strategy,
        arm: Arm,
        seed: int,
        *,
        emit: Callable[[AnyEvent], None],
        control: Control,
        directory: Path | None = None,
    ) -> None:
        self.ingredients = ingredients
        self.strategy = strategy
        self.arm = arm
        self.seed = seed
        self.emit = emit
        self.control = control
        self.progress = Progress()
        self.delivery = Delivery()
        self.directory = directory
        self._lap_began = control.clock()
        self.trainer = Trainer(
            new_state(ingredients, seed, strategy),
            ingredients.data,
            average_window=self.config.average_window,
            precision=self.config.precision,
        )

    @property
    def config(self) -> StudyConfig:
        """The settings as they are now: ranges and epochs may change while a run goes on."""
        return self.ingredients.config

    @property
    def name(self) -> str:
        return run_name(self.arm, self.seed)

    @property
    def state(self) -> TrainingState:
        return self.trainer.state

    @property
    def network(self) -> nn.Module:
        return self.state.network

    def execute(self, *, resume: bool = False) -> bool:
        """Train to the end; True if it got there, False if it was asked to stop (a checkpoint is saved).

        With `resume` it goes on from the newest readable checkpoint, or from the beginning if there is none.
        """
        if resume:
            self._resume()
        else:
            self.emit(run_started(self.ingredients, self.strategy, self.arm, self.seed, self.state))
        self.control.begin(self.name, self.emit)
        self.lap()
        try:
            while self._goes_on():
                self._epoch(self.progress.epoch + 1)
        except StopRequested as stop:
            apply_requests(self, self.progress.decided + 1)  # what was asked for a moment ago holds after resume
            self.save_checkpoint()
            self.emit(RunStopped(reason=str(stop), epoch=self.progress.epoch, step=self.state.step))
            return False
        complete(self)
        return True

    def _goes_on(self) -> bool:
        """Whether there is another epoch; in the last moment some may be added."""
        if self.progress.epoch >= self.config.epochs:
            self.control.check(now=True)
            apply_requests(self, self.progress.epoch + 1)
        return self.progress.epoch < self.config.epochs

    def lap(self) -> float:
        """Seconds since the last call."""
        now = self.control.clock()
        seconds, self._lap_began = now - self._lap_began, now
        self.progress.seconds += seconds
        return seconds

    def _resume(self) -> None:
        assert self.directory is not None
        saved = load_newest(self.directory, self.ingredients.device)
        if saved is not None:
            self.state.restore(saved["snapshot"])
            self.progress = Progress(**saved["progress"])
            self.strategy.memory = saved["strategy_memory"]
            known = {name: parse_range(name, text) for name, text in saved["search"].items()}
            if known != self.config.space:  # changed after this checkpoint, and kept for the study at once
                self.strategy.ranges_changed(known, self.config.space)
            self.delivery = Delivery(best=self._saved_best(saved))
        at = self.progress
        self.emit(
            RunResumed(
                epoch=at.epoch,
                epochs=self.config.epochs,
                step=self.state.step,
                images_trained=at.images_trained,
                images_probed=at.images_probed,
                seconds=at.seconds,
                decisions=at.decisions,
                by_hand=at.by_hand,
                device=describe_device(self.ingredients.device),
                threads=torch.get_num_threads(),
            )
        )

    def _saved_best(self, saved: dict[str, Any]) -> BestEpoch | None:
        if "best" not in saved:
            raise TrainingError(
                f"the checkpoints of {self.name} were written by an older hptui, which did not keep the best epoch; "
                "remove its checkpoints folder to begin it anew."
            )
        return BestEpoch(**saved["best"], predictions=None) if saved["best"] is not None else None

    def _epoch(self, epoch: int) -> None:
        if self.progress.decided < epoch:
            self.control.check(now=True)  # a pause after an epoch comes before the next decision
            apply_requests(self, epoch)
            if self.progress.by_hand:
                use_by_hand(self, epoch)
            elif self.strategy.decides(epoch, self.progress.scored_loss):
                # probes train with the factor that the epoch begins with, whatever the last step before had
                self.state.values.scale_rate(self.strategy.rate_factor((epoch - 1) / self.config.epochs))
                decide(self, epoch)
            self.progress.decided = epoch
        self._train_epoch(epoch)
        at = self.progress
        train_loss = at.epoch_loss / max(at.epoch_images, 1)
        self.state.order.start_epoch()
        at.epoch, at.batch, at.epoch_loss, at.epoch_images = epoch, 0, 0.0, 0
        record_epoch(self, epoch, train_loss)
        self.save_checkpoint()
        self.control.epoch_completed()

    def _train_epoch(self, epoch: int) -> None:
        """Train what is left of the epoch, with one line in the log every `log_every` batches."""
        at = self.progress
        if self.state.order.batches_left(1) == 0:  # a strategy went on from a state at the end of an epoch
            self.state.order.start_epoch()
        left = self.state.order.batches_left(self.state.values.batch_size)
        batches = at.batch + left
        losses = LossSum(self.ingredients.device)

        def report() -> None:
            if losses.images == 0:
                return
            images, mean = losses.images, losses.read()  # waits for the device
            at.epoch_loss += mean * images
            at.epoch_images += images
            at.images_trained += images
            self.emit(
                BatchesTrained(
                    epoch=epoch,
                    step=self.state.step,
                    batch=at.batch,
                    batches=batches,
                    images=images,
                    loss=mean,
                    values=self.state.values.read(),
                    seconds=self.lap(),
                )
            )
            losses.clear()

        def after_step(loss: Tensor, images: int) -> None:
            losses.add(loss, images)
            at.batch += 1
            if at.batch % self.config.log_every == 0 or at.batch == batches:
                report()

        def rate_factor(index: int) -> float:
            return self.strategy.rate_factor((epoch - 1 + (first + index) / batches) / self.config.epochs)

        first = at.batch
        try:
            self.trainer.train(left, self.control.check, rate_factor=rate_factor, after_step=after_step)
        except StopRequested:
            report()  # nothing that was trained stays uncounted
            raise

    def delivered_weights(self) -> dict[str, Any]:
        """The network's state with the weights that validation preferred after the last epoch."""
        averaged = self.progress.delivered == "averaged"
        # in the network itself, so that shared weights stay shared
        with self.state.average.in_force() if averaged else self.state.as_delivered():
            weights: dict[str, Any] = copy_tree(self.network.state_dict())
        return weights

    def save_checkpoint(self) -> None:
        if self.directory is None:
            return
        require_plain(self.strategy.memory, f"strategy {type(self.strategy).__name__}")
        content: dict[str, Any] = {
            "snapshot": self.state.snapshot(),
            "progress": asdict(self.progress),
            "strategy_memory": self.strategy.memory,
            "search": dict(self.config.search),
            "best": self.delivery.best.state() if self.delivery.best is not None else None,
        }
        file = save_checkpoint(self.directory, self.state.step, content)
        self.emit(CheckpointSaved(epoch=self.progress.epoch, step=self.state.step, file=file))


def new_state(ingredients: Ingredients, seed: int, strategy: Strategy | None = None) -> TrainingState:
    """A training at step 0; everything in it follows from `seed`, and from what the strategy brings."""
    config, data, device = ingredients.config, ingredients.data, ingredients.device
    seed_all(seed)
    network = build_network(ingredients.factory, config.model, data, seed)
    start = default_values() | (strategy.start_values(config.set) if strategy is not None else config.set)
    optimizer_name = (strategy.optimizer if strategy is not None else None) or config.optimizer
    optimizer = build_optimizer(optimizer_name, network, start)
    values = ValuesInForce(network, optimizer, start)
    order = BatchOrder(len(data.train), seed, device)
    augmentation = torch.Generator().manual_seed(seed)  # on the CPU, so that a checkpoint goes to any device
    seed_all(seed)  # whatever building the network drew, training draws the same
    return TrainingState(network, optimizer, values, order, augmentation, device)
