"""A table as it stands on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PageTable:
    """Table with rows of text; nothing is escaped yet."""

    caption: str
    """empty: the section's title says it"""
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    """columns from the left that hold words; the others hold numbers"""
    folded: bool = False
    """long: shown when it is asked for"""
