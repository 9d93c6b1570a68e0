"""Medical metrics of a network's predictions, with 95 % intervals, and the operating threshold.

Two classes: the second is the positive one. More: the mean over the classes that occur of one class against the rest
(macro). Every number of a screen, a table or a picture that has one of these names comes from here.

Intervals: Wilson 1927 for shares of independent images (accuracy, sensitivity and specificity of one class against the
rest), by SciPy; for all else the percentile bootstrap over images (Efron and Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.errors import ConfigError, nearest
from hptui.record.predictions import ClassCounts, Predictions

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    from hptui.metrics.resampling import Counts, Floats

    Probabilities = npt.NDArray[np.float32]

METRIC_TITLES: dict[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "AUC",
    "f1": "F1",
}
"""as they stand in tables and on axes; all are fractions, higher is better"""
METRICS: tuple[str, ...] = tuple(METRIC_TITLES)
CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """One number with its interval."""

    value: float
    interval: tuple[float, float] | None
    """95 %; None: not one resample has the metric defined"""


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest; None: not defined, because there are no images of the class, or of no other."""

    label: int
    support: int
    """images of the class"""
    sensitivity: Estimate | None
    specificity: Estimate | None
    f1: Estimate | None
    auc: Estimate | None


def predicted_classes(predictions: Predictions, threshold: float | None = None) -> Counts:
    """(N,) the most probable class of each image; with a threshold (two classes) positive from that probability on.

    Raises:
        ValueError: a threshold for other than two classes.
    """
    return called_classes(predictions.probabilities, threshold)


def called_classes(probabilities: Probabilities, threshold: float | None = None) -> Counts:
    """(N,) the same of (N, classes) probabilities, for images whose true classes nobody knows."""
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
    """(classes, classes) images; row: true class, column: predicted class."""
    import numpy as np

    classes = predictions.classes
    cells = predictions.labels * classes + predicted_classes(predictions, threshold)
    matrix: Counts = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    return matrix


def class_counts(matrix: Sequence[Sequence[int]]) -> ClassCounts:
    """Of a confusion matrix; rows: true class, columns: predicted class."""
    return ClassCounts(
        support=[sum(row) for row in matrix],
        predicted=[sum(column) for column in zip(*matrix, strict=True)],
        hits=[row[index] for index, row in enumerate(matrix)],
    )


def accuracy(classes: ClassCounts) -> float | None:
    """The share of the images that were called by their class."""
    return _share(sum(classes.hits), sum(classes.support))


def balanced_accuracy(classes: ClassCounts) -> float | None:
    """Mean over the classes that occur of the share that was found, also of two classes."""
    return _mean(_share(hits, support) for hits, support in zip(classes.hits, classes.support, strict=True))


def sensitivity(classes: ClassCounts) -> float | None:
    """Two classes: the share of the second (positive) class that was found. More: mean over the classes that occur."""
    if len(classes.support) == 2:
        return _share(classes.hits[1], classes.support[1])
    return balanced_accuracy(classes)


def specificity(classes: ClassCounts) -> float | None:
    """Two classes: the share of the first (negative) class that was called so. More: mean over those that occur."""
    if len(classes.support) == 2:
        return _share(classes.hits[0], classes.support[0])
    return _mean(_share(*_rejected(classes, index)) for index, support in enumerate(classes.support) if support)


def f1(classes: ClassCounts) -> float | None:
    """Harmonic mean of sensitivity and precision: of the second of two classes, else mean over those that occur."""
    found = [_f1(classes, index) for index in range(len(classes.support))]
    return found[1] if len(found) == 2 else _mean(found)


_OF_COUNTS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "f1": f1,
}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return math.fsum(found) / len(found) if found else None


def _rejected(classes: ClassCounts, index: int) -> tuple[int, int]:
    """Images of all other classes that were not called by this one, and all images of the others."""
    others = sum(classes.support) - classes.support[index]
    return others - classes.predicted[index] + classes.hits[index], others


def _f1(classes: ClassCounts, index: int) -> float | None:
    if not classes.support[index]:
        return None
    return 2 * classes.hits[index] / (classes.support[index] + classes.predicted[index])


def metric(name: str, predictions: Predictions, threshold: float | None = None) -> float | None:
    """One of METRICS, a fraction; None where it is not defined (a class without images).

    Args:
        name: of METRICS.
        predictions: of one network on one split.
        threshold: on the probability of the second of two classes; None: the most probable class counts. The AUC is
            over all thresholds, so it takes none.

    Raises:
        ConfigError: there is no such metric (names the nearest).
    """
    check_metric(name)
    if name == "auc":
        import numpy as np

        from hptui.metrics.resampling import area_under_curve, weighted_areas

        value = float(area_under_curve(weighted_areas(predictions, np.ones((1, len(predictions)))))[0])
        return value if math.isfinite(value) else None
    return _OF_COUNTS[name](class_counts(confusion(predictions, threshold).tolist()))


def check_metric(name: str) -> None:
    """Raise ConfigError, naming the nearest, unless this is one of METRICS."""
    if name not in METRIC_TITLES:
        raise ConfigError(f"unknown metric {name!r}.{nearest(name, METRICS)}")


def interval(
    name: str,
    predictions: Predictions,
    threshold: float | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """95 % interval of `metric`: what a test set of this size leaves open. None where it is not defined.

    Args:
        name: see `metric`.
        predictions: see `metric`.
        threshold: see `metric`; taken as given, so that its own uncertainty is not part of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.
    """
    from hptui.metrics import resampling

    if metric(name, predictions, threshold) is None:
        return None
    matrix = confusion(predictions, threshold)
    counts = class_counts(matrix.tolist())
    if name == "accuracy":
        return wilson(sum(counts.hits), sum(counts.support))
    if predictions.classes == 2 and name in ("sensitivity", "specificity"):
        index = 1 if name == "sensitivity" else 0
        return wilson(counts.hits[index], counts.support[index])
    if name == "auc":
        areas = resampling.resampled_areas(predictions, resamples, seed)
        return resampling.percentiles(resampling.area_under_curve(areas))
    matrices = resampling.resampled_matrices(matrix, resamples, seed)
    return resampling.percentiles(resampling.metric_of_matrices(name, matrices))


def per_class(
    predictions: Predictions,
    threshold: float | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    areas: bool = True,
) -> list[ClassMetrics]:
    """Every class against the rest, in the order of the classes; arguments as of `interval`.

    `areas`: also the area under the ROC curve, for which probabilities have to be known.
    """
    import numpy as np

    from hptui.metrics import resampling

    matrix = confusion(predictions, threshold)
    counts = class_counts(matrix.tolist())
    f1s = resampling.f1_of_matrices(resampling.resampled_matrices(matrix, resamples, seed))  # (resamples, classes)
    if areas:
        resampled = resampling.resampled_areas(predictions, resamples, seed)  # (resamples, classes)
        area = resampling.weighted_areas(predictions, np.ones((1, len(predictions))))[0]
    return [
        ClassMetrics(
            label=index,
            support=counts.support[index],
            sensitivity=_share_with_interval(counts.hits[index], counts.support[index]),
            specificity=_share_with_interval(*_rejected(counts, index)),
            f1=_estimate(_f1(counts, index), f1s[:, index]),
            auc=_estimate(float(area[index]), resampled[:, index]) if areas else None,
        )
        for index in range(predictions.classes)
    ]


def _share_with_interval(part: int, whole: int) -> Estimate | None:
    return Estimate(part / whole, wilson(part, whole)) if whole else None


def _estimate(value: float | None, resampled: Floats) -> Estimate | None:
    from hptui.metrics.resampling import percentiles

    return None if value is None or not math.isfinite(value) else Estimate(value, percentiles(resampled))


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of the share part / whole (whole > 0), without continuity correction."""
    from scipy.stats import binomtest

    found = binomtest(part, whole).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def choose_threshold(validation: Predictions, wanted: str) -> float:
    """The operating threshold that reaches what is wanted on validation images (never on test images).

    Args:
        validation: predictions of a network with two classes.
        wanted: "sensitivity=0.95": the largest threshold with at least that sensitivity; "specificity=0.9": the
            smallest with at least that specificity. An image is called positive from the threshold on.

    Raises:
        ConfigError: not of this form, not two classes, no images of the class, or probabilities that are no numbers.
    """
    import numpy as np

    name, share = _parse_wanted(wanted)
    if validation.classes != 2:
        raise ConfigError(f"a threshold needs two classes; this study has {validation.classes}.")
    label = 1 if name == "sensitivity" else 0
    scores = np.sort(validation.probabilities[validation.labels == label, 1])
    if not len(scores):
        raise ConfigError(f"no threshold for {wanted}: no validation image is of class {label}.")
    if not np.isfinite(scores).all():
        raise ConfigError(f"no threshold for {wanted}: the network has diverged, its probabilities are no numbers.")
    needed = int(np.argmax(np.arange(1, len(scores) + 1) / len(scores) >= share)) + 1
    if name == "sensitivity":
        return float(scores[-needed])
    return float(np.nextafter(scores[needed - 1], np.float32(np.inf)))  # the next number above what is to be negative


def _parse_wanted(wanted: str) -> tuple[str, float]:
    name, _, text = wanted.partition("=")
    form = f"threshold for {wanted!r}: write sensitivity=0.95 or specificity=0.9."
    if name not in ("sensitivity", "specificity"):
        raise ConfigError(form)
    try:
        share = float(text)
    except ValueError:
        raise ConfigError(form) from None
    if not 0 < share <= 1:
        raise ConfigError(f"threshold for {wanted!r}: {text} is not a share above 0 and up to 1.")
    return name, share
