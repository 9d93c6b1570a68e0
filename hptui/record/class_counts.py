"""Counts of one network's answers, small enough for a line of the log."""

from __future__ import annotations

import msgspec


class ClassCounts(msgspec.Struct, frozen=True):
    """Counts that sensitivity and specificity of every class need; lists of length classes."""

    support: list[int]
    """images that are of the class"""
    predicted: list[int]
    """images said to be of the class"""
    hits: list[int]
    """images that are both"""
