"""Label smoothing (Szegedy et al. 2016, arXiv 1512.00567): how much of a label is spread over all classes.

Where an image may have several labels, it moves each towards one half.
"""

from __future__ import annotations

from hptui.hyperparameters import OfLoss

__all__ = ["LABEL_SMOOTHING"]

LABEL_SMOOTHING = OfLoss(
    "label_smoothing",
    "label smoothing",
    default=0.0,
    low=0.0,
    high=1.0,
    high_open=True,
    suggested="0:0.2:lin:3",
    careful="larger",
    can_be_off=True,
    order=50,
)
