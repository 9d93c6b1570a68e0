"""Run one decision: probe what the strategy yields, until it has chosen; log every candidate.

A stop in the middle makes the decision void, and it is made again after resuming. `Prober.probe` leaves the training
where the decision began; images counted, the strategy's memory and kept states are put back here; `Run.execute` does
what was asked for meanwhile and writes the checkpoint; whoever reads the log forgets the candidates when it comes to
the resumption (`RunState`).
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable

from hptui.config import StudyConfig
from hptui.plan import LONGER
from hptui.record.events import (
    CandidateScored,
    DecisionRepeated,
    DecisionStarted,
    HyperparametersChosen,
    LandscapePredicted,
)
from hptui.strategies import Candidate, Choice, Situation, Strategy
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.loop import Trainer
from hptui.training.run.answers import checked_candidates, checked_choice, checked_prediction
from hptui.training.run.control import Control
from hptui.training.run.foresight import asked_plan
from hptui.training.run.kept import KeptStates
from hptui.training.run.ledger import Ledger
from hptui.training.run.opening import axes
from hptui.training.run.probing import Probe, Prober, Scoring


@dataclasses.dataclass(frozen=True)
class DecisionMaker:
    """Lets a strategy choose values, and puts them in force."""

    trainer: Trainer
    strategy: Strategy
    kept: KeptStates
    ledger: Ledger
    control: Control
    config: StudyConfig

    def decide(self, epoch: int) -> None:
        """Choose values for `epoch` and what follows.

        The training is left at the bit where it was, but for the chosen values, or for the state that was chosen.

        Raises:
            StopRequested: within a probe; the training is back where the decision began, and nothing is chosen.
            TrainingError: the strategy answers with what cannot be done.
        """
        began, progress = self.control.clock(), self.ledger.progress
        scoring = Scoring(self.config.score, self.config.score_weights)
        home = self.trainer.state.snapshot()
        start = scoring.evaluate_start(self.trainer)
        situation = self._situation(epoch, start)
        self.ledger.emit(self._announcement(epoch, situation, start))
        prober = Prober(
            self.trainer, progress.decisions, home, start.loss, scoring, self.control, type(self.strategy).__name__
        )
        images_before = progress.images_probed, progress.images_checked
        memory_before = copy.deepcopy(self.strategy.memory)
        twin = self._twin() if self._is_checked() else None
        try:
            choice = self._choose(self.strategy, self.kept, prober, situation, 1.0, self._record_candidate)
            if twin is not None:
                self._check_greed(twin, prober, situation, choice)
        except BaseException:
            # the decision is void and will be made again; what is needed is asked of the memory as it was
            (progress.images_probed, progress.images_checked), self.strategy.memory = images_before, memory_before
            self.kept.forget_all_but(self.strategy.needed())
            raise
        self._put_in_force(epoch, choice, began)
        self.kept.forget_all_but(self.strategy.needed())

    def _announcement(
        self, epoch: int, situation: Situation | None = None, start: Evaluation | None = None
    ) -> DecisionStarted:
        """The fact that a decision begins; without `start` nothing is measured, because nothing will be compared."""
        stages = asked_plan(self.strategy, situation).decisions().get(epoch, ()) if situation is not None else ()
        told = bool(stages) and all(stage.rounds for stage in stages)
        most = sum(stage.candidates for stage in stages) if told else None
        return DecisionStarted(
            decision=self.ledger.progress.decisions,
            epoch=epoch,
            step=self.trainer.state.step,
            axes=axes(self.config.space),
            values=self.trainer.state.values.chosen(),
            loss=start.loss if start else None,
            accuracy=start.accuracy if start else None,
            score_name=self.config.score,
            score_weights=self.config.score_weights,
            planned=None if any(stage.at_most for stage in stages) else most,
            planned_most=most,
        )

    def use_by_hand(self, epoch: int) -> None:
        """A decision without candidates: the values that somebody chose, unless they are in force already."""
        progress, values = self.ledger.progress, self.trainer.state.values
        in_force = values.chosen()
        if all(in_force.get(name) == value for name, value in progress.by_hand.items()):
            return
        self.ledger.emit(self._announcement(epoch))
        values.set(progress.by_hand)
        self._record_choice(epoch, Choice({}, "chosen by hand"), self.ledger.lap())

    def _situation(self, epoch: int, start: Evaluation) -> Situation:
        progress = self.ledger.progress
        return Situation(
            epoch=epoch,
            epochs=self.config.epochs,
            images_per_epoch=len(self.trainer.data.train),
            images_trained=progress.images_trained,
            images_probed=progress.images_probed - progress.images_checked,
            values=self.trainer.state.values.chosen(),
            space=self.config.space,
            loss=start.loss,
            losses=start.losses,
            horizon=self.config.horizon,
        )

    def _choose(
        self,
        strategy: Strategy,
        kept: KeptStates,
        prober: Prober,
        situation: Situation,
        times: float,
        on_probe: Callable[[Probe], object],
    ) -> Choice:
        """Go through a decision; probes are so many `times` as long as the strategy wants them."""

        def horizon(candidate: Candidate) -> float:
            return times * (self.config.horizon if candidate.horizon is None else candidate.horizon)

        course = strategy.decide(situation)
        if isinstance(course, Choice):  # it needs no candidates
            return checked_choice(course, situation, strategy)
        measurements, number = None, 0
        while True:
            self.control.check()  # a strategy that asks for ever can still be stopped
            try:
                request = next(course) if measurements is None else course.send(measurements)
            except StopIteration as end:
                return checked_choice(end.value, situation, strategy)
            candidates = checked_candidates(request, situation, strategy)
            measurements = prober.probe(candidates, kept, number, horizon, on_probe)
            number += len(candidates)

    def _record_candidate(self, probe: Probe) -> None:
        self.ledger.progress.images_probed += probe.images
        measured = probe.measurement
        self.ledger.emit(
            CandidateScored(
                decision=self.ledger.progress.decisions,
                candidate=probe.number,
                values=measured.values,
                score=measured.score,
                loss=measured.loss,
                accuracy=measured.accuracy,
                raw_loss=measured.raw_loss,
                raw_accuracy=measured.raw_accuracy,
                diverged=measured.diverged,
                classes=probe.classes,
                images=probe.images,
                seconds=probe.seconds,
                start=measured.candidate.start,
                steps=probe.steps,
            )
        )

    def _is_checked(self) -> bool:
        """Whether this decision is repeated with longer probes."""
        every = self.config.greed_check
        return every > 0 and self.ledger.progress.decisions % every == 0

    def _twin(self) -> Strategy:
        """A strategy that decides the same, and leaves no trace in the run's own."""
        twin = copy.copy(self.strategy)
        twin.memory = copy.deepcopy(self.strategy.memory)
        return twin

    def _check_greed(self, twin: Strategy, prober: Prober, situation: Situation, taken: Choice) -> None:
        """Record whether probes of twice the length would have chosen otherwise; their images count as cost."""
        began, progress = self.control.clock(), self.ledger.progress
        before = progress.images_probed

        def count(probe: Probe) -> None:
            progress.images_probed += probe.images
            progress.images_checked += probe.images

        other = self._choose(twin, self.kept.copy(), prober, situation, LONGER, count)
        in_force = self.trainer.state.values.chosen()
        names = [name for name in self.config.space if name in in_force]

        def chosen(choice: Choice, name: str) -> float:
            return choice.values.get(name, in_force[name])

        self.ledger.emit(
            DecisionRepeated(
                decision=progress.decisions,
                times=LONGER,
                values={name: chosen(other, name) for name in names},
                changed=[name for name in names if not math.isclose(chosen(other, name), chosen(taken, name))],
                images=progress.images_probed - before,
                seconds=self.control.clock() - began,
            )
        )

    def _put_in_force(self, epoch: int, choice: Choice, began: float) -> None:
        """Go on with what was chosen, and record it."""
        state, progress, strategy = self.trainer.state, self.ledger.progress, type(self.strategy).__name__
        if choice.predicted is not None:
            scores = checked_prediction(choice.predicted, self.config, strategy)
            self.ledger.emit(LandscapePredicted(decision=progress.decisions, scores=scores))
        if choice.start is not None:
            state.restore(self.kept.state(choice.start, strategy))
        state.values.set(choice.values)
        self.ledger.lap()
        self._record_choice(epoch, choice, self.control.clock() - began)

    def _record_choice(self, epoch: int, choice: Choice, seconds: float) -> None:
        state, progress = self.trainer.state, self.ledger.progress
        self.ledger.emit(
            HyperparametersChosen(
                decision=progress.decisions,
                epoch=epoch,
                step=state.step,
                candidate=choice.candidate,
                values=state.values.chosen(),
                reason=choice.reason,
                images_probed=progress.images_probed,
                seconds=seconds,
                start=choice.start,
                left_out=list(choice.left_out),
            )
        )
        progress.decisions += 1
