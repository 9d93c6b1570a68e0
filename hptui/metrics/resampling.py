"""Metrics of many bootstrap resamples at once, for `hptui.metrics.intervals`. NumPy alone, imported late.

Each routine here has a slow and obvious twin in the tests: scikit-learn, one resample after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hptui.metrics.matrices import divide, mean_of_defined
from hptui.record.predictions import Predictions

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]
    Ranking = tuple[Counts, Counts, npt.NDArray[np.bool_]]
    """of one class: (N,) images from the lowest probability up, where each run of equal ones begins, and (N,) in that
    order whether they are of the class"""

TAILS = (0.025, 0.975)
ROUNDING = 1e-9
CHUNK_VALUES = 1 << 20
"""image weights held at once: 8 MB, so that those of 10,000 images stay near the processor"""


def percentiles(values: Floats) -> tuple[float, float] | None:
    """Ends of the 95 % of (resamples,) values in the middle; None if none is finite."""
    import numpy as np

    finite = values[np.isfinite(values)]  # a resample may have no image of a rare class
    if not len(finite):
        return None
    low, high = np.quantile(finite, TAILS)
    return float(low), float(high)


def spread_out(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Ends of a bootstrap; None where no resample moved the value, so that they say nothing."""
    return ends if ends is not None and ends[1] - ends[0] > ROUNDING else None


def resampled_matrices(matrix: Counts, resamples: int, seed: int) -> Counts:
    """Confusion matrices (resamples, classes, classes) of images drawn with replacement: a multinomial over cells."""
    import numpy as np

    total = int(matrix.sum())
    drawn = np.random.default_rng(seed).multinomial(total, matrix.reshape(-1) / total, resamples)
    return drawn.reshape(resamples, *matrix.shape)


def area_under_curve(areas: Floats) -> Floats:
    """Area (R,) of areas (R, classes): the second of two classes, else the mean over those that are defined."""
    return areas[:, 1] if areas.shape[1] == 2 else mean_of_defined(areas)


def drawn_weights(images: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Weightings (R, N) of the images, in pieces: how often each was drawn, with replacement, into each resample."""
    import numpy as np

    random = np.random.default_rng(seed)
    at_once = max(1, CHUNK_VALUES // max(images, 1))
    for begin in range(0, resamples, at_once):
        rows = min(at_once, resamples - begin)
        drawn = random.integers(0, images, (rows, images)) + images * np.arange(rows)[:, None]
        weights = np.bincount(drawn.reshape(-1), minlength=rows * images).reshape(rows, images)
        yield weights.astype(np.float64)


def weighted_areas(predictions: Predictions, weights: Floats) -> Floats:
    """Areas under the ROC curve of each class against the rest (R, classes), for weightings (R, N) of the images.

    The area is the share of pairs, one image of the class and one of the rest, of which the first has the higher
    probability; ties count half (Hanley and McNeil 1982). All weightings share one sorting, which makes a bootstrap
    many times faster than scikit-learn's roc_auc_score called for each resample; tests check one against the other.
    """
    return _areas(_rankings(predictions), weights, predictions.classes)


def _rankings(predictions: Predictions) -> list[Ranking]:
    """Ranking of the images for each class; none if the network has diverged, and ranks nothing."""
    import numpy as np

    rankings: list[Ranking] = []
    if not np.isfinite(predictions.probabilities).all():
        return rankings
    for index in range(predictions.classes):
        column = predictions.probabilities[:, index]
        order = np.argsort(column, kind="stable")
        begins = np.flatnonzero(np.diff(column[order], prepend=np.float32(-1)))
        rankings.append((order, begins, predictions.labels[order] == index))
    return rankings


def _areas(rankings: Sequence[Ranking], weights: Floats, classes: int) -> Floats:
    import numpy as np

    areas = np.full((len(weights), classes), np.nan)
    of_images = np.ascontiguousarray(weights.T)  # (N, R): sorting moves whole rows, a third of the time
    for index, (order, begins, is_class) in enumerate(rankings):
        outside = of_images[order]
        inside = outside[is_class]
        outside[is_class] = 0
        below = cumulated(outside)
        first, after = runs_of(begins, is_class)
        pairs = np.einsum("ir,ir->r", inside, below[first] + below[after]) / 2
        areas[:, index] = divide(pairs, inside.sum(0) * below[-1])
    return areas


def cumulated(values: Floats) -> Floats:
    """Sums (N + 1, R) of the rows of (N, R) before each, and of all."""
    import numpy as np

    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


def runs_of(begins: Counts, is_class: npt.NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """For each image of a class, in the order of a ranking, where its run of equal probabilities begins and ends."""
    import numpy as np

    ends = np.append(begins[1:], len(is_class))
    run = np.repeat(np.arange(len(begins)), ends - begins)[is_class]
    return begins[run], ends[run]
