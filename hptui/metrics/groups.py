"""Images that are not independent: several of one group (a patient), of which the groups are what was drawn.

Taken for independent, ten images of a patient pass for ten patients, and intervals come out far too short.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.metrics.influence import influence_of_groups, standard_error
from hptui.metrics.resampling import CHUNK_VALUES, TAILS
from hptui.metrics.score_intervals import NORMAL, Ends
from hptui.record.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Names = npt.NDArray[np.str_]
    Numbers = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OfGroups:
    """One answer for each group."""

    predictions: Predictions
    """in alphabetic order of the groups; probabilities are the mean over a group's images, names are the groups'"""
    mixed: tuple[str, ...]
    """groups whose images have different labels: no single label is theirs, so they are not among the answers"""


def is_grouped(predictions: Predictions) -> bool:
    """Whether some images are of one group."""
    return predictions.groups is not None and number_of_groups(predictions.group_numbers) < len(predictions)


def number_of_groups(groups: Numbers) -> int:
    """How many groups some images (N,) are of."""
    import numpy as np

    return int(np.count_nonzero(np.bincount(groups)))


def of_groups(predictions: Predictions) -> OfGroups:
    """One answer for each group: the mean probabilities of its images, and the label that they have in common."""
    import numpy as np

    assert predictions.groups is not None
    names, inside = np.unique(predictions.groups, return_inverse=True)
    low, high = np.full(len(names), predictions.classes), np.full(len(names), -1)
    np.minimum.at(low, inside, predictions.labels)
    np.maximum.at(high, inside, predictions.labels)
    sums = np.zeros((len(names), predictions.classes))
    np.add.at(sums, inside, predictions.probabilities.astype(np.float64))
    means = (sums / np.bincount(inside)[:, None]).astype(np.float32)
    one = low == high
    found = Predictions(low[one].astype(np.int64), means[one], None, names[one])
    return OfGroups(found, tuple(map(str, names[~one])))


def effective_size(share: float, influence: Floats, groups: Numbers, among: Mask, most: float) -> float:
    """Number of independent images that would tell a share as well as these images of groups do.

    From the spread over groups (Rao and Scott 1992), with Student's quantile for as few groups, and never more than
    `most` (Korn and Graubard 1998). Where no group moves the share, the groups themselves are counted.

    Args:
        share: what is known of the images.
        influence: (N,) of each image on it.
        groups: (N,) their numbers.
        among: (N,) images that the share is of.
        most: as many as would do if the images were independent.
    """
    from scipy.special import stdtrit

    count = number_of_groups(groups[among])
    if count < 2:
        return 1.0
    error = standard_error(influence_of_groups(influence[among], groups[among])) * int(among.sum()) / len(among)
    if not error:
        return float(count)
    wider = float(stdtrit(count - 1, TAILS[1])) / NORMAL
    size: float = min(share * (1 - share) / error**2, most) / wider**2
    return size


def drawn_weights(groups: Names, resamples: int, seed: int) -> Iterator[Floats]:
    """Weightings (R, N) of the images, in pieces, for groups drawn with replacement (cluster bootstrap)."""
    import numpy as np

    _, inside = np.unique(groups, return_inverse=True)
    count, random = int(inside.max()) + 1, np.random.default_rng(seed)
    at_once = max(1, CHUNK_VALUES // len(groups))
    for begin in range(0, resamples, at_once):
        rows = min(at_once, resamples - begin)
        times = random.multinomial(count, np.full(count, 1 / count), rows)
        yield times[:, inside].astype(np.float64)


def expanded_percentiles(values: Floats, groups: int) -> Ends | None:
    """Ends of a bootstrap interval over so few groups: percentiles further out, as Student's are (Hesterberg 2015).

    Plain ones are too narrow by the factor sqrt((G - 1) / G), and by the quantile. None if no value is finite.
    """
    import numpy as np
    from scipy.special import ndtr, stdtrit

    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    if groups < 2:
        return 0.0, 1.0
    tail = float(ndtr(-math.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, TAILS[1])))
    low, high = np.quantile(finite, (tail, 1 - tail))
    return float(low), float(high)


def fewest_groups(predictions: Predictions, *, by_class: bool) -> int:
    """Number of groups that a metric rests on: all, or those of the class that has the fewest."""
    import numpy as np

    assert predictions.groups is not None
    if not by_class:
        return number_of_groups(predictions.group_numbers)
    occurring = np.unique(predictions.labels)
    return min(number_of_groups(predictions.group_numbers[predictions.labels == label]) for label in occurring)


def one_for_each(predictions: Predictions) -> Predictions:
    """One image of each group and class (or set of labels), as if they were independent.

    That is what is known where no group moves a metric.
    """
    import numpy as np

    assert predictions.groups is not None
    inside = predictions.group_numbers
    _, first = np.unique(np.column_stack((inside, predictions.labels)), axis=0, return_index=True)
    chosen = predictions.take(first)
    return Predictions(chosen.labels, chosen.probabilities)
