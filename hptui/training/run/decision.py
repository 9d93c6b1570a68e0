"""Run one decision: probe what the strategy yields, until it has chosen; log every candidate.

A stop in the middle leaves the decision pending, and it is gone on with after resuming (`PendingDecision`).
`Prober.probe` leaves the training where the decision began; `Run.execute` does what was asked for meanwhile and writes
the checkpoint; whoever reads the log keeps the candidates that the checkpoint has when it comes to the resumption.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

from hptui.config import StudyConfig
from hptui.hyperparameters import Values
from hptui.plan import LONGER
from hptui.record.events import DecisionStarted, LandscapePredicted
from hptui.schedules import Schedule
from hptui.strategies import Candidate, Choice, Situation, Strategy
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.loop import Trainer
from hptui.training.run.answers import checked_candidates, checked_choice, checked_decision, checked_prediction
from hptui.training.run.autosave import Autosave
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.decision_facts import (
    candidate_scored,
    decision_repeated,
    decision_started,
    hyperparameters_chosen,
)
from hptui.training.run.failing import refuse_failed
from hptui.training.run.foresight import asked_plan
from hptui.training.run.kept import KeptStates
from hptui.training.run.ledger import Ledger
from hptui.training.run.pending import DecidesDifferently, Findings, PendingDecision
from hptui.training.run.probing import Probe, Prober
from hptui.training.run.retreat import SIZE, none_fits, size_that_fits
from hptui.training.run.scoring import Scoring
from hptui.training.run.side_by_side import SideBySide


@dataclasses.dataclass(frozen=True)
class DecisionMaker:
    """Lets a strategy choose values, and puts them in force."""

    trainer: Trainer
    strategy: Strategy
    kept: KeptStates
    ledger: Ledger
    control: Control
    config: StudyConfig
    autosave: Autosave
    side_by_side: SideBySide
    schedule: Schedule

    def decide(self, epoch: int) -> None:
        """Choose values for `epoch` and what follows, or go on with the choice that a checkpoint was in.

        The training is left at the bit where it was, but for the chosen values, or for the state that was chosen.

        Raises:
            StopRequested: within a probe; the training is back where the decision began, which is pending.
            TrainingError: the strategy answers with what cannot be done, or all candidates failed.
        """
        pending = self.ledger.pending or self._begin(epoch)
        self.ledger.pending = pending
        prober = Prober(
            self.trainer,
            self.ledger.progress.decisions,
            pending,
            Scoring.of(self.config, self.trainer, self.strategy.seed),
            self.control,
            self.autosave,
            type(self.strategy).__name__,
            self.side_by_side,
            self._factor_at,
            self.ledger.progress.too_large,
        )
        situation = self._situation(epoch, pending)
        twin = self._twin() if self._is_checked() else None
        try:
            choice = self._choose(self.strategy, pending.own, prober, situation, 1.0, self._record_candidate)
            if none_fits(pending.own.measured, prober.too_large):
                choice = Choice({}, "all candidates failed, and some have batches that ran out of memory before")
            else:
                refuse_failed(choice, pending.own.measured, type(self.strategy).__name__)
            if twin is not None:
                self._check_greed(twin, pending, prober, situation, choice)
        except StopRequested:
            self.strategy.memory = copy.deepcopy(pending.memory)
            raise
        except DecidesDifferently:
            self.strategy.memory = pending.memory
            self.give_up()
            self.decide(epoch)
            return
        except BaseException:
            # the decision is void and will be made again; what is needed is asked of the memory as it was
            self.strategy.memory = pending.memory
            self.give_up()
            raise
        self.ledger.pending = None
        self._put_in_force(epoch, choice, pending)
        self.kept.forget_all_but(self.strategy.needed())

    def _begin(self, epoch: int) -> PendingDecision:
        self.trainer.state.values.begin(self.config.space)  # a range may be new
        home, progress = self.trainer.state.snapshot(), self.ledger.progress
        start = Scoring(self.config.score, self.config.score_weights).evaluate_start(self.trainer)
        self.side_by_side.why_not = ""
        pending = PendingDecision(
            home=home,
            losses=start.losses,
            loss=start.loss,
            search=dict(self.config.search),
            memory=copy.deepcopy(self.strategy.memory),
            images_probed=progress.images_probed,
            images_checked=progress.images_checked,
            began=self.control.clock(),
            own=Findings(self.kept),
        )
        self.ledger.emit(self._announcement(epoch, self._situation(epoch, pending), start))
        return pending

    def give_up(self) -> None:
        """Forget a decision that is pending: what it was to choose of is not searched any more."""
        pending, progress = self.ledger.pending, self.ledger.progress
        if pending is None:
            return
        progress.images_probed, progress.images_checked = pending.images_probed, pending.images_checked
        self.ledger.pending = None
        self.kept.forget_all_but(self.strategy.needed())

    def give_up_other_factor(self) -> None:
        """Forget a pending decision whose probes trained with another factor of the schedule: epochs were added."""
        pending, factor = self.ledger.pending, self.trainer.state.values.rate_factor
        if pending is not None and pending.home["values"]["rate_factor"] != factor:
            self.give_up()

    def _announcement(
        self, epoch: int, situation: Situation | None = None, start: Evaluation | None = None
    ) -> DecisionStarted:
        """The fact that a decision begins; without `start` nothing is measured, because nothing will be compared."""
        stages = asked_plan(self.strategy, situation).decisions().get(epoch, ()) if situation is not None else ()
        number, state = self.ledger.progress.decisions, self.trainer.state
        return decision_started(number, epoch, self.config, state, stages, start)

    def use_by_hand(self, epoch: int) -> None:
        """A decision without candidates: the values that somebody chose, unless they are in force already."""
        self.give_up()
        progress, values = self.ledger.progress, self.trainer.state.values
        in_force = values.chosen()
        if not all(in_force.get(name) == value for name, value in progress.by_hand.items()):
            self.use(progress.by_hand, epoch, "chosen by hand")

    def use(self, values: Values, epoch: int, reason: str) -> None:
        """A decision without candidates: put values in force, for `epoch` and what follows."""
        self.ledger.emit(self._announcement(epoch))
        self.trainer.state.values.set(values)
        self._record_choice(epoch, Choice({}, reason), self.ledger.lap())

    def _situation(self, epoch: int, pending: PendingDecision) -> Situation:
        progress = self.ledger.progress
        return Situation(
            epoch=epoch,
            epochs=self.config.epochs,
            images_per_epoch=len(self.trainer.data.train),
            images_trained=progress.images_trained,
            images_probed=pending.images_probed - pending.images_checked,
            values=self.trainer.state.values.chosen(),
            space=self.config.space,
            loss=pending.loss,
            losses=pending.losses,
            horizon=self.config.horizon,
            score_name=self.config.score,
        )

    def _choose(
        self,
        strategy: Strategy,
        findings: Findings,
        prober: Prober,
        situation: Situation,
        times: float,
        on_probe: Callable[[Probe], object],
    ) -> Choice:
        """Go through a decision; probes are so many `times` as long as the strategy wants them."""

        def horizon(candidate: Candidate) -> float:
            return times * (self.config.horizon if candidate.horizon is None else candidate.horizon)

        answers = checked_decision(strategy.decide(situation), strategy)
        if isinstance(answers, Choice):  # it needs no candidates
            return checked_choice(answers, situation, strategy, 0)
        measurements = None
        while True:
            self.control.check()  # a strategy that asks for ever can still be stopped
            try:
                request = next(answers) if measurements is None else answers.send(measurements)
            except StopIteration as end:
                return checked_choice(end.value, situation, strategy, findings.asked)
            candidates = checked_candidates(request, situation, strategy)
            measurements = prober.probe(candidates, findings, horizon, on_probe)

    def _factor_at(self, epochs: float) -> float:
        """Factor of the schedule where the run has come so far."""
        return self.schedule(min(1.0, epochs / self.ledger.progress.schedule_end(self.config.epochs)))

    def _record_candidate(self, probe: Probe) -> None:
        self.ledger.progress.images_probed += probe.images
        self.ledger.emit(candidate_scored(self.ledger.progress.decisions, probe, self.config.score))

    def _is_checked(self) -> bool:
        """Whether this decision is repeated with longer probes."""
        every = self.config.greed_check
        return every > 0 and self.ledger.progress.decisions % every == 0

    def _twin(self) -> Strategy:
        """A strategy that decides the same, and leaves no trace in the run's own."""
        twin = copy.copy(self.strategy)
        twin.memory = copy.deepcopy(self.strategy.memory)
        return twin

    def _check_greed(
        self, twin: Strategy, pending: PendingDecision, prober: Prober, situation: Situation, taken: Choice
    ) -> None:
        """Record whether probes of twice the length would have chosen otherwise; their images count as cost."""
        progress = self.ledger.progress

        def count(probe: Probe) -> None:
            progress.images_probed += probe.images
            progress.images_checked += probe.images

        findings = pending.check = pending.check or Findings(pending.own.kept.copy())
        other = self._choose(twin, findings, prober, situation, LONGER, count)
        in_force = self.trainer.state.values.chosen()
        searched = {name: in_force[name] for name in self.config.space if name in in_force}
        images = progress.images_checked - pending.images_checked
        self.ledger.emit(decision_repeated(progress.decisions, searched, taken, other, images, findings.seconds))

    def _put_in_force(self, epoch: int, choice: Choice, pending: PendingDecision) -> None:
        """Go on with what was chosen, and record it."""
        state, progress, strategy = self.trainer.state, self.ledger.progress, type(self.strategy).__name__
        before = state.values.batch_size
        if choice.predicted is not None:
            scores = checked_prediction(choice.predicted, self.config, strategy)
            self.ledger.emit(LandscapePredicted(decision=progress.decisions, scores=scores))
        if choice.start is not None:
            state.restore(self.kept.state(choice.start, strategy))
        state.values.set(choice.values)
        chosen = state.values.batch_size
        fitting = size_that_fits(chosen, before, progress.too_large)
        if fitting != chosen:
            state.values.set({SIZE: fitting})
            words = f"batches of {chosen} would run out of memory as those of {progress.too_large} did: {fitting:g}"
            choice = dataclasses.replace(choice, reason=f"{choice.reason}; {words}")
        self.ledger.lap()
        self._record_choice(epoch, choice, self.control.clock() - pending.began, pending.own)

    def _record_choice(self, epoch: int, choice: Choice, seconds: float, findings: Findings | None = None) -> None:
        chosen = hyperparameters_chosen(
            self.ledger.progress,
            epoch,
            choice,
            self.trainer.state,
            self.config.score,
            findings,
            seconds=seconds,
            not_stacked=self.side_by_side.why_not,
            follows_schedule=self.config.schedule is not None or self.strategy.follows_schedule(),
        )
        self.ledger.emit(chosen)
        self.ledger.progress.decisions += 1
