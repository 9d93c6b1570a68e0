"""Images that are in two splits: equal ones by a hash of their pixels, nearly equal ones by a perceptual hash."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hptui.datasets import Images, Keys, Labels, Pixels
from hptui.datasets._rows import pieces
from hptui.errors import DatasetError

Integers = npt.NDArray[np.int64]

TOLERATED = 0.05
"""share of a published split that may be in another one: publishers' sets have some (PneumoniaMNIST: 8 of its 524
validation images are training images too); more than that is another set under the same name"""
NAMED = 3
"""pairs in a message"""


@dataclass(frozen=True)
class Overlap:
    """Images of one split that are in another one too."""

    one: str
    other: str
    pairs: Integers
    """(n, 2) positions in `one` and `other`; every image of `other` at most once"""
    relabelled: int
    """of these, how many have another label in `other`"""


def pixel_keys(images: Images) -> Keys:
    """(N,) 64 bits of a hash of each image: equal where the pixels are.

    About 1 GB/s; of 100,000 different images two have the same key with a probability of 3e-10.
    """
    if images.keys is not None:
        return images.keys
    return np.concatenate([keys_of(piece) for piece in pieces(images.pixels)])


def keys_of(pixels: Pixels) -> Keys:
    """Keys of the images of a contiguous array (N, C, H, W)."""
    rows = pixels.reshape(len(pixels), -1).view(np.uint8)
    digests = (hashlib.blake2b(row.data, digest_size=8).digest() for row in rows)
    return np.frombuffer(b"".join(digests), np.uint64)


def with_keys(images: Images) -> Images:
    """Images with their keys, which are asked for several times, and found once."""
    return replace(images, keys=pixel_keys(images))


def overlaps(splits: Mapping[str, Images]) -> list[Overlap]:
    """Pairs of splits that share images, in the order of `splits`."""
    keys = {split: pixel_keys(images) for split, images in splits.items()}
    return [
        found
        for one, other in itertools.combinations(splits, 2)
        if (found := _overlap(one, other, splits, keys)) is not None
    ]


def _overlap(one: str, other: str, splits: Mapping[str, Images], keys: Mapping[str, Keys]) -> Overlap | None:
    known, first = np.unique(keys[one], return_index=True)
    place = np.minimum(np.searchsorted(known, keys[other]), len(known) - 1)
    there = np.flatnonzero(known[place] == keys[other])
    pairs = np.stack([first[place[there]], there], 1).astype(np.int64)
    left, right = splits[one], splits[other]
    pairs = np.array([pair for pair in pairs if np.array_equal(left.pixels[pair[0]], right.pixels[pair[1]])], np.int64)
    if len(pairs) == 0:
        return None
    relabelled = labelled_otherwise(left.labels[pairs[:, 0]], right.labels[pairs[:, 1]])
    return Overlap(one, other, pairs, relabelled)


def labelled_otherwise(one: Labels, other: Labels) -> int:
    """How many of n images have another class, or other labels, in `other` than in `one`."""
    otherwise = one != other
    return int(otherwise.any(axis=tuple(range(1, otherwise.ndim))).sum())


def check_overlap(
    splits: Mapping[str, Images], *, published: bool, allowed: bool, joined: bool = False
) -> Iterator[str]:
    """Lines on images and groups that are in two splits, where that is taken; not on groups of splits that are joined.

    Raises:
        DatasetError: it is not: results on images that a network was trained on, or chosen by, are worth nothing.
    """
    lines = [*_equal_images(splits, published=published, allowed=allowed)]
    lines += [] if joined else _shared_groups(splits)
    refused = [line for line, told in lines if not (told or allowed)]
    if refused:
        raise DatasetError(f"{'; '.join(refused)}. Take them out of one of the two, or allow it with --allow-overlap.")
    yield from (line for line, _ in lines)


def _equal_images(splits: Mapping[str, Images], *, published: bool, allowed: bool) -> Iterator[tuple[str, bool]]:
    """A line for each pair of splits that shares images, and whether it is only to be told."""
    for found in overlaps(splits):
        share = len(found.pairs) / min(len(splits[found.one]), len(splits[found.other]))
        few = published and share <= TOLERATED
        why = " (the publisher's splits are kept, so that results can be compared)" if few and not allowed else ""
        yield overlap_words(found, splits) + why, few


def _shared_groups(splits: Mapping[str, Images]) -> Iterator[tuple[str, bool]]:
    """A line for each pair of splits that has images of the same groups."""
    for (one, first), (other, second) in itertools.combinations(splits.items(), 2):
        if first.groups is None or second.groups is None:
            continue
        shared = np.intersect1d(first.groups, second.groups)
        if len(shared):
            images = int(np.isin(second.groups, shared).sum())
            named = ", ".join(map(repr, shared[:NAMED].tolist()))
            named += f" and {len(shared) - NAMED} more" if len(shared) > NAMED else ""
            yield (
                (
                    f"{_counted(len(shared), 'group')} of {other} {_is(len(shared))} in {one} too: {named} "
                    f"({images} of {len(second)} {other} images)"
                ),
                False,
            )


def overlap_words(found: Overlap, splits: Mapping[str, Images]) -> str:
    """How many images are shared, and which, as far as a line has room."""
    count, of = len(found.pairs), len(splits[found.other])
    named = ", ".join(
        f"{image_name(splits, found.other, second)} = {image_name(splits, found.one, first)}"
        for first, second in found.pairs[:NAMED]
    )
    more = f" and {count - NAMED} more" if count > NAMED else ""
    labels = f"; {found.relabelled} with another label" if found.relabelled else ""
    return f"{count} of {of} {found.other} images {_is(count)} in {found.one} too: {named}{more}{labels}"


def image_name(splits: Mapping[str, Images], split: str, index: int) -> str:
    """Name of an image, or its place in the split, counted from 0."""
    names = splits[split].names
    return f"{split} image {index}" if names is None else str(names[index])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
