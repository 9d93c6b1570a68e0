"""Metrics of many bootstrap resamples at once, for `hptui.metrics.intervals`. NumPy alone, imported late.

Each routine here has a slow and obvious twin in the tests: scikit-learn, one resample after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def resampled_matrices(matrix: Counts, resamples: int, seed: int) -> Counts:
    """Confusion matrices (resamples, classes, classes) of images drawn with replacement: a multinomial over cells."""
    import numpy as np

    total = int(matrix.sum())
    drawn = np.random.default_rng(seed).multinomial(total, matrix.reshape(-1) / total, resamples)
    return drawn.reshape(resamples, *matrix.shape)


def metric_of_matrices(name: str, matrices: Counts) -> Floats:
    """Values (R,) of a metric, of confusion matrices (R, classes, classes).

    It is balanced_accuracy, f1, or sensitivity or specificity of more than two classes, as
    `hptui.metrics.classification` defines them; nan where they are not defined.
    """
    import numpy as np

    hits, support = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(2)
    if name == "f1":
        by_class = f1_of_matrices(matrices)
        return by_class[:, 1] if by_class.shape[1] == 2 else _mean_of_defined(by_class)
    if name == "specificity":
        others = support.sum(1, keepdims=True) - support
        return _mean_of_defined(np.where(support > 0, _divide(others - matrices.sum(1) + hits, others), np.nan))
    return _mean_of_defined(_divide(hits, support))


def f1_of_matrices(matrices: Counts) -> Floats:
    """F1 of each class (R, classes); nan for a class without images."""
    import numpy as np

    hits, support = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(2)
    return np.where(support > 0, _divide(2 * hits, support + matrices.sum(1)), np.nan)


def _divide(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    import numpy as np

    quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return quotient


def _mean_of_defined(values: Floats) -> Floats:
    """Mean (R,) over (R, classes), without what is nan."""
    import numpy as np

    defined = np.isfinite(values)
    return _divide(np.where(defined, values, 0.0).sum(1), defined.sum(1).astype(np.float64))


def area_under_curve(areas: Floats) -> Floats:
    """Area (R,) of areas (R, classes): the second of two classes, else the mean over those that are defined."""
    return areas[:, 1] if areas.shape[1] == 2 else _mean_of_defined(areas)


def resampled_areas(predictions: Predictions, resamples: int, seed: int) -> Floats:
    """Areas under the ROC curve of each class against the rest (resamples, classes), images drawn with replacement."""
    import numpy as np

    random, images = np.random.default_rng(seed), len(predictions)
    rankings = _rankings(predictions)
    at_once = max(1, CHUNK_VALUES // max(images, 1))
    pieces = []
    for begin in range(0, resamples, at_once):
        rows = min(at_once, resamples - begin)
        drawn = random.integers(0, images, (rows, images)) + images * np.arange(rows)[:, None]
        weights = np.bincount(drawn.reshape(-1), minlength=rows * images).reshape(rows, images)
        pieces.append(_areas(rankings, weights.astype(np.float64), predictions.classes))
    return np.concatenate(pieces)


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
    for index, (order, begins, is_class) in enumerate(rankings):
        sorted_weights = weights[:, order]
        inside = np.add.reduceat(sorted_weights * is_class, begins, axis=1)
        outside = np.add.reduceat(sorted_weights * ~is_class, begins, axis=1)
        below = outside.cumsum(1) - outside / 2
        areas[:, index] = _divide((inside * below).sum(1), inside.sum(1) * outside.sum(1))
    return areas
