"""Gamma of the focal loss: how much less an image counts that is nearly right already; 0 is the cross-entropy."""

from __future__ import annotations

from hptui.hyperparameters import OfLoss

__all__ = ["FOCAL_GAMMA"]

FOCAL_GAMMA = OfLoss(
    "focal_gamma",
    "gamma of the focal loss",
    default=2.0,
    low=0.0,
    high=10.0,
    aliases=("gamma",),
    suggested="0:4:lin:3",
    can_be_off=True,
    order=55,
)
