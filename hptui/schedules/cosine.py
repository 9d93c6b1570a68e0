"""Cosine annealing of the learning rate to zero.

Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5, without restarts.
"""

from __future__ import annotations

import math

__all__ = ["cosine"]


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * progress))
