"""Where the cells of a heatmap stand: at the values that were tried, not at those of a grid that nobody probed."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from hptui.reading.run_state import Decision
from hptui.reading.views.probe_rounds import ProbeRound
from hptui.record.events import Axis, CandidateScored

SAME = 1e-6
"""relative: a value that went through an optimizer in single precision is still the same"""


class Guess(NamedTuple):
    """What a strategy's model expects of one combination of values."""

    values: Mapping[str, float]
    score: float


def shown_axes(decision: Decision, shown: ProbeRound | None, guesses: Sequence[Guess]) -> dict[str, Axis]:
    """The searched axes, each with the values that have cells, ascending.

    These are all values that were tried or guessed; those of the grid as well where every cell of it is, or was to be,
    probed, or where nothing was tried yet. What no candidate has, because the model has no such thing, is left out.
    """
    candidates = shown.candidates if shown is not None else ()
    whole = covers_grid(decision)
    axes = {}
    for axis in decision.started.axes:
        tried = tried_values(candidates, axis.name)
        if candidates and not tried:
            continue
        values = [*(guess.values[axis.name] for guess in guesses), *(axis.values if whole or not tried else ())]
        axes[axis.name] = Axis(axis.name, axis.low, axis.high, axis.scale, distinct(values, tried))
    return axes


def varied(axes: Mapping[str, Axis]) -> list[str]:
    """Names of what has several values, in the order of the search."""
    return [name for name, axis in axes.items() if len(axis.values) > 1]


def standing(decision: Decision, rounds: Sequence[ProbeRound]) -> tuple[str, str] | None:
    """Names of what stands upwards and, unless one asks for another, across, in all heatmaps of a decision.

    The first two that one of its rounds varied together, in the order of the search; while none has, that a stage is
    planned to. None: each is tried alone, and lies across.
    """
    together = (varied(shown_axes(decision, one, ())) for one in rounds)
    planned = (_searched(decision, stage.names) for stage in decision.stages)
    names = next((found for found in (*together, *planned) if len(found) > 1), None)
    return None if names is None else (names[0], names[1])


def planned_names(decision: Decision, number: int) -> list[str]:
    """Names of what a round of a decision is planned to vary; none: nobody has told."""
    for stage in decision.stages:
        if number < len(stage.rounds) or not stage.rounds:
            return _searched(decision, stage.names)
        number -= len(stage.rounds)
    return []


def _searched(decision: Decision, names: Collection[str]) -> list[str]:
    """Names that the candidates have, in the order of the search; all before there is a candidate."""
    return [
        axis.name
        for axis in decision.started.axes
        if axis.name in names and (not decision.candidates or tried_values(decision.candidates, axis.name))
    ]


def guesses_of(decision: Decision) -> list[Guess]:
    """Predicted scores with their values; of what only one value was tried, that value and not its place on a grid."""
    if decision.predicted is None:
        return []
    axes = decision.started.axes
    names = [axis.name for axis in axes]
    every = itertools.product(*(axis.values for axis in axes))
    scored = [
        (values, score) for values, score in zip(every, decision.predicted.scores, strict=True) if score is not None
    ]
    placed = {}
    for index, name in enumerate(names):
        tried = {one.values[name] for one in decision.candidates if name in one.values and not one.diverged}
        if len(tried) == 1 and len({values[index] for values, _ in scored}) == 1:
            placed[name] = tried.pop()
    return [Guess(dict(zip(names, values, strict=True)) | placed, score) for values, score in scored]


def index_of(value: float, axis: Axis) -> int:
    """Index of the cell that stands at a value, one of those that the axis was made of."""
    near = bisect_left(axis.values, value)
    if near < len(axis.values) and axis.values[near] == value:
        return near
    return min(
        (index for index in (near - 1, near) if 0 <= index < len(axis.values)),
        key=lambda index: abs(axis.values[index] - value),
    )


def covers_grid(decision: Decision) -> bool:
    """Whether every cell of the grid is to have a candidate, and none lies beside it."""
    axes = decision.started.axes
    if decision.started.planned != math.prod(len(axis.values) for axis in axes):
        return False
    tried = {axis.name: tried_values(decision.candidates, axis.name) for axis in axes}
    return all(len(distinct(axis.values, tried[axis.name])) == len(axis.values) for axis in axes)


def tried_values(candidates: Iterable[CandidateScored], name: str) -> set[float]:
    """Different values; none where the model has no such hyperparameter."""
    return {one.values[name] for one in candidates if name in one.values}


def distinct(exact: Iterable[float], read_back: Iterable[float]) -> list[float]:
    """Values ascending, those that are the same once; `exact` ones go before what was read back."""
    kept: list[float] = []
    for value in sorted(set(exact)) + sorted(set(read_back)):
        at = bisect_left(kept, value)
        if not any(math.isclose(value, other, rel_tol=SAME) for other in kept[max(at - 1, 0) : at + 1]):
            kept.insert(at, value)
    return kept


def placed_at(one: CandidateScored, x: Axis, y: Axis | None) -> tuple[int, int] | None:
    """Row and column of a candidate; None: the model has no such hyperparameter."""
    if x.name not in one.values or (y is not None and y.name not in one.values):
        return None
    return (index_of(one.values[y.name], y) if y is not None else 0), index_of(one.values[x.name], x)
