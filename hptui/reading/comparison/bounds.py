"""Bounds of what a test set leaves open where no image moves a metric, so that no standard error is known."""

from __future__ import annotations

import math
from collections.abc import Callable

from hptui.metrics.calls import predicted_classes
from hptui.metrics.matrices import distances
from hptui.metrics.score_intervals import NORMAL, auc_interval, f1_interval, wilson
from hptui.metrics.weighted import OF_PROBABILITIES
from hptui.reading.comparison.sampling import OF_ALL_IMAGES, informative_labels
from hptui.record.predictions import Predictions


def classes_behind(metric: str, predictions: Predictions) -> int:
    """Number of classes, or labels, that a metric is a mean over; 0: it is of one class, or of all images alike."""
    import numpy as np

    if metric in OF_ALL_IMAGES:
        return 0
    if predictions.task == "multi-label":
        return len(informative_labels(predictions))
    if predictions.classes == 2 and metric != "balanced_accuracy":
        return 0
    return len(np.unique(predictions.labels))


def edge_error(metric: str, predictions: Predictions, threshold: float | None = None) -> float:
    """Bound for the standard error of a metric that no image moves: 1.96 of it reach as far as its 95 % interval.

    Wilson's of n of n for shares, Newcombe's for an area of 1, Wilson's indirect one for an F1 of 1; arguments as of
    `hptui.metrics.influence.image_influence`.
    """

    def error(images: int, others: int) -> float:
        match metric:
            case "specificity" | "npv":
                low, _ = wilson(others, others)
            case "f1":
                low, _ = f1_interval(images, images)
            case "auc":
                low, _ = auc_interval(1.0, images, others)
            case _:
                low, _ = wilson(images, images)
        return (1 - low) / NORMAL

    return _over_classes(metric, predictions, error, threshold)


def paired_edge_error(metric: str, predictions: Predictions, threshold: float | None = None) -> float:
    """Bound for the standard error of a difference though no image tells the arms apart.

    Half an image is added to each cell of the table of pairs (Agresti and Min 2005, Statistics in Medicine 24,
    729-740); a metric of probabilities has no such table: the bounds of both arms together.
    """
    if metric in OF_PROBABILITIES:
        return 2 * edge_error(metric, predictions, threshold)
    without = metric in ("specificity", "npv")
    return _over_classes(metric, predictions, lambda n, others: 1 / ((others if without else n) + 2), threshold)


def _over_classes(
    metric: str, predictions: Predictions, error: Callable[[int, int], float], threshold: float | None
) -> float:
    """Error of a metric from that of one class, by its images and those of the others; independent ones in squares.

    Of predictive values its images are those that were called so.
    """
    import numpy as np

    if metric == "exact_match":
        return error(len(predictions), 0)
    if predictions.task == "multi-label":
        errors = [_over_classes(metric, one, error, threshold) for one in informative_labels(predictions)]
        return math.fsum(errors) / len(errors)
    of_class = predicted_classes(predictions, threshold) if metric in ("ppv", "npv") else predictions.labels
    counts, total = np.bincount(of_class, minlength=predictions.classes).tolist(), len(predictions)
    if metric == "quadratic_kappa":
        return error(total, 0) / _expected_disagreement(predictions)
    if metric in OF_ALL_IMAGES:
        return error(total, 0)
    if not classes_behind(metric, predictions):
        return error(max(counts[1], 1), max(total - counts[1], 1))
    errors = [error(images, max(total - images, 1)) for images in counts if images]
    apart = metric in ("sensitivity", "balanced_accuracy", "ppv")
    return (math.hypot(*errors) if apart else math.fsum(errors)) / len(errors)


def _expected_disagreement(predictions: Predictions) -> float:
    """Disagreement of grades by chance, were all images called right: what a kappa is measured in."""
    import numpy as np

    shares = np.bincount(predictions.labels, minlength=predictions.classes) / len(predictions)
    return float(shares @ distances(predictions.classes) @ shares) or 1.0
