"""Every cell of the grid is probed from the run's own snapshot; the run goes on with the best one.

It is greedy by design: a choice looks no further than the probe. Scores of the last weights then favour ever
smaller rates (short-horizon bias, Wu et al. 2018, arXiv 1803.02021), which is why a score is taken of averaged
weights unless asked otherwise. An average in turn may look well while the weights themselves are thrown about by a rate
that ruins them in the epoch to come; cells whose last weights are far behind are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from hptui.metrics.scores import lower_is_better, score_title, score_words
from hptui.plan import Plan, Round
from hptui.space import check_cells, describe, grid
from hptui.strategies import Candidate, Choice, DecisionCourse, Measurement, Outlook, Situation, Strategy

__all__ = ["Grid"]


FAR, SLACK = 1.5, 0.01
"""the loss of the last weights may be so many times the lowest of all cells, and so many nats more"""


class Grid(Strategy):
    """One round of candidates per decision: all combinations of the searched values."""

    searches = True

    def decide(self, situation: Situation) -> DecisionCourse:
        measurements = yield [Candidate(cell) for cell in grid(situation.space)]
        finite = [index for index, one in enumerate(measurements) if math.isfinite(one.score)]
        if not finite:
            return Choice({}, f"all {len(measurements)} candidates diverged; the values in force stay")
        most = FAR * min(measurements[index].raw_loss for index in finite) + SLACK
        sound = [index for index in finite if measurements[index].raw_loss <= most]
        best = self._best(sound, measurements, situation)
        winner = measurements[best].candidate.values
        failed, far = sum(bool(one.failed) for one in measurements), len(finite) - len(sound)
        diverged = len(measurements) - len(finite) - failed
        left_out = _best_of(situation.score_name, len(sound), len(measurements) - len(sound))
        reason = f"{left_out}: {score_words(situation.score_name, measurements[best].score)} at {describe(winner)}"
        excluded = [f"{failed} failed"] * (failed > 0) + [f"{diverged} diverged"] * (diverged > 0)
        excluded += [f"{far} with last weights far behind"] * (far > 0)
        reason += f" (left out: {', '.join(excluded)})" * bool(excluded)
        return Choice(winner, reason, candidate=best, excluded=tuple(sorted({*finite} - {*sound})))

    def _best(self, finite: Sequence[int], measurements: Sequence[Measurement], situation: Situation) -> int:
        """The lowest score; a tie is not broken by luck: the values in force stay, else the larger rate wins."""
        lowest = min(measurements[index].score for index in finite)
        tied = [index for index in finite if measurements[index].score == lowest]
        in_force = [
            index
            for index in tied
            if all(situation.values.get(name) == value for name, value in measurements[index].candidate.values.items())
        ]
        return in_force[0] if in_force else max(tied, key=lambda index: measurements[index].values["lr"])

    def plan(self, outlook: Outlook) -> Plan:
        sizes = [str(len(searched.values())) for searched in outlook.space.values()]
        title = f"{' x '.join(sizes)} grid" if len(sizes) > 1 else "grid"
        plan = super().plan(outlook)
        return replace(plan, stages=tuple(replace(stage, title=title) for stage in plan.stages))

    def rounds(self, outlook: Outlook) -> tuple[Round, ...]:
        return (Round(check_cells(outlook.space), outlook.horizon),)


def _best_of(name: str, compared: int, left_out: int) -> str:
    """Words for what a score is the best of: a candidate that was left out may have a better one."""
    best = f"{'lowest' if lower_is_better(name) else 'highest'} {_title(name)}"
    if not left_out:
        return f"{best} of {compared} candidates"
    if compared == 1:
        return f"{_title(name)} of the only candidate that was not left out"
    return f"{best} of the {compared} candidates that were not left out"


def _title(name: str) -> str:
    return "score" if name == "loss" else score_title(name)
