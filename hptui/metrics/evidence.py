"""How well a score is known, and its difference from another one of the same images: what a decision weighs.

A score that is a mean over images (loss, accuracy, Brier score) has its standard error from their spread. Any other
(AUC, F1, kappa, means over classes) is computed again of resamples of the images, the same ones for every candidate, so
that differences are paired; their spread is the standard error (Efron and Tibshirani 1993, chapter 6).

Where images are of groups (patients), these are what is drawn, as wholes. Of one class per image each class is drawn
apart: all candidates see as many images of it, and a resample without a rare class would have no AUC. Of n of a class
n - 1 are drawn, each counting n / (n - 1), which makes the spread of a mean that of its closed form, also of few (Rao
and Wu 1988). Classes that have a single image, or group, are drawn together with the next rarest.

Of many images resampling says no more than the influence of each image on the score (delta method; of the AUC that is
DeLong et al. 1988), and takes a hundred times as long: 7 % of a decision with 5,000 images of ten classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.metrics.calibration import squared_errors
from hptui.metrics.calls import called_labels, rightly_called
from hptui.metrics.classification import LOWER_IS_BETTER
from hptui.metrics.influence import image_influence
from hptui.metrics.several_labels import labels_alone
from hptui.record.predictions import Predictions

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]

MEANS = ("accuracy", "brier", "exact_match")
"""metrics that are means over images"""
MANY = 500
"""images from which on their influence is taken"""
MOST_RESAMPLES, MOST_WEIGHTS = 400, 60_000
"""of few images more are drawn: the standard error is within 4 to 7 % of what very many would give"""


@dataclass(frozen=True)
class Evidence:
    """A score, lower is better, in as many parts or variants as tell how well it is known."""

    values: Floats | npt.NDArray[np.float32]
    """(n,) score of each image or group, whose mean is the score, or how far it moves it from there; or score of each
    resample; (0,): nothing is known"""
    resampled: bool = False

    def error(self, other: Evidence | None = None) -> float | None:
        """Standard error of the score, or of its difference from another one of the same images; None: unknown."""
        import numpy as np

        if other is not None and len(other.values) != len(self.values):  # of what diverged there is none
            return None
        with np.errstate(invalid="ignore"):  # infinity less infinity
            values = self.values.astype(np.float64) - (0.0 if other is None else other.values)
        if len(values) < 2 or not np.isfinite(values).all():
            return None
        spread = float(values.std(ddof=1))
        return spread if self.resampled else spread / math.sqrt(len(values))


@dataclass(frozen=True)
class Resamples:
    """Weightings of the images of one split: as often as each was drawn."""

    times: npt.NDArray[np.uint8]
    """(units, R) of what is drawn: images, or groups"""
    scale: Floats
    """(units,) what one that was drawn counts"""
    unit: Counts | None
    """(N,) of each image; None: each is its own"""

    @property
    def weights(self) -> Floats:
        """(R, N) of the images."""
        drawn = self.times * self.scale[:, None]
        return (drawn if self.unit is None else drawn[self.unit]).T


def evidence(name: str, predictions: Predictions, resamples: Resamples | None) -> Evidence:
    """Evidence of one network for a metric, as a score: 1 less it, unless lower is better anyway.

    Args:
        name: of the metric.
        predictions: of N images.
        resamples: of these; None: the influence of each image is taken.
    """
    from hptui.metrics.weighted import weighted_metric

    if name in MEANS:
        return evidence_of_parts(_parts(name, predictions), predictions.groups)
    lower = name in LOWER_IS_BETTER
    if resamples is not None:
        values = weighted_metric(name, predictions, resamples.weights)
        return Evidence(values if lower else 1 - values, resampled=True)
    influence = image_influence(name, predictions)
    return evidence_of_parts(influence if lower else -influence, predictions.groups)


def evidence_of_parts(parts: Floats | npt.NDArray[np.float32], groups: npt.NDArray[np.str_] | None) -> Evidence:
    """Evidence for a mean over images (N,); where they are of groups, those are independent and images are not."""
    import numpy as np

    if groups is None:
        return Evidence(parts)
    _, unit = np.unique(groups, return_inverse=True)
    mean, count = float(parts.mean(dtype=np.float64)), int(unit.max()) + 1
    sums: Floats = np.bincount(unit, parts - mean, count).astype(np.float64)
    return Evidence(mean + count / len(parts) * sums)


def draw_resamples(labels: Counts, groups: npt.NDArray[np.str_] | None, seed: int) -> Resamples | None:
    """Resamples of images with these labels (N,) or (N, labels); None of a single image or group, and of many."""
    import numpy as np

    unit = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    count, random = int(unit.max()) + 1, np.random.default_rng((seed, len(labels)))
    if count < 2 or len(labels) > MANY:
        return None
    resamples = min(MOST_RESAMPLES, MOST_WEIGHTS // len(labels))
    times, scale = np.zeros((count, resamples), np.uint8), np.ones(count)
    for stratum in _strata(labels, unit):
        size = len(stratum)
        drawn = random.integers(0, size, (size - 1, resamples)) * resamples + np.arange(resamples)
        times[stratum] = np.bincount(drawn.reshape(-1), minlength=resamples * size).reshape(size, resamples)
        scale[stratum] = size / (size - 1)
    return Resamples(times, scale, None if groups is None else unit)


def _strata(labels: Counts, unit: Counts) -> list[Counts]:
    """Units that are drawn among each other, at least two each: those that have a class, a group by its rarest one."""
    import numpy as np

    count = int(unit.max()) + 1
    if labels.ndim > 1:
        return [np.arange(count)]
    pairs = np.unique(np.stack([labels, unit]), axis=1)
    classes, sizes = np.unique(pairs[0], return_counts=True)
    rank = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")
    rarest = np.full(count, len(classes))
    np.minimum.at(rarest, pairs[1], rank[np.searchsorted(classes, pairs[0])])
    strata = [np.flatnonzero(rarest == one) for one in range(len(classes))]
    strata = sorted((one for one in strata if len(one)), key=len)
    while len(strata) > 1 and len(strata[0]) < 2:
        strata = sorted([np.concatenate(strata[:2]), *strata[2:]], key=len)
    return strata


def _parts(name: str, predictions: Predictions) -> Floats:
    """Score of each image (N,), of which the score is the mean; of several labels the mean over these."""
    import numpy as np

    several = predictions.task == "multi-label"
    if name == "brier":
        of_labels = labels_alone(predictions) if several else [predictions]
        errors: Floats = np.mean([squared_errors(one) for one in of_labels], axis=0)
        return errors
    if name == "accuracy" and several:
        wrong: Floats = (called_labels(predictions.probabilities) != predictions.labels).mean(1)
        return wrong
    called: Floats = (~rightly_called(predictions)).astype(np.float64)
    return called
