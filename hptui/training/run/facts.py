"""Facts of a run, made of its parts: what begins, where it goes on, what an epoch and the whole run came to."""

from __future__ import annotations

import platform

import torch

import hptui
from hptui.config import Arm, StudyConfig
from hptui.record.events import SCHEMA, Axis, EpochCompleted, RunCompleted, RunResumed, RunStarted
from hptui.registry import without_folder
from hptui.space import SearchSpace
from hptui.strategies import Strategy
from hptui.training.engine.building import StudyInputs
from hptui.training.engine.state import TrainingState
from hptui.training.run.delivery import DeliveredEpoch
from hptui.training.run.ledger import Ledger, Progress


def run_started(
    config: StudyConfig, inputs: StudyInputs, strategy: Strategy, arm: Arm, seed: int, state: TrainingState
) -> RunStarted:
    """Describe a run that is about to begin."""
    data = inputs.data
    return RunStarted(
        schema=SCHEMA,
        hptui=hptui.__version__,
        arm=arm,
        seed=seed,
        strategy=without_folder(config.strategy_of(arm)),
        epochs=config.epochs,
        images_per_epoch=len(data.train),
        validation_images=len(data.validation),
        test_images=len(inputs.test),
        class_names=list(data.class_names),
        dataset=data.name,
        model=without_folder(config.model),
        parameters=sum(weight.numel() for weight in state.network.parameters() if weight.requires_grad),
        optimizer=without_folder(config.optimizer),
        loss=without_folder(config.loss),
        schedule=without_folder(config.schedule or strategy.schedule),
        schedule_waits=config.schedule is None and not strategy.follows_schedule(),
        task=data.task,
        device=describe_device(inputs.device),
        searched=axes(config.space) if strategy.searches else [],
        values=state.values.read(),
        threads=torch.get_num_threads(),
        remainder=state.order.remainder,
        versions={"python": platform.python_version(), "torch": str(torch.__version__)},
    )


def run_resumed(config: StudyConfig, ledger: Ledger, state: TrainingState, failed: str = "") -> RunResumed:
    """Describe where a run goes on, after an interruption or because it `failed` in an epoch that is trained anew."""
    progress, pending = ledger.progress, ledger.pending
    return RunResumed(
        epoch=progress.epoch,
        epochs=config.epochs,
        step=state.step,
        images_trained=progress.images_trained,
        images_probed=progress.images_probed,
        seconds=progress.seconds,
        decisions=progress.decisions,
        candidates=len(pending.own.measured) if pending is not None else None,
        batch=progress.batch,
        end_moved=progress.end_moved,
        by_hand=progress.by_hand,
        device=describe_device(state.device),
        threads=torch.get_num_threads(),
        remainder=state.order.remainder,
        failed=failed,
    )


def epoch_completed(
    epoch: int,
    progress: Progress,
    state: TrainingState,
    *,
    train_loss: float,
    calibrated_loss: float | None,
    deliverable: int,
) -> EpochCompleted:
    """Describe an epoch at its end.

    Args:
        epoch: counted from 1.
        progress: with this epoch.
        state: of the training.
        train_loss: mean over its images.
        calibrated_loss: of the delivered weights on validation images, if anybody asked.
        deliverable: the epoch whose weights the run delivers if it ends here.
    """
    return EpochCompleted(
        epoch=epoch,
        step=state.step,
        train_loss=train_loss,
        values=state.values.read(),
        delivered=progress.delivered,
        images_trained=progress.images_trained,
        images_probed=progress.images_probed,
        seconds=progress.seconds,
        calibrated_loss=calibrated_loss,
        deliverable=deliverable,
        end_moved=progress.end_moved,
    )


def run_completed(
    asked: int, images_per_epoch: int, progress: Progress, step: int, chosen: DeliveredEpoch, best_epoch: int
) -> RunCompleted:
    """Describe a run at its end.

    Args:
        asked: epochs that it was to have; its cost is a multiple of a plain training of so many.
        images_per_epoch: in training.
        progress: at the end.
        step: of the training.
        chosen: what it delivers.
        best_epoch: with the lowest validation loss.
    """
    validation_loss, validation_accuracy = chosen.results["validation"]
    test_loss, test_accuracy = chosen.results.get("test", (None, None))
    return RunCompleted(
        epoch=progress.epoch,
        step=step,
        delivered=chosen.delivered,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        images_trained=progress.images_trained,
        images_probed=progress.images_probed,
        cost=(progress.images_trained + progress.images_probed) / (asked * images_per_epoch),
        seconds=progress.seconds,
        best_epoch=best_epoch,
        delivered_epoch=chosen.epoch,
        end_moved=progress.epoch - asked,
    )


def axes(space: SearchSpace) -> list[Axis]:
    """The searched ranges as the log has them."""
    return [
        Axis(name=name, low=entry.low, high=entry.high, scale=entry.scale, values=list(entry.values()))
        for name, entry in space.items()
    ]


def describe_device(device: torch.device) -> str:
    """Words for the log: cpu with its threads, or the GPU's name."""
    if device.type == "cuda":
        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"{device}, {torch.get_num_threads()} thread(s)"
