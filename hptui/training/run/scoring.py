"""How the candidates of a decision are compared: their scores on validation images, and how sure these are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.config import StudyConfig
from hptui.metrics.classification import LOWER_IS_BETTER, metric
from hptui.metrics.evidence import MEANS, Evidence, Resamples, draw_resamples, evidence, evidence_of_parts
from hptui.record.class_counts import ClassCounts
from hptui.strategies import Candidate, Measurement
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.loop import Trainer

if TYPE_CHECKING:
    from hptui.record.predictions import Names

EXPLODED = 3.0
"""a candidate is diverged if a loss is not finite, or this many times what guessing, or the start, would have"""


@dataclass(frozen=True)
class Scoring:
    """How candidates are compared."""

    score: str
    """loss, or one of hptui.metrics.classification.METRICS (of which 1 - it, unless lower is better anyway)"""
    weights: str
    """averaged or last"""
    resamples: Resamples | None = None
    """of the validation images, the same for every candidate; None: the score needs none"""

    @classmethod
    def of(cls, config: StudyConfig, trainer: Trainer, seed: int) -> Scoring:
        """Scoring of a run; what is drawn depends on its seed and images alone, and is the same after resuming."""
        validation = trainer.data.validation
        if config.score in ("loss", *MEANS):
            return cls(config.score, config.score_weights)
        drawn = draw_resamples(validation.labels.cpu().numpy(), validation.groups, seed)
        return cls(config.score, config.score_weights, drawn)

    def evaluate_start(self, trainer: Trainer) -> Evaluation:
        """The state before any probe, of the weights that are scored."""
        return self._evaluate(trainer, averaged=self.weights == "averaged")

    def measure(
        self, trainer: Trainer, candidate: Candidate, train_loss: float, start_loss: float
    ) -> tuple[Measurement, ClassCounts]:
        """Score the state that `trainer` is in now; its end is not kept yet.

        Raises:
            CandidateFailed: it cannot be evaluated.
        """
        raw = self._evaluate(trainer, averaged=False)
        scored = self._evaluate(trainer, averaged=True) if self.weights == "averaged" else raw
        limit = EXPLODED * max(trainer.data.guessing, start_loss if math.isfinite(start_loss) else 0.0)
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
            evidence=self._nothing() if diverged else self._evidence(scored, trainer.data.validation.groups),
        )
        return measurement, scored.class_counts

    def without_score(self, trainer: Trainer, candidate: Candidate, why: str) -> tuple[Measurement, ClassCounts]:
        """What is left to say of a candidate that failed, with the values that `trainer` has."""
        nothing = [0] * len(trainer.data.class_names)
        measurement = Measurement(
            candidate=candidate,
            values=trainer.state.values.chosen(),
            score=math.inf,
            loss=math.inf,
            accuracy=0.0,
            raw_loss=math.inf,
            raw_accuracy=0.0,
            diverged=True,
            losses=np.full(len(trainer.data.validation), np.inf, np.float32),
            failed=why,
            evidence=self._nothing(),
        )
        images = 0 if trainer.data.task == "multi-label" else None
        return measurement, ClassCounts(support=nothing, predicted=nothing, hits=nothing, images=images)

    @staticmethod
    def loss_error(measurement: Measurement, other: Measurement | None = None) -> float | None:
        """Standard error of its loss, or of the difference from that of another one, over the validation images.

        None if that is not finite, or there is but one image.
        """
        return Evidence(measurement.losses).error(None if other is None else Evidence(other.losses))

    def _score(self, scored: Evaluation) -> float:
        match self.score:
            case "loss":
                return scored.loss
            case "accuracy":
                return 1 - scored.accuracy
        assert scored.predictions is not None
        value = metric(self.score, scored.predictions)
        if value is None:  # it cannot rank; all candidates see the same images
            return math.inf
        return value if self.score in LOWER_IS_BETTER else 1 - value

    def _nothing(self) -> Evidence | None:
        """What is known of the score of one that diverged or failed; of a loss, that it is infinite."""
        return None if self.score == "loss" else Evidence(np.empty(0))

    def _evidence(self, scored: Evaluation, groups: Names | None) -> Evidence | None:
        if self.score != "loss":
            assert scored.predictions is not None
            return evidence(self.score, scored.predictions, self.resamples)
        return evidence_of_parts(scored.losses, groups) if groups is not None else None

    def _evaluate(self, trainer: Trainer, *, averaged: bool) -> Evaluation:
        is_scored = averaged == (self.weights == "averaged")
        return trainer.evaluate(
            trainer.data.validation,
            averaged=averaged,
            with_predictions=is_scored and self.score != "loss",  # only what is compared
            class_weighted=True,
        )
