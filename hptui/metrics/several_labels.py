"""Metrics of images that may have any number of labels: each label with and without, and the mean over the labels.

A label that all of the images have, or none of them, has no AUC and no average precision: it is left out of their mean,
as a class without images is elsewhere, and `labels_left_out` names it. Intervals of a mean are from resampling images,
or groups of them, all labels of an image together: labels of one image hang together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hptui.metrics.classification import rightly_called
from hptui.metrics.matrices import mean_of_defined
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def label_alone(predictions: Predictions, index: int) -> Predictions:
    """One label of the same images, as two classes: without and with it."""
    import numpy as np

    share = predictions.probabilities[:, index]
    shares = np.stack([1 - share, share], axis=1)
    return Predictions(predictions.labels[:, index], shares, predictions.groups, predictions.names)


def labels_alone(predictions: Predictions) -> Iterator[Predictions]:
    """Each label as `label_alone` has it."""
    return (label_alone(predictions, index) for index in range(predictions.classes))


def labels_left_out(predictions: Predictions, names: Sequence[str]) -> list[str]:
    """Names of labels that all of the images have, or none."""
    counts = predictions.labels.sum(0).tolist()
    return [name for name, count in zip(names, counts, strict=True) if count in (0, len(predictions))]


def mean_over_labels(name: str, predictions: Predictions, weights: Floats, threshold: float | None) -> Floats:
    """Values (R,) of a metric for weightings (R, N) of the images; arguments as of `weighted.weighted_metric`."""
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

    from hptui.metrics.weighted import weighted_metric  # which imports this

    columns = [weighted_metric(name, alone, weights, threshold) for alone in labels_alone(predictions)]
    return np.stack(columns, axis=1)
