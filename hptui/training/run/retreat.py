"""Smaller batches where those that were chosen need more memory in training than there is.

A candidate is probed for a few batches; later the device may be fuller, or what is free on it more scattered. The epoch
is then trained anew from its beginning, with the values of the epoch before, or, where its batches were no smaller,
with batches of half the size. That is done only where their size is searched: whoever set it is told that it failed.

What ran out of memory is remembered (`Progress.too_large`, in every checkpoint): no later decision of the run takes
batches of that size or larger. Their candidates fail without being trained, and a choice without a candidate, or of a
state that had such batches, goes on with smaller ones. Values that somebody chooses by hand are tried all the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from hptui.errors import failure_words
from hptui.hyperparameters import Values
from hptui.space import SearchSpace
from hptui.strategies import Measurement
from hptui.training.engine.failures import is_out_of_memory
from hptui.training.engine.state import Snapshot, TrainingState, copy_tree
from hptui.training.run.failing import free_memory
from hptui.training.run.ledger import Ledger, Progress

SIZE = "batch_size"


@dataclass(frozen=True)
class EpochBeginning:
    """Where an epoch began, kept in main memory: that of the device is what is short."""

    snapshot: Snapshot
    progress: Progress

    @classmethod
    def of(cls, state: TrainingState, progress: Progress) -> EpochBeginning:
        """The moment before the first batch."""
        return cls(state.snapshot(on_host=True), copy.deepcopy(progress))

    def plain(self) -> dict[str, Any]:
        """Plain data for a checkpoint within the epoch."""
        return {"snapshot": self.snapshot, "progress": asdict(self.progress)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any] | None) -> EpochBeginning | None:
        """Inverse of `plain`, wherever its tensors are; None where there was none, or an older hptui kept none."""
        if plain is None:
            return None
        return cls(copy_tree(plain["snapshot"], torch.device("cpu")), Progress(**plain["progress"]))

    def return_to(self, state: TrainingState, reached: Progress) -> Progress:
        """Put the training back, and give the progress that it has then.

        Images that were trained in vain count as cost, as those of greed checks do: no strategy has less for them.
        """
        size = state.values.batch_size
        before, now = self.snapshot["order"]["position"], state.order.position
        in_vain = now - before if before < now else now  # a state at the end of an epoch begins the next one
        state.restore(self.snapshot)
        return replace(
            copy.deepcopy(self.progress),
            images_probed=reached.images_probed + in_vain,
            images_checked=reached.images_checked + in_vain,
            seconds=reached.seconds,
            too_large=min(size, reached.too_large or size),
            by_hand={name: value for name, value in self.progress.by_hand.items() if name != SIZE},
        )


class Retreat:
    """Goes back to the beginning of an epoch whose batches ran out of memory, if there are smaller ones."""

    def __init__(self, state: TrainingState, ledger: Ledger) -> None:
        self._state, self._ledger = state, ledger
        self._begun: EpochBeginning | None = None
        """of the epoch that is trained now, where it may have to be trained anew"""

    def begin(self, *, searched: bool) -> None:
        """An epoch is trained, or what is left of it; `searched`: whether the size of its batches was."""
        if self._ledger.progress.batch == 0:
            self._begun = EpochBeginning.of(self._state, self._ledger.progress) if searched else None

    def failure_of(self, train: Callable[[], object], space: SearchSpace) -> str:
        """Train to the end of the epoch; why it ran out of memory, where it can be trained anew."""
        try:
            train()
        except Exception as error:
            if self._begun is None or not is_out_of_memory(error) or not self._smaller(self._begun, space):
                raise
            return failure_words(error)
        self._begun = None
        return ""

    def go_back(self, space: SearchSpace) -> tuple[Values, int, str]:
        """Go back to the beginning; values to go on with, the size that did not fit, and what it is instead."""
        assert self._begun is not None
        smaller, size = self._smaller(self._begun, space), round(self._state.values.batch_size)
        free_memory(self._state)  # not while the error is handled: it holds on to the tensors
        self._ledger.lap()
        self._ledger.progress = self._begun.return_to(self._state, self._ledger.progress)
        return smaller, size, "the values before it" if len(smaller) > 1 else "half as many images"

    def _smaller(self, begun: EpochBeginning, space: SearchSpace) -> Values:
        return smaller_batches(self._state.values.chosen(), begun.progress.trained_with, space)

    def plain(self) -> dict[str, Any] | None:
        """Plain data for a checkpoint: of one at the end of an epoch nothing is needed."""
        return self._begun.plain() if self._begun is not None and self._ledger.progress.batch else None

    def restore(self, plain: dict[str, Any] | None) -> None:
        """Go on from what `plain` gave."""
        self._begun = EpochBeginning.from_plain(plain)


def is_too_large(size: float, too_large: int) -> bool:
    """Whether batches of so many images ran out of memory before, or smaller ones did."""
    return 0 < too_large <= round(size)


def none_fits(measured: Sequence[Measurement], too_large: int) -> bool:
    """Whether all candidates failed, and some because of what was known before: the run goes on as it is."""
    known = any(is_too_large(one.values.get(SIZE, 0), too_large) for one in measured)
    return known and all(one.failed for one in measured)


def size_that_fits(size: float, before: float, too_large: int) -> float:
    """Images of a batch to go on with: as chosen, or, if that is too large, as before, or half of what was."""
    if not is_too_large(size, too_large):
        return size
    return before if not is_too_large(before, too_large) else float(max(1, too_large // 2))


def smaller_batches(now: Values, before: Values, space: SearchSpace) -> Values:
    """Values to go on with instead; none where there are no smaller batches.

    Args:
        now: with which the memory was too small.
        before: of the epoch before, or of the start.
        space: ranges that are searched.
    """
    if SIZE not in space:
        return {}
    if before.get(SIZE, now[SIZE]) < now[SIZE]:
        return before
    least = max(1, round(space[SIZE].low))
    return {SIZE: float(max(least, now[SIZE] // 2))} if now[SIZE] > least else {}
