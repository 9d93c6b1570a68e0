"""What a run delivers: the network of one epoch, and that of its best, each with its predictions.

Validation alone decides which they are. With `one-se` the delivered epoch is the latest whose calibrated validation
loss is within one standard error of the lowest: late, because a run is as long as somebody thought right; not above the
lowest by more than chance, because a network may have begun to overfit; calibrated, because a network that overfits
grows too certain before it gets worse (the one-standard-error rule of Breiman et al. 1984, section 3.4.3, on epochs).

The predictions cost no pass over the images beyond those of the log: they are those of the evaluation after the epoch.
Only a run that goes on from a checkpoint reads the images again at its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import Tensor

from hptui.metrics.temperature import calibrated_losses, is_within_error
from hptui.record.predictions import PREDICTIONS_FILE, Model, Predictions, write_predictions
from hptui.record.run_directory import BEST_FILE, MODEL_FILE, read_origin
from hptui.record.wrong_images import WRONG_IMAGES_FILE, write_wrong_images
from hptui.training.engine.device_data import DeviceDataset, DeviceImages
from hptui.training.engine.evaluation import evaluate
from hptui.training.engine.loop import Trainer
from hptui.training.engine.norm_statistics import put_in
from hptui.training.engine.state import copy_tree
from hptui.training.run.checkpoints import save_file
from hptui.training.run.epoch_evaluation import EpochResult
from hptui.training.run.ledger import Progress
from hptui.training.run.wrong_images import wrong_pixels

if TYPE_CHECKING:
    from hptui.metrics.temperature import Floats
    from hptui.record.predictions import Names

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

    results: dict[str, tuple[float, float]] = field(default_factory=dict)
    """(loss, accuracy) by split"""

    def state(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            "delivered": self.delivered,
            "weights": self.weights,
            "results": self.results,
        }


@dataclass
class Delivery:
    """What one run delivers so far."""

    rule: str
    """one-se or last"""
    best: DeliveredEpoch | None = None
    """the epoch whose delivered weights had the lowest validation loss so far"""
    chosen: DeliveredEpoch | None = None
    """the epoch that is delivered if the run ends now; None: the last, and none was trained in this process"""
    lowest: Floats | None = None
    """(validation images,) calibrated losses of the epoch whose mean was lowest so far; None: nobody asked"""
    predictions: dict[tuple[Model, str], Predictions] = field(default_factory=dict)
    """of both networks, once the run is completed"""

    def epoch_completed(
        self,
        trainer: Trainer,
        epoch: int,
        result: EpochResult,
        image_weights: Floats | None = None,
        *,
        recorded: int | None = None,
    ) -> float | None:
        """Take in one more epoch.

        Args:
            trainer: at its end.
            epoch: counted from 1.
            result: its evaluation.
            image_weights: of the validation images, (N,) or (N, labels), where they count differently.
            recorded: the epoch to deliver, where a log says which; an older hptui may have had another rule.

        Returns:
            its mean calibrated loss; None if it is not finite, or the last epoch is delivered anyway.
        """
        weights = delivered_weights(trainer, result.delivered, result.statistics)
        now = DeliveredEpoch(
            epoch, result.validation.loss, result.delivered, weights, result.predictions, result.results
        )
        if self.best is None or now.loss < self.best.loss:
            self.best = now
        if self.rule == "last":
            self.chosen = now
            return None
        losses = calibrated_losses(result.predictions["validation"], image_weights)
        good_enough = self._is_good_enough(losses, result.predictions["validation"].groups)
        if good_enough if recorded is None else epoch <= recorded:
            self.chosen = now
        mean = float(losses.mean())
        return mean if math.isfinite(mean) else None

    def _is_good_enough(self, losses: Floats, groups: Names | None) -> bool:
        """Whether the newest epoch is to be delivered, and remember it where none before was better."""
        if self.lowest is None or losses.mean() < self.lowest.mean() or math.isinf(self.lowest.mean()):
            self.lowest = losses  # while nothing but a diverged network is known, the last is as good as any
            return True
        return is_within_error(losses, self.lowest, groups)

    def complete(
        self, trainer: Trainer, test: DeviceImages, progress: Progress, directory: Path | None, wrong_images: int = 0
    ) -> DeliveredEpoch:
        """Gather the predictions of both networks, and write networks and predictions to `directory`, if there is one.

        With them at most `wrong_images` of the test images that the delivered network gets most wrong.

        Returns:
            what is delivered.
        """
        assert self.best is not None  # of every epoch there is one
        chosen = self.chosen or _last_epoch(trainer, progress)
        final = chosen.predictions or _predict(trainer, test, chosen.weights)
        best = self.best.predictions or _predict(trainer, test, self.best.weights)
        by_model: dict[Model, BySplit] = {"final": final, "best": best}
        self.predictions = {(model, split): splits[split] for model, splits in by_model.items() for split in splits}
        self.chosen = chosen
        if directory is not None:
            self._write(trainer, test, directory, wrong_images)
        return chosen

    def _write(self, trainer: Trainer, test: DeviceImages, directory: Path, wrong_images: int) -> None:
        assert self.best is not None
        assert self.chosen is not None
        step = trainer.state.step
        write_predictions(directory, self.predictions, step)
        answers = self.predictions.get(("final", "test"))
        wrong = wrong_pixels(trainer.data, test, answers, wrong_images) if answers is not None else None
        if wrong is not None:
            write_wrong_images(directory, wrong, step)
        origin = read_origin(directory, step)
        for name, delivered in ((BEST_FILE, self.best), (MODEL_FILE, self.chosen)):
            save_file(directory / name, _network_file(trainer.data, delivered), origin)

    def state(self) -> dict[str, Any]:
        """Plain data for a checkpoint; where the last epoch is delivered, that is in the training's own state."""
        kept = {"best": self.best.state() if self.best is not None else None}
        if self.rule == "last" or self.chosen is None or self.lowest is None:
            return kept
        return kept | {"chosen": self.chosen.state(), "lowest": torch.from_numpy(self.lowest)}

    @classmethod
    def from_plain(cls, rule: str, saved: Mapping[str, Any]) -> Delivery:
        """Inverse of `state`."""
        best, chosen = (
            DeliveredEpoch(**saved[name], predictions=None) if saved.get(name) is not None else None
            for name in ("best", "chosen")
        )
        lowest = saved.get("lowest")
        return cls(rule, best, chosen, lowest.cpu().numpy() if lowest is not None else None)


def _last_epoch(trainer: Trainer, progress: Progress) -> DeliveredEpoch:
    """What the last epoch delivers, from the state after it."""
    weights = delivered_weights(trainer, progress.delivered)
    return DeliveredEpoch(
        progress.epoch, progress.results["validation"][0], progress.delivered, weights, None, progress.results
    )


def delivered_weights(
    trainer: Trainer, delivered: str, statistics: Mapping[str, Tensor] | None = None
) -> dict[str, Any]:
    """The network's state with the weights that validation preferred: "last" or "averaged".

    `statistics`: of BatchNorm with these weights, where they are known.
    """
    state = trainer.state
    if statistics is None:
        statistics = trainer.statistics(averaged=delivered == "averaged")
    # in the network itself, so that shared weights stay shared
    kind = state.average.in_force() if delivered == "averaged" else state.at_evaluation_point()
    with kind, put_in(state.network, statistics):
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


def _network_file(data: DeviceDataset, of: DeliveredEpoch) -> dict[str, Any]:
    """What model.pt and best.pt hold: the weights, and all that is needed to put an image to the network."""
    return {
        "network": of.weights,
        "epoch": of.epoch,
        "delivered": of.delivered,
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
