"""Evaluate after an epoch: validation decides what is delivered, test images are only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from hptui.record.events import Evaluated
from hptui.record.predictions import Predictions
from hptui.training.engine.device_data import DeviceImages
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.loop import Trainer
from hptui.training.run.ledger import Ledger


@dataclass(frozen=True)
class EpochResult:
    """What an epoch delivers, and how good it is."""

    delivered: str
    """weights that validation prefers: last or averaged"""
    validation: Evaluation
    test: Evaluation | None
    """of these weights; None: there are no test images"""
    losses: dict[str, float]
    """validation loss by kind of weights"""
    statistics: Mapping[str, Tensor] = field(default_factory=dict)
    """of BatchNorm, with the delivered weights"""

    @property
    def results(self) -> dict[str, tuple[float, float]]:
        """(loss, accuracy) by split."""
        return {split: (evaluation.loss, evaluation.accuracy) for split, evaluation in self._splits.items()}

    @property
    def predictions(self) -> dict[str, Predictions]:
        """The network's answers by split."""
        answers = {split: evaluation.predictions for split, evaluation in self._splits.items()}
        return {split: predictions for split, predictions in answers.items() if predictions is not None}

    @property
    def _splits(self) -> dict[str, Evaluation]:
        return {"validation": self.validation} | ({} if self.test is None else {"test": self.test})


def evaluate_epoch(trainer: Trainer, test_images: DeviceImages, epoch: int, ledger: Ledger) -> EpochResult:
    """Validate both kinds of weights, and read the test images with those that validation prefers; record all three."""

    def record(split: str, kind: str, images: DeviceImages) -> Evaluation:
        evaluation = trainer.evaluate(
            images,
            averaged=kind == "averaged",
            statistics=statistics[kind],
            with_predictions=True,
            class_weighted=split == "validation",
        )
        ledger.emit(
            Evaluated(
                epoch=epoch,
                step=trainer.state.step,
                split=split,
                weights=kind,
                images=len(images),
                loss=evaluation.loss,
                accuracy=evaluation.accuracy,
                confusion=evaluation.confusion.tolist(),
                by_label=evaluation.by_label,
                seconds=ledger.lap(),
            )
        )
        return evaluation

    statistics = {kind: trainer.statistics(averaged=kind == "averaged") for kind in ("last", "averaged")}
    validation = {kind: record("validation", kind, trainer.data.validation) for kind in statistics}
    delivered = min(validation, key=lambda kind: validation[kind].loss)  # both diverged: last
    test = record("test", delivered, test_images) if len(test_images) else None
    losses = {kind: evaluation.loss for kind, evaluation in validation.items()}
    return EpochResult(delivered, validation[delivered], test, losses, statistics[delivered])
