"""What the stages of the adaptive strategy share: where a decision stands, and how candidates are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hptui.hyperparameters import Values, hyperparameter
from hptui.space import describe
from hptui.strategies import Candidate, Choice, Measurement, Situation, StateName


class Stage:
    """What one stage of a decision hands to the next."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.space = situation.space
        self.values: Values = {
            name: searched.inside(situation.values[name])
            for name, searched in situation.space.items()
            if name in situation.values  # a model may have several dropout rates of its own
        }
        """searched, within their ranges"""
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
        """Go on with values and weights of `taken`, the best `among` them or, as `preferred` says, another."""
        self.loss = taken.loss
        self._came = next(epochs for one, epochs in self._lately if one.candidate is taken.candidate)
        return Choice(
            taken.candidate.values,
            f"{how}: {describe(taken.candidate.values)}; loss {taken.loss:.4g}{_why_not_best(taken, among, preferred)}",
            candidate=next(index for index, one in enumerate(self._asked) if one is taken.candidate),
            start=taken.end,
        )

    def go_on_from(self, choice: Choice) -> None:
        """Let the next stage of the same decision begin where this one ended."""
        self.values = self.values | choice.values
        self._passed = True
        self._reasons += [choice.reason] if choice.reason else []
        if choice.start is not None:
            self.start, self._candidate = choice.start, choice.candidate
        self.wasted -= self._came
        self.ahead += self._came
        self._came, self._lately = 0.0, []

    def concluded(self, otherwise: str) -> Choice:
        """What all stages of the decision came to, or that nothing was done."""
        if not self._reasons:
            return Choice(self.values if self._passed else {}, otherwise)
        return Choice(self.values, "; ".join(self._reasons), self._candidate, self.start)


def strength(name: str, in_force: Values) -> Callable[[Measurement], float]:
    """The careful side of a hyperparameter: strong regularisation; else what is in force."""
    if hyperparameter(name).careful == "larger":
        return lambda one: one.values.get(name, 0.0)
    return lambda one: float(one.candidate.values.get(name) == in_force.get(name))


def _why_not_best(taken: Measurement, among: Sequence[Measurement], preferred: str) -> str:
    """Which one had the lowest loss, and what is preferred while the difference may be noise."""
    best = min(among, key=mean_loss)
    if mean_loss(best) == mean_loss(taken):
        return ""
    values = {name: best.candidate.values[name] for name in sorted(changed(best, taken.candidate.values))}
    return f" (lowest {best.loss:.4g} at {describe(values)}, within noise of it: {preferred})"


def mean_loss(measurement: Measurement) -> float:
    """Over the validation images, in nats."""
    return float(measurement.losses.mean(dtype=float))


def lead(best: Measurement, other: Measurement) -> float:
    """Number of standard errors by which the losses of `other` are higher, over the same validation images."""
    difference = other.losses.astype(float) - best.losses
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    mean = float(difference.mean())
    return mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0


def changed(measurement: Measurement, values: Values) -> set[str]:
    """Names of which a candidate had other values."""
    return {name for name, value in measurement.candidate.values.items() if value != values.get(name)}


def rate(measurement: Measurement) -> float:
    """Learning rate that it was measured with: the larger one is the careful side of a tie."""
    return measurement.values["lr"]
