"""Facts of a decision, made of its parts: what it begins with, what candidates came to, and what was chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hptui.config import StudyConfig
from hptui.hyperparameters import Values
from hptui.plan import LONGER, Stage
from hptui.record.events import CandidateScored, DecisionRepeated, DecisionStarted, HyperparametersChosen
from hptui.strategies import Choice
from hptui.training.engine.evaluation import Evaluation
from hptui.training.engine.state import TrainingState
from hptui.training.run.facts import axes
from hptui.training.run.ledger import Progress
from hptui.training.run.pending import Findings
from hptui.training.run.probing import Probe
from hptui.training.run.scoring import Scoring


def decision_started(
    number: int,
    epoch: int,
    config: StudyConfig,
    state: TrainingState,
    stages: Sequence[Stage],
    start: Evaluation | None,
) -> DecisionStarted:
    """Describe a decision that begins.

    Args:
        number: of the decision within its run, from 0.
        epoch: that it is for.
        config: ranges, and what candidates are compared by.
        state: of the training.
        stages: planned for it.
        start: what is measured of the state that candidates start from; None: nothing will be compared.
    """
    told = bool(stages) and all(stage.rounds for stage in stages)
    most = sum(stage.candidates for stage in stages) if told else None
    return DecisionStarted(
        decision=number,
        epoch=epoch,
        step=state.step,
        axes=axes(config.space),
        values=state.values.chosen(),
        loss=start.loss if start else None,
        accuracy=start.accuracy if start else None,
        score_name=config.score,
        score_weights=config.score_weights,
        planned=None if any(stage.at_most for stage in stages) else most,
        planned_most=most,
    )


def candidate_scored(number: int, probe: Probe, score: str) -> CandidateScored:
    """Describe what a candidate of a decision came to, by the `score` that candidates are compared by."""
    measured = probe.measurement
    return CandidateScored(
        decision=number,
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
        along=measured.candidate.along,
        failed=measured.failed,
        loss_error=measured.error() if score == "loss" else Scoring.loss_error(measured),
        score_error=measured.error() if score != "loss" else None,
    )


def decision_repeated(
    number: int, searched: Values, taken: Choice, other: Choice, images: int, seconds: float
) -> DecisionRepeated:
    """Describe what longer probes would have chosen.

    Args:
        number: of the decision.
        searched: hyperparameters with the values in force.
        taken: the choice of the decision.
        other: that of its longer probes.
        images: of these.
        seconds: likewise.
    """
    before, after = (
        {name: choice.values.get(name, value) for name, value in searched.items()} for choice in (taken, other)
    )
    return DecisionRepeated(
        decision=number,
        times=LONGER,
        values=after,
        changed=[name for name in searched if not math.isclose(after[name], before[name])],
        images=images,
        seconds=seconds,
    )


def hyperparameters_chosen(  # noqa: PLR0913 (what an event holds comes from as many places)
    progress: Progress,
    epoch: int,
    choice: Choice,
    state: TrainingState,
    score: str,
    findings: Findings | None,
    *,
    seconds: float,
    not_stacked: str,
    follows_schedule: bool,
) -> HyperparametersChosen:
    """Describe a choice that is in force.

    Args:
        progress: of the run, the decision not yet counted.
        epoch: that the choice is for.
        choice: what was chosen.
        state: of the training, with these values.
        score: by which candidates were compared.
        findings: of its candidates; None: there were none.
        seconds: that the decision took.
        not_stacked: why candidates were not trained side by side.
        follows_schedule: whether the learning rate follows the strategy's own schedule from now on.
    """
    measured = findings.measured if findings is not None else ()
    winner = measured[choice.candidate] if choice.candidate is not None and measured else None
    compared = measured if winner is not None else ()
    errors = [one.error(winner) for one in compared]
    of_losses = score == "loss"
    return HyperparametersChosen(
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
        excluded=list(choice.excluded),
        stacked=findings.stacked if findings is not None else 0,
        not_stacked=not_stacked if findings is not None else "",
        paired_errors=errors if of_losses else [Scoring.loss_error(one, winner) for one in compared],
        score_errors=[] if of_losses else errors,
        follows_schedule=follows_schedule,
    )
