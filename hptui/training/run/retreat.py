"""Smaller batches where those that were chosen need more memory in training than there is.

A candidate is probed for a few batches; later the device may be fuller, or what is free on it more scattered. The epoch
is then trained anew from its beginning, with the values of the epoch before, or, where its batches were no smaller,
with batches of half the size. That is done only where their size is searched: whoever set it is told that it failed.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

from hptui.hyperparameters import Values
from hptui.space import SearchSpace
from hptui.training.engine.state import Snapshot, TrainingState
from hptui.training.run.ledger import Progress

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

    def return_to(self, state: TrainingState, reached: Progress) -> Progress:
        """Put the training back, and give the progress that it has then.

        Images that were trained in vain count as cost, as those of greed checks do: no strategy has less for them.
        """
        before, now = self.snapshot["order"]["position"], state.order.position
        in_vain = now - before if before < now else now  # a state at the end of an epoch begins the next one
        state.restore(self.snapshot)
        return replace(
            copy.deepcopy(self.progress),
            images_probed=reached.images_probed + in_vain,
            images_checked=reached.images_checked + in_vain,
            seconds=reached.seconds,
            by_hand={name: value for name, value in self.progress.by_hand.items() if name != SIZE},
        )


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
