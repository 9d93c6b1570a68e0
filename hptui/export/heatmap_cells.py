"""The cells of one heatmap: their colours, the numbers in them, and the marks upon them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from hptui.export.scales import edges, number, text_colour, ticks
from hptui.export.style import CHARACTER, SMALL, VERMILION, theme, title_of
from hptui.reading.views.heatmap import Cell, HeatmapGrid

SMALLEST_FRAME = 6.0
"""points"""
HATCH = "/////"
FILLED: dict[str, Any] = {"edgecolors": "face", "lw": 0.1}
"""else a viewer of vector files shows the paper between two cells"""
PREDICTED: dict[str, Any] = {"fc": "none", "ec": "white", "hatch": "....", "lw": 0.0}


@dataclass
class DrawnHeatmap:
    """One heatmap while it is drawn; colours are those of `shade`."""

    grid: HeatmapGrid
    axes: Axes
    x_edges: list[float]
    y_edges: list[float]
    norm: Normalize | None
    """None: no cell has a value"""

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a cell, in data units."""
        (left, right), (bottom, top) = self.x_edges[column : column + 2], self.y_edges[row : row + 2]
        return left, bottom, right - left, top - bottom


def draw_cells(axes: Axes, grid: HeatmapGrid, measure: str, size: tuple[float, float]) -> DrawnHeatmap:
    """Draw cells, ticks, axis names, colour bar; `size` is about that of the cells together, in points."""
    x_edges = edges(grid.x)
    y_edges = edges(grid.y) if grid.y is not None else [-0.5, 0.5]
    drawn = DrawnHeatmap(grid, axes, x_edges, y_edges, _norm(grid))
    axes.set_facecolor(theme().faint)
    values = np.array([[math.nan if c.shown is None else shade(grid, c.shown) for c in row] for row in grid.cells])
    mesh = axes.pcolormesh(
        x_edges, y_edges, np.ma.masked_invalid(values), cmap=_colour_map(grid), norm=drawn.norm, **FILLED
    )
    axes.set_xlim(x_edges[0], x_edges[-1])
    axes.set_ylim(y_edges[0], y_edges[-1])
    positions, labels = ticks(grid.x, size[0], sideways=True)
    axes.set_xticks(positions, labels)
    axes.set_xlabel(title_of(grid.x.name))
    positions, labels = ticks(grid.y, size[1], sideways=False) if grid.y is not None else ([], [])
    axes.set_yticks(positions, labels)
    axes.set_ylabel(title_of(grid.y.name) if grid.y is not None else "")
    if drawn.norm is not None and grid.low is not None and grid.high is not None:
        bar = axes.figure.colorbar(
            mesh, ax=axes, location="bottom" if grid.y is None else "right", aspect=30 if grid.y is None else 15
        )
        bar.set_label(measure, fontsize=SMALL)
        ends = sorted({shade(grid, grid.low), (drawn.norm.vmin + drawn.norm.vmax) / 2, shade(grid, grid.high)})  # type: ignore[operator]
        bar.set_ticks(ends, labels=[_cell_number(grid, _unshade(grid, end)) for end in ends])
        bar.minorticks_off()
    return drawn


def _logarithmic(grid: HeatmapGrid) -> bool:
    """Whether colours follow the logarithm, as of losses, where one bad cell dwarfs the rest otherwise."""
    return grid.lower_is_better and grid.low is not None and grid.low > 0


def shade(grid: HeatmapGrid, value: float) -> float:
    """Number that becomes a colour."""
    return math.log10(value) if _logarithmic(grid) else value


def _unshade(grid: HeatmapGrid, number: float) -> float:
    return 10.0**number if _logarithmic(grid) else number


def _norm(grid: HeatmapGrid) -> Normalize | None:
    if grid.low is None or grid.high is None:
        return None
    low, high = shade(grid, grid.low), shade(grid, grid.high)
    room = max(abs(low), 1.0) * 1e-3 if high - low < 1e-9 * max(abs(low), 1.0) else 0.0
    return Normalize(low - room, high + room)


def _colour_map(grid: HeatmapGrid) -> matplotlib.colors.Colormap:
    """Colour map in which bright is best."""
    return matplotlib.colormaps["viridis_r" if grid.lower_is_better else "viridis"]


def _cell_number(grid: HeatmapGrid, value: float) -> str:
    """Number with the digits that tell the best cell from the worst."""
    low, high = grid.low or 0.0, grid.high or 0.0
    if value >= 1000 or (low > 0 and high / low > 1000):
        return number(float(f"{value:.2g}"))
    sizes = [size for size in (high - low, abs(low)) if size > 0]
    decimals = min(max([2, *(1 - math.floor(math.log10(size)) for size in sizes)]), 6)
    return f"{value:.{decimals}f}"


def cells_of(grid: HeatmapGrid) -> list[tuple[int, int, Cell]]:
    return [(row, column, cell) for row, line in enumerate(grid.cells) for column, cell in enumerate(line)]


def _points_per_unit(axes: Axes) -> tuple[float, float]:
    """Points on paper for one data unit along x and y, after layout."""
    box = axes.get_window_extent()
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    to_points = 72 / axes.figure.dpi
    return box.width * to_points / (right - left), box.height * to_points / (top - bottom)


def write_numbers(drawn: DrawnHeatmap) -> None:
    """Write the numbers in all cells, or in none if one of them has no room."""
    grid, (x_unit, y_unit) = drawn.grid, _points_per_unit(drawn.axes)
    texts = {(r, c): _cell_number(grid, cell.value) for r, c, cell in cells_of(grid) if cell.value is not None}
    boxes = {position: drawn.box(*position) for position in texts}

    def fits(size: float) -> bool:
        return all(
            width * x_unit > (len(texts[position]) + 0.7) * size * CHARACTER and height * y_unit > 1.5 * size
            for position, (_, _, width, height) in boxes.items()
        )

    size = next((size for size in (SMALL, SMALL - 1) if fits(size)), None)
    if size is None or drawn.norm is None:
        return
    for (row, column), text in texts.items():
        left, bottom, width, height = boxes[row, column]
        value = grid.cells[row][column].value or 0.0
        colour = text_colour(_colour_map(grid)(float(drawn.norm(shade(grid, value)))))
        at = (left + width / 2, bottom + height / 2)
        drawn.axes.text(*at, text, color=colour, fontsize=size, ha="center", va="center_baseline")


def mark_cells(drawn: DrawnHeatmap) -> None:
    """Mark the chosen cell with a frame, diverged ones with hatching and a cross, predicted ones with dots."""
    x_unit, y_unit = _points_per_unit(drawn.axes)
    guessed = [drawn.box(row, column) for row, column, cell in cells_of(drawn.grid) if only_predicted(cell)]
    if guessed:
        drawn.axes.add_collection(PolyCollection(_corners(guessed), **PREDICTED), autolim=False)
    lost = [drawn.box(row, column) for row, column, cell in cells_of(drawn.grid) if cell.diverged]
    if lost:  # as two artists, because a page may have thousands
        lost_area = PolyCollection(_corners(lost), fc=theme().paper, ec=theme().ink, hatch=HATCH, lw=0.3)
        drawn.axes.add_collection(lost_area, autolim=False)
        cross = 0.5 * min(14, *(min(w * x_unit, h * y_unit) for _, _, w, h in lost))
        centres = [x + w / 2 for x, _, w, _ in lost], [y + h / 2 for _, y, _, h in lost]
        drawn.axes.plot(*centres, "x", color=VERMILION, ms=cross, mew=max(0.6, cross / 7))
    if drawn.grid.chosen is None:
        return
    left, bottom, width, height = drawn.box(*drawn.grid.chosen)
    # around the cell, below its number; a tiny cell has a larger frame
    wide, high = max(width, SMALLEST_FRAME / x_unit), max(height, SMALLEST_FRAME / y_unit)
    corner = left - (wide - width) / 2, bottom - (high - height) / 2
    frame = Rectangle(corner, wide, high, fill=False, edgecolor=VERMILION, lw=1.4, zorder=2.5)
    frame.set_path_effects([withStroke(linewidth=2.6, foreground="white")])
    frame.set_clip_on(False)
    drawn.axes.add_patch(frame)


def _corners(boxes: Sequence[tuple[float, float, float, float]]) -> list[list[tuple[float, float]]]:
    return [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in boxes]


def only_predicted(cell: Cell) -> bool:
    return cell.value is None and cell.predicted is not None
