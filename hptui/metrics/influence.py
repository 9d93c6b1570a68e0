"""Influence of each image on a metric: the number whose mean, to first order, the metric is.

For accuracy it is `correct - accuracy`, for the AUC the placements of DeLong et al. 1988, for others the derivative
with respect to the image's weight (delta method). Its spread gives the metric's standard error, from images that are
independent or, summed over the images of each group, from groups that are (Obuchowski 1997 for the AUC; Rao and Scott
1992 for shares).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hptui.metrics.calibration import bin_of_image, squared_errors, stated_and_true
from hptui.metrics.calls import confusion, predicted_classes, rightly_called
from hptui.metrics.classification import metric as value_of
from hptui.metrics.matrices import distances
from hptui.metrics.several_labels import labels_alone
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


def image_influence(metric: str, predictions: Predictions, threshold: float | None = None) -> Numbers:
    """Influence of each image on a metric, mean zero: the metric's standard error is sqrt(sum of squares) / N.

    Args:
        metric: of `hptui.metrics.classification.METRICS`; two classes: that of the second; more: the mean over one
            against the rest; several labels: the mean over these.
        predictions: of one network on N images.
        threshold: see `hptui.metrics.classification.metric`.

    Returns:
        (N,) in the metric's unit. A class that has no images, or no others, adds nothing.
    """
    import numpy as np

    if predictions.task == "multi-label":
        return _of_labels(metric, predictions, threshold)
    labels, predicted = predictions.labels, predicted_classes(predictions, threshold)
    whole = {"accuracy": _accuracy, "brier": _brier, "calibration_error": _calibration, "quadratic_kappa": _kappa}
    if metric in whole:
        return whole[metric](predictions, threshold)
    every = range(predictions.classes) if predictions.classes > 2 or metric == "balanced_accuracy" else [1]
    if predictions.classes > 2 and metric in ("specificity", "npv"):
        every = [one for one in every if (labels == one).any()]
    by_class = [
        class_influence(metric, labels == one, predicted == one, predictions.probabilities[:, one].astype(float))
        for one in every
    ]
    known: list[Numbers] = [influence for influence in by_class if influence is not None]
    total: Numbers = sum(known, np.zeros(len(labels))) / max(len(known), 1)
    return total


def _of_labels(metric: str, predictions: Predictions, threshold: float | None) -> Numbers:
    """Mean over the labels for which the metric is defined."""
    import numpy as np

    if metric == "exact_match":
        return _centred(rightly_called(predictions, threshold))
    both = metric == "balanced_accuracy"
    alone = [one for one in labels_alone(predictions) if not both or 0 < one.labels.sum() < len(one)]
    known = [image_influence(metric, one, threshold) for one in alone if value_of(metric, one, threshold) is not None]
    total: Numbers = sum(known, np.zeros(len(predictions))) / max(len(known), 1)
    return total


def influence_of_groups(influence: Numbers, groups: NDArray[np.int64]) -> Numbers:
    """Influence of each of G groups, in the order of their numbers (N,), from that of its images (N,).

    The metric's standard error is sqrt(sum of squares) / G as for images; it has the factor G / (G - 1) that makes up
    for the mean, which was estimated from as few groups.
    """
    import numpy as np

    sums: Numbers = np.bincount(groups, influence)[np.bincount(groups) > 0].astype(np.float64)
    count = len(sums)
    of_groups: Numbers = sums * (count / len(influence)) * math.sqrt(count / max(count - 1, 1))
    return of_groups


def standard_error(influence: Numbers) -> float:
    """Standard error of the metric whose influence (N,) this is."""
    return float(math.sqrt(float((influence**2).sum())) / len(influence))


def _accuracy(predictions: Predictions, threshold: float | None) -> Numbers:
    return _centred(predictions.labels == predicted_classes(predictions, threshold))


def _brier(predictions: Predictions, _: float | None) -> Numbers:
    return _centred(squared_errors(predictions))


def _calibration(predictions: Predictions, _: float | None) -> Numbers:
    """Influences on the calibration error, with bins taken as they are."""
    import numpy as np

    stated, true = stated_and_true(predictions)
    if not np.isfinite(stated).all():
        return np.zeros(len(stated))
    inside = bin_of_image(stated)
    signs = np.sign(np.bincount(inside, true - stated))
    return _centred(signs[inside] * (true - stated))


def _kappa(predictions: Predictions, threshold: float | None) -> Numbers:
    """Influences on the quadratic kappa 1 - observed / expected disagreement (Fleiss, Cohen and Everitt 1969)."""
    import numpy as np

    shares = confusion(predictions, threshold) / len(predictions)
    weights = distances(predictions.classes)
    true, called = shares.sum(1), shares.sum(0)
    observed, expected = float((weights * shares).sum()), float(true @ weights @ called)
    if not expected:
        return np.zeros(len(predictions))
    of_cell = weights - observed
    of_margins = (weights @ called)[:, None] + (true @ weights)[None, :] - 2 * expected
    moved = (observed / expected * of_margins - of_cell) / expected
    influence: Numbers = moved[predictions.labels, predicted_classes(predictions, threshold)]
    return influence


def _centred(values: Any) -> Numbers:
    """Values (N,) less their mean."""
    import numpy as np

    numbers = np.asarray(values, np.float64)
    centred: Numbers = numbers - numbers.mean()
    return centred


def class_influence(metric: str, true: Any, called: Any, score: Numbers) -> Numbers | None:
    """Influence of each image on a metric of one class against the rest; None where it is not defined.

    Args:
        metric: that one class can have.
        true: (N,) whether each image is of the class.
        called: (N,) whether it was called so.
        score: (N,) probability of the class.
    """
    shares = {
        "sensitivity": (true, called),
        "balanced_accuracy": (true, called),
        "specificity": (~true, ~called),
        "ppv": (called, true),
        "npv": (~called, ~true),
    }
    if metric in shares:
        return _share_influence(*shares[metric])
    if metric == "f1":
        return _f1_influence(true, called)
    of_ranks = {"auc": _auc_influence, "average_precision": _average_precision_influence}
    return of_ranks[metric](true, score)


def _share_influence(among: Any, hit: Any) -> Numbers | None:
    """Influence of each image on the share of hits `among` some images."""
    size = int(among.sum())
    if not size:
        return None
    influence: Numbers = among * (hit - (hit & among).sum() / size) * (len(among) / size)
    return influence


def _f1_influence(true: Any, called: Any) -> Numbers | None:
    """Influence of each image on 2 hits / (images of the class + images called so)."""
    size = int(true.sum() + called.sum())
    if not true.any():
        return None
    hits = true & called
    f1 = 2 * hits.sum() / size
    moved: Numbers = len(true) * (2.0 * hits - f1 * (true.astype(float) + called)) / size
    return moved


def _auc_influence(true: Any, score: Numbers) -> Numbers | None:
    """Influence of each image on the AUC: the share of the other class that it is on the right side of, ties half."""
    import numpy as np
    from scipy.stats import rankdata

    positive, negative = int(true.sum()), int((~true).sum())
    if not positive or not negative:
        return None
    ranks = rankdata(score)
    above = (ranks[true] - rankdata(score[true])) / negative
    below = 1 - (ranks[~true] - rankdata(score[~true])) / positive
    n, influence = len(true), np.zeros(len(true))
    influence[true] = (above - above.mean()) * n / positive
    influence[~true] = (below - below.mean()) * n / negative
    return influence


def _average_precision_influence(true: Any, score: Numbers) -> Numbers | None:
    """Influence of each image on the average precision.

    An image of the class adds its own precision; every image changes that of those of the class that are found with it
    or after it.
    """
    import numpy as np

    positive = int(true.sum())
    if not positive or positive == len(true) or not np.isfinite(score).all():
        return None
    _, run = np.unique(-score, return_inverse=True)  # equal ones together, the highest first
    inside, either = np.bincount(run, true).cumsum(), np.bincount(run).cumsum()
    precision = inside / either
    of_class = np.bincount(run, true)
    # of what is found with run r or after it: sum over runs >= r of images of the class / images found there
    after = np.cumsum((of_class / either)[::-1])[::-1]
    spoilt = np.cumsum((of_class * precision / either)[::-1])[::-1]
    average = float((of_class * precision).sum()) / positive
    influence: Numbers = (true * (precision[run] - average + after[run]) - spoilt[run]) * (len(true) / positive)
    return influence
