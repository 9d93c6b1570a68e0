"""Bounds of what a test set leaves open where no image moves a metric, so that no standard error is known."""

from __future__ import annotations

import math
from collections.abc import Callable

from hptui.metrics.score_intervals import NORMAL, auc_interval, f1_interval, wilson
from hptui.record.predictions import Predictions


def classes_behind(metric: str, predictions: Predictions) -> int:
    """Number of classes that a metric is a mean over; 0: it is of one class, or of all images alike."""
    import numpy as np

    if metric == "accuracy" or (predictions.classes == 2 and metric != "balanced_accuracy"):
        return 0
    return len(np.unique(predictions.labels))


def edge_error(metric: str, predictions: Predictions) -> float:
    """Bound for the standard error of a metric that no image moves: 1.96 of it reach as far as its 95 % interval.

    Wilson's of n of n for shares, Newcombe's for an area of 1, Wilson's indirect one for an F1 of 1; arguments as of
    `hptui.reading.comparison.sampling.image_influence`.
    """

    def error(images: int, others: int) -> float:
        match metric:
            case "specificity":
                low, _ = wilson(others, others)
            case "f1":
                low, _ = f1_interval(images, images)
            case "auc":
                low, _ = auc_interval(1.0, images, others)
            case _:
                low, _ = wilson(images, images)
        return (1 - low) / NORMAL

    return _over_classes(metric, predictions, error)


def paired_edge_error(metric: str, predictions: Predictions) -> float:
    """Bound for the standard error of a difference though no image tells the arms apart.

    Half an image is added to each cell of the table of pairs (Agresti and Min 2005, Statistics in Medicine 24,
    729-740); an area has no such table: the bounds of both arms together.
    """
    if metric == "auc":
        return 2 * edge_error(metric, predictions)
    return _over_classes(metric, predictions, lambda n, others: 1 / ((others if metric == "specificity" else n) + 2))


def _over_classes(metric: str, predictions: Predictions, error: Callable[[int, int], float]) -> float:
    """Error of a metric from that of one class, by its images and those of the others; independent ones in squares."""
    import numpy as np

    support, total = np.bincount(predictions.labels, minlength=predictions.classes).tolist(), len(predictions)
    if metric == "accuracy":
        return error(total, 0)
    if not classes_behind(metric, predictions):
        return error(max(support[1], 1), max(total - support[1], 1))
    errors = [error(images, max(total - images, 1)) for images in support if images]
    apart = metric in ("sensitivity", "balanced_accuracy")
    return (math.hypot(*errors) if apart else math.fsum(errors)) / len(errors)
