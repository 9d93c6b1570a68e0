"""Schedule-Free AdamW (Defazio et al. 2024, arXiv 2405.15682), from the package schedulefree: no schedule."""

from __future__ import annotations

from hptui.space import Values
from hptui.strategies import Strategy

__all__ = ["ScheduleFree"]


class ScheduleFree(Strategy):
    """Never decides; trains at one point and is read at another, an average."""

    optimizer = "schedule_free"

    def start_values(self, given: Values) -> Values:
        return {"lr": 0.0025} | given  # the package's own default
