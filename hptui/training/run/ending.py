"""When a run ends: earlier than asked once what it delivers changes no more, later while its losses still fall.

Both follow from the losses that the delivered epoch is chosen by (`delivery`), and from no others:

- It ends early once the newest epochs, PATIENCE of all that were trained, are none of them within one standard error of
  the lowest calibrated validation loss: what is delivered comes from before them (early stopping, Prechelt 1998).
- At its end it goes on, a quarter as long again, if the lowest loss is of the last quarter, and lower than the lowest
  before it by more than MARGIN standard errors, paired over the images.

The learning rate has to allow it: a rate that falls towards the end, as with `cosine`, needs the end where it was. So a
run goes on only where the rate is the same with the new end, and ends early only while it has not begun to fall: as it
falls, losses may come down once more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from hptui.metrics.temperature import is_within_error

if TYPE_CHECKING:
    from hptui.metrics.temperature import Floats
    from hptui.record.predictions import Names
    from hptui.schedules import Schedule
    from hptui.training.run.delivery import Delivery

PATIENCE = 1 / 3
"""share of the epochs trained"""
LEAST_PATIENCE = 3
"""epochs"""
MARGIN = 2.0
"""standard errors"""
QUARTER = 1 / 4
"""of the epochs asked for: what the losses of the end are compared with, and how long it goes on at a time"""
LEAST_ASKED = 8
"""epochs: of fewer a quarter is one, and one epoch tells little of the next"""
MOST_EPOCHS = 100_000
"""that a log can count"""


@dataclass
class Ending:
    """The end of one run, as its losses move it."""

    longest: float
    """times the epochs asked for that it may have"""
    before: Floats | None = None
    """(validation images,) calibrated losses of the epoch that was lowest before the last quarter"""

    def moved(
        self,
        delivery: Delivery,
        epoch: int,
        asked: int,
        end: int,
        schedule: Schedule,
        *,
        since: int = 0,
        groups: Names | None = None,
    ) -> int:
        """The end from now on; `epoch`: it is over.

        Args:
            delivery: of the run, after `epoch`.
            epoch: that was completed.
            asked: epochs that it was to have.
            end: epochs that it is to have now.
            schedule: of its learning rate.
            since: epochs that it had when other values were put in force; it is waited from there on.
            groups: (validation images,) whom each is of.
        """
        assert delivery.chosen is not None
        quarter = max(1, round(QUARTER * asked))
        if epoch == end and asked >= LEAST_ASKED and self._still_falls(delivery.lowest, groups):
            later = min(end + quarter, math.floor(self.longest * asked), MOST_EPOCHS)
            if later > end and schedule(1.0) == schedule(end / later):
                end = later
        if epoch == end - quarter:
            self.before = delivery.lowest
        waited = epoch - max(delivery.chosen.epoch, since)
        if waited >= max(LEAST_PATIENCE, PATIENCE * epoch) and not _has_fallen(schedule, epoch, end):
            return epoch
        return end

    def _still_falls(self, lowest: Floats | None, groups: Names | None) -> bool:
        if self.before is None or lowest is None or not math.isfinite(self.before.mean()):
            return False
        return not is_within_error(self.before, lowest, groups, errors=MARGIN)

    def state(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {"before_last_quarter": torch.from_numpy(self.before)} if self.before is not None else {}

    @classmethod
    def from_plain(cls, longest: float, saved: Mapping[str, Any]) -> Ending:
        """Inverse of `state`."""
        before = saved.get("before_last_quarter")
        return cls(longest, before.cpu().numpy() if before is not None else None)


def _has_fallen(schedule: Schedule, epoch: int, end: int) -> bool:
    """Whether the learning rate is smaller after `epoch` than it was before."""
    return schedule(epoch / end) < max(schedule(before / end) for before in range(epoch))
