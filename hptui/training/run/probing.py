"""Probe the candidates of one decision, each from its own start, and measure them on validation images.

One after another, on the run's own network: on a CPU nothing is faster. Those that `SideBySide` has trained ahead are
measured alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from hptui.config import StudyConfig
from hptui.metrics.classification import LOWER_IS_BETTER, metric
from hptui.metrics.evidence import MEANS, Evidence, Resamples, draw_resamples, evidence, evidence_of_parts
from hptui.record.class_counts import ClassCounts
from hptui.strategies import Candidate, Measurement
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.state import Snapshot
from hptui.training.run.autosave import Autosave
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.failing import CandidateFailed, failing, free_memory
from hptui.training.run.pending import Course, PartialProbe, PendingDecision
from hptui.training.run.retreat import SIZE, is_too_large
from hptui.training.run.side_by_side import Planned, SideBySide

if TYPE_CHECKING:
    from hptui.record.predictions import Names

EXPLODED = 3.0
"""a candidate is diverged if a loss is not finite, or this many times what guessing, or the start, would have"""


@dataclass(frozen=True)
class Probe:
    """A measurement with what the log keeps beside it."""

    number: int
    """among all candidates of the decision"""
    measurement: Measurement
    classes: ClassCounts
    images: int
    seconds: float
    steps: int


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
        """That of a run: what is drawn depends on its seed and images alone, so that it is the same after resuming."""
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


@dataclass(frozen=True)
class Prober:
    """Measures the candidates of one decision, one by one.

    All see the same batches, the same random numbers and the same validation images, so differences are paired.
    """

    trainer: Trainer
    decision: int
    """its number; with that of a candidate the name of a state that is kept"""
    pending: PendingDecision
    """where candidates start that have no start of their own, and where the training is between two calls"""
    scoring: Scoring
    control: Control
    autosave: Autosave
    strategy: str
    """its name, for messages"""
    side_by_side: SideBySide
    factor_at: Callable[[float], float]
    """of the schedule, where the run has come so many epochs"""
    too_large: int
    """see `Progress`: candidates with such batches fail untrained"""

    def probe(
        self,
        candidates: Sequence[Candidate],
        course: Course,
        horizon: Callable[[Candidate], float],
        on_probe: Callable[[Probe], object],
    ) -> list[Measurement]:
        """Measure all candidates of one request; the training is where the decision began afterwards.

        Args:
            candidates: of one request.
            course: what it has measured before is not measured again, and is added to; it keeps ends of candidates.
            horizon: for how many epochs each is trained.
            on_probe: called with each that is measured now.

        Raises:
            StopRequested: within a probe; the course has it as far as it has come.
            DecidesDifferently: another candidate was measured in the place of one of these.
        """
        measurements: list[Measurement] = []
        ahead = 0
        try:
            for index, candidate in enumerate(candidates):
                measurement = course.known(candidate)
                if measurement is None:
                    if index >= ahead:
                        course.require_same(candidates[index:])
                        ahead = index + self._train_ahead(candidates[index:], course, horizon)
                    probe = self._probe(candidate, course, horizon(candidate))
                    measurement = probe.measurement
                    on_probe(probe)
                    course.add(measurement, probe.seconds)
                measurements.append(measurement)
        finally:
            self.trainer.state.restore(self.pending.home)
        return measurements

    def _probe(self, candidate: Candidate, course: Course, epochs: float) -> Probe:
        began, trainer, number = self.control.clock(), self.trainer, len(course.measured)
        losses, done, former = LossSum(trainer.state.device), 0, course.partials.get(number)
        if former is not None:
            trainer.state.restore(former.state)
            losses.restore(former.loss, former.images)
            began, done = began - former.seconds, former.batches
        else:
            trainer.state.restore(self._start(candidate, course))
            trainer.state.values.set(candidate.values)
        if done == 0 and is_too_large(trainer.state.values.batch_size, self.too_large):
            why = f"batches of {self.too_large} images ran out of memory in training before"
            measurement, classes = self.scoring.without_score(trainer, candidate, why)
            return Probe(number, measurement, classes, 0, self.control.clock() - began, 0)
        steps = done
        try:
            for steps in range(done, batches := trainer.batches(epochs)):
                self._safe_point(candidate, course, steps, losses, began)
                if candidate.along is not None:
                    trainer.state.values.scale_rate(self._factor(candidate.along, steps, batches))
                with failing():
                    losses.add(*trainer.step())
                self.autosave.stepped()
            steps = batches
            measurement, classes = self._measure(candidate, course, losses, began, steps)
        except CandidateFailed as failure:
            measurement, classes = self.scoring.without_score(trainer, candidate, str(failure))
        if measurement.failed:
            free_memory(trainer.state)  # not above: while the error is handled, it holds on to the tensors
        elif candidate.keep:
            end = course.kept.keep((self.decision, number), trainer.state.snapshot())
            measurement = replace(measurement, end=end)
        return Probe(number, measurement, classes, losses.images, self.control.clock() - began, steps)

    def _train_ahead(
        self, candidates: Sequence[Candidate], course: Course, horizon: Callable[[Candidate], float]
    ) -> int:
        if self.side_by_side.is_asked and any(self._rate_moves(one, horizon(one)) for one in candidates):
            self.side_by_side.why_not = "their learning rates follow the schedule"
            return len(candidates)
        fitting = takewhile(lambda one: not is_too_large(one.values.get(SIZE, 0), self.too_large), candidates)
        planned = [Planned(one, partial(self._start, one, course), horizon(one)) for one in fitting]
        return self.side_by_side.train(planned, course)

    def _rate_moves(self, candidate: Candidate, epochs: float) -> bool:
        """Whether the schedule changes it in the course of the probe."""
        if candidate.along is None:
            return False
        batches = self.trainer.batches(epochs)
        return len({self._factor(candidate.along, batch, batches) for batch in range(batches)}) > 1

    def _factor(self, along: tuple[float, float], done: int, batches: int) -> float:
        """That of the schedule for the next step of a probe."""
        begin, end = along
        return self.factor_at(begin + (end - begin) * done / batches)

    def _start(self, candidate: Candidate, course: Course) -> Snapshot:
        return self.pending.home if candidate.start is None else course.kept.state(candidate.start, self.strategy)

    def _measure(
        self, candidate: Candidate, course: Course, losses: LossSum, began: float, batches: int
    ) -> tuple[Measurement, ClassCounts]:
        try:
            with failing():
                return self.scoring.measure(self.trainer, candidate, losses.read(), self.pending.loss)
        except StopRequested:
            self._leave(candidate, course, batches, losses, began)
            raise

    def _safe_point(self, candidate: Candidate, course: Course, batches: int, losses: LossSum, began: float) -> None:
        """Between two steps: where the probe is stopped or saved, it is gone on with later."""
        try:
            self.control.check()
            if not self.autosave.is_due():
                return
        except StopRequested:
            self._leave(candidate, course, batches, losses, began)
            raise
        self._leave(candidate, course, batches, losses, began)
        self.autosave.save()
        del course.partials[len(course.measured)]

    def _leave(self, candidate: Candidate, course: Course, batches: int, losses: LossSum, began: float) -> None:
        """Keep the candidate in training as far as it has come."""
        seconds, snapshot, number = self.control.clock() - began, self.trainer.state.snapshot(), len(course.measured)
        former = course.partials.get(number)
        stacked = former is not None and former.stacked
        done = losses.total(), losses.images
        course.partials[number] = PartialProbe(batches, *done, seconds, snapshot, stacked, candidate)
