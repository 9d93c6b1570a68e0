"""Run one decision: ask, probe, tell, until the strategy has chosen; log every candidate."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hptui.errors import ConfigError, TrainingError
from hptui.record.events import (
    CandidateScored,
    DecisionRepeated,
    DecisionStarted,
    HyperparametersChosen,
    LandscapePredicted,
)
from hptui.space import Values, hyperparameter
from hptui.strategies import Candidate, Choice, Situation, Strategy
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.state import identity
from hptui.training.run.opening import axes
from hptui.training.run.probing import Probe, Scoring, probe_one_by_one

if TYPE_CHECKING:
    from hptui.training.run.run import Run


EDGE = 1e-9
"""relative: what rounding may add to the end of a range"""
LONGER = 2.0
"""times the length of a probe that a greed check repeats"""


def decide(run: Run, epoch: int) -> None:
    """Let the run's strategy choose values for `epoch` and what follows, and put them in force.

    The training is left at the bit where it was, but for the chosen values.

    Raises:
        StopRequested: within a probe; the training is back where the decision found it, and nothing is chosen.
    """
    began = run.control.clock()
    config = run.config
    scoring = Scoring(config.score, config.score_weights, config.precision)
    home = run.state.snapshot()
    start = scoring.evaluate_start(run.trainer)
    announce(run, epoch, start)
    images_before = run.progress.images_probed, run.progress.images_checked
    memory_before = copy.deepcopy(run.strategy.memory)
    checked = config.greed_check > 0 and run.progress.decisions % config.greed_check == 0
    twin = _twin(run.strategy) if checked else None
    count = 0

    def record(probe: Probe) -> None:
        nonlocal count
        run.progress.images_probed += probe.images
        run.emit(_candidate_scored(run.progress.decisions, count, probe))
        count += 1

    situation = _situation(run, epoch, start)

    def choose(strategy: Strategy, times: float, on_probe: Callable[[Probe], None]) -> Choice:
        """Ask and tell until a choice is made; probes are so many times as long as the strategy wants them."""
        while not isinstance(answer := _answer(run, strategy, situation), Choice):
            measurements = probe_one_by_one(
                run.trainer,
                answer,
                home,
                first=(run.progress.decisions, count),
                horizon=lambda one: times * (config.horizon if one.horizon is None else one.horizon),
                start_loss=start.loss,
                scoring=scoring,
                control=run.control,
                on_probe=on_probe,
            )
            strategy.tell(measurements)
        return answer

    try:
        answer = choose(run.strategy, 1.0, record)
        if twin is not None:
            run.emit(_repeated(run, answer, partial(choose, twin, LONGER)))
    except BaseException:
        # the decision is void and will be made again
        (run.progress.images_probed, run.progress.images_checked), run.strategy.memory = images_before, memory_before
        raise
    _put_in_force(run, epoch, answer, began)


def _put_in_force(run: Run, epoch: int, choice: Choice, began: float) -> None:
    """Go on with what was chosen, and record it."""
    if choice.predicted is not None:
        run.emit(_predicted(run, choice.predicted, type(run.strategy).__name__))
    if choice.start is not None:
        run.state.restore(choice.start)  # type: ignore[arg-type]  # only the engine makes a Start: a Snapshot
    run.state.values.set(choice.values)
    run.lap()
    run.emit(_chosen(run, epoch, choice, run.state.values.chosen(), run.control.clock() - began))
    run.progress.decisions += 1


def _twin(strategy: Strategy) -> Strategy:
    """Decides the same, and leaves no trace in `strategy`."""
    twin = copy.copy(strategy)
    twin.memory = copy.deepcopy(strategy.memory)
    return twin


def _repeated(run: Run, taken: Choice, again: Callable[[Callable[[Probe], None]], Choice]) -> DecisionRepeated:
    """The greed check: would probes of twice the length have chosen otherwise? Their images count as cost."""
    began, images = run.control.clock(), 0

    def count(probe: Probe) -> None:
        nonlocal images
        run.progress.images_probed += probe.images
        run.progress.images_checked += probe.images
        images += probe.images

    found, in_force = again(count), run.state.values.chosen()
    names = [name for name in run.config.space if name in in_force]
    return DecisionRepeated(
        decision=run.progress.decisions,
        times=LONGER,
        values={name: found.values.get(name, in_force[name]) for name in names},
        changed=[
            name
            for name in names
            if not math.isclose(found.values.get(name, in_force[name]), taken.values.get(name, in_force[name]))
        ],
        images=images,
        seconds=run.control.clock() - began,
    )


def _answer(run: Run, strategy: Strategy, situation: Situation) -> list[Candidate] | Choice:
    """What the strategy answers, checked: own strategies make mistakes, and must not hang or train nonsense.

    Raises:
        TrainingError: no candidates, unknown hyperparameters, values out of bounds or outside the ranges.
    """
    run.control.check()  # a strategy that asks for ever can still be stopped
    answer = strategy.ask(situation)
    name = type(strategy).__name__
    if isinstance(answer, Choice):
        return dataclasses.replace(answer, values=_checked(answer.values, situation, name))
    if not isinstance(answer, list) or not answer or not all(isinstance(entry, Candidate) for entry in answer):
        raise TrainingError(f"strategy {name} has to answer with candidates or with a Choice, not with {answer!r:.80}.")
    return [dataclasses.replace(entry, values=_checked(entry.values, situation, name)) for entry in answer]


def _checked(values: Values, situation: Situation, strategy: str) -> Values:
    checked: Values = {}
    for given, value in values.items():
        try:
            known = hyperparameter(given)
            checked[known.name] = known.check(float(value))
        except (ConfigError, TypeError, ValueError) as error:
            raise TrainingError(f"strategy {strategy}: {error}") from None
        entry = situation.space.get(known.name)
        kept = checked[known.name] == situation.values.get(known.name)
        if (
            entry is not None
            and not kept
            and not entry.low * (1 - EDGE) <= checked[known.name] <= entry.high * (1 + EDGE)
        ):
            raise TrainingError(f"strategy {strategy} leaves the range of {known.name} ({entry}) with {value:g}.")
    return checked


def announce(run: Run, epoch: int, start: Evaluation | None = None) -> None:
    """Record that a decision begins; without `start` nothing is measured, because nothing will be compared."""
    run.emit(
        DecisionStarted(
            decision=run.progress.decisions,
            epoch=epoch,
            step=run.state.step,
            axes=axes(run.config.space),
            values=run.state.values.chosen(),
            loss=start.loss if start else None,
            accuracy=start.accuracy if start else None,
            score_name=run.config.score,
            score_weights=run.config.score_weights,
        )
    )


def _situation(run: Run, epoch: int, start: Evaluation) -> Situation:
    return Situation(
        epoch=epoch,
        epochs=run.config.epochs,
        images_per_epoch=len(run.ingredients.data.train),
        images_trained=run.progress.images_trained,
        images_probed=run.progress.images_probed - run.progress.images_checked,
        values=run.state.values.chosen(),
        space=run.config.space,
        loss=start.loss,
        losses=start.losses,
        horizon=run.config.horizon,
    )


def _candidate_scored(decision: int, candidate: int, probe: Probe) -> CandidateScored:
    found = probe.measurement
    return CandidateScored(
        decision=decision,
        candidate=candidate,
        values=found.values,
        score=found.score,
        loss=found.loss,
        accuracy=found.accuracy,
        raw_loss=found.raw_loss,
        raw_accuracy=found.raw_accuracy,
        diverged=found.diverged,
        classes=probe.classes,
        images=probe.images,
        seconds=probe.seconds,
        start=probe.start,
        steps=probe.steps,
    )


def _predicted(run: Run, scores: Sequence[float], strategy: str) -> LandscapePredicted:
    cells = math.prod(len(entry.values()) for entry in run.config.space.values())
    if len(scores) != cells:
        raise TrainingError(f"strategy {strategy} predicts {len(scores)} scores for a grid of {cells} cells.")
    plain = [float(score) if math.isfinite(score) else None for score in scores]
    return LandscapePredicted(decision=run.progress.decisions, scores=plain)


def _chosen(run: Run, epoch: int, choice: Choice, values: Values, seconds: float) -> HyperparametersChosen:
    return HyperparametersChosen(
        decision=run.progress.decisions,
        epoch=epoch,
        step=run.state.step,
        candidate=choice.candidate,
        values=values,
        reason=choice.reason,
        images_probed=run.progress.images_probed,
        seconds=seconds,
        start=identity(choice.start) if choice.start is not None else None,
    )
