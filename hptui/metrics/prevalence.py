"""Predictive values at a prevalence that is not that of the images (Bayes): what a result means where a test is used.

Sensitivity and specificity carry over to other prevalences as far as the spectrum of the ill and the healthy is the
same; predictive values do not. Their intervals follow from that of a ratio of two shares, which is independent of
prevalence (likelihood ratio): MOVER (Donner and Zou 2012; Newcombe 2016) on Wilson's intervals, which holds where a
share is 0 or 1, as the logit intervals of Mercaldo, Lau and Zhou 2007 do not.
"""

from __future__ import annotations

import math

from hptui.metrics.class_metrics import Estimate
from hptui.metrics.score_intervals import Ends


def ppv_at(prevalence: float, sensitivity: Estimate, specificity: Estimate) -> Estimate | None:
    """Share of those called positive that are; None where nobody is called so."""
    others = _complement(specificity)
    return _of_ratio(prevalence, sensitivity, others)


def npv_at(prevalence: float, sensitivity: Estimate, specificity: Estimate) -> Estimate | None:
    """Share of those called negative that are; None where nobody is called so."""
    missed = _complement(sensitivity)
    return _of_ratio(1 - prevalence, specificity, missed)


def _complement(share: Estimate) -> Estimate:
    low, high = share.interval
    return Estimate(1 - share.value, (1 - high, 1 - low))


def _of_ratio(prevalence: float, hits: Estimate, others: Estimate) -> Estimate | None:
    """Share of hits among what is called so: 1 / (1 + others / hits * odds against)."""
    against = (1 - prevalence) / prevalence
    if not hits.value and not others.value:
        return None

    def share(ratio: float) -> float:
        """Share of hits, by the ratio of hits to others."""
        return 1.0 if math.isinf(ratio) else ratio / (ratio + against)

    low, high = ratio_interval(hits, others)
    value = hits.value / (hits.value + others.value * against)
    return Estimate(value, (share(low), share(high)))


def ratio_interval(one: Estimate, other: Estimate) -> Ends:
    """Interval of the ratio of two independent shares, of one to the other; up to infinity."""
    (low, high), (below, above) = one.interval, other.interval
    product = one.value * other.value

    def root(end: float, far: float) -> float:
        return math.sqrt(max(product**2 - end * far * (2 * one.value - end) * (2 * other.value - far), 0.0))

    def end(sign: int, near: float, far: float) -> float:
        divisor = far * (2 * other.value - far)
        return (product + sign * root(near, far)) / divisor if divisor else math.inf

    return max(end(-1, low, above), 0.0), end(1, high, below)
