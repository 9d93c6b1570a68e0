"""What a run's choices should make one careful about, in plain sentences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from hptui.events import Axis
from hptui.run_state import Decision, RunState

FALLS = 3
"""strict falls, and no rise, from which on a value is said to only fall"""
CAN_BE_OFF = ("weight_decay", "dropout", "label_smoothing", "augmentation")
"""on the low edge of these nothing is missed: less of them is none at all"""


def cautions(run: RunState) -> tuple[str, ...]:
    """One sentence each; empty where there is nothing to say."""
    decided = [decision for decision in run.decisions if decision.chosen is not None]
    searched: dict[str, Axis] = {axis.name: axis for decision in decided for axis in decision.started.axes}
    lines = [line for name, axis in searched.items() for line in _of_one(axis, _chosen(decided, name))]
    return (*lines, *_greed(decided))


def _chosen(decided: Sequence[Decision], name: str) -> list[float]:
    """Its values in force after each decision that searched it."""
    return [
        decision.chosen.values[name]
        for decision in decided
        if decision.chosen is not None
        and name in decision.chosen.values
        and any(axis.name == name for axis in decision.started.axes)
    ]


def _of_one(axis: Axis, values: Sequence[float]) -> Iterator[str]:
    if not values:
        return
    steps = [after - before for before, after in itertools.pairwise(values)]
    if sum(step < 0 for step in steps) >= FALLS and not any(step > 0 for step in steps):
        fall = f"{axis.name} only falls, from {values[0]:.3g} to {values[-1]:.3g} over {len(values)} decisions"
        if axis.name == "lr":  # shown of rates alone (Wu et al. 2018); other values may have their own reasons to fall
            yield (
                f"{fall}: short probes flatter small values (short-horizon bias). Try a longer horizon, or the "
                "strategy adaptive."
            )
        else:
            yield f"{fall}. Try a longer horizon to see whether it still does."
    for edge, bound in (("lower", axis.low), ("upper", axis.high)):
        off = edge == "lower" and axis.name in CAN_BE_OFF
        if math.isclose(values[-1], bound, rel_tol=1e-9) and not off:
            yield f"{axis.name} sits on the {edge} edge of its range, {bound:g}: better values may lie beyond it."


def _greed(decided: Sequence[Decision]) -> Iterator[str]:
    repeated = [decision.repeated for decision in decided if decision.repeated is not None]
    other = [found for found in repeated if found.changed]
    if other:
        names = dict.fromkeys(name for found in other for name in found.changed)
        yield (
            f"greed check: probes {other[0].times:g} times as long would have chosen otherwise in {len(other)} of "
            f"{len(repeated)} decisions ({', '.join(names)})."
        )
