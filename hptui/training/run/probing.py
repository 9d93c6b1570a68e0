"""Probe the candidates of one decision, each from its own start.

One after another, on the run's own network: on a CPU nothing is faster. Those that `SideBySide` has trained ahead are
measured alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile

from hptui.record.class_counts import ClassCounts
from hptui.strategies import Candidate, Measurement
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.state import Snapshot
from hptui.training.run.autosave import Autosave
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.failing import CandidateFailed, failing, free_memory
from hptui.training.run.pending import Findings, PartialProbe, PendingDecision
from hptui.training.run.retreat import SIZE, is_too_large
from hptui.training.run.scoring import Scoring
from hptui.training.run.side_by_side import Planned, SideBySide


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
        findings: Findings,
        horizon: Callable[[Candidate], float],
        on_probe: Callable[[Probe], object],
    ) -> list[Measurement]:
        """Measure all candidates of one request; the training is where the decision began afterwards.

        Args:
            candidates: of one request.
            findings: what they have is not measured again, and they are added to; they keep ends of candidates.
            horizon: for how many epochs each is trained.
            on_probe: called with each that is measured now.

        Raises:
            StopRequested: within a probe; the findings have it as far as it has come.
            DecidesDifferently: another candidate was measured in the place of one of these.
        """
        measurements: list[Measurement] = []
        ahead = 0
        try:
            for index, candidate in enumerate(candidates):
                measurement = findings.known(candidate)
                if measurement is None:
                    if index >= ahead:
                        findings.require_same(candidates[index:])
                        ahead = index + self._train_ahead(candidates[index:], findings, horizon)
                    probe = self._probe(candidate, findings, horizon(candidate))
                    measurement = probe.measurement
                    on_probe(probe)
                    findings.add(measurement, probe.seconds)
                measurements.append(measurement)
        finally:
            self.trainer.state.restore(self.pending.home)
        return measurements

    def _probe(self, candidate: Candidate, findings: Findings, epochs: float) -> Probe:
        began, trainer, number = self.control.clock(), self.trainer, len(findings.measured)
        losses, done, former = LossSum(trainer.state.device), 0, findings.partials.get(number)
        if former is not None:
            trainer.state.restore(former.state)
            losses.restore(former.loss, former.images)
            began, done = began - former.seconds, former.batches
        else:
            trainer.state.restore(self._start(candidate, findings))
            trainer.state.values.set(candidate.values)
        if done == 0 and is_too_large(trainer.state.values.batch_size, self.too_large):
            why = f"batches of {self.too_large} images ran out of memory in training before"
            measurement, classes = self.scoring.without_score(trainer, candidate, why)
            return Probe(number, measurement, classes, 0, self.control.clock() - began, 0)
        steps = done
        try:
            for steps in range(done, batches := trainer.batches(epochs)):
                self._safe_point(candidate, findings, steps, losses, began)
                if candidate.along is not None:
                    trainer.state.values.scale_rate(self._factor(candidate.along, steps, batches))
                with failing():
                    losses.add(*trainer.step())
                self.autosave.stepped()
            steps = batches
            measurement, classes = self._measure(candidate, findings, losses, began, steps)
        except CandidateFailed as failure:
            measurement, classes = self.scoring.without_score(trainer, candidate, str(failure))
        if measurement.failed:
            free_memory(trainer.state)  # not above: while the error is handled, it holds on to the tensors
        elif candidate.keep:
            end = findings.kept.keep((self.decision, number), trainer.state.snapshot())
            measurement = replace(measurement, end=end)
        return Probe(number, measurement, classes, losses.images, self.control.clock() - began, steps)

    def _train_ahead(
        self, candidates: Sequence[Candidate], findings: Findings, horizon: Callable[[Candidate], float]
    ) -> int:
        if self.side_by_side.is_asked and any(self._rate_moves(one, horizon(one)) for one in candidates):
            self.side_by_side.why_not = "their learning rates follow the schedule"
            return len(candidates)
        fitting = takewhile(lambda one: not is_too_large(one.values.get(SIZE, 0), self.too_large), candidates)
        planned = [Planned(one, partial(self._start, one, findings), horizon(one)) for one in fitting]
        return self.side_by_side.train(planned, findings)

    def _rate_moves(self, candidate: Candidate, epochs: float) -> bool:
        """Whether the schedule changes it in the course of the probe."""
        if candidate.along is None:
            return False
        batches = self.trainer.batches(epochs)
        return len({self._factor(candidate.along, batch, batches) for batch in range(batches)}) > 1

    def _factor(self, along: tuple[float, float], done: int, batches: int) -> float:
        """Factor of the schedule for the next step of a probe."""
        begin, end = along
        return self.factor_at(begin + (end - begin) * done / batches)

    def _start(self, candidate: Candidate, findings: Findings) -> Snapshot:
        return self.pending.home if candidate.start is None else findings.kept.state(candidate.start, self.strategy)

    def _measure(
        self, candidate: Candidate, findings: Findings, losses: LossSum, began: float, batches: int
    ) -> tuple[Measurement, ClassCounts]:
        try:
            with failing():
                return self.scoring.measure(self.trainer, candidate, losses.read(), self.pending.loss)
        except StopRequested:
            self._leave(candidate, findings, batches, losses, began)
            raise

    def _safe_point(
        self, candidate: Candidate, findings: Findings, batches: int, losses: LossSum, began: float
    ) -> None:
        """Between two steps: where the probe is stopped or saved, it is gone on with later."""
        try:
            self.control.check()
            if not self.autosave.is_due():
                return
        except StopRequested:
            self._leave(candidate, findings, batches, losses, began)
            raise
        self._leave(candidate, findings, batches, losses, began)
        self.autosave.save()
        del findings.partials[len(findings.measured)]

    def _leave(self, candidate: Candidate, findings: Findings, batches: int, losses: LossSum, began: float) -> None:
        """Keep the candidate in training as far as it has come."""
        seconds, snapshot, number = self.control.clock() - began, self.trainer.state.snapshot(), len(findings.measured)
        former = findings.partials.get(number)
        stacked = former is not None and former.stacked
        done = losses.total(), losses.images
        findings.partials[number] = PartialProbe(batches, *done, seconds, snapshot, stacked, candidate)
