"""Images that may have any number of labels: drawn so that each label keeps its share, and what a split lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hptui.datasets import Images, Labels
from hptui.record.task import task_of

Integers = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

_NAMED = 5
"""labels in a message"""


def sample_labels(labels: Labels, size: int, keys: Keys) -> Integers:
    """Sorted indices (size,) of a sample in which each label has its share as nearly as the others allow.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011): the label with the fewest images that are not yet
    on either side is shared out next, so that rare ones find room. A label of two images or more is on both sides,
    unless others have taken all of them.

    Args:
        labels: (N, L) of 0 and 1.
        size: of the sample, 1 .. N - 1.
        keys: (N,) random numbers; of the images of a label those with the smallest are taken.
    """
    wanted, counts = labels.sum(0) * (size / len(labels)), labels.sum(0)
    free, taken = np.ones(len(labels), bool), np.zeros(len(labels), bool)
    while True:
        left = labels[free].sum(0)
        if not left.any():
            break
        label = int(np.where(left > 0, left, len(labels) + 1).argmin())
        members = np.flatnonzero(free & (labels[:, label] == 1))
        members = members[np.argsort(keys[members], kind="stable")]
        have = int(labels[taken, label].sum())
        given = round(float(wanted[label]) - have)
        if counts[label] >= 2:
            elsewhere = int(counts[label]) - have - len(members)
            given = min(max(given, int(have == 0)), len(members) - int(elsewhere == 0))
        room, room_elsewhere = size - int(taken.sum()), len(labels) - size - int((~free & ~taken).sum())
        given = min(max(given, len(members) - room_elsewhere, 0), room, len(members))
        taken[members[:given]] = True
        free[members] = False
    rest = np.flatnonzero(free)
    rest = rest[np.argsort(keys[rest], kind="stable")]
    taken[rest[: size - int(taken.sum())]] = True
    return np.flatnonzero(taken).astype(np.int64)


def unknown_labels(splits: Mapping[str, Images | None], names: Sequence[str]) -> Iterator[str]:
    """A line for each split in which all images have some label, or none has."""
    for split, images in splits.items():
        if images is None or task_of(images.labels) != "multi-label":
            continue
        counts = images.labels.sum(0)
        lacking = [name for name, count in zip(names, counts.tolist(), strict=True) if count in (0, len(images))]
        if lacking:
            named = ", ".join(lacking[:_NAMED]) + (f" and {len(lacking) - _NAMED} more" if lacking[_NAMED:] else "")
            why = "nothing is learned of them" if split == "train" else "means over labels leave them out"
            yield f"{len(lacking)} of {len(names)} labels have no {split} images, or all have them ({named}): {why}"
