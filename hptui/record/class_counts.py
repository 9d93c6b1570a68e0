"""Counts of one network's answers, small enough for a line of the log."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""more cannot be counted in a float"""


class ClassCounts(msgspec.Struct, frozen=True):
    """Counts that sensitivity and specificity of every class need; lists of length classes."""

    support: list[Count]
    """images that are of the class"""
    predicted: list[Count]
    """images said to be of the class"""
    hits: list[Count]
    """images that are both"""

    def __post_init__(self) -> None:
        if not len(self.support) == len(self.predicted) == len(self.hits):
            raise ValueError("its counts are not of the same classes")
