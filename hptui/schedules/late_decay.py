"""The learning rate as it is chosen for the first half, then linearly to zero.

"Warm-up, stable, decay" without the warm-up (Hu et al. 2024, arXiv 2404.06395, section 4): while the rate stands still,
a decision sees what a value does, and not what the schedule does.
"""

from __future__ import annotations

__all__ = ["late_decay"]

DECAY = 0.5
"""share of the run over which the rate falls"""


def late_decay(progress: float) -> float:
    """1 until half of the run is over, then falling to 0."""
    return min(1.0, (1.0 - progress) / DECAY)
