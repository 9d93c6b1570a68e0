"""What a run delivers: the network of its last epoch and that of its best, each with its predictions.

Validation alone decides which they are. The predictions cost no pass over the images beyond those of the log: they are
those of the evaluation after the epoch. Only a run that goes on from a checkpoint reads the images again at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hptui.record.predictions import PREDICTIONS_FILE, Model, Predictions, write_predictions
from hptui.record.run_directory import BEST_FILE, MODEL_FILE, read_origin
from hptui.record.wrong_images import WRONG_IMAGES_FILE, write_wrong_images
from hptui.training.engine.device_data import DeviceDataset, DeviceImages
from hptui.training.engine.evaluation import evaluate
from hptui.training.engine.loop import Trainer
from hptui.training.engine.state import TrainingState, copy_tree
from hptui.training.run.checkpoints import save_file
from hptui.training.run.wrong_images import wrong_pixels

BySplit = Mapping[str, Predictions]
"""by validation and test"""


@dataclass(frozen=True)
class DeliveredEpoch:
    """The weights that one epoch delivers."""

    epoch: int
    loss: float
    """on validation images"""
    delivered: str
    """last or averaged"""
    weights: dict[str, Any]
    """the network's state, on its device"""
    predictions: BySplit | None
    """None: it was read from a checkpoint, which holds none (they may be larger than the network)"""

    def state(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {"epoch": self.epoch, "loss": self.loss, "delivered": self.delivered, "weights": self.weights}


@dataclass
class Delivery:
    """What one run delivers so far."""

    final: BySplit | None = None
    """predictions of the delivered weights after the last epoch; None: no epoch was trained in this process"""
    best: DeliveredEpoch | None = None
    """the epoch whose delivered weights had the lowest validation loss so far"""
    predictions: dict[tuple[Model, str], Predictions] = field(default_factory=dict)
    """of both networks, once the run is completed"""

    def epoch_completed(
        self, state: TrainingState, epoch: int, loss: float, delivered: str, predictions: BySplit
    ) -> None:
        """Remember what an epoch delivers, and its weights if none before had a lower validation loss."""
        self.final = predictions
        if self.best is None or loss < self.best.loss:
            self.best = DeliveredEpoch(epoch, loss, delivered, delivered_weights(state, delivered), predictions)

    def complete(
        self,
        trainer: Trainer,
        test: DeviceImages,
        epoch: int,
        delivered: str,
        directory: Path | None,
        wrong_images: int = 0,
    ) -> int:
        """Gather the predictions of both networks, and write networks and predictions to `directory`, if there is one.

        With them at most `wrong_images` of the test images that the last epoch's network gets most wrong.

        Returns:
            the best epoch.
        """
        assert self.best is not None  # of every epoch there is one
        weights = delivered_weights(trainer.state, delivered)
        final = self.final or _predict(trainer, test, weights)
        best = self.best.predictions or _predict(trainer, test, self.best.weights)
        by_model: dict[Model, BySplit] = {"final": final, "best": best}
        self.predictions = {(model, split): splits[split] for model, splits in by_model.items() for split in splits}
        if directory is not None:
            write_predictions(directory, self.predictions, trainer.state.step)
            answers = final.get("test")
            wrong = wrong_pixels(trainer.data, test, answers, wrong_images) if answers is not None else None
            if wrong is not None:
                write_wrong_images(directory, wrong, trainer.state.step)
            files = {BEST_FILE: (self.best.weights, self.best.epoch, self.best.delivered)}
            files[MODEL_FILE] = (weights, epoch, delivered)
            origin = read_origin(directory, trainer.state.step)
            for name, content in files.items():
                save_file(directory / name, _network_file(trainer.data, *content), origin)
        return self.best.epoch


def delivered_weights(state: TrainingState, delivered: str) -> dict[str, Any]:
    """The network's state with the weights that validation preferred: "last" or "averaged"."""
    # in the network itself, so that shared weights stay shared
    with state.average.in_force() if delivered == "averaged" else state.at_evaluation_point():
        weights: dict[str, Any] = copy_tree(state.network.state_dict())
    return weights


def _predict(trainer: Trainer, test: DeviceImages, weights: dict[str, Any]) -> BySplit:
    """The answers of other weights; the training is as before afterwards."""
    predictions, home = {}, trainer.state.snapshot()
    trainer.state.network.load_state_dict(weights)
    try:
        for split, images in (("validation", trainer.data.validation), ("test", test)):
            if not len(images):
                continue
            evaluation = evaluate(
                trainer.state.network, trainer.data, images, precision=trainer.precision, with_predictions=True
            )
            assert evaluation.predictions is not None
            predictions[split] = evaluation.predictions
    finally:
        trainer.state.restore(home)
    return predictions


def _network_file(data: DeviceDataset, weights: dict[str, Any], epoch: int, delivered: str) -> dict[str, Any]:
    """What model.pt and best.pt hold: the weights, and all that is needed to put an image to the network."""
    return {
        "network": weights,
        "epoch": epoch,
        "delivered": delivered,
        "class_names": list(data.class_names),
        "task": data.task,
        "channels": data.channels,
        "image_shape": list(data.image_shape),
        "mean": data.mean,
        "std": data.std,
        "intensity": msgspec.to_builtins(data.intensity),
    }


def remove_predictions(directory: Path) -> None:
    """A completed run goes on: they would no longer fit its log. The networks' files say of which epoch they are."""
    for name in (PREDICTIONS_FILE, WRONG_IMAGES_FILE):
        (directory / name).unlink(missing_ok=True)
