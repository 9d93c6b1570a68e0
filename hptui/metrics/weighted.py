"""Every metric of images that weigh differently, for many weightings at once: what resampling rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hptui.metrics.calibration import calibration_errors, squared_errors
from hptui.metrics.calls import confusion_cells, rightly_called
from hptui.metrics.matrices import divide, mean_of_defined, metric_of_matrices
from hptui.metrics.resampling import area_under_curve, cumulated, runs_of, weighted_areas
from hptui.metrics.several_labels import labels_alone
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def weighted_metric(name: str, predictions: Predictions, weights: Floats, threshold: float | None = None) -> Floats:
    """Values (R,) of a metric for weightings (R, N) of the images; nan where it is not defined.

    Args:
        name: see `hptui.metrics.classification.metric`; so too predictions and threshold.
        predictions: of N images.
        weights: of the images, none below 0.
        threshold: on the probability of the second of two classes.
    """
    import numpy as np

    if predictions.task == "multi-label":
        return _mean_over_labels(name, predictions, weights, threshold)
    if name not in OF_PROBABILITIES:
        return metric_of_matrices(name, _matrices(predictions, weights, threshold))
    if not np.isfinite(predictions.probabilities).all():
        return np.full(len(weights), np.nan)
    return OF_PROBABILITIES[name](predictions, weights)


def _mean_over_labels(name: str, predictions: Predictions, weights: Floats, threshold: float | None) -> Floats:
    """Values (R,) of a metric for weightings (R, N) of the images; arguments as of `weighted_metric`."""
    import numpy as np

    if name == "exact_match":
        share: Floats = weights @ rightly_called(predictions, threshold) / weights.sum(1)
        return share
    if name == "balanced_accuracy":  # of a label with both kinds of images alone
        halves = [_by_label(half, predictions, weights, threshold) for half in ("sensitivity", "specificity")]
        return mean_of_defined(np.mean(halves, axis=0))
    return mean_of_defined(_by_label(name, predictions, weights, threshold))


def _by_label(name: str, predictions: Predictions, weights: Floats, threshold: float | None) -> Floats:
    """Values (R, labels), nan where it is not defined."""
    import numpy as np

    columns = [weighted_metric(name, alone, weights, threshold) for alone in labels_alone(predictions)]
    return np.stack(columns, axis=1)


def _brier_scores(predictions: Predictions, weights: Floats) -> Floats:
    scores: Floats = weights @ squared_errors(predictions) / weights.sum(1)
    return scores


def _matrices(predictions: Predictions, weights: Floats, threshold: float | None) -> Floats:
    """Confusion matrices (R, classes, classes)."""
    import numpy as np

    classes = predictions.classes
    cells = confusion_cells(predictions, threshold)
    in_cell = np.zeros((len(cells), classes**2))
    in_cell[np.arange(len(cells)), cells] = 1
    return (weights @ in_cell).reshape(-1, classes, classes)


def average_precisions(predictions: Predictions, weights: Floats) -> Floats:
    """Average precision of each class against the rest (R, classes), for weightings (R, N) of the images.

    The mean over the images of the class of the precision at the threshold that just finds the image, equal
    probabilities together, without interpolation: that of scikit-learn. nan without images of the class, or others.
    """
    import numpy as np

    if not np.isfinite(predictions.probabilities).all():
        return np.full((len(weights), predictions.classes), np.nan)
    of_images = np.ascontiguousarray(weights.T)
    return np.stack([_of_class(predictions, of_images, index) for index in range(predictions.classes)], axis=1)


def _of_class(predictions: Predictions, of_images: Floats, index: int) -> Floats:
    """Average precisions (R,) of one class, for weightings (N, R) of the images."""
    import numpy as np

    column = predictions.probabilities[:, index]
    order = np.argsort(-column, kind="stable")
    begins = np.flatnonzero(np.diff(column[order], prepend=np.float32(2)))
    falling, is_class = of_images[order], predictions.labels[order] == index
    _, after = runs_of(begins, is_class)
    inside, either = falling[is_class], cumulated(falling)
    hits = cumulated(inside)[np.searchsorted(np.flatnonzero(is_class), after)]
    precision = np.nan_to_num(divide(hits, either[after]))
    found = inside.sum(0)
    average = divide(np.einsum("ir,ir->r", inside, precision), found)
    return np.where(found < either[-1], average, np.nan)


OF_PROBABILITIES: dict[str, Callable[[Predictions, Floats], Floats]] = {
    "auc": lambda predictions, weights: area_under_curve(weighted_areas(predictions, weights)),
    "average_precision": lambda predictions, weights: area_under_curve(average_precisions(predictions, weights)),
    "brier": _brier_scores,
    "calibration_error": calibration_errors,
}
"""what a confusion matrix alone cannot give, and no threshold changes"""
