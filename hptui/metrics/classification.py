"""What predictions are worth against their labels: counts of a confusion matrix, and the metrics made of them.

Two classes: the second is the positive one. More: the mean over the classes that occur of one class against the rest
(macro). Several labels per image: the mean over the labels, each of two classes, without and with it; labels of which
the images tell nothing are left out (`hptui.metrics.several_labels`). Every number of a screen, a table or a picture
that has one of these names comes from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING

from hptui.errors import ConfigError, nearest
from hptui.metrics.calls import called_labels, confusion
from hptui.metrics.weighted import weighted_metric
from hptui.record.class_counts import ClassCounts, class_counts, counts_of_label
from hptui.record.predictions import Predictions
from hptui.record.task import Task

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    Probabilities = npt.NDArray[np.float32]

METRIC_TITLES: dict[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "AUC",
    "f1": "F1",
    "ppv": "PPV",
    "npv": "NPV",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "quadratic_kappa": "quadratic kappa",
    "exact_match": "exact match",
}
"""as they stand in tables and on axes; all are fractions, and the kappa goes down to -1"""
METRICS: tuple[str, ...] = tuple(name for name in METRIC_TITLES if name != "exact_match")
"""of images that are of one class each"""
LABEL_METRICS: tuple[str, ...] = tuple(name for name in METRIC_TITLES if name != "quadratic_kappa")
"""of images that may have several labels"""
OVER_LABELS = {"accuracy": "label-wise accuracy", "auc": "mean AUC", "average_precision": "mean average precision"}
"""titles of those that stand for something else where an image may have several labels"""
LOWER_IS_BETTER = frozenset({"brier", "calibration_error"})
NO_SCORES = frozenset({"ppv", "npv", "calibration_error"})
"""what no decision should compare: a network that calls one sure image, or always says the prevalence, is best at it"""


def metrics_of(task: Task) -> tuple[str, ...]:
    """Metrics that a task has."""
    return METRICS if task == "single-label" else LABEL_METRICS


def metric_title(name: str, task: Task) -> str:
    """Title of a metric, as it stands for the labels of a task."""
    return OVER_LABELS.get(name, METRIC_TITLES[name]) if task == "multi-label" else METRIC_TITLES[name]


def counts_of(predictions: Predictions, threshold: float | None = None) -> ClassCounts:
    """Counts of each class, or of each label."""
    if predictions.task == "single-label":
        return class_counts(confusion(predictions, threshold).tolist())
    called, labels = called_labels(predictions.probabilities, threshold), predictions.labels
    support, said, hits = (each.sum(0).tolist() for each in (labels, called, labels * called))
    return ClassCounts(support, said, hits, len(predictions))


CountMetric = Callable[[ClassCounts], float | None]


def _over_labels(of_classes: CountMetric) -> CountMetric:
    """A metric that is, of images with several labels, the mean over these, without those that have none."""

    @wraps(of_classes)
    def value(classes: ClassCounts) -> float | None:
        if classes.images is None:
            return of_classes(classes)
        return _mean(of_classes(counts_of_label(classes, index)) for index in range(len(classes.support)))

    return value


@_over_labels
def accuracy(classes: ClassCounts) -> float | None:
    """Share of the images that were called by their class."""
    return _share(sum(classes.hits), sum(classes.support))


def balanced_accuracy(classes: ClassCounts) -> float | None:
    """Mean over the classes that occur, also of two, of the share of each that was called so.

    A label that all images have, or none, is left out: half of it is not known.
    """
    if classes.images is not None:
        halves = [counts_of_label(classes, index) for index in range(len(classes.support))]
        return _mean(balanced_accuracy(both) for both in halves if all(both.support))
    return _mean(_share(hits, support) for hits, support in zip(classes.hits, classes.support, strict=True))


@_over_labels
def sensitivity(classes: ClassCounts) -> float | None:
    """Share of the second (positive) of two classes that was called so; of more, the mean over those that occur."""
    if len(classes.support) == 2:
        return _share(classes.hits[1], classes.support[1])
    return balanced_accuracy(classes)


@_over_labels
def specificity(classes: ClassCounts) -> float | None:
    """Share of the first (negative) of two classes that was called so; of more, the mean over those that occur."""
    if len(classes.support) == 2:
        return _share(classes.hits[0], classes.support[0])
    return _mean(_share(*rejected(classes, index)) for index, support in enumerate(classes.support) if support)


@_over_labels
def ppv(classes: ClassCounts) -> float | None:
    """Positive predictive value (precision): share of the images called by the second of two classes that are of it.

    Of more classes, the mean over those that some image was called by.
    """
    by_class = [_share(hits, called) for hits, called in zip(classes.hits, classes.predicted, strict=True)]
    return by_class[1] if len(by_class) == 2 else _mean(by_class)


@_over_labels
def npv(classes: ClassCounts) -> float | None:
    """Negative predictive value: share of the images not called by the second of two classes that are not of it.

    Of more classes, the mean over those that occur.
    """
    if len(classes.support) == 2:
        return _share(*spared(classes, 1))
    return _mean(_share(*spared(classes, index)) for index, support in enumerate(classes.support) if support)


@_over_labels
def f1(classes: ClassCounts) -> float | None:
    """Harmonic mean of sensitivity and precision: of the second of two classes, else mean over those that occur."""
    by_class = [f1_of_class(classes, index) for index in range(len(classes.support))]
    return by_class[1] if len(by_class) == 2 else _mean(by_class)


_OF_COUNTS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "f1": f1,
    "ppv": ppv,
    "npv": npv,
}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None


def rejected(classes: ClassCounts, index: int) -> tuple[int, int]:
    """Images of all other classes that were not called by this one, and all images of the others."""
    others = sum(classes.support) - classes.support[index]
    return others - classes.predicted[index] + classes.hits[index], others


def spared(classes: ClassCounts, index: int) -> tuple[int, int]:
    """Images not called by a class that are not of it, and all images that were not called by it."""
    right, _ = rejected(classes, index)
    return right, sum(classes.support) - classes.predicted[index]


def f1_of_class(classes: ClassCounts, index: int) -> float | None:
    """F1 of one class against the rest; None for a class without images."""
    if not classes.support[index]:
        return None
    return 2 * classes.hits[index] / (classes.support[index] + classes.predicted[index])


def metric(name: str, predictions: Predictions, threshold: float | None = None) -> float | None:
    """Value of a metric, a fraction; None where it is not defined (a class without images).

    Args:
        name: of METRICS, or LABEL_METRICS.
        predictions: of one network on one split.
        threshold: on the probability of the second of two classes; None: the most probable class counts. Metrics of
            the probabilities themselves take none: AUC and average precision are over all thresholds.

    Raises:
        ConfigError: there is no such metric (names the nearest), or it is of the other task.
    """
    check_metric(name, predictions.task)
    if name in _OF_COUNTS:
        return _OF_COUNTS[name](counts_of(predictions, threshold))
    import numpy as np

    value = float(weighted_metric(name, predictions, np.ones((1, len(predictions))), threshold)[0])
    return value if math.isfinite(value) else None


def check_metric(name: str, task: Task | None = None) -> None:
    """Raise ConfigError, naming the nearest, unless this is a metric, and one that the task has."""
    if name not in METRIC_TITLES:
        raise ConfigError(f"unknown metric {name!r}.{nearest(name, METRIC_TITLES)}")
    if task is not None and name not in metrics_of(task):
        has = "one class per image" if task == "single-label" else "several labels per image"
        raise ConfigError(f"{name} is no metric of {has}; take one of {', '.join(metrics_of(task))}.")
