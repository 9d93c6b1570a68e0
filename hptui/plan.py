"""What a strategy plans to try: before which epochs, of which hyperparameters, how many candidates, at what cost.

One thing that every strategy tells, before it starts and whenever it changes, and that form, command line, log and
dashboard show. Plain data, as the log has it; the bounds of its numbers are checked where a log is read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from msgspec import Meta

LONGER = 2.0
"""times the length of a probe that a greed check repeats"""
ONE_BATCH = 1e-9
"""epochs: the shortest probe there is"""
ROUNDING = 1e-9
"""epochs"""
MOST_EPOCHS = 6
"""more of them are not named one by one"""
Remainder = Literal["joined", "even"]
"""what becomes of the images at the end of an epoch that fill half a batch or less: they join the batch before them,
which is then larger than the batch size; or both together are halved, so that no batch is larger than was probed"""


@dataclass(frozen=True)
class Round:
    """Candidates that are probed equally long, before anything is made of what they show."""

    candidates: Annotated[int, Meta(ge=0, le=2**53)]
    epochs: Annotated[float, Meta(ge=0, le=1e9)]
    """of each; trained in whole batches, and at least one"""


@dataclass(frozen=True)
class Stage:
    """What is tried in the same way at one decision, or at several."""

    epochs: tuple[Annotated[int, Meta(ge=0, le=100_000)], ...]
    """before which, counted from 1, ascending"""
    names: tuple[str, ...]
    """hyperparameters that are decided"""
    rounds: tuple[Round, ...] = ()
    """of one decision; none: how many there are depends on what is found"""
    title: str = ""
    """what the strategy calls it"""
    at_most: bool = False
    """whether the last round may have fewer candidates, or none: that depends on what is found"""
    gained: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """epochs of the winner's probes that the run goes on from, and need not train again"""

    @property
    def candidates(self) -> int:
        """Number of candidates of one decision."""
        return sum(one.candidates for one in self.rounds)


@dataclass(frozen=True)
class Plan:
    """All that is to come."""

    stages: tuple[Stage, ...] = ()
    left_out: tuple[str, ...] = ()
    """searched hyperparameters that the budget does not reach"""
    otherwise: str = ""
    """when else it decides, in a few words"""
    remedy: str = ""
    """what it takes to search what is left out, in a few words"""

    def decisions(self) -> dict[int, tuple[Stage, ...]]:
        """What is tried, by the epoch that the decision is for, ascending."""
        found: dict[int, tuple[Stage, ...]] = {}
        for stage in self.stages:
            for epoch in stage.epochs:
                found[epoch] = (*found.get(epoch, ()), stage)
        return dict(sorted(found.items()))

    def after(self, epoch: int) -> Plan:
        """What is left of it once the decision before `epoch` is over."""
        later = [replace(stage, epochs=tuple(at for at in stage.epochs if at > epoch)) for stage in self.stages]
        return replace(self, stages=tuple(stage for stage in later if stage.epochs))


@dataclass(frozen=True)
class Length:
    """How long a run is, for a cost in plain trainings."""

    epochs: int
    images: int = 0
    """of an epoch; 0: nobody has counted them"""
    batch_size: int = 1
    remainder: Remainder = "joined"

    def of_probe(self, epochs: float) -> float:
        """Epochs that a probe of so many trains, in whole batches; the last one of an epoch has another size."""
        if not self.images:
            return epochs
        batches = batches_per_epoch(self.images, self.batch_size, self.remainder)
        return self._images_of(max(1, round(epochs * batches)), batches) / self.images

    def in_whole_batches(self, plan: Plan) -> Plan:
        """The plan with probes as long as they will be; as it is where nobody has counted the images.

        A round goes on where the one before ended if the run gains its epochs, so that it may hold the last batch of an
        epoch, which has another size.
        """
        return replace(plan, stages=tuple(map(self._in_whole_batches, plan.stages))) if self.images else plan

    def _in_whole_batches(self, stage: Stage) -> Stage:
        batches, trained, rounds = batches_per_epoch(self.images, self.batch_size, self.remainder), 0, []
        for one in stage.rounds:
            steps = max(1, round(one.epochs * batches))
            end = self._images_of(trained + steps, batches)
            images = end - self._images_of(trained, batches)
            rounds.append(one if one.epochs <= ONE_BATCH else replace(one, epochs=images / self.images))
            trained += steps if stage.gained else 0
        return replace(stage, rounds=tuple(rounds))

    def _images_of(self, steps: int, batches: int) -> int:
        """Images of the first so many steps of a run."""
        whole, part = divmod(steps, batches)
        images = part * self.batch_size
        if 0 < part == batches - 1:  # the last but one may be smaller too
            before = images - self.batch_size
            images = before + next_batch(self.images - before, self.batch_size, self.remainder)
        return whole * self.images + images


def next_batch(left: int, batch_size: int, remainder: Remainder) -> int:
    """Images of the next batch, where so many are left of the epoch; a batch of one is none for BatchNorm."""
    if left <= batch_size or 2 * left > 3 * batch_size:
        return min(left, batch_size)
    return left if _joins(batch_size, remainder) else (left + 1) // 2


def batches_per_epoch(images: int, batch_size: int, remainder: Remainder) -> int:
    """Batches of so many images, at least one."""
    if _joins(batch_size, remainder):
        return max(1, math.ceil((2 * images - batch_size) / (2 * batch_size)))
    return max(1, math.ceil(images / batch_size))


def largest_batch(images: int, batch_size: int, remainder: Remainder) -> int:
    """Images of the largest batch of an epoch: the last one, where a remainder joins it."""
    last = images - (batches_per_epoch(images, batch_size, remainder) - 1) * batch_size
    return max(last, next_batch(images, batch_size, remainder))


def _joins(batch_size: int, remainder: Remainder) -> bool:
    """Whether a remainder makes a batch larger; three images in batches of two would leave one alone."""
    return remainder == "joined" or batch_size == 2


def planned_cost(plan: Plan, length: Length, *, greed_check: int = 0, decided: int = 0) -> float | None:
    """Images of training and of all probes to come, as a multiple of one plain training; None where nobody can tell.

    Args:
        plan: from the beginning, or from where a run is.
        length: of the whole run.
        greed_check: every so many decisions are repeated with probes that are LONGER; 0: none.
        decided: decisions that were made before.
    """
    if any(not stage.rounds for stage in plan.stages):
        return None
    plain = {stage: _probed(stage, length) for stage in plan.stages}
    longer = {stage: _probed(stage, length, LONGER) for stage in plan.stages} if greed_check else {}
    total = float(length.epochs)
    for number, stages in enumerate(plan.decisions().values(), decided):
        gained = sum(length.of_probe(stage.gained) for stage in stages if stage.gained)
        # the run comes past the end of an epoch, and trains the one that it came into to its end
        total += sum(plain[stage] for stage in stages) - gained + math.floor(gained + ROUNDING)
        if greed_check and number % greed_check == 0:
            total += sum(longer[stage] for stage in stages)
    return total / length.epochs


def _probed(stage: Stage, length: Length, times: float = 1.0) -> float:
    """Epochs of all probes of one decision."""
    return sum(one.candidates * length.of_probe(times * one.epochs) for one in stage.rounds)


def plan_lines(plan: Plan, *, decided: int = 0, counted: bool = True) -> list[str]:
    """The plan in words, a line for each stage; what comes when nothing more is decided, too.

    `counted`: whether its probes have whole batches; else they are about as long.
    """
    lines = [stage_words(stage, counted=counted) for stage in sorted(plan.stages, key=lambda stage: stage.epochs)]
    lines += left_out_lines(plan)
    if not plan.stages:
        lines.append("nothing more will be decided" if decided else "nothing will be decided")
    return [*lines, plan.otherwise] if plan.otherwise else lines


def left_out_lines(plan: Plan) -> list[str]:
    """What the budget does not reach, with what it takes to reach it; none if it reaches all."""
    remedy = f": {plan.remedy}" if plan.remedy else ""
    return [f"no budget to search {', '.join(plan.left_out)}{remedy}"] if plan.left_out else []


def stage_words(stage: Stage, *, counted: bool = True) -> str:
    """When, what, and how many: "before epoch 1: survey of lr, 7 candidates for 0.16 epochs, then 3 for 0.33"."""
    title = f"{stage.title} of " if stage.title else ""
    candidates = candidates_words(stage, counted=counted)
    return f"before {epochs_words(stage.epochs)}: {title}{', '.join(stage.names)}, {candidates}"


def candidates_words(stage: Stage, *, counted: bool = True) -> str:
    """How many, and how long each is probed."""
    if not stage.rounds:
        return "as many candidates as it finds necessary"
    first, *later = stage.rounds
    bound = "at most " if stage.at_most else ""
    unit = first.epochs > ONE_BATCH and all(one.epochs > ONE_BATCH for one in later)  # then it need not be repeated
    lengths = [length_number(one.epochs) if unit else _time(one.epochs) for one in later]
    further = "".join(f", then {bound}{one.candidates} for {text}" for one, text in zip(later, lengths, strict=True))
    about = "" if counted or not unit else "about "
    return f"{'' if later else bound}{_count(first.candidates)} for {about}{_time(first.epochs)}{further}"


def epochs_words(epochs: Sequence[int]) -> str:
    """Words such as "epoch 3", "epochs 1 to 10", "epochs 1, 3, ..., 9"."""
    if not epochs:
        return "no epoch"
    if len(epochs) == 1:
        return f"epoch {epochs[0]}"
    steps = {later - one for one, later in itertools.pairwise(epochs)}
    if steps == {1}:
        return f"epochs {epochs[0]} to {epochs[-1]}"
    if len(epochs) > MOST_EPOCHS:
        return f"epochs {epochs[0]}, {epochs[1]}, ..., {epochs[-1]}"
    return f"epochs {', '.join(map(str, epochs))}"


def _count(candidates: int) -> str:
    return f"{candidates:,} candidate{'s' * (candidates != 1)}"


def _time(epochs: float) -> str:
    if epochs <= ONE_BATCH:
        return "one batch"
    return length_words(epochs)


def length_words(epochs: float) -> str:
    """The length of a probe, planned or trained, as every reader writes it: "0.16 epochs"."""
    return f"{length_number(epochs)} epoch{'s' * (length_number(epochs) != '1')}"


def length_number(epochs: float) -> str:
    """Length of a probe without its unit."""
    return f"{epochs:.2g}" if epochs < 10 else f"{epochs:.0f}"
