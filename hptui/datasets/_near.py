"""Images of two splits that are nearly equal: saved anew as JPEG, scaled, made a little brighter.

A difference hash (dHash, Krawetz 2013) says of 64 places whether the image becomes brighter to the right. Nearly equal
images mostly agree in the upper or the lower half of it, which a sorted list finds at once; whether they are is then
seen by their correlation. Of photographs of 28 pixels that were saved anew in JPEG's quality 50, a third is found, of
such that were made brighter, 98 %; larger ones lose less. That is for a note: groups are what keeps splits apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from hptui.datasets import Images, Pixels
from hptui.datasets._duplicates import NAMED, image_name, pixel_keys
from hptui.datasets._rows import PixelRows

Hashes = npt.NDArray[np.uint32]
Integers = npt.NDArray[np.int64]
Thumbnails = npt.NDArray[np.float32]

_ROWS, _COLUMNS = 8, 9
SIDE = 16
"""of the thumbnails that are compared, and the smallest image that is looked at"""
_MARGIN = 0.1
"""standard deviations by which a place has to be brighter: noise in what is dark all over is no difference"""
ALIKE = 0.995
"""correlation of two thumbnails from which on images are nearly equal"""
_POPULAR = 20
"""images with the same half from which on it says nothing: an empty corner"""
_SAMPLED, CHUNK = 64, 64
"""pixels of a side that are looked at, about, and images at a time"""


def near_notes(splits: Mapping[str, Images]) -> Iterator[str]:
    """A line for each pair of splits with nearly equal images; equal ones are not counted."""
    if min(next(iter(splits.values())).pixels.shape[2:]) < SIDE:
        return
    grouped = all(images.groups is not None for images in splits.values())
    question = "Their groups differ: are they the same images?" if grouped else "Are they of the same patient?"
    hashes = {split: _hashes(images.pixels) for split, images in splits.items()}
    for one, other in itertools.combinations(splits, 2):
        pairs = _near_pairs(splits[one], splits[other], hashes[one], hashes[other])
        if len(pairs):
            named = ", ".join(
                f"{image_name(splits, other, second)} ~ {image_name(splits, one, first)}"
                for first, second in pairs[:NAMED]
            )
            more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
            yield (
                f"{len(pairs)} of {len(splits[other])} {other} images look nearly like one of {one}: {named}{more}. "
                f"{question}"
            )


def _near_pairs(one: Images, other: Images, left: Hashes, right: Hashes) -> Integers:
    """(n, 2) positions in `one` and `other`; every image of `other` at most once, with the one most like it."""
    pairs = pairs_alike(left, right)
    if len(pairs) == 0:
        return pairs
    alike = _correlation(one, other, pairs)
    near = np.flatnonzero((alike >= ALIKE) & np.isfinite(alike))  # few are, so that their copies are small
    if len(near):
        near = near[pixel_keys(one.take(pairs[near, 0])) != pixel_keys(other.take(pairs[near, 1]))]
    best = near[np.lexsort((-alike[near], pairs[near, 1]))]
    _, first = np.unique(pairs[best, 1], return_index=True)
    likest: Integers = pairs[best[first]]
    return likest


def pairs_alike(left: Hashes, right: Hashes) -> Integers:
    """Pairs of positions, one of each, with a half in common; (n, 2)."""
    found = [_same(left[:, half], right[:, half]) for half in range(left.shape[1])]
    return np.unique(np.concatenate(found), axis=0)


def _same(left: Hashes, right: Hashes) -> Integers:
    """Pairs of positions with the same value, but for values that many have; (n, 2)."""
    order = np.argsort(left, kind="stable")
    begin, end = (np.searchsorted(left[order], right, side=side) for side in ("left", "right"))
    counts = np.where(end - begin > _POPULAR, 0, end - begin)
    second = np.repeat(np.arange(len(right)), counts)
    within = np.arange(len(second)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([order[begin[second] + within], second], 1)


def _correlation(one: Images, other: Images, pairs: Integers) -> Thumbnails:
    """(n,) correlations of the thumbnails of each pair; NaN of images without any contrast."""
    alike = np.empty(len(pairs), np.float32)
    for begin in range(0, len(pairs), CHUNK):
        some = pairs[begin : begin + CHUNK]
        left, right = (
            standard(sampled_pixels(each.pixels, some[:, column])) for column, each in enumerate((one, other))
        )
        alike[begin : begin + CHUNK] = (left * right).mean((1, 2))
    return alike


def _hashes(pixels: Pixels | PixelRows) -> Hashes:
    """(N, 2) halves of the hash, 32 bits each."""
    parts = []
    for begin in range(0, len(pixels), CHUNK):
        sampled = sampled_pixels(pixels, slice(begin, begin + CHUNK))
        parts.append(hashes_of(sampled.mean(1, dtype=np.float32)))
    return np.concatenate(parts)


def hashes_of(grey: Thumbnails) -> Hashes:
    """(N, 2) the same of grey images (N, height, width)."""
    with np.errstate(invalid="ignore"):
        brighter = np.diff(standard(grey[:, np.newaxis], _ROWS, _COLUMNS), axis=2) > _MARGIN
    return np.packbits(brighter.reshape(len(brighter), -1), axis=1).view(np.uint32)


def sampled_pixels(pixels: Pixels | PixelRows, images: slice | Integers) -> Pixels:
    """Some of (N, C, H, W) images, with about _SAMPLED pixels to a side; of files that are mapped no more is read."""
    height, width = pixels.shape[2:]
    lines, columns = (slice(None, None, max(1, side // _SAMPLED)) for side in (height, width))
    found: Pixels = pixels[images, :, lines, columns]
    return found


def standard(pixels: Pixels, rows: int = SIDE, columns: int = SIDE) -> Thumbnails:
    """(n, rows, columns) means over areas of grey images, each image with mean 0 and standard deviation 1, or NaN."""
    grey = pixels.mean(1, dtype=np.float32)
    for axis, places in ((1, rows), (2, columns)):
        edges = np.linspace(0, grey.shape[axis], places, endpoint=False).astype(np.int64)
        sizes = np.diff(np.append(edges, grey.shape[axis])).astype(np.float32)
        grey = np.add.reduceat(grey, edges, axis) / np.expand_dims(sizes, tuple({0, 1, 2} - {axis}))
    centred = grey - grey.mean((1, 2), keepdims=True)
    deviation = centred.std((1, 2), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        standard: Thumbnails = (centred / deviation).astype(np.float32)
    return standard
