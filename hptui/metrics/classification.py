"""What predictions are worth against their labels: counts of a confusion matrix, and the metrics made of them.

Two classes: the second is the positive one. More: the mean over the classes that occur of one class against the rest
(macro). Every number of a screen, a table or a picture that has one of these names comes from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hptui.errors import ConfigError, nearest
from hptui.record.class_counts import ClassCounts
from hptui.record.predictions import Predictions

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    from hptui.metrics.resampling import Counts

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
}
"""as they stand in tables and on axes; all are fractions, and the kappa goes down to -1"""
METRICS: tuple[str, ...] = tuple(METRIC_TITLES)
LOWER_IS_BETTER = frozenset({"brier", "calibration_error"})
NO_SCORES = frozenset({"ppv", "npv", "calibration_error"})
"""what no decision should compare: a network that calls one sure image, or always says the prevalence, is best at it"""
OF_PROBABILITIES = frozenset({"auc", "average_precision", "brier", "calibration_error"})
"""what a confusion matrix alone cannot give, and no threshold changes"""


def predicted_classes(predictions: Predictions, threshold: float | None = None) -> Counts:
    """(N,) most probable class of each image; with a threshold (two classes) positive from that probability on.

    Raises:
        ValueError: a threshold for other than two classes.
    """
    return called_classes(predictions.probabilities, threshold)


def called_classes(probabilities: Probabilities, threshold: float | None = None) -> Counts:
    """(N,) classes as `predicted_classes` has them, of (N, classes) probabilities alone."""
    import numpy as np

    if threshold is None:
        most_probable: Counts = probabilities.argmax(1)
        return most_probable
    if probabilities.shape[1] != 2:
        raise ValueError(f"a threshold needs two classes, not {probabilities.shape[1]}")
    # in double precision, or the threshold would be rounded to the precision of the probabilities first
    positive: Counts = (probabilities[:, 1].astype(np.float64) >= threshold).astype(np.int64)
    return positive


def confusion(predictions: Predictions, threshold: float | None = None) -> Counts:
    """Confusion matrix (classes, classes) in images; row: true class, column: predicted class."""
    import numpy as np

    classes = predictions.classes
    cells = confusion_cells(predictions, threshold)
    matrix: Counts = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    return matrix


def confusion_cells(predictions: Predictions, threshold: float | None = None) -> Counts:
    """(N,) cell of each image, counted along the rows of the confusion matrix."""
    cells: Counts = predictions.labels * predictions.classes + predicted_classes(predictions, threshold)
    return cells


def class_counts(matrix: Sequence[Sequence[int]]) -> ClassCounts:
    """Sums of a confusion matrix for each class; rows: true class, columns: predicted class."""
    return ClassCounts(
        support=[sum(row) for row in matrix],
        predicted=[sum(column) for column in zip(*matrix, strict=True)],
        hits=[row[index] for index, row in enumerate(matrix)],
    )


def accuracy(classes: ClassCounts) -> float | None:
    """Share of the images that were called by their class."""
    return _share(sum(classes.hits), sum(classes.support))


def balanced_accuracy(classes: ClassCounts) -> float | None:
    """Mean over the classes that occur, also of two, of the share of each that was called so."""
    return _mean(_share(hits, support) for hits, support in zip(classes.hits, classes.support, strict=True))


def sensitivity(classes: ClassCounts) -> float | None:
    """Share of the second (positive) of two classes that was called so; of more, the mean over those that occur."""
    if len(classes.support) == 2:
        return _share(classes.hits[1], classes.support[1])
    return balanced_accuracy(classes)


def specificity(classes: ClassCounts) -> float | None:
    """Share of the first (negative) of two classes that was called so; of more, the mean over those that occur."""
    if len(classes.support) == 2:
        return _share(classes.hits[0], classes.support[0])
    return _mean(_share(*rejected(classes, index)) for index, support in enumerate(classes.support) if support)


def ppv(classes: ClassCounts) -> float | None:
    """Positive predictive value (precision): share of the images called by the second of two classes that are of it.

    Of more classes, the mean over those that some image was called by.
    """
    by_class = [_share(hits, called) for hits, called in zip(classes.hits, classes.predicted, strict=True)]
    return by_class[1] if len(by_class) == 2 else _mean(by_class)


def npv(classes: ClassCounts) -> float | None:
    """Negative predictive value: share of the images not called by the second of two classes that are not of it.

    Of more classes, the mean over those that occur.
    """
    if len(classes.support) == 2:
        return _share(*spared(classes, 1))
    return _mean(_share(*spared(classes, index)) for index, support in enumerate(classes.support) if support)


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
    """Value of one of METRICS, a fraction; None where it is not defined (a class without images).

    Args:
        name: of METRICS.
        predictions: of one network on one split.
        threshold: on the probability of the second of two classes; None: the most probable class counts. Metrics of
            the probabilities themselves take none: AUC and average precision are over all thresholds.

    Raises:
        ConfigError: there is no such metric (names the nearest).
    """
    check_metric(name)
    if name in _OF_COUNTS:
        return _OF_COUNTS[name](class_counts(confusion(predictions, threshold).tolist()))
    import numpy as np

    from hptui.metrics.weighted import weighted_metric

    value = float(weighted_metric(name, predictions, np.ones((1, len(predictions))), threshold)[0])
    return value if math.isfinite(value) else None


def check_metric(name: str) -> None:
    """Raise ConfigError, naming the nearest, unless this is one of METRICS."""
    if name not in METRIC_TITLES:
        raise ConfigError(f"unknown metric {name!r}.{nearest(name, METRICS)}")
