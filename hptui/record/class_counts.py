"""Counts of one network's answers, small enough for a line of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from hptui.record.task import Task

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""more cannot be counted in a float"""


class ClassCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts that sensitivity and specificity of every class need; lists of length classes."""

    support: list[Count]
    """images that are of the class"""
    predicted: list[Count]
    """images said to be of the class"""
    hits: list[Count]
    """images that are both"""
    images: Count | None = None
    """all that were looked at, where each may have any number of labels; null: each is of one class, so that `support`
    adds up to them"""

    def __post_init__(self) -> None:
        if not len(self.support) == len(self.predicted) == len(self.hits):
            raise ValueError("its counts are not of the same classes")
        if self.images is not None and max([*self.support, *self.predicted], default=0) > self.images:
            raise ValueError("a label has more images than there are")

    @property
    def task(self) -> Task:
        """What an image may be of."""
        return "single-label" if self.images is None else "multi-label"

    @property
    def total(self) -> int:
        """All images that were looked at."""
        return sum(self.support) if self.images is None else self.images


def class_counts(matrix: Sequence[Sequence[int]]) -> ClassCounts:
    """Sums of a confusion matrix for each class; rows: true class, columns: predicted class."""
    return ClassCounts(
        support=[sum(row) for row in matrix],
        predicted=[sum(column) for column in zip(*matrix, strict=True)],
        hits=[row[index] for index, row in enumerate(matrix)],
    )


def counts_of_label(counts: ClassCounts, index: int) -> ClassCounts:
    """One label of images that may have any number, as two classes: without and with it."""
    return class_counts(label_matrix(counts, index))


def label_matrix(counts: ClassCounts, index: int) -> list[list[int]]:
    """Confusion matrix of one label; rows: without it and with it, columns: called without it and with it."""
    support, predicted, hits = counts.support[index], counts.predicted[index], counts.hits[index]
    return [[counts.total - support - predicted + hits, predicted - hits], [support - hits, hits]]
