"""What is recorded of an epoch and of the end of a run: validation decides what is delivered, test is only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from hptui.record.events import EpochCompleted, Evaluated, RunCompleted
from hptui.record.predictions import Predictions
from hptui.training.engine.device_data import DeviceImages
from hptui.training.engine.evaluation import Evaluation, evaluate
from hptui.training.run.checkpoints import keep_newest
from hptui.training.run.delivery import deliver

if TYPE_CHECKING:
    from hptui.training.run.run import Run


def record_epoch(run: Run, epoch: int, train_loss: float) -> None:
    """Validate both kinds of weights, deliver what validation prefers, and read the test images with it."""
    data, averaged = run.ingredients.data, run.state.average.tensors()
    kinds: dict[str, dict[str, Tensor] | None] = {"last": None, "averaged": averaged}
    found = {
        name: _evaluate(run, epoch, "validation", name, weights, data.validation) for name, weights in kinds.items()
    }
    delivered = min(found, key=lambda name: found[name].loss)  # both diverged: last
    test = _evaluate(run, epoch, "test", delivered, kinds[delivered], run.ingredients.test)
    run.progress.delivered = delivered
    run.progress.scored_loss = found[run.config.score_weights].loss
    run.progress.results = {
        "validation": (found[delivered].loss, found[delivered].accuracy),
        "test": (test.loss, test.accuracy),
    }
    predictions = {"validation": _predictions(found[delivered]), "test": _predictions(test)}
    run.delivery.take(run, found[delivered].loss, predictions)
    run.emit(
        EpochCompleted(
            epoch=epoch,
            step=run.state.step,
            train_loss=train_loss,
            values=run.state.values.read(),
            delivered=delivered,
            images_trained=run.progress.images_trained,
            images_probed=run.progress.images_probed,
            seconds=run.progress.seconds,
        )
    )


def _evaluate(
    run: Run, epoch: int, split: str, name: str, weights: dict[str, Tensor] | None, images: DeviceImages
) -> Evaluation:
    with run.state.as_delivered():
        found = evaluate(
            run.network,
            run.ingredients.data,
            images,
            weights=weights,
            precision=run.config.precision,
            keep=True,
            by_class=split == "validation",
        )
    run.emit(
        Evaluated(
            epoch=epoch,
            step=run.state.step,
            split=split,
            weights=name,
            images=len(images),
            loss=found.loss,
            accuracy=found.accuracy,
            confusion=found.confusion.tolist(),
            seconds=run.lap(),
        )
    )
    return found


def _predictions(found: Evaluation) -> Predictions:
    assert found.predictions is not None
    return found.predictions


def complete(run: Run) -> None:
    at = run.progress
    (validation_loss, validation_accuracy), (test_loss, test_accuracy) = (
        at.results["validation"],
        at.results["test"],
    )
    if run.directory is not None:
        keep_newest(run.directory)
    best = deliver(run)
    plain = run.config.epochs * len(run.ingredients.data.train)
    run.emit(
        RunCompleted(
            epoch=at.epoch,
            step=run.state.step,
            delivered=at.delivered,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            images_trained=at.images_trained,
            images_probed=at.images_probed,
            cost=(at.images_trained + at.images_probed) / plain,
            seconds=at.seconds,
            best_epoch=best.epoch,
        )
    )
