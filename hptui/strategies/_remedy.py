"""What would have to be other for a budget to reach what it does not reach: found by planning with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

MOST_EPOCHS, MOST_TIMES = 100, 20
"""epochs, or times as many as there are: more than both is no help, but another training"""
MOST_BUDGET = 50.0
LEAST_BATCH = 2
"""images: of one alone batch normalisation has nothing to normalise by"""
OUT_OF_REACH = "no budget, epochs or batches near these reach it; it takes more training images, or fewer ranges"
TENTHS = 10
"""a budget is told in tenths, rounded up"""


class Terms(NamedTuple):
    """What a plan is made for, as far as one may change it."""

    epochs: int
    budget: float
    batch_size: int
    names: tuple[str, ...]
    """of what is searched"""


Unreached = Callable[[Terms], Sequence[str]]
"""names that a plan on these terms leaves out"""


def remedy(unreached: Unreached, now: Terms, *, smaller_batches: bool) -> str:
    """Words such as "it takes --epochs 41, or --budget 8.1, or --set batch_size=6", each alone; empty: none helps.

    Where nothing at all is reached, also what reaches a part of it, or that nothing near does; where less could be,
    which names have room.

    Args:
        unreached: the strategy's own rules.
        now: the terms with which something is left out.
        smaller_batches: whether the batch size is one that may be set.
    """
    whole = _ways(lambda terms: not unreached(terms), now, smaller_batches=smaller_batches)
    words = [f"it takes {_alternatives(whole)}"] if whole else []
    if nothing := len(unreached(now)) == len(now.names):
        part = _ways(lambda terms: len(unreached(terms)) < len(terms.names), now, smaller_batches=smaller_batches)
        if part and part != whole:
            reached = [name for name in now.names if name not in unreached(next(iter(part.values())))]
            words.append(f"for {', '.join(reached)} alone {_alternatives(part)}")
    searched = len(now.names) - len(unreached(now))
    fewer = (now.names[:count] for count in range(len(now.names) - 1, searched, -1))
    if kept := next((names for names in fewer if not unreached(now._replace(names=names))), ()):
        words.append(f"as it is there is room for {', '.join(kept)} alone")
    return "; ".join(words) or OUT_OF_REACH * nothing


def _alternatives(ways: Mapping[str, Terms]) -> str:
    return ", or ".join(ways)


def _ways(reaches: Callable[[Terms], bool], now: Terms, *, smaller_batches: bool) -> dict[str, Terms]:
    """Flags, each of which reaches alone, with the terms that they make."""
    ways = {}
    most_epochs = max(MOST_EPOCHS, MOST_TIMES * now.epochs)
    if (epochs := _least(lambda n: reaches(now._replace(epochs=n)), now.epochs, most_epochs)) is not None:
        ways[f"--epochs {epochs}"] = now._replace(epochs=epochs)
    tenths, most = math.floor(now.budget * TENTHS), round(MOST_BUDGET * TENTHS)
    if (found := _least(lambda n: reaches(now._replace(budget=n / TENTHS)), tenths, most)) is not None:
        ways[f"--budget {found / TENTHS:g}"] = now._replace(budget=found / TENTHS)
    halves = (now.batch_size >> times for times in range(1, now.batch_size.bit_length()))
    halves = (size for size in halves if size >= LEAST_BATCH)
    if smaller_batches and (size := next((n for n in halves if reaches(now._replace(batch_size=n))), 0)):
        ways[f"--set batch_size={size}"] = now._replace(batch_size=size)
    return ways


def _least(reaches: Callable[[int], bool], too_few: int, most: int) -> int | None:
    """The least number that reaches, found by doubling and halving; None if `most` does not."""
    high = too_few + 1
    while not reaches(high):
        if high >= most:
            return None
        too_few, high = high, min(2 * high, most)
    while high - too_few > 1:
        middle = (too_few + high) // 2
        too_few, high = (too_few, middle) if reaches(middle) else (middle, high)
    return high
