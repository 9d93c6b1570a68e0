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
et al. 1984, Classification and Regression Trees, section 3.4.3). What is taken of each hyperparameter alone is tried
together before it counts. If the epoch after a choice goes wrong, the run goes back to where the choice was made, with
a smaller rate.

Rates are compared by the validation loss, all else by the loss after temperature scaling, whatever --score says.

Measured and left out (README, "What was measured"): a third stage that tries half a step of the rate up and down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hptui.space import SearchSpace, Values, describe
from hptui.strategies import Candidate, Choice, Measurement, Situation, Start, Strategy
from hptui.strategies._plan import affordable, levels, plan
from hptui.strategies._surrogate import predicted_scores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Adaptive"]

Losses = Callable[[Measurement], "npt.NDArray[np.float32]"]
Course = Generator[list[Candidate], Sequence[Measurement], Choice]
STRONGER = ("weight_decay", "dropout", "augmentation", "label_smoothing")
"""regularisation: it costs at first and pays late, so more of it is the careful side of a tie"""
FALLEN, RISE = 2.0, 0.5
"""an epoch went wrong if the validation loss is so many times what it was before, and so many nats higher"""
MOST_RETURNS = 2
MOST = 0.05
"""share of its loss within which the best may be given up for a stronger one; few images have large standard errors"""


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
        if self._went_wrong(epoch, loss):
            return True
        if epoch >= self.memory.get("watched", math.inf):  # all is well: the way back is not needed any more
            for name in ("home", "loss", "watched"):
                self.memory.pop(name, None)
        due = self.memory.get("due", [[0, ""]])
        return epoch in self.decision_epochs and any(at <= epoch for at, _ in due)

    def ask(self, situation: Situation) -> list[Candidate] | Choice:
        try:
            if self._course is None:
                self._course = self._decide(situation)
                return next(self._course)
            return self._course.send(self._told)
        except StopIteration as end:
            self._course, self._told = None, ()  # with the states that they hold
            choice: Choice = end.value
            return choice

    def tell(self, measurements: Sequence[Measurement]) -> None:
        self._told = measurements

    def _decide(self, situation: Situation) -> Course:
        if self._went_wrong(situation.epoch, situation.loss):
            return self._go_back(situation)
        if "due" not in self.memory:
            self.memory |= plan(self, situation)
        stages: dict[str, Callable[[Stage], Course]] = {"survey": self._survey, "screen": self._screen}
        stage, choice = Stage(situation), Choice({}, self._nothing(situation))
        for name in [name for at, name in self.memory["due"] if at <= situation.epoch]:
            self.memory["due"] = [entry for entry in self.memory["due"] if entry[1] != name]
            if any((name == "survey") == (searched == "lr") for searched in situation.space):  # it may be gone since
                choice = yield from stages[name](stage)
                stage.go_on_from(choice)
        if left_out := [name for name in self.memory["left_out"] if name in situation.space]:
            choice = replace(choice, reason=f"{choice.reason}; no budget to search {', '.join(left_out)}")
        if choice.start is not None:
            self.memory |= {"home": choice.start, "loss": stage.loss, "watched": situation.epoch + 1, "returns": 0}
        return choice

    def _nothing(self, situation: Situation) -> str:
        """Why nothing is tried now."""
        later = [at for at, _ in self.memory["due"] if at > situation.epoch]
        return f"the first candidates come before epoch {later[0]}" if later else "nothing was tried"

    def _went_wrong(self, epoch: int, loss: float | None) -> bool:
        """Whether the epoch after a choice made the network much worse."""
        if self.memory.get("watched") != epoch or loss is None:
            return False
        before = float(self.memory["loss"])
        return not (loss <= FALLEN * before or loss <= before + RISE)

    def _go_back(self, situation: Situation) -> Choice:
        home, before = self.memory.pop("home"), self.memory["loss"]
        del self.memory["watched"]
        values = {name: situation.values[name] for name in situation.space if name in situation.values}
        searched, now = situation.space.get("lr"), situation.values["lr"]
        why = f"the loss rose from {before:.3g} to {situation.loss:.3g}: back to where the last choice was made"
        if searched is None:
            return Choice(values, f"{why}; no rate is searched that could be lowered", start=home)
        values["lr"] = searched.at(min(max(searched.position(now) - 1 / (self.rates - 1), 0.0), 1.0))
        self.memory["returns"] += 1
        if values["lr"] < now and self.memory["returns"] < MOST_RETURNS:
            self.memory |= {"home": home, "watched": situation.epoch + 1}
        return Choice(values, f"{why}, with a smaller rate: {describe(values)}", start=home)

    def _survey(self, stage: Stage) -> Course:
        searched, unit = stage.space["lr"], self.memory["unit"]
        places = [index / (self.memory["rates"] - 1) for index in range(self.memory["rates"])]
        found = yield stage.candidates([{"lr": searched.at(place)} for place in places], unit)
        finite = sorted(stage.take(found, unit), key=lambda one: (one.loss, -rate(one)))
        if not finite:
            return Choice(stage.values | {"lr": searched.low}, f"all {len(found)} rates diverged: the smallest")
        found = yield stage.following(finite[: self.kept], 2 * unit)
        # where all of them diverge after all, a smaller rate is what is left
        smallest = min(finite[: self.kept], key=rate)
        left = stage.take(found, 3 * unit) or [one for one in finite if rate(one) < rate(smallest)] or [smallest]
        return stage.choice(self._careful(left, rate, plain), f"survey of {len(places)} rates")

    def _screen(self, stage: Stage) -> Course:
        changes = [
            {name: value}
            for name, searched in stage.space.items()
            if name != "lr"
            for value in levels(searched, self.levels)
            if value != stage.values.get(name)
        ]
        wanted = self.length * float(self.memory["unit"])
        length = affordable(self, stage.situation, 1 + len(changes), wanted) if stage.is_first else wanted
        if length == 0:
            names = ", ".join(name for name in stage.space if name != "lr")
            return Choice(stage.values, f"no budget is left to search {names}", start=stage.start)
        losses = calibrated if self.calibrated else plain
        found = yield stage.candidates([{}, *changes], length)
        finite = stage.take(found, length)
        if not finite:
            reason = f"all {len(found)} levels diverged; the values in force stay"
            return Choice(stage.values, reason, start=stage.start)
        best = min(finite, key=lambda one: float(losses(one).mean()))
        together = dict(best.candidate.values)
        for name in stage.space:
            own = [one for one in finite if changed(one, stage.values) <= {name}]
            if name != "lr" and own:
                taken = self._careful(own, strength(name, stage.values), losses).candidate.values
                together |= {name: taken[name]} if name in taken else {}
        if together != best.candidate.values:
            found = yield [*stage.following([best], length), *stage.following([best], length, together)]
            if last := stage.take(found, 2 * length):
                best = self._careful(last, lambda one: float(one.candidate.values == together), losses)
        return stage.choice(best, f"screen of {len(changes)} levels")

    def _careful(
        self, found: Sequence[Measurement], strong: Callable[[Measurement], float], losses: Losses
    ) -> Measurement:
        """The strongest of those that are not worse than the best by more than `ties` standard errors, or MOST."""
        best = min(found, key=lambda one: float(losses(one).mean()))
        most = (1 + MOST) * float(losses(best).mean())
        tied = [
            one
            for one in found
            if one is best or (lead(losses(best), losses(one)) <= self.ties and float(losses(one).mean()) <= most)
        ]
        return max(tied, key=lambda one: (strong(one), -float(losses(one).mean())))


class Stage:
    """What one stage of a decision hands to the next."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.space = situation.space
        self.values: Values = {
            name: min(max(situation.values[name], searched.low), searched.high)
            for name, searched in situation.space.items()
            if name in situation.values  # a model may have several dropout rates of its own
        }
        """searched, within their ranges"""
        self.loss = situation.loss
        self.start: Start | None = None
        self.is_first = True
        self._asked: list[Candidate] = []
        self._lately: list[tuple[Measurement, float]] = []
        """since the last change of the weights, with the epochs trained from there"""

    def candidates(self, changes: Sequence[Values], horizon: float) -> list[Candidate]:
        """From where the decision stands, with these values changed."""
        return [Candidate(self.values | change, horizon, self.start, keep=True) for change in changes]

    def following(self, found: Sequence[Measurement], horizon: float, values: Values | None = None) -> list[Candidate]:
        """From where other candidates ended, with their values or others."""
        return [Candidate(values or one.candidate.values, horizon, one.end, keep=True) for one in found]

    def take(self, found: Sequence[Measurement], epochs: float) -> list[Measurement]:
        """Remember what was measured after so many epochs; those that are finite."""
        self._asked += [one.candidate for one in found]
        self._lately += [(replace(one, end=None), epochs) for one in found]
        return [one for one in found if math.isfinite(one.score)]

    def choice(self, taken: Measurement, how: str) -> Choice:
        """Go on with values and weights of `taken`."""
        self.loss = taken.loss
        return Choice(
            taken.candidate.values,
            f"{how}: {describe(taken.candidate.values)}; loss {taken.loss:.4g}",
            candidate=next(index for index, one in enumerate(self._asked) if one is taken.candidate),
            start=taken.end,
            predicted=predicted_scores(self.space, *zip(*self._lately, strict=True)),
        )

    def go_on_from(self, choice: Choice) -> None:
        """Let the next stage of the same decision begin where this one ended."""
        self.values = self.values | choice.values
        self.start = choice.start or self.start
        self.is_first = False
        self._lately = []


def strength(name: str, in_force: Values) -> Callable[[Measurement], float]:
    """The careful side of a hyperparameter: strong regularisation; else what is in force."""
    if name in STRONGER:
        return lambda found: found.values.get(name, 0.0)
    return lambda found: float(found.candidate.values.get(name) == in_force.get(name))


def lead(best: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """By how many standard errors the losses of `other` are higher, over the same validation images."""
    difference = other.astype(float) - best
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    mean = float(difference.mean())
    return mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0


def changed(found: Measurement, values: Values) -> set[str]:
    """Names of which a candidate had other values."""
    return {name for name, value in found.candidate.values.items() if value != values.get(name)}


def rate(found: Measurement) -> float:
    """The careful side of the learning rate."""
    return found.values["lr"]


def plain(found: Measurement) -> npt.NDArray[np.float32]:
    """What rates are compared by: noise that makes a network too sure of itself has to count."""
    return found.losses


def calibrated(found: Measurement) -> npt.NDArray[np.float32]:
    """What regularisers are compared by: that they make a network less sure, at first, is no fault."""
    return found.calibrated_losses
