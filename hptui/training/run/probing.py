"""Probe the candidates of one decision, each from its own start, and measure them on validation images.

Here one after another on the run's own network: on a CPU nothing is faster. On a GPU, candidates of one `ask`
may be trained side by side behind the same call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hptui.metrics.classification import metric
from hptui.record.predictions import ClassCounts
from hptui.strategies import Candidate, Measurement
from hptui.training.engine.evaluation import Evaluation, evaluate
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.state import Identity, Snapshot, identity
from hptui.training.run.control import Control

EXPLODED = 3.0
"""a candidate is diverged if a loss is not finite, or this many times what guessing, or the start, would have"""


@dataclass(frozen=True)
class Probe:
    """A measurement with what the log keeps beside it."""

    measurement: Measurement
    classes: ClassCounts
    images: int
    seconds: float
    start: Identity | None = None
    """of the end of another probe that this one began at; None: the run's own state"""
    steps: int = 0


@dataclass(frozen=True)
class Scoring:
    """How candidates are compared."""

    score: str
    """loss, or one of hptui.metrics.classification.METRICS (compared as 1 - it, so that lower is better)"""
    weights: str
    """averaged or last"""
    precision: str

    def evaluate_start(self, trainer: Trainer) -> Evaluation:
        """The state before any probe, of the weights that are scored."""
        return self._evaluate(trainer, averaged=self.weights == "averaged")

    def measure(self, trainer: Trainer, candidate: Candidate, train_loss: float, start_loss: float) -> Probe:
        """Score the state that `trainer` is in now; `images` and `seconds` of the answer are still zero."""
        raw = self._evaluate(trainer, averaged=False)
        scored = self._evaluate(trainer, averaged=True) if self.weights == "averaged" else raw
        guessing = math.log(len(trainer.data.class_names))
        limit = EXPLODED * max(guessing, start_loss if math.isfinite(start_loss) else 0.0)
        diverged = not all(loss <= limit for loss in (raw.loss, scored.loss)) or not math.isfinite(train_loss)
        measurement = Measurement(
            candidate=candidate,
            values=trainer.state.values.chosen(),
            score=math.inf if diverged else self._score(scored),
            loss=scored.loss,
            accuracy=scored.accuracy,
            raw_loss=raw.loss,
            raw_accuracy=raw.accuracy,
            diverged=diverged,
            losses=scored.losses,
            end=trainer.state.snapshot() if candidate.keep else None,
        )
        return Probe(measurement, scored.class_counts, 0, 0.0)

    def _score(self, scored: Evaluation) -> float:
        match self.score:
            case "loss":
                return scored.loss
            case "accuracy":
                return 1 - scored.accuracy
        assert scored.predictions is not None
        found = metric(self.score, scored.predictions)
        return math.inf if found is None else 1 - found  # None: it cannot rank; all candidates see the same images

    def _evaluate(self, trainer: Trainer, *, averaged: bool) -> Evaluation:
        state, data = trainer.state, trainer.data
        weights = state.average.tensors() if averaged else None
        is_scored = averaged == (self.weights == "averaged")
        with state.as_delivered():
            return evaluate(
                state.network,
                data,
                data.validation,
                weights=weights,
                precision=self.precision,
                keep=is_scored and self.score not in ("loss", "accuracy"),  # only what is compared
                by_class=True,
            )


def probe_one_by_one(  # noqa: PLR0913 (all but three by name)
    trainer: Trainer,
    candidates: Sequence[Candidate],
    home: Snapshot,
    *,
    first: Identity,
    horizon: Callable[[Candidate], float],
    start_loss: float,
    scoring: Scoring,
    control: Control,
    on_probe: Callable[[Probe], None],
) -> list[Measurement]:
    """Measure all candidates; the training is back at `home` afterwards, also when StopRequested is raised.

    All see the same batches, the same random numbers and the same validation images, so differences are paired.

    Args:
        trainer: of the run.
        candidates: of one `ask`.
        home: the state that they start from, unless they have a start of their own.
        first: decision, and number of the first candidate within it: what an end that is kept is known by from now on.
        horizon: for how many epochs each is trained.
        start_loss: validation loss of `home`.
        scoring: how they are compared.
        control: checked before every step.
        on_probe: called with each.
    """
    measurements = []
    try:
        for number, candidate in enumerate(candidates, first[1]):
            began = control.clock()
            start = home if candidate.start is None else candidate.start
            trainer.state.restore(start)  # type: ignore[arg-type]  # only the engine makes a Start: a Snapshot
            trainer.state.values.set(candidate.values)
            losses = LossSum(trainer.state.device)
            batches = trainer.batches(horizon(candidate))
            trainer.train(batches, control.check, after_step=losses.add)
            probe = scoring.measure(trainer, candidate, losses.read(), start_loss)
            if probe.measurement.end is not None:
                probe.measurement.end["identity"] = [first[0], number]  # type: ignore[index]  # a Snapshot, again
            seconds = control.clock() - began
            on_probe(replace(probe, images=losses.images, seconds=seconds, start=identity(start), steps=batches))
            measurements.append(probe.measurement)
    finally:
        trainer.state.restore(home)
    return measurements
