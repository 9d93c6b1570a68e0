"""Intervals (95 %) in closed form that hold at the edge too: where all, or none, of the images are right.

There the spread of the images is zero, so that a normal interval or a bootstrap says 100 % to 100 %, be it of two
images. These invert a test instead: they are what the share on all images could be for this to happen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

NORMAL = 1.959963984540054
"""standard errors to either side that hold 95 %"""
HALVINGS = 60
"""of the bracket in which an end is sought: to the last bit"""

Ends = tuple[float, float]


def wilson(part: int, whole: int) -> Ends:
    """Wilson's interval (1927) of the share part / whole (whole > 0), without continuity correction."""
    return share_interval(part / whole, whole)


def share_interval(share: float, size: float) -> Ends:
    """Wilson's interval of a share that is as well known as that of so many independent images, not only whole ones."""
    square = NORMAL**2
    middle = (share + square / (2 * size)) / (1 + square / size)
    reach = NORMAL / (1 + square / size) * math.sqrt(share * (1 - share) / size + square / (4 * size**2))
    low = 0.0 if share <= 0 else middle - reach
    return low, 1.0 if share >= 1 else middle + reach


def f1_interval(hits: int, either: int) -> Ends:
    """Interval of F1 = 2 hits / (hits + either), of images that are of the class, or called so, or both (`either` > 0).

    The share J = hits / either is a binomial one, and F1 = 2 J / (1 + J) rises with it ("Wilson indirect": Lam, Gopal
    and Qian 2023, arXiv 2309.14621).
    """
    return f1_of_share(wilson(hits, either))


def f1_of_share(ends: Ends) -> Ends:
    """Ends of F1 from those of J."""
    low, high = ends
    return 2 * low / (1 + low), 2 * high / (1 + high)


def auc_error(area: float, positive: float, negative: float) -> float:
    """Standard error of an area by Hanley and McNeil (1982), with the mean of both numbers of images for each."""
    others = (positive + negative) / 2 - 1
    spread = 1 + others * ((1 - area) / (2 - area) + area / (1 + area))
    return math.sqrt(area * (1 - area) * spread / (positive * negative))


def auc_interval(area: float, positive: float, negative: float) -> Ends:
    """Interval of an area under the ROC curve from so many images of the class, and of others.

    Newcombe 2006, Statistics in Medicine 25, 559-573, method 5: the areas whose distance from this one is 1.96 of
    their own standard errors. Numbers that are not whole are effective ones.
    """

    def end(inside: float, outside: float) -> float:
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            near = abs(area - middle) <= NORMAL * auc_error(middle, positive, negative)
            inside, outside = (middle, outside) if near else (inside, middle)
        return inside

    return (end(area, 0.0) if area > 0 else 0.0), (end(area, 1.0) if area < 1 else 1.0)


def mean_interval(values: Sequence[float], ends: Sequence[Ends], *, independent: bool) -> Ends:
    """Interval of the mean of numbers whose own intervals are known.

    Their distances to the ends are added in squares if they are independent (MOVER: Zou and Donner 2008, Statistics in
    Medicine 27, 1693-1702), else as they are, which is right or too wide.
    """
    mean = math.fsum(values) / len(values)
    below = [value - low for value, (low, _) in zip(values, ends, strict=True)]
    above = [high - value for value, (_, high) in zip(values, ends, strict=True)]
    together = math.hypot if independent else lambda *distances: math.fsum(distances)
    return mean - together(*below) / len(values), mean + together(*above) / len(values)


def calibration_interval(value: float, resampled: Sequence[float], error: float, quantile: float = NORMAL) -> Ends:
    """Interval of a calibration error, whose bins all add their noise to it as if it were error.

    Of a network that is well calibrated a resample adds less than half of what the sample itself has added, so the
    lower end lies lower by twice that much; the other terms are those of a mean.

    Args:
        value: of all images.
        resampled: of resamples of them.
        error: standard error with bins and signs as they are.
        quantile: standard errors that hold 95 %.
    """
    added = max(math.fsum(resampled) / len(resampled) - value, 0.0)
    return max(value - 2 * added - quantile * error, 0.0), min(value + quantile * error, 1.0)
