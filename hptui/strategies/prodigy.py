"""Prodigy (Mishchenko and Defazio 2023, arXiv 2306.06101), from the package prodigyopt: it estimates its own rate."""

from __future__ import annotations

from hptui.space import Values
from hptui.strategies import Strategy

__all__ = ["Prodigy"]


class Prodigy(Strategy):
    """Never decides; the learning rate that is shown is a factor of Prodigy's own estimate, and stays at 1."""

    optimizer = "prodigy"

    def start_values(self, given: Values) -> Values:
        return given | {"lr": 1.0}
