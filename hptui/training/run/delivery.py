"""What a run delivers: the network of its last epoch and that of its best, each with its predictions.

Validation alone decides which they are. The predictions cost no pass over the images beyond those of the log: they are
those of the evaluation after the epoch. Only a run that goes on from a checkpoint reads the images again at its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hptui.record.predictions import PREDICTIONS_FILE, Model, Predictions, write_predictions
from hptui.record.run_directory import BEST_FILE, MODEL_FILE
from hptui.training.engine.evaluation import evaluate
from hptui.training.run.checkpoints import save_file

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.training.run.run import Run

BySplit = Mapping[str, Predictions]
"""by validation and test"""


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose delivered weights had the lowest validation loss so far."""

    epoch: int
    loss: float
    delivered: str
    """last or averaged"""
    weights: dict[str, Any]
    """the network's state, on its device"""
    predictions: BySplit | None
    """None: it was read from a checkpoint, which holds none (they may be larger than the network)"""

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"epoch": self.epoch, "loss": self.loss, "delivered": self.delivered, "weights": self.weights}


@dataclass
class Delivery:
    """Of one run so far."""

    final: BySplit | None = None
    """predictions of the delivered weights after the last epoch; None: no epoch was trained in this process"""
    best: BestEpoch | None = None
    predictions: dict[tuple[Model, str], Predictions] = field(default_factory=dict)
    """of both networks, once the run is completed"""

    def take(self, run: Run, loss: float, predictions: BySplit) -> None:
        """An epoch is over: remember what it delivers, and its weights if none before had a lower validation loss."""
        self.final = predictions
        if self.best is None or loss < self.best.loss:
            at = run.progress
            self.best = BestEpoch(at.epoch, loss, at.delivered, run.delivered_weights(), predictions)


def deliver(run: Run) -> BestEpoch:
    """Gather the predictions of both networks, and write networks and predictions if the run keeps files."""
    kept, at = run.delivery, run.progress
    best = kept.best
    assert best is not None  # of every epoch there is one
    final = kept.final or _read_again(run, run.delivered_weights())
    found = {"final": final, "best": best.predictions or _read_again(run, best.weights)}
    kept.predictions = {(model, split): of[split] for model, of in found.items() for split in of}  # type: ignore[misc]
    if run.directory is not None:
        write_predictions(run.directory, kept.predictions)
        save_file(run.directory / BEST_FILE, _network_file(run, best.weights, best.epoch, best.delivered))
        save_file(run.directory / MODEL_FILE, _network_file(run, run.delivered_weights(), at.epoch, at.delivered))
    return best


def _read_again(run: Run, weights: dict[str, Any]) -> BySplit:
    data, images = run.ingredients.data, {"validation": run.ingredients.data.validation, "test": run.ingredients.test}
    found = {}
    with _in_force(run, weights):
        for split, of in images.items():
            kept = evaluate(run.network, data, of, precision=run.config.precision, keep=True).predictions
            assert kept is not None
            found[split] = kept
    return found


@contextmanager
def _in_force(run: Run, weights: dict[str, Any]) -> Iterator[None]:
    home = run.state.snapshot()
    run.network.load_state_dict(weights)
    try:
        yield
    finally:
        run.state.restore(home)


def _network_file(run: Run, weights: dict[str, Any], epoch: int, delivered: str) -> dict[str, Any]:
    """What model.pt and best.pt hold: the weights, and all that is needed to put an image to the network."""
    data = run.ingredients.data
    return {
        "network": weights,
        "epoch": epoch,
        "delivered": delivered,
        "class_names": list(data.class_names),
        "channels": data.channels,
        "image_shape": list(data.image_shape),
        "mean": data.mean,
        "std": data.std,
    }


def remove_predictions(directory: Path) -> None:
    """A completed run goes on: they would no longer fit its log. The networks' files say of which epoch they are."""
    (directory / PREDICTIONS_FILE).unlink(missing_ok=True)
