"""States of a training that a strategy may go on from, by name; the run owns them, and no strategy sees inside."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from hptui.errors import TrainingError
from hptui.strategies import StateName
from hptui.training.engine.state import Snapshot


class KeptStates:
    """Snapshots by the name of the probe at whose end they were taken; none is ever changed."""

    def __init__(self, states: Iterable[tuple[StateName, Snapshot]] = ()) -> None:
        self._states = dict(states)

    def keep(self, name: StateName, snapshot: Snapshot) -> StateName:
        """Keep one, and give its name."""
        self._states[name] = snapshot
        return name

    def state(self, name: StateName, strategy: str) -> Snapshot:
        """The state of this name; raise TrainingError, naming the strategy that asks, where there is none."""
        if name not in self._states:
            raise TrainingError(
                f"strategy {strategy} wants to go on from {name!r}, which is not kept: only the ends of candidates "
                "with keep=True are, and beyond their own decision those that `needed` names."
            )
        return self._states[name]

    def copy(self) -> KeptStates:
        """Copy of the states, to add others to."""
        return KeptStates(self._states.items())

    def forget_all_but(self, needed: Collection[StateName]) -> None:
        """Keep those that a strategy needs."""
        self._states = {name: state for name, state in self._states.items() if name in needed}

    def plain(self) -> list[list[Any]]:
        """Plain data for a checkpoint."""
        return [[*name, state] for name, state in self._states.items()]

    @classmethod
    def from_plain(cls, plain: Iterable[Iterable[Any]]) -> KeptStates:
        """Inverse of `plain`."""
        return cls(((decision, candidate), state) for decision, candidate, state in plain)
