"""Survey, screen, decay: the values of one training, for the images that its budget allows.

1. *Survey*, at the beginning: learning rates over the whole range are tried from the same weights, the best few go on
   twice as long from where they are (successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943).
2. *Screen*, a little later: of every other hyperparameter a few levels, one at a time. Not at once, because nothing can
   be told from a network that knows nothing yet; and not late, because in one that overfits already every regulariser
   that acts at once looks good.
3. From the middle on the rate falls linearly to zero (warm-up, stable, decay). The number of epochs is known, and a
   search by short probes must not be what finds it (short-horizon bias, Wu et al. 2018, arXiv 1803.02021).

The run goes on with the weights of each winner, so that the images of its probe are not lost. A short probe flatters
small rates and weak regularisation: of the candidates within one standard error of the best, paired over the validation
images, the one with the largest rate, or the strongest regularisation, is taken (the one-standard-error rule of Breiman
et al. 1984, Classification and Regression Trees, section 3.4.3). If the epoch after a choice goes wrong, the run goes
back to where the choice was made, with a smaller rate.

Measured and left out (README, "What was measured"): a third stage that tries half a step of the rate up and down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hptui.space import SearchSpace, Values, describe
from hptui.strategies import Candidate, Choice, Measurement, Situation, Start, Strategy
from hptui.strategies._plan import levels, plan
from hptui.strategies._surrogate import predicted_scores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Adaptive"]

Losses = Callable[[Measurement], "npt.NDArray[np.float32]"]
Course = Generator[list[Candidate], Sequence[Measurement], Choice]
STRONGER = ("weight_decay", "dropout", "augmentation", "label_smoothing")
"""regularisation: it costs at first and pays late, so more of it is the careful side of a tie"""
FALLEN = 2.0
"""an epoch went wrong if the validation loss is so many times what it was before"""


class Adaptive(Strategy):
    """Plans its decisions and the length of their probes from the budget; --decide-at says where they may be."""

    searches = True

    rates = 7
    """of the survey"""
    kept = 3
    """of them go on"""
    screen_at = 0.15
    """share of the epochs before"""
    length = 4.0
    """of a probe of the screen, where one of the survey has 1"""
    levels: tuple[float, ...] = (1 / 3, 2 / 3)
    """of each further hyperparameter: places in its range"""
    ties = 1.0
    """standard errors by which the best has to be better"""
    calibrated = True
    """whether regularisers are compared after temperature scaling"""
    decay = 0.5
    """share of the run over which the rate falls to zero"""

    _course: Course | None = None
    _told: Sequence[Measurement] = ()

    def rate_factor(self, progress: float) -> float:
        return min(1.0, (1.0 - progress) / self.decay) if self.decay else 1.0

    def planned_cost(self, space: SearchSpace, horizon: float) -> float:
        return self.budget

    def decides(self, epoch: int, loss: float | None) -> bool:
        if "plan" not in self.memory:
            return epoch in self.decision_epochs
        return self._went_wrong(epoch, loss) or any(epoch == at for at, _ in self.memory["plan"])

    def ask(self, situation: Situation) -> list[Candidate] | Choice:
        try:
            if self._course is None:
                self._course = self._decide(situation)
                return next(self._course)
            return self._course.send(self._told)
        except StopIteration as end:
            self._course = None
            choice: Choice = end.value
            return choice

    def tell(self, measurements: Sequence[Measurement]) -> None:
        self._told = measurements

    def _decide(self, situation: Situation) -> Course:
        if self._went_wrong(situation.epoch, situation.loss):
            return self._go_back(situation)
        if "plan" not in self.memory:
            self.memory |= plan(self, situation)
        stages: dict[str, Callable[[Stage], Course]] = {"survey": self._survey, "screen": self._screen}
        stage, choice = Stage(situation), Choice({}, self._nothing(situation))
        for at, name in self.memory["plan"]:
            if at == situation.epoch:
                choice = yield from stages[name](stage)
                stage.go_on_from(choice)
        if without := self._without(situation):
            choice = replace(choice, reason=f"{choice.reason}; no budget to search {without}")
        if choice.start is not None:
            self.memory |= {"home": choice.start, "loss": stage.loss, "watched": situation.epoch + 1}
        return choice

    def _nothing(self, situation: Situation) -> str:
        """Why nothing is tried now."""
        later = [at for at, _ in self.memory["plan"] if at > situation.epoch]
        return f"the first candidates come before epoch {later[0]}" if later else "nothing was tried"

    def _without(self, situation: Situation) -> str:
        """What is to be searched but was left out of the plan."""
        planned = {stage for _, stage in self.memory["plan"]}
        left_out = [name for name in situation.space if ("survey" if name == "lr" else "screen") not in planned]
        return ", ".join(left_out)

    def _went_wrong(self, epoch: int, loss: float | None) -> bool:
        """Whether the epoch after a choice made the network much worse."""
        watched = self.memory.get("watched") == epoch and loss is not None
        return watched and not float(loss or 0.0) <= FALLEN * self.memory["loss"]

    def _go_back(self, situation: Situation) -> Choice:
        searched = situation.space.get("lr")
        if searched is None:
            return Choice({}, f"the loss rose to {situation.loss:.3g}, but no rate is searched that could be lowered")
        lower = searched.at(min(max(searched.position(situation.values["lr"]) - 1 / (self.rates - 1), 0.0), 1.0))
        self.memory["watched"] = situation.epoch + 1
        why = f"the loss rose from {self.memory['loss']:.3g} to {situation.loss:.3g}: back, with a smaller rate"
        return Choice({"lr": lower}, why, start=self.memory["home"])

    def _survey(self, stage: Stage) -> Course:
        searched, unit = stage.space["lr"], self.memory["unit"]
        places = [index / (self.memory["rates"] - 1) for index in range(self.memory["rates"])]
        first = yield stage.candidates([{"lr": searched.at(place)} for place in places], unit)
        finite = sorted(stage.take(first, unit), key=lambda found: (found.score, -rate(found)))
        if not finite:
            return Choice(stage.values | {"lr": searched.low}, f"all {len(first)} rates diverged: the smallest")
        second = yield [
            Candidate(found.candidate.values, horizon=2 * unit, keep=True, start=found.end)
            for found in finite[: self.kept]
        ]
        taken = self._careful(stage.take(second, 3 * unit) or finite[:1], rate, plain)
        return stage.choice(taken, f"survey of {len(first)} rates")

    def _screen(self, stage: Stage) -> Course:
        changes = [
            {name: value}
            for name, searched in stage.space.items()
            if name != "lr"
            for value in levels(searched, self.levels)
            if value != stage.values[name]
        ]
        found = yield stage.candidates([{}, *changes], self._long)
        finite = stage.take(found, self._long)
        if not finite:
            return Choice({}, f"all {len(found)} levels diverged; the values in force stay")
        losses = calibrated if self.calibrated else plain
        values = dict(stage.values)
        for name in stage.space:
            own = [one for one in finite if changed(one, stage.values) <= {name}]
            if name != "lr" and own:
                values[name] = self._careful(own, strength(name, stage.values), losses).candidate.values[name]
        best = min(finite, key=lambda one: float(losses(one).mean()))
        return stage.choice(best, f"screen of {len(changes)} levels", values)

    @property
    def _long(self) -> float:
        return self.length * float(self.memory["unit"])

    def _careful(
        self, found: Sequence[Measurement], strong: Callable[[Measurement], float], losses: Losses
    ) -> Measurement:
        """The strongest of those that are not worse than the best by more than `ties` standard errors."""
        best = min(found, key=lambda one: float(losses(one).mean()))
        tied = [one for one in found if one is best or lead(losses(best), losses(one)) <= self.ties]
        return max(tied, key=lambda one: (strong(one), -float(losses(one).mean())))


class Stage:
    """What one stage of a decision hands to the next."""

    def __init__(self, situation: Situation) -> None:
        self.space = situation.space
        self.values: Values = {
            name: min(max(situation.values.get(name, searched.low), searched.low), searched.high)
            for name, searched in situation.space.items()
        }
        """searched, within their ranges"""
        self.loss = situation.loss
        self._start: Start | None = None
        self._all: list[Measurement] = []
        self._lately: list[tuple[Measurement, float]] = []
        """since the last change of the weights, with the epochs trained from there"""

    def candidates(self, changes: Sequence[Values], horizon: float) -> list[Candidate]:
        return [Candidate(self.values | change, horizon, self._start, keep=True) for change in changes]

    def take(self, found: Sequence[Measurement], epochs: float) -> list[Measurement]:
        """Remember what was measured after so many epochs; those that are finite."""
        self._all += found
        self._lately += [(one, epochs) for one in found]
        return [one for one in found if math.isfinite(one.score)]

    def choice(self, taken: Measurement, how: str, values: Values | None = None) -> Choice:
        """Go on with the weights of `taken`, and with its values or others."""
        self.loss = taken.loss
        chosen = values or taken.candidate.values
        index = next(index for index, one in enumerate(self._all) if one is taken)
        reason = f"{how}: {describe(chosen)}; score {taken.score:.4g}"
        return Choice(
            chosen,
            reason,
            candidate=index if chosen == taken.candidate.values else None,
            start=taken.end,
            predicted=predicted_scores(self.space, *zip(*self._lately, strict=True)),
        )

    def go_on_from(self, choice: Choice) -> None:
        self.values = self.values | choice.values
        self._start = choice.start or self._start
        self._lately = []


def strength(name: str, in_force: Values) -> Callable[[Measurement], float]:
    """The careful side of a hyperparameter: strong regularisation; else what is in force."""
    if name in STRONGER:
        return lambda found: found.values[name]
    return lambda found: float(found.candidate.values[name] == in_force[name])


def lead(best: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """By how many standard errors the losses of `other` are higher, over the same validation images."""
    difference = other.astype(float) - best
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    mean = float(difference.mean())
    return mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0


def changed(found: Measurement, values: Values) -> set[str]:
    """Names of which a candidate had other values."""
    return {name for name, value in found.candidate.values.items() if value != values[name]}


def rate(found: Measurement) -> float:
    """The careful side of the learning rate."""
    return found.values["lr"]


def plain(found: Measurement) -> npt.NDArray[np.float32]:
    """What rates are compared by: noise that makes a network too sure of itself has to count."""
    return found.losses


def calibrated(found: Measurement) -> npt.NDArray[np.float32]:
    """What regularisers are compared by: that they make a network less sure, at first, is no fault."""
    return found.calibrated_losses
