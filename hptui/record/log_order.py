"""What may follow what in a run's log: a line that is missing is told where the next one does not fit.

Fields and shapes of a single fact are checked with its type (`record.events`); here is what only the facts before can
tell. Whoever reads on may rely on it: a candidate has its decision, a prediction as many cells as the grid.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from hptui.record.events import (
    AnyEvent,
    Axis,
    BatchesTrained,
    CandidateScored,
    CheckpointSaved,
    DecisionRepeated,
    DecisionStarted,
    EpochCompleted,
    Evaluated,
    HyperparametersChosen,
    LandscapePredicted,
    RangesChanged,
    RunCompleted,
    RunResumed,
    RunStarted,
)

Decided = CandidateScored | LandscapePredicted | DecisionRepeated | HyperparametersChosen
FREE = frozenset({BatchesTrained, Evaluated, EpochCompleted, CheckpointSaved})
"""what may stand anywhere, as far as it matters here; most lines are of these"""
LATER = Decided | DecisionStarted | BatchesTrained | Evaluated | EpochCompleted | RunCompleted
"""what no log begins with"""


class LogOrder:
    """The facts of one log so far, as far as it matters for the next."""

    def __init__(self) -> None:
        self._begun: DecisionStarted | None = None
        """the decision that was begun last"""
        self._decided = 0
        """decisions that stand"""

    def take(self, event: AnyEvent) -> None:
        """Take the next fact; raise ValueError, in words for the user, if it cannot follow those before."""
        if type(event) in FREE or (type(event) is CandidateScored and self._is_next(event)):
            return
        for problem in self._problems(event):
            raise ValueError(problem)
        match event:
            case DecisionStarted():
                self._begun = event
            case HyperparametersChosen():
                self._decided = event.decision + 1
            case RunResumed():
                self._decided = event.decisions

    def _is_next(self, event: CandidateScored) -> bool:
        """Whether it is one more of the decision that was begun last, as nearly all are: a short way for many."""
        begun = self._begun
        return begun is not None and event.decision == begun.decision and begun.searches(event.values)

    def _problems(self, event: AnyEvent) -> Iterator[str]:
        """Reasons why the fact does not fit."""
        match event:
            case RunStarted():
                yield from _axes_problems(event.searched)
            case RangesChanged():
                yield from _axes_problems(event.old)
                yield from _axes_problems(event.new)
            case DecisionStarted():
                yield from _axes_problems(event.axes)
            case CandidateScored() | LandscapePredicted() | DecisionRepeated() | HyperparametersChosen():
                yield from self._decision_problems(event)
            case RunResumed() if event.decisions > self._decided:
                yield f"the run goes on after decision {event.decisions - 1}, which has no end"
            case RunResumed() if event.candidates is not None and event.decisions != self._number:
                yield f"the run goes on within decision {event.decisions}, which has no DecisionStarted"

    @property
    def _number(self) -> int | None:
        """Number of the decision that was begun last."""
        return self._begun.decision if self._begun is not None else None

    def _decision_problems(self, event: Decided) -> Iterator[str]:
        begun = self._begun
        if begun is None or event.decision != begun.decision:
            yield f"{type(event).__name__} of decision {event.decision} comes without its DecisionStarted"
            return
        cells = math.prod(len(axis.values) for axis in begun.axes)
        if isinstance(event, LandscapePredicted) and len(event.scores) != cells:
            yield f"LandscapePredicted has {len(event.scores)} scores for {cells} cells"
        if isinstance(event, CandidateScored) and not begun.searches(event.values):
            yield f"candidate {event.candidate} of decision {event.decision} has no value of what is searched"


def _axes_problems(axes: Sequence[Axis]) -> Iterator[str]:
    """Reasons why these are no ranges to search."""
    for axis in axes:
        if not axis.low < axis.high:
            yield f"the range of {axis.name} ends before it begins"
        if axis.scale == "log" and min(axis.low, *axis.values) <= 0:
            yield f"{axis.name} has values that are not above 0, on a logarithmic scale"
        if any(one >= other for one, other in itertools.pairwise(axis.values)):
            yield f"the values of {axis.name} do not ascend"
    if len({axis.name for axis in axes}) < len(axes):
        yield "a hyperparameter is searched twice"
