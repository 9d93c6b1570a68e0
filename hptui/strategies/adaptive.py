"""Survey, race, screen, decay: the values of one training, for the images that its budget allows.

1. *Survey*, at the beginning: learning rates over the whole range are tried from the same weights, the best few go on
   twice as long from where they are (successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943).
2. *Race*, of the regularisers, where the budget allows it: from what the survey chose branches begin beside the run,
   with stronger regularisation and weights of their own, over half of the epochs (`_race`, `_racing`). The best takes
   the run's place if it leads on evidence; where neither does, it goes on beside the run while the rate falls.
3. *Screen*, a little later than the survey, of all others, and of the regularisers where there is no race: a few
   levels, one at a time. Not at once, because nothing can be told from a network that knows nothing yet; and not late,
   because in one that overfits already every regulariser that acts at once looks good.
4. From the middle on the rate falls linearly to zero (warm-up, stable, decay). The number of epochs is known, and a
   search by short probes must not be what finds it (short-horizon bias, Wu et al. 2018, arXiv 1803.02021). Where
   nothing was chosen and no race began it stays as it is, and the run is the ordinary one, to the bit.

The run goes on with the weights of each winner of other values, so that the images of its probe are not lost. What is
in force is left on evidence alone: the best has to be better by more standard errors, paired over the validation
images, than the best of as many equal ones would seem to be (overtuning, Schneider et al. 2025, arXiv 2506.19540). A
short probe flatters small rates and weak regularisation: a smaller rate has to be better by a share of the score too,
and of the candidates within one standard error of the best the one with the largest rate, or the strongest
regularisation, is taken (Breiman et al. 1984, Classification and Regression Trees, section 3.4.3). What is taken of
each hyperparameter alone is tried together before it counts. If the epoch after a choice goes wrong, the run goes back
to where the choice was made, with a smaller rate.

Candidates are compared by what --score says, on the same validation images (`hptui.metrics.evidence` says how paired
standard errors come of scores that are no mean over images). Where a coarse score of few images, such as an accuracy,
calls candidates equal, the loss orders them, and is no evidence. Of a range only its ends and its scale count, whatever
its steps: what is tried is spread over it evenly, as many values as the budget allows.

Measured and left out (tests/benchmarks/RESULTS.md): a third stage that tries half a step of the rate up and down;
losses after temperature scaling; a candidate that a Gaussian process takes for the best of all cells.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from hptui.plan import Plan
from hptui.space import Range, SearchSpace, describe
from hptui.strategies import Choice, DecisionCourse, Measurement, Outlook, Situation, StateName, Strategy, _racing
from hptui.strategies._coming import coming_stages
from hptui.strategies._comparing import careful, changed, luck, order_of, rate, strength, without_flattered
from hptui.strategies._decision_so_far import DecisionSoFar
from hptui.strategies._memory import WAY_BACK, Due, Memory
from hptui.strategies._plan import (
    FINAL,
    LEAST_STEPS,
    affordable,
    begin_memory,
    changes_of,
    largest_batch,
    longer,
    room_of,
    surveyed,
    units_of_survey,
)
from hptui.strategies._race import LEGS, branches_of, coming_race, race_of
from hptui.strategies._remedy import Terms, remedy

__all__ = ["Adaptive"]

SUGGESTS = ("augmentation",)
"""searched beside rate and weight decay where nobody names a range: it gains most, and is taken on evidence alone"""
SUGGESTS_WITH_WEIGHTS = ("backbone_lr",)
"""the same where the network begins with somebody's weights"""
FALLEN, RISE = 2.0, 0.5
"""an epoch went wrong if the validation loss is so many times what it was before, and so many nats higher"""
UNCOUNTED = "how far the budget reaches depends on the number of images, which nobody has counted yet"
OTHERWISE = "an epoch that goes wrong after a choice is trained again from there, with a smaller rate"


class Adaptive(Strategy):
    """Plans its decisions and the length of their probes from the budget; --decide-at says where they may be."""

    memory: Memory  # type: ignore[assignment]  # plain data, as that of every strategy

    searches = True
    uses_horizon = False
    uses_steps = False
    uses_budget = True
    schedule = "late_decay"
    schedule_waits = True

    rates = 7
    """of the survey"""
    finalists = 3
    """of them that go on"""
    screen_at = 0.15
    """share of the epochs before"""
    length = 4.0
    """of a probe of the screen, where one of the survey has 1"""
    longest_unit = 1 / 24
    """share of the epochs that a probe of the survey takes at most, however large the budget: the run goes on from the
    winners, and what they go through may be the best of it, but no epoch that can be delivered"""
    levels: tuple[float, ...] = (1 / 3, 2 / 3)
    """of each further hyperparameter: positions in its range"""
    races: tuple[int, ...] = (4, 2)
    """branches of a race, the first number that the budget allows; where it allows none, regularisers are screened"""
    ties = 1.0
    """standard errors within which one that is stronger than the best goes first"""
    evidence = 1.0
    """how much has to speak for leaving what is in force: 1 is what luck makes of the best of as many equal ones"""
    race_evidence = _racing.NeededLead(1.0, 0.0)
    """how much has to speak for leaving the run for a branch"""
    returns = 2
    """times that it goes back, at most, from where the epochs after a choice went wrong"""

    def follows_schedule(self) -> bool:
        return bool(self.memory.get("follows schedule", "due" in self.memory))  # an older hptui always followed it

    def needed(self) -> list[StateName]:
        home = [self.memory["home"]] if "home" in self.memory else []
        return [*home, *_racing.starts(self.memory)]

    def plan(self, outlook: Outlook) -> Plan:
        """The stages that are due, as long as their probes will be if nothing is changed meanwhile."""
        allowed = [epoch for epoch in sorted(self.decision_epochs) if epoch >= outlook.epoch]
        if not allowed:
            return Plan()
        begun = "due" in self.memory
        memory = self.memory if begun else begin_memory(self, replace(outlook, epoch=allowed[0]))
        coming = coming_stages(self, memory, outlook, allowed)
        if coming.left_out and not begun and outlook.epoch == 1:
            coming = replace(coming, remedy=self._remedy(outlook))
        watches = self.returns and (coming.stages or "home" in memory)
        words = [UNCOUNTED] * (not outlook.images_per_epoch) + [OTHERWISE] * bool(watches)
        return replace(coming, otherwise="; ".join(words))

    def _remedy(self, outlook: Outlook) -> str:
        """What it takes to search all, where a new run's budget does not reach it."""

        def unreached(terms: Terms) -> Sequence[str]:
            other = copy.copy(self)
            other.budget, other.decision_epochs = terms.budget, longer(self.decision_epochs, self.epochs, terms.epochs)
            space = {name: outlook.space[name] for name in terms.names}
            values = outlook.values | {"batch_size": float(terms.batch_size)}
            first = replace(outlook, epoch=other.decision_epochs[0], epochs=terms.epochs, values=values, space=space)
            anew = replace(first, left=None)
            memory = begin_memory(other, anew)
            return coming_stages(other, memory, replace(anew, epoch=1), other.decision_epochs).left_out

        now = Terms(outlook.epochs, self.budget, round(outlook.values["batch_size"]), tuple(outlook.space))
        return remedy(unreached, now, smaller_batches="batch_size" not in outlook.space)

    def decides(self, epoch: int, loss: float | None) -> bool:
        """Whether a stage is due, or the epoch before went wrong; where it went well the way back is forgotten too."""
        if self._went_wrong(epoch, loss):
            return True
        if epoch >= self.memory.get("watched", math.inf):
            for name in WAY_BACK:
                self.memory.pop(name, None)
        due: list[Due] = self.memory.get("due", [[0, ""]])
        return epoch in self.decision_epochs and any(at <= epoch for at, _ in due)

    def ranges_changed(self, old: SearchSpace, new: SearchSpace) -> None:
        if "due" not in self.memory:
            return  # everything is still to come
        others = [entry for entry in self.memory["due"] if entry[1] != "changed"]
        to_come = [stage for _, stage in others]
        names = [
            name for name, searched in new.items() if searched != old.get(name) and self._stage_of(name) not in to_come
        ]
        if names:
            known = self.memory.get("changed", [])
            over = max((at for at, stage in others if stage == "leg"), default=0)  # a race goes on within them first
            self.memory |= {
                "due": [*others, [over, "changed"]],
                "changed": [*known, *(n for n in names if n not in known)],
            }

    def decide(self, situation: Situation) -> DecisionCourse:
        if self._went_wrong(situation.epoch, situation.loss):
            return self._go_back(situation)
        if "due" not in self.memory:
            self.memory |= begin_memory(self, situation) | {"follows schedule": False}
        stages: dict[str, Callable[[DecisionSoFar], DecisionCourse]] = {
            "survey": self._survey,
            "race": self._begin_race,
            "leg": self._leg,
            "last leg": partial(self._leg, last=True),
            "screen": self._screen,
            "changed": self._search_changed,
        }
        races = any(name == "race" and at <= situation.epoch for at, name in self.memory["due"])
        so_far = DecisionSoFar(situation, race_is_due=races, inside=["lr", *self.memory.get("changed", ())])
        for name in dict.fromkeys(name for at, name in self.memory["due"] if at <= situation.epoch):
            self.memory["due"] = [[at, due] for at, due in self.memory["due"] if due != name or at > situation.epoch]
            if any(self._concerns(name, searched) for searched in situation.space):  # it may be gone since
                so_far.go_on_from((yield from stages[name](so_far)))
        _racing.follow(self.memory, so_far.ahead)
        races = race_of(self.memory).count > 0
        if races or so_far.has_chosen:
            self.memory["follows schedule"] = True
        choice = so_far.concluded(self._nothing(situation), races=races)
        if left_out := tuple(name for name in self.memory["left_out"] if name in situation.space):
            reason = f"{choice.reason}; no budget to search {', '.join(left_out)}"
            choice = replace(choice, reason=reason, left_out=left_out)
        if choice.start is not None and self.returns:
            self.memory |= {"home": choice.start, "loss": so_far.loss, "watched": situation.epoch + 1, "returns": 0}
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
        _racing.begin_anew(self.memory, situation.epoch)  # its branches have the rate that went wrong
        values = DecisionSoFar(situation).values
        searched, now = situation.space.get("lr"), situation.values["lr"]
        why = f"the loss rose from {before:.3g} to {situation.loss:.3g}: back to where the last choice was made"
        if searched is None:
            return Choice(values, f"{why}; no rate is searched that could be lowered", start=home)
        values["lr"] = searched.inside(searched.at(searched.position(now) - 1 / (self.rates - 1)))
        self.memory["returns"] += 1
        if values["lr"] < now and self.memory["returns"] < self.returns:
            self.memory |= {"home": home, "watched": situation.epoch + 1}
        return Choice(values, f"{why}, with a smaller rate: {describe(values)}", start=home)

    def _concerns(self, stage: str, name: str) -> bool:
        """Whether a stage searches this hyperparameter."""
        if stage == "changed":
            return name in self.memory["changed"]
        return self._stage_of(name) == ("race" if stage in LEGS else stage)

    def _stage_of(self, name: str) -> str:
        """Which stage searches this hyperparameter."""
        return "survey" if name == "lr" else "race" if name in self.memory.get("raced", ()) else "screen"

    def _search_changed(self, so_far: DecisionSoFar) -> DecisionCourse:
        """What got another range after its own stage, as far as the budget goes."""
        names = [name for name in self.memory.pop("changed") if name in so_far.space]
        unit = max(self.memory["unit"], LEAST_STEPS * largest_batch(so_far.situation))
        if "lr" in names:
            length = affordable(self, so_far, units_of_survey(self.rates, self.finalists), unit, race_of(self.memory))
            self._searched(["lr"], length > 0)
            if length > 0:
                self.memory |= {"unit": length, "rates": self.rates}
                so_far.go_on_from((yield from self._survey(so_far)))
        if others := [name for name in names if name != "lr"]:
            self.memory["unit"] = unit
            so_far.go_on_from((yield from self._screen(so_far, others)))
        return Choice({}, f"within the new range of {', '.join(names)}")

    def _searched(self, names: Sequence[str], are: bool) -> None:
        """Remember which hyperparameters the budget allows to search, and which not."""
        others = [name for name in self.memory["left_out"] if name not in names]
        self.memory["left_out"] = others if are else [*others, *names]

    def _survey(self, so_far: DecisionSoFar) -> DecisionCourse:
        searched, unit = so_far.space["lr"], self.memory["unit"]
        rates = rates_of(searched, self.memory["rates"], so_far.values["lr"])
        measurements = yield so_far.candidates([{"lr": rate} for rate in rates], unit)
        finite = sorted(so_far.record(measurements, unit), key=lambda one: (*order_of(one), -rate(one)))
        if not finite:
            return Choice(so_far.values | {"lr": searched.low}, f"all {len(measurements)} rates diverged: the smallest")
        finalists = finite[: self.finalists]
        if in_force := so_far.unchanged(finite[self.finalists :]):  # it is left for what was compared with it
            finalists = [*finalists[:-1], in_force]
        measurements = yield so_far.following(finalists, FINAL * unit)
        # where all of them diverge after all, a smaller rate is what is left
        smallest = min(finalists, key=rate)
        left = (
            so_far.record(measurements, surveyed(unit))
            or [one for one in finite if rate(one) < rate(smallest)]
            or [smallest]
        )
        taken = self._careful(so_far, without_flattered(left, so_far.unchanged(left)), rate, len(rates))
        return so_far.choice(
            taken, f"survey of {len(rates)} rates", left, "what is in force, then a larger rate, first"
        )

    def _screen(self, so_far: DecisionSoFar, names: Sequence[str] = ()) -> DecisionCourse:
        """Levels of these, or of all but the learning rate."""
        names = names or [name for name in so_far.space if self._stage_of(name) == "screen"]
        changes = changes_of(names, so_far.space, so_far.values, self.memory["levels"])
        wanted = self.length * float(self.memory["unit"])
        length = affordable(self, so_far, 1 + len(changes), wanted, race_of(self.memory))
        self._searched(names, length > 0)
        if length == 0:
            return Choice({}, "")
        measurements = yield so_far.candidates([{}, *changes], length)
        finite = so_far.record(measurements, length)
        if not finite:
            return Choice({}, f"all {len(measurements)} levels diverged; the values in force stay")
        best = min(finite, key=order_of)
        together = dict(best.candidate.values)
        for name in so_far.space:
            own = [one for one in finite if changed(one, so_far.values) <= {name}]
            if name != "lr" and own:
                taken = self._careful(so_far, own, strength(name, so_far.values), len(finite)).candidate.values
                together |= {name: taken[name]} if name in taken else {}
        tried, among = [best.candidate.values], finite
        if together not in tried:
            measurements = yield [
                one for values in (*tried, together) for one in so_far.following([best], length, values)
            ]
            if last := so_far.record(measurements, 2 * length):
                best = self._careful(so_far, last, lambda one: float(one.candidate.values == together), len(last))
                among = last
        return so_far.choice(
            best, f"screen of {len(changes)} levels", among, "what is in force, then all changes together, first"
        )

    def _begin_race(self, so_far: DecisionSoFar) -> DecisionCourse:
        """Branches with stronger regularisation; a screen where there is no time or budget for them any more."""
        names = [name for name in so_far.space if self._stage_of(name) == "race"]
        step = largest_batch(so_far.situation)
        race = coming_race(self.memory, so_far.situation.epoch, so_far.ahead, step).within(room_of(self, so_far), step)
        if changes := branches_of(names, so_far.space, so_far.values)[: race.count]:
            return (yield from _racing.begin(self.memory, so_far, changes, race.lag))
        _racing.end(self.memory)
        return (yield from self._screen(so_far, names))

    def _leg(self, so_far: DecisionSoFar, *, last: bool = False) -> DecisionCourse:
        race, epoch = race_of(self.memory), so_far.situation.epoch
        if race.at in (0, epoch):
            return Choice({}, "")  # it is over, or has only begun
        race = race.ending(epoch, last=last).within(room_of(self, so_far), largest_batch(so_far.situation))
        return (yield from _racing.leg(self.memory, so_far, race, self.race_evidence))

    def _careful(
        self,
        so_far: DecisionSoFar,
        measurements: Sequence[Measurement],
        strong: Callable[[Measurement], float],
        tried: int,
    ) -> Measurement:
        """The one that is taken of those left, after so many were `tried`."""
        in_force = so_far.unchanged(measurements)
        return careful(measurements, in_force, strong, self.evidence * luck(tried), self.ties)


def rates_of(searched: Range, count: int, in_force: float) -> list[float]:
    """Rates over the whole range, evenly on its scale; the one that is nearest to what is in force is that itself."""
    positions = [index / (count - 1) for index in range(count)]
    nearest = min(positions, key=lambda position: abs(position - searched.position(in_force)))
    return [in_force if position == nearest else searched.at(position) for position in positions]
