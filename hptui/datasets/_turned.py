"""Images of two splits of which one is the other turned round or mirrored, as people make more of few before splitting.

Thumbnails are compared, each of one split with the seven turned ones of the other, by the means of `_near`. Other
pictures are alike when they are turned, too (a digit 1, a round cell), so a few are not told.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from hptui.datasets import Images, Pixels
from hptui.datasets._duplicates import image_name
from hptui.datasets._near import (
    ALIKE,
    CHUNK,
    SIDE,
    Integers,
    Thumbnails,
    hashes_of,
    pairs_alike,
    sampled_pixels,
    standard,
)
from hptui.datasets._rows import PixelRows

_Turn = Callable[[Thumbnails], Thumbnails]
_SHARE, _FEWEST = 0.05, 3
"""of a split, and images, from which on turned ones are told"""


def _turn(quarters: int, *, mirrored: bool) -> _Turn:
    def turned(thumbnails: Thumbnails) -> Thumbnails:
        found: Thumbnails = np.rot90(thumbnails, quarters, (1, 2))
        return found[:, :, ::-1] if mirrored else found

    return turned


_TURNS = [_turn(quarters, mirrored=mirrored) for mirrored in (False, True) for quarters in range(4)][1:]


def turned_notes(splits: Mapping[str, Images]) -> Iterator[str]:
    """A line for each pair of splits in which many images are those of the other one, turned round or mirrored."""
    if min(next(iter(splits.values())).pixels.shape[2:]) < SIDE:
        return
    thumbnails = {split: _thumbnails(images.pixels) for split, images in splits.items()}
    for one, other in itertools.combinations(splits, 2):
        pairs = _turned_pairs(thumbnails[one], thumbnails[other])
        if len(pairs) >= max(_FEWEST, _SHARE * len(splits[other])):
            first, second = pairs[0]
            named = f"{image_name(splits, other, second)} ~ {image_name(splits, one, first)}"
            yield (
                f"{len(pairs):,} of {len(splits[other]):,} {other} images look like one of {one}, turned round or "
                f"mirrored (such as {named}): where images were made of others before they were split, "
                "--group-pattern keeps them together"
            )


def _turned_pairs(one: Thumbnails, other: Thumbnails) -> Integers:
    """(n, 2) positions; every image of `other` at most once, and none that is alike as it is."""
    left, found = hashes_of(one), [np.empty((0, 2), np.int64)]
    for turn in _TURNS:
        turned = turn(other)
        pairs = pairs_alike(left, hashes_of(turned))
        alike = np.concatenate(
            [
                (one[some[:, 0]] * turned[some[:, 1]]).mean((1, 2))
                for some in (pairs[begin : begin + CHUNK] for begin in range(0, max(len(pairs), 1), CHUNK))
            ]
        )
        pairs = pairs[alike >= ALIKE]
        found.append(pairs[(one[pairs[:, 0]] * other[pairs[:, 1]]).mean((1, 2)) < ALIKE])
    every = np.concatenate(found)
    _, first = np.unique(every[:, 1], return_index=True)
    firsts: Integers = every[first]
    return firsts


def _thumbnails(pixels: Pixels | PixelRows) -> Thumbnails:
    """(N, SIDE, SIDE): a kilobyte each."""
    begins = range(0, len(pixels), CHUNK)
    return np.concatenate([standard(sampled_pixels(pixels, slice(begin, begin + CHUNK))) for begin in begins])
