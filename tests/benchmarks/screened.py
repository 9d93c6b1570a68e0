"""`adaptive` as an ablation: regularisers are screened by short probes, whatever the budget, and never raced."""

from __future__ import annotations

from hptui.strategies.adaptive import Adaptive

__all__ = ["Screened"]


class Screened(Adaptive):
    """Without a race."""

    races = ()
