"""What a run's choices should make one careful about, in plain sentences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from hptui.hyperparameters import hyperparameters
from hptui.reading.by_hand import epochs_by_hand
from hptui.reading.chance import at_chance
from hptui.reading.run_state import Decision, RunState
from hptui.record.events import Axis

FALLS = 3
"""strict falls, and no rise, from which on a value is said to only fall"""


def cautions(run: RunState, directory: Path | None = None) -> tuple[str, ...]:
    """Sentences about a run's choices; empty where there is nothing to say.

    Args:
        run: whose choices they are.
        directory: of the run, where its predictions are; they are read of a network that seems to guess.
    """
    decided = [decision for decision in run.decisions if decision.chosen is not None]
    if lost := at_chance(run, directory):
        return (lost,)  # what was chosen is beside the point, and where an edge is, too
    searched: dict[str, Axis] = {axis.name: axis for decision in decided for axis in decision.started.axes}
    unsearched = _unsearched(decided)
    lines = [
        line
        for name, axis in searched.items()
        if name not in unsearched
        for line in _value_cautions(axis, *_chosen(run, decided, name))
    ]
    if unsearched:
        asked = run.plan.remedy if run.plan is not None else ""
        remedy = asked or "it takes more epochs, smaller batches or a larger budget"
        lines.insert(0, f"no budget to search {', '.join(unsearched)}: {remedy}.")
    return (*lines, *_greed(decided))


def _unsearched(decided: Sequence[Decision]) -> list[str]:
    """What the strategy says its budget did not allow, when it chose last."""
    return decided[-1].chosen.left_out if decided and decided[-1].chosen is not None else []


def _chosen(run: RunState, decided: Sequence[Decision], name: str) -> tuple[list[float], bool]:
    """Values of one hyperparameter after each decision that searched it, and whether the last one is in force.

    What somebody set by hand says nothing about the search, and is not among them.
    """
    by_hand = epochs_by_hand(name, run)
    chosen = [
        decision.chosen
        for decision in decided
        if decision.chosen is not None
        and name in decision.chosen.values
        and any(axis.name == name for axis in decision.started.axes)
    ]
    values = [one.values[name] for one in chosen if one.epoch not in by_hand]
    last = max([one.epoch for one in chosen] + [epoch.number for epoch in run.epochs if epoch.completed], default=0)
    return values, last not in by_hand


def _value_cautions(axis: Axis, values: Sequence[float], in_force: bool) -> Iterator[str]:
    """Sentences on the values of one hyperparameter that only fall, or sit on an edge of their range."""
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
        known = hyperparameters().get(axis.name)
        off = edge == "lower" and known is not None and known.can_be_off  # less of it is none at all
        if math.isclose(values[-1], bound, rel_tol=1e-9) and in_force and not off:
            yield f"{axis.name} sits on the {edge} edge of its range, {bound:g}: better values may lie beyond it."


def _greed(decided: Sequence[Decision]) -> Iterator[str]:
    """Sentence on the decisions in which longer probes would have chosen otherwise."""
    repeated = [decision.repeated for decision in decided if decision.repeated is not None]
    other = [check for check in repeated if check.changed]
    if other:
        names = dict.fromkeys(name for check in other for name in check.changed)
        yield (
            f"greed check: probes {other[0].times:g} times as long would have chosen otherwise in {len(other)} of "
            f"{len(repeated)} decisions ({', '.join(names)})."
        )
