"""What a network calls each image: its class, or its labels; and the confusion matrix of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.record.predictions import Predictions

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    from hptui.metrics.resampling import Counts

    Probabilities = npt.NDArray[np.float32]


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


def called_labels(probabilities: Probabilities, threshold: float | None = None) -> Counts:
    """(N, labels) 1 for each label that an image is said to have: from the threshold on, else above one half."""
    import numpy as np

    shares = probabilities.astype(np.float64)
    called: Counts = (shares > 0.5 if threshold is None else shares >= threshold).astype(np.int64)
    return called


def rightly_called(predictions: Predictions, threshold: float | None = None) -> npt.NDArray[np.bool_]:
    """(N,) whether an image was called by its class, or by all of its labels and no other."""
    if predictions.task == "multi-label":
        exact: npt.NDArray[np.bool_] = (called_labels(predictions.probabilities, threshold) == predictions.labels).all(
            1
        )
        return exact
    right: npt.NDArray[np.bool_] = predicted_classes(predictions, threshold) == predictions.labels
    return right


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
