"""Draw whole groups (all images of a patient) so that every class keeps its share as nearly as they allow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hptui.datasets import Images, Labels
from hptui.datasets._duplicates import pixel_keys
from hptui.record.task import task_of

Integers = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

TRIES = 32
"""draws of which the best is taken; among large groups the first one may be a poor fit"""
STEPS = 100_000
"""groups looked at in all tries together: about 0.5 s"""


def units(images: Images, *, keep_equal: bool) -> Integers | None:
    """(N,) numbers of what stays together: groups, and equal images if `keep_equal`; None: every image by itself."""
    parts = []
    if images.groups is not None:
        parts.append(np.unique(images.groups, return_inverse=True)[1])
    if keep_equal:
        numbers = np.unique(pixel_keys(images), return_inverse=True)[1]
        if numbers.max() + 1 < len(numbers):
            parts.append(numbers)
    if len(parts) == 2:
        return _joined(*parts)
    return parts[0].astype(np.int64) if parts else None


def _joined(one: Integers, other: Integers) -> Integers:
    """Numbers of the sets that are connected by either: two patients with the same image stay together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = (np.ones(len(one)), (one, other + one.max() + 1))
    size = int(one.max() + other.max()) + 2
    _, found = connected_components(coo_array(links, shape=(size, size)), directed=False)
    return np.unique(found[one], return_inverse=True)[1].astype(np.int64)


def sample_whole(labels: Labels, numbers: Integers, size: int, seeds: list[int]) -> Integers | None:
    """Sorted indices of about `size` images, whole units of them, stratified; None if a class cannot be in both parts.

    Units come in a random order, and each is taken if that brings the counts of the classes nearer to what is wanted.
    Of several such draws the nearest is kept. The same seeds give the same images, whatever else is drawn.

    Args:
        labels: (N,)
        numbers: (N,) of the units, 0 .. U - 1
        size: images wanted
        seeds: of the random order
    """
    count = int(numbers.max()) + 1
    table = _counts(labels, numbers, count)  # (U, K)
    wanted = np.maximum(size * table.sum(0) / len(labels), 1)
    bits = np.random.PCG64(np.random.SeedSequence(seeds))
    scarcity = np.where(table > 0, (table > 0).sum(0), count).min(1)  # units that the rarest class of each has
    best: tuple[float, npt.NDArray[np.bool_]] | None = None
    for attempt in range(max(2, min(TRIES, STEPS // count))):
        keys = bits.random_raw(count)
        # Every other time those of rare classes come first: they may find no room once the common ones are full.
        order = np.argsort(keys, kind="stable") if attempt % 2 == 0 else np.lexsort((keys, scarcity))
        distance, taken = _draw(table, wanted, order)
        if np.isfinite(distance) and (best is None or distance < best[0]):
            best = distance, taken
    # A class of few, large units may be wanted by less than one of them: then its smallest one is taken all the same.
    chosen = best[1] if best is not None else _smallest(table, bits.random_raw(count))
    return None if chosen is None else np.flatnonzero(chosen[numbers]).astype(np.int64)


def _counts(labels: Labels, numbers: Integers, units: int) -> Integers:
    """(units, K) images of each class in each unit; of labels those that two images have, then all images."""
    if task_of(labels) == "single-label":
        classes, members = np.unique(labels, return_inverse=True)
        counts = np.bincount(numbers * len(classes) + members, minlength=units * len(classes))
        return counts.reshape(units, -1)
    shared = labels[:, labels.sum(0) >= 2]
    table = np.zeros((units, shared.shape[1] + 1), np.int64)
    np.add.at(table, numbers, np.column_stack((shared, np.ones(len(labels), np.int64))))
    return table


def _draw(table: Integers, wanted: Shares, order: Integers) -> tuple[float, npt.NDArray[np.bool_]]:
    """Units that are taken in this order, and how far their classes are from `wanted`; infinite: a class is lacking."""
    most = table.sum(0) - 1  # one image of each class is left
    have = np.zeros(table.shape[1])
    distance = float(len(wanted))
    taken = np.zeros(len(table), np.bool_)
    for unit in order:
        more = have + table[unit]
        far = float((((more - wanted) / wanted) ** 2).sum())
        if far < distance and (more <= most).all():
            have, distance, taken[unit] = more, far, True
    return (distance if have.all() else float("inf")), taken


def _smallest(table: Integers, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_] | None:
    """Units of few images, one for each class that has none so far, the rarest first; None: a class is in one alone."""
    most, have = table.sum(0) - 1, np.zeros(table.shape[1], np.int64)
    taken = np.zeros(len(table), np.bool_)
    order = np.lexsort((keys, table.sum(1)))
    for label in np.argsort((table > 0).sum(0), kind="stable"):
        if have[label]:
            continue
        fitting = [
            unit for unit in order if table[unit, label] and not taken[unit] and (have + table[unit] <= most).all()
        ]
        if not fitting:
            return None
        taken[fitting[0]], have = True, have + table[fitting[0]]
    return taken
