"""Where panels lie on the dashboard's grid: shelf by shelf in their order, each as large as it asks for."""

from __future__ import annotations

from collections.abc import Sequence

from hptui.ui.panels import COLUMNS, Span


def fill_shelves(asked: Sequence[Span]) -> list[Span]:
    """The spans that leave no gap in the grid, in the same order.

    A panel that does not fit beside those before it begins a shelf; the last of a shelf takes what is left of its
    width, and all of a shelf are as high as the highest.
    """
    filled: list[Span] = []
    for shelf in _shelves(asked):
        height = max(span.rows for span in shelf)
        first = [span.columns for span in shelf[:-1]]
        filled += [Span(columns, height) for columns in (*first, COLUMNS - sum(first))]
    return filled


def rows(asked: Sequence[Span]) -> int:
    """How many rows of the grid they take together."""
    return sum(max(span.rows for span in shelf) for shelf in _shelves(asked))


def _shelves(asked: Sequence[Span]) -> list[list[Span]]:
    shelves: list[list[Span]] = []
    for span in asked:
        if not shelves or sum(other.columns for other in shelves[-1]) + span.columns > COLUMNS:
            shelves.append([])
        shelves[-1].append(span)
    return shelves
