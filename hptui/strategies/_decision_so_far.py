"""How far a decision of the adaptive strategy has come, as one of its stages hands it to the next."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from hptui.hyperparameters import Values
from hptui.metrics.scores import lower_is_better, score_title, score_words
from hptui.space import describe
from hptui.strategies import Candidate, Choice, Measurement, Situation, StateName
from hptui.strategies._comparing import changed, order_of


class DecisionSoFar:
    """What all stages of a decision until now came to; each goes on from there."""

    def __init__(self, situation: Situation, *, race_is_due: bool = False, inside: Collection[str] = ()) -> None:
        """Begin where the run is.

        Args:
            situation: of the run.
            race_is_due: in this decision: the run, one of its contenders, comes as far as the others will.
            inside: hyperparameters that are to lie within their ranges once anything was tried, whatever is chosen.
        """
        self.situation = situation
        self.space = situation.space
        self.values: Values = {
            name: searched.inside(situation.values[name])
            for name, searched in situation.space.items()
            if name in situation.values  # a model may have several dropout rates of its own
        }
        """searched, within their ranges"""
        self._first, self._race_is_due, self._inside = self.values, race_is_due, inside
        self.loss = situation.loss
        self.start: StateName | None = None
        self.wasted = 0.0
        """epochs of probes, without those that the run goes on from"""
        self.ahead = 0.0
        """epochs that the run came on by going on from the winners"""
        self._came = 0.0
        self._passed = False
        self._reasons: list[str] = []
        self._candidate: int | None = None
        self._asked: list[Candidate] = []
        self._lately: list[tuple[Measurement, float]] = []
        """since the last change of the weights, with the epochs trained from there"""

    @property
    def has_chosen(self) -> bool:
        """Whether other values were chosen than those in force, or had to be because these lie outside their ranges."""
        return self._passed and (self.values != self._first or self._leaves_the_outside)

    @property
    def _leaves_the_outside(self) -> bool:
        before = self.situation.values
        return any(name in self._inside and value != before[name] for name, value in self._first.items())

    def unchanged(self, measurements: Sequence[Measurement]) -> Measurement | None:
        """The one of these that has all values as they are in force, if there is one."""
        return next((one for one in measurements if not changed(one, self.values)), None)

    def candidates(self, changes: Sequence[Values], horizon: float) -> list[Candidate]:
        """Candidates from where the decision stands, with these values changed."""
        return [Candidate(self.values | change, horizon, self.start, keep=True) for change in changes]

    def following(
        self, measurements: Sequence[Measurement], horizon: float, values: Values | None = None
    ) -> list[Candidate]:
        """Candidates from where others ended, with their values or other ones."""
        return [Candidate(values or one.candidate.values, horizon, one.end, keep=True) for one in measurements]

    def record(self, measurements: Sequence[Measurement], epochs: float) -> list[Measurement]:
        """Remember what was measured after so many epochs, and give those that are finite."""
        self._asked += [one.candidate for one in measurements]
        self.wasted += sum(one.candidate.horizon or 0.0 for one in measurements)
        self._lately += [(one, epochs) for one in measurements]
        return [one for one in measurements if math.isfinite(one.score)]

    def choice(self, taken: Measurement, how: str, among: Sequence[Measurement], preferred: str) -> Choice:
        """Go on with values and weights of `taken`, the best `among` them or, as `preferred` says, another.

        Where that has the values in force the run stays where it is, unless a race is due there: nothing was chosen, so
        it is the ordinary one.
        """
        moves = self._race_is_due or self._leaves_the_outside or bool(changed(taken, self.values))
        if moves:
            self.loss = taken.loss
            self._came = next(epochs for one, epochs in self._lately if one.candidate is taken.candidate)
        why = f"{self._words(taken)}{self._why_not_best(taken, among, preferred)}"
        return Choice(
            taken.candidate.values,
            f"{how}: {describe(taken.candidate.values)}; {why}",
            candidate=next(index for index, one in enumerate(self._asked) if one is taken.candidate),
            start=taken.end if moves else None,
        )

    def _words(self, one: Measurement) -> str:
        """Score of a candidate in its own unit, with its name."""
        name = self.situation.score_name
        return f"{score_title(name)} {score_words(name, one.score)}"

    def _why_not_best(self, taken: Measurement, among: Sequence[Measurement], preferred: str) -> str:
        """Which one had the best score, and what is preferred while the difference may be noise."""
        best, name = min(among, key=order_of), self.situation.score_name
        if best.score == taken.score:
            return ""
        values = {key: best.candidate.values[key] for key in sorted(changed(best, taken.candidate.values))}
        end = f"{'lowest' if lower_is_better(name) else 'highest'} {score_words(name, best.score)}"
        return f" ({end} at {describe(values)}, within noise of it: {preferred})"

    def go_on_from(self, choice: Choice) -> None:
        """Let the next stage of the same decision begin where this one ended."""
        self.values = self.values | choice.values
        self._passed = True
        self._reasons += [choice.reason] if choice.reason else []
        if choice.start is not None or (choice.candidate is not None and self.start is None):
            self.start, self._candidate = choice.start, choice.candidate
        self.wasted -= self._came
        self.ahead += self._came
        self._came, self._lately = 0.0, []

    def concluded(self, otherwise: str, *, races: bool) -> Choice:
        """What all stages of the decision came to, or that nothing was done.

        What lies outside its range from the start on, as a weight decay of 0, stays there until something is chosen.

        Args:
            otherwise: the reason where nothing was tried.
            races: whether a race has begun, with all values within their ranges.
        """
        values = self.values if self._passed else {}
        if not (races or self.has_chosen):
            before = self.situation.values
            values = {name: value for name, value in values.items() if value == before[name]}
        return Choice(values, "; ".join(self._reasons) or otherwise, self._candidate, self.start)
