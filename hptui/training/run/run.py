"""One run: one network from initialisation to the end, with one strategy and one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from hptui.config import Arm, StudyConfig
from hptui.errors import TrainingError
from hptui.hyperparameters import Values, default_values
from hptui.record.checkpoint_names import Moment
from hptui.record.events import AnyEvent, CheckpointSaved, EndMoved, RunStopped
from hptui.record.run_directory import CHECKPOINTS, EVENTS_FILE, MODEL_FILE, run_name
from hptui.space import parse_range
from hptui.strategies import Strategy
from hptui.training.engine.building import StudyInputs, build_optimizer, new_state
from hptui.training.engine.loop import Trainer
from hptui.training.engine.state import TrainingState
from hptui.training.run.autosave import Autosave
from hptui.training.run.checkpoints import keep_newest, require_plain, restore_newest, save_checkpoint
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.decision import DecisionMaker
from hptui.training.run.delivery import Delivery, remove_predictions
from hptui.training.run.ending import Ending
from hptui.training.run.epoch import EpochTrainer
from hptui.training.run.epoch_evaluation import EpochResult, evaluate_epoch
from hptui.training.run.facts import epoch_completed, run_completed, run_resumed, run_started
from hptui.training.run.foresight import Foresight
from hptui.training.run.helm import Helm
from hptui.training.run.kept import KeptStates
from hptui.training.run.ledger import Ledger, Progress
from hptui.training.run.pending import PendingDecision
from hptui.training.run.rate import schedule_of
from hptui.training.run.retreat import Retreat
from hptui.training.run.side_by_side import SideBySide


@dataclass(frozen=True)
class RunOutcome:
    """What a run leaves to whoever runs the study."""

    completed: bool
    """it got to its end; if not, it was asked to stop, and a checkpoint is saved"""
    config: StudyConfig
    """the settings, with ranges and epochs as they were changed meanwhile: they hold for later runs"""


class Run:
    """Trains; tells `emit` every fact; keeps files only if it has a directory."""

    def __init__(
        self,
        config: StudyConfig,
        inputs: StudyInputs,
        strategy: Strategy,
        arm: Arm,
        seed: int,
        *,
        emit: Callable[[AnyEvent], object],
        control: Control,
        directory: Path | None = None,
    ) -> None:
        self.config = config
        """the settings as they are now: ranges and epochs may change while the run goes on"""
        self.inputs = inputs
        self.strategy = strategy
        self.arm = arm
        self.seed = seed
        self.control = control
        self.directory = directory
        self.ledger = Ledger(emit, control.clock)
        self.delivery = Delivery(config.deliver)
        self.ending = Ending(config.longest)
        self.last_epoch: int | None = None
        """of a run that is trained again: where it came to its end"""
        self.recorded_epoch: int | None = None
        """of a run that is trained again: which one it delivered"""
        self.kept = KeptStates()
        self.autosave = Autosave(config.checkpoint_every, self.save_checkpoint)
        self._checkpoint: Moment | None = None
        """that was written or restored last"""
        self._schedule = schedule_of(config, strategy)
        self.trainer = Trainer(
            new_state(inputs, config, seed),
            inputs.data,
            inputs.loss,
            average_window=config.average_window,
            precision=config.precision,
            batchnorm=config.batchnorm,
        )
        self.trainer.before_batch = control.leave_if_stopped
        self._retreat = Retreat(self.state, self.ledger)
        self._foresight = Foresight(self.trainer, strategy, self.ledger)
        self.side_by_side = SideBySide(self.trainer, config.replicas, control, self.autosave)

    @property
    def name(self) -> str:
        return run_name(self.arm, self.seed)

    @property
    def state(self) -> TrainingState:
        return self.trainer.state

    @property
    def network(self) -> nn.Module:
        return self.state.network

    def execute(self, *, resume: bool = False) -> RunOutcome:
        """Train to the end, or until it is asked to stop.

        With `resume` it goes on from the newest readable checkpoint, or from the beginning if there is none.
        """
        if resume:
            self._resume()
        else:
            started = run_started(self.config, self.inputs, self.strategy, self.arm, self.seed, self.state)
            self.ledger.emit(started)
        self.control.begin(self.name, self.ledger.emit)
        self._foresight.tell(self.config)
        self.ledger.lap()
        try:
            while self._goes_on():
                self._epoch(self.ledger.progress.epoch + 1)
        except StopRequested as stop:
            self._obey(self.ledger.progress.decided + 1)  # what was asked for a moment ago holds after resume
            self.save_checkpoint()
            epoch, step = self.ledger.progress.epoch, self.state.step
            self.ledger.emit(RunStopped(reason=str(stop), epoch=epoch, step=step))
            return RunOutcome(False, self.config)
        self._complete()
        return RunOutcome(True, self.config)

    def _goes_on(self) -> bool:
        """Whether there is another epoch; in the last moment some may be added."""
        if self._is_over():
            self.control.check(now=True)
            self._obey(self.ledger.progress.epoch + 1)
        return not self._is_over()

    def _is_over(self) -> bool:
        progress = self.ledger.progress
        return progress.epoch >= progress.end(self.config.epochs) or progress.epoch == self.last_epoch

    def _obey(self, epoch: int) -> None:
        """Do what was asked for meanwhile, before the decision for `epoch`."""
        study = self.directory.parent if self.directory is not None else None
        helm = Helm(self.arm, self.seed, self.state.values, self.strategy, self.ledger, self._refuse_values, study)
        self.config = helm.apply(self.control.take_requests(), self.config, epoch)
        pending = self.ledger.pending
        if pending is not None and pending.search != self.config.search:
            self._decision_maker().give_up()
        self._foresight.tell(self.config)

    def _refuse_values(self, values: Values) -> None:
        """Raise ConfigError for values with which the optimizer would not be built."""
        factory, name = self.inputs.optimizer, self.config.optimizer
        build_optimizer(factory, name, self.network, default_values() | self.state.values.chosen() | values)

    def _epoch(self, epoch: int) -> None:
        progress, state = self.ledger.progress, self.state
        progress.trained_with = progress.trained_with or state.values.chosen()
        if progress.decided < epoch:
            self.control.check(now=True)  # a pause after an epoch comes before the next decision
            self._obey(epoch)
            self._decide(epoch)
            progress.decided = epoch
            self._foresight.tell(self.config)
        self._train(epoch)
        progress = self.ledger.progress  # another object, if the run went back to the beginning of the epoch
        result = evaluate_epoch(self.trainer, self.inputs.test, epoch, self.ledger)  # stopped in it, it is done again
        train_loss = progress.epoch_loss / max(progress.epoch_images, 1)
        state.order.start_epoch()
        progress.epoch, progress.batch, progress.epoch_loss, progress.epoch_images = epoch, 0, 0.0, 0
        progress.trained_with = state.values.chosen()
        self._record_epoch(result, epoch, train_loss)
        self.save_checkpoint()
        self.control.epoch_completed()

    def _train(self, epoch: int) -> None:
        """Train what is left of an epoch; anew with smaller batches where those that were chosen do not fit."""
        self._retreat.begin(searched="batch_size" in self.config.search and self.strategy.searches)
        schedule, autosave = self._schedule, self.autosave
        trainer = EpochTrainer(self.trainer, self.ledger, self.control, self.config, schedule, autosave)
        while failure := self._retreat.failure_of(partial(trainer.train, epoch), self.config.space):
            smaller, size, instead = self._retreat.go_back(self.config.space)
            self._record_return(f"batches of {size} ran out of memory: {failure}")
            self._decision_maker().use(smaller, epoch, f"batches of {size} ran out of memory; {instead}")
            self.save_checkpoint()  # those within the epoch are void

    def _decide(self, epoch: int) -> None:
        """The decision before `epoch`, if there is one."""
        progress, maker = self.ledger.progress, self._decision_maker()
        before = progress.decisions
        if progress.by_hand:
            maker.use_by_hand(epoch)
        elif self.strategy.decides(epoch, progress.scored_loss):
            # probes train with the factor that the epoch begins with, whatever the last step before had
            self.state.values.scale_rate(self._schedule((epoch - 1) / progress.schedule_end(self.config.epochs)))
            maker.give_up_other_factor()
            maker.decide(epoch)
        if progress.decisions > before:
            progress.chosen_for = epoch

    def _decision_maker(self) -> DecisionMaker:
        return DecisionMaker(
            self.trainer,
            self.strategy,
            self.kept,
            self.ledger,
            self.control,
            self.config,
            self.autosave,
            self.side_by_side,
            self._schedule,
        )

    def _record_epoch(self, result: EpochResult, epoch: int, train_loss: float) -> None:
        progress = self.ledger.progress
        progress.delivered, progress.results = result.delivered, result.results
        progress.scored_loss = result.losses[self.config.score_weights]
        weights, recorded = self.trainer.data.validation_weights(), self.recorded_epoch
        calibrated = self.delivery.epoch_completed(self.trainer, epoch, result, weights, recorded=recorded)
        assert self.delivery.chosen is not None
        before, progress.end_moved = progress.end_moved, self._end_moved(result, epoch)
        deliverable = self.delivery.chosen.epoch
        completed = epoch_completed(
            epoch, progress, self.state, train_loss=train_loss, calibrated_loss=calibrated, deliverable=deliverable
        )
        self.ledger.emit(completed)
        if progress.end_moved != before:
            asked = self.config.epochs
            moved = EndMoved(epoch=epoch, epochs=progress.end(asked), asked=asked, deliverable=deliverable)
            self.ledger.emit(moved)

    def _end_moved(self, result: EpochResult, epoch: int) -> int:
        """Epochs by which the losses up to `epoch` move the end of the run."""
        progress, asked = self.ledger.progress, self.config.epochs
        if self.config.stop == "never" or self.config.deliver == "last" or progress.ended_early:
            return progress.end_moved
        groups = result.predictions["validation"].groups
        since = max(0, progress.chosen_for - 1)  # what other values come to, nobody knows before
        end = self.ending.moved(
            self.delivery, epoch, asked, progress.end(asked), self._schedule, since=since, groups=groups
        )
        if end == epoch < progress.end(asked):
            if self.control.has_requests() or self._decides_later(epoch):
                return progress.end_moved
            progress.ended_early = True
        return end - asked

    def _decides_later(self, epoch: int) -> bool:
        """Whether values may still change, and with them what is delivered."""
        return not self.ledger.progress.by_hand and self._foresight.decides_after(self.config, epoch)

    def _complete(self) -> None:
        progress = self.ledger.progress
        if self.directory is not None:
            keep_newest(self.directory)
        chosen = self.delivery.complete(
            self.trainer, self.inputs.test, progress, self.directory, self.config.wrong_images
        )
        assert self.delivery.best is not None
        asked, images = self.config.epochs, len(self.inputs.data.train)
        self.ledger.emit(run_completed(asked, images, progress, self.state.step, chosen, self.delivery.best.epoch))

    def _resume(self) -> None:
        assert self.directory is not None
        self._checkpoint = restore_newest(self.directory, self.inputs.device, self._restore)
        if self._checkpoint is None and (self.directory / MODEL_FILE).exists():
            raise TrainingError(
                f"{self.name} was completed, but neither its log says so, nor is there a checkpoint to go on from; "
                f"put its {EVENTS_FILE} back from a copy, or remove {self.directory} to train it anew."
            )
        remove_predictions(self.directory)  # of a completed run that goes on; not before it is sure that it can
        self._record_return()

    def _record_return(self, failed: str = "") -> None:
        """Record where the run goes on, so that what the log has beyond that is void."""
        self.ledger.emit(run_resumed(self.config, self.ledger, self.state, failed))

    def _restore(self, saved: dict[str, Any]) -> None:
        """Take everything from a checkpoint."""
        if not {"best", "kept"} <= saved.keys():
            raise TrainingError(
                f"the checkpoints of {self.name} were written by an older hptui, which kept less; "
                "remove its checkpoints folder to begin it anew."
            )
        self.state.restore(saved["snapshot"])
        self.ledger.progress = Progress(**saved["progress"])
        self.strategy.memory = saved["strategy_memory"]
        self.kept = KeptStates.from_plain(saved["kept"])
        self._retreat.restore(saved.get("epoch_beginning"))
        self.ledger.pending = None
        if saved.get("decision") is not None:
            pending = PendingDecision.from_plain(saved["decision"], saved["snapshot"], self.control.clock())
            self.ledger.pending, self.kept = pending, pending.own.kept
        known = {name: parse_range(name, text) for name, text in saved["search"].items()}
        if known != self.config.space:  # changed after this checkpoint, and kept for the study at once
            self.strategy.ranges_changed(known, self.config.space)
        self.delivery = Delivery.from_plain(self.config.deliver, saved)
        self.ending = Ending.from_plain(self.config.longest, saved)

    def save_checkpoint(self) -> None:
        """Write all that it takes to go on from here; nothing without a directory."""
        if self.directory is None:
            return
        pending = self.ledger.pending
        memory = self.strategy.memory if pending is None else pending.memory
        require_plain(memory, f"strategy {type(self.strategy).__name__}")
        self.ledger.lap()
        snapshot = self.state.snapshot() if pending is None else pending.home
        content: dict[str, Any] = {
            "snapshot": snapshot,
            "progress": asdict(self.ledger.progress),
            "strategy_memory": memory,
            "decision": pending.plain(self.control.clock()) if pending is not None else None,
            "kept": self.kept.plain(),
            "search": dict(self.config.search),
            "epoch_beginning": self._retreat.plain(),
            **self.delivery.state(),
            **self.ending.state(),
        }
        self._checkpoint = save_checkpoint(self.directory, snapshot["step"], content, self._checkpoint)
        file = f"{CHECKPOINTS}/{self._checkpoint.file}"
        self.ledger.emit(CheckpointSaved(epoch=self.ledger.progress.epoch, step=snapshot["step"], file=file))
        self.autosave.saved()
