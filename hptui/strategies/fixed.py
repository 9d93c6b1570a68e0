"""The values of the start, for the whole run: the ordinary training that everything is compared with."""

from __future__ import annotations

from hptui.strategies import Strategy

__all__ = ["Fixed"]


class Fixed(Strategy):
    """Never decides."""
