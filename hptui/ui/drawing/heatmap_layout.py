"""Where the cells of a heatmap in characters lie: they fill the room that they have."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hptui.reading.views.heatmap_grid import HeatmapGrid, Position


@dataclass(frozen=True)
class Layout:
    """Sizes in characters. Where there is no room for all cells, a block of them shares one spot."""

    rows: int
    columns: int
    """of blocks"""
    left: int
    """of the cells: width of the ticks"""
    wide: int
    high: int
    """of all cells together; cells that do not come out even differ by one character"""
    block: tuple[int, int] = (1, 1)
    """rows and columns of the grid in one block"""

    @property
    def least_cell(self) -> tuple[int, int]:
        """Width and height of the smallest cell."""
        return self.wide // self.columns, self.high // self.rows

    def across(self, column: int) -> tuple[int, int]:
        """First character of a column, and the first after it, from the left edge of the cells."""
        return column * self.wide // self.columns, (column + 1) * self.wide // self.columns

    def lines(self, row: int) -> tuple[int, int]:
        """First line of a row, and the first after it; rows are drawn from high to low."""
        from_top = self.rows - 1 - row
        return from_top * self.high // self.rows, (from_top + 1) * self.high // self.rows

    def block_at(self, x: int, y: int) -> Position | None:
        """The block under a character."""
        if not (0 <= x - self.left < self.wide and 0 <= y < self.high):
            return None
        column = next(n for n in range(self.columns) if x - self.left < self.across(n)[1])
        return next(n for n in range(self.rows) if y >= self.lines(n)[0]), column

    def block_of(self, cell: Position | None) -> Position | None:
        """The block that a cell of the grid lies in."""
        return None if cell is None else (cell[0] // self.block[0], cell[1] // self.block[1])

    def best_in(self, grid: HeatmapGrid, block: Position) -> Position:
        """The cell that stands for a block: the chosen one, else the best, measured before predicted."""
        if self.block == (1, 1):
            return block
        rows, columns = (
            range(index * size, min((index + 1) * size, length))
            for index, size, length in zip(block, self.block, (len(grid.cells), len(grid.cells[0])), strict=True)
        )
        inside = [(row, column) for row in rows for column in columns]

        def rank(at: Position) -> tuple[bool, bool, float, bool]:
            cell = grid.cells[at[0]][at[1]]
            shown = -math.inf if cell.shown is None else -cell.shown if grid.lower_is_better else cell.shown
            return at == grid.chosen, cell.value is not None, shown, cell.diverged

        return max(inside, key=rank)


def fitted(grid: HeatmapGrid, left: int, wide: int, high: int) -> Layout | None:
    """The largest cells that fit, as many as fit; None: there is no room for any."""
    if wide < 1 or high < 1:
        return None
    block = math.ceil(len(grid.cells) / high), math.ceil(len(grid.cells[0]) / wide)
    rows, columns = math.ceil(len(grid.cells) / block[0]), math.ceil(len(grid.cells[0]) / block[1])
    return Layout(rows, columns, left, wide, high, block)


def share_of(grid: HeatmapGrid, value: float) -> float:
    """0 (worst) to 1 (best) among the cells."""
    return grid.scale.share(value) if grid.scale is not None else 1.0
