"""Which images a network gets most wrong: those called by another class, the surest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.metrics.calls import predicted_classes
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def most_wrong_images(predictions: Predictions, most: int, threshold: float | None = None) -> npt.NDArray[np.int64]:
    """Find at most so many images, by falling probability of what they were wrongly called.

    Where an image may have several labels (labels are (N, labels) of 0 and 1), it counts by its surest mistake.

    Returns:
        their numbers (n,) in the split's own order; images of equal probability stand in that order too. Those whose
        probability is not finite are none.
    """
    import numpy as np

    shares = predictions.probabilities.astype(np.float64)
    if predictions.labels.ndim == 2:
        called_so = shares >= (0.5 if threshold is None else threshold)
        wrong = (called_so != predictions.labels.astype(bool)) & np.isfinite(shares)
        sure = np.where(wrong, np.where(called_so, shares, 1 - shares), -np.inf).max(1)
    else:
        called = predicted_classes(predictions, threshold)
        sure = shares[np.arange(len(predictions)), called]
        sure = np.where((called != predictions.labels) & np.isfinite(sure), sure, -np.inf)
    order = np.argsort(-sure, kind="stable")
    found: npt.NDArray[np.int64] = order[: np.isfinite(sure).sum()][:most]
    return found
