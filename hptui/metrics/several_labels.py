"""Metrics of images that may have any number of labels: each label with and without, and the mean over the labels.

A label that all of the images have, or none of them, has no AUC and no average precision: it is left out of their mean,
as a class without images is elsewhere, and `labels_left_out` names it. Intervals of a mean are from resampling images,
or groups of them, all labels of an image together: labels of one image hang together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

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
