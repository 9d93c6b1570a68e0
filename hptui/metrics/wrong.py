"""Which images a network gets most wrong: those called by another class, the surest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.metrics.classification import predicted_classes
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def most_wrong_images(
    predictions: Predictions, most: int, threshold: float | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find at most so many images, by falling probability of the class that they were wrongly called by.

    Returns:
        their numbers (n,) in the split's own order, and the classes (n,) that they were called by; images of equal
        probability stand in that order too. Those whose probability is not finite are none.
    """
    import numpy as np

    called = predicted_classes(predictions, threshold)
    sure = predictions.probabilities[np.arange(len(predictions)), called].astype(np.float64)
    wrong = np.flatnonzero((called != predictions.labels) & np.isfinite(sure))
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    return order, called[order]
