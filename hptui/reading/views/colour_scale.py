"""Way from a value to a share of the colours, in which one value far from all others does not take them all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

REACH = 9.0
"""colours end where a value is worse than the middle one by so many times what that is worse than the best"""
LEAST_VALUES = 3
"""fewer of them have no middle to tell who is far off"""
LEAST_SPAN = 1.1
"""times the best loss, to which the colours go in any case: losses that nearly agree look alike"""


@dataclass(frozen=True)
class ColourScale:
    """From `low` to `high`; losses on a logarithmic scale, because one bad cell dwarfs the rest otherwise."""

    low: float
    high: float
    lower_is_better: bool
    beyond: int = 0
    """values that are worse than its worse end, and have that colour"""

    @cached_property
    def logarithmic(self) -> bool:
        return self.lower_is_better and self.low > 0

    @property
    def best(self) -> float:
        return self.low if self.lower_is_better else self.high

    @property
    def worst(self) -> float:
        return self.high if self.lower_is_better else self.low

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return self.place(self.low), self.place(self.high)

    def place(self, value: float) -> float:
        """The value on the scale: its logarithm, or itself; beyond an end it is that end."""
        value = min(max(value, self.low), self.high)
        return math.log10(value) if self.logarithmic else value

    def share(self, value: float) -> float:
        """0 (worst) to 1 (best)."""
        low, high = self._ends
        if high <= low:
            return 1.0
        share = (self.place(value) - low) / (high - low)
        return 1 - share if self.lower_is_better else share


def colour_scale(values: Iterable[float], *, lower_is_better: bool) -> ColourScale | None:
    """Scale of these values; None of none.

    Its better end is the best value. Its worse end is the worst value, unless that is an outlier: the scale reaches no
    further than REACH times from the best to the median of the different values, beyond that. On a logarithmic scale
    it is LEAST_SPAN times the best at least.
    """
    found = list(values)
    if not found:
        return None
    whole = ColourScale(min(found), max(found), lower_is_better)
    if whole.logarithmic and whole.high < LEAST_SPAN * whole.low:
        return ColourScale(whole.low, LEAST_SPAN * whole.low, lower_is_better)
    different = sorted(set(found), reverse=not lower_is_better)
    if len(different) < LEAST_VALUES:
        return whole
    best, middle = (whole.place(different[index]) for index in (0, (len(different) - 1) // 2))
    end = middle + REACH * (middle - best)
    limit = max(10.0**end, LEAST_SPAN * whole.low) if whole.logarithmic else end
    beyond = sum(value > limit if lower_is_better else value < limit for value in found)
    if not beyond:
        return whole
    low, high = (whole.low, limit) if lower_is_better else (limit, whole.high)
    return ColourScale(low, high, lower_is_better, beyond)
