"""Cosine annealing of the learning rate to zero.

Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5, without restarts.
"""

from __future__ import annotations

import math

from hptui.strategies import Strategy

__all__ = ["Cosine"]


class Cosine(Strategy):
    """Never decides; the learning rate follows half a cosine, step by step."""

    def rate_factor(self, progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * progress))
