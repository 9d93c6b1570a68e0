"""The numbers in the cells of a heatmap in characters: as exact as they have to be, and as there is room for."""

from __future__ import annotations

from dataclasses import dataclass

from hptui.reading.views.heatmap_digits import decimals
from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid
from hptui.ui.drawing.colours import Palette


@dataclass(frozen=True)
class Writing:
    """How all numbers of one heatmap are written."""

    decimals: int
    bare: bool = False
    """without the zero before the point"""
    above: bool = False
    """a cell's mark stands in the line above its number"""

    def number(self, grid: HeatmapGrid, value: float, room: int) -> str:
        """A value in at most `room` characters, with fewer decimals if it has to be; empty if it has no room at all."""
        for digits in range(self.decimals, -1, -1):
            text = cell_number(grid, value, digits)
            text = text.replace("0.", ".", 1) if self.bare and text.startswith("0.") else text
            if len(text) <= room:
                return text
        return ""


def number(value: float) -> str:
    """Three digits, as short as they go: 0.001, 1e-5, 97.3."""
    text = f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e")


def cell_number(grid: HeatmapGrid, value: float, digits: int | None = None) -> str:
    """A cell's value, with enough decimals to tell the best cells apart; shares in percent."""
    factor = 1.0 if grid.lower_is_better else 100.0
    digits = decimals(grid, factor) if digits is None else digits
    return f"{factor * value:.{digits}f}" if factor * value < 1000 else number(factor * value)


def mark_of(cell: Cell, chosen: bool, palette: Palette) -> str:
    """The sign that stands with a cell's number, or instead of one."""
    if chosen:
        return palette.mark("◆", "@")
    if cell.shown is None:
        return palette.mark("×", "x") if cell.diverged else palette.mark("·", ".")
    if cell.value is None:
        return "?" if cell.vague else "~"
    return "!" if cell.passed_over else palette.mark("½", "/") if cell.hides_left_out else ""


def fitting(grid: HeatmapGrid, width: int, height: int, palette: Palette) -> Writing:
    """The most exact way to write what has to be told apart, and the best of what is predicted, into such cells."""
    most = decimals(grid, 1.0 if grid.lower_is_better else 100.0)
    close = grid.close_values
    guessed = [cell.predicted for _, _, cell in grid.places if cell.value is None and cell.predicted is not None]
    best_guess = (min if grid.lower_is_better else max)(guessed, default=None)
    texts = [
        (cell.shown, mark_of(cell, (row, column) == grid.chosen, palette))
        for row, column, cell in grid.places
        if cell.shown is not None and (cell.value in close or (cell.value is None and cell.predicted == best_guess))
    ]

    def fits(writing: Writing) -> bool:
        """Whether no two neighbours would touch."""
        exact = ((writing.number(grid, value, 99), "" if writing.above else mark) for value, mark in texts)
        return all(len(number) + len(mark) < width for number, mark in exact)

    ways = [
        Writing(digits, bare, above)
        for digits in range(most, 0, -1)
        for bare in (False, True)
        for above in (False, True)
        if height > 1 or not above
    ]
    return next((way for way in ways if fits(way)), ways[-1] if ways else Writing(1))
