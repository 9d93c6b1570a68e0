"""The cells of one heatmap: their colours, the numbers in them, and the marks upon them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from hptui.export.heatmap_colours import blended, colour_map, normalized, pale, shade
from hptui.export.scales import edges, is_to_scale, number, text_colour, ticks
from hptui.export.style import CHARACTER, SMALL, VERMILION, theme, title_of
from hptui.reading.views.colour_scale import ColourScale
from hptui.reading.views.heatmap_digits import decimals
from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid, Position
from hptui.record.events import Axis

SMALLEST_FRAME = 6.0
"""points"""
HATCH = "/////"
FILLED: dict[str, Any] = {"edgecolors": "face", "lw": 0.1}
"""else a viewer of vector files shows the paper between two cells"""
PREDICTED: dict[str, Any] = {"fc": "none", "ec": "white", "hatch": "....", "lw": 0.0}
VAGUE: dict[str, Any] = {"fc": "none", "ec": "white", "hatch": "xx", "lw": 0.0}
"""predicted too, and hardly anything is known of it"""
PASSED_OVER: dict[str, Any] = {"fill": False, "ls": (0, (2.2, 1.4)), "lw": 1.0}
"""a broken frame, where the chosen cell has a whole one"""
HIDES_LEFT_OUT: dict[str, Any] = {"fill": False, "ls": (0, (0.8, 1.6)), "lw": 0.9}
"""a dotted frame: what it shows was not left out, but others of its candidates were"""


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
    drawn = DrawnHeatmap(grid, axes, x_edges, y_edges, normalized(grid))
    axes.set_facecolor(theme().faint)
    mesh = _fill(drawn, [[cell.value for cell in row] for row in grid.cells])
    for vague in (False, True):
        guesses = [
            [cell.predicted if only_predicted(cell) and cell.vague == vague else None for cell in row]
            for row in grid.cells
        ]
        if any(one is not None for row in guesses for one in row):
            _fill(drawn, guesses, cmap=pale(colour_map(grid), vague=vague))
    axes.set_xlim(x_edges[0], x_edges[-1])
    axes.set_ylim(y_edges[0], y_edges[-1])
    positions, labels = ticks(grid.x, size[0], sideways=True)
    axes.set_xticks(positions, labels)
    axes.set_xlabel(_axis_title(grid.x))
    positions, labels = ticks(grid.y, size[1], sideways=False) if grid.y is not None else ([], [])
    axes.set_yticks(positions, labels)
    axes.set_ylabel(_axis_title(grid.y) if grid.y is not None else "")
    if drawn.norm is not None and grid.scale is not None:
        _draw_bar(drawn, mesh, measure, grid.scale)
    return drawn


def _fill(drawn: DrawnHeatmap, shown: Sequence[Sequence[float | None]], **look: Any) -> QuadMesh:
    """Paint cells that have such a value."""
    values = np.array([[math.nan if one is None else shade(drawn.grid, one) for one in row] for row in shown])
    look = FILLED | {"cmap": colour_map(drawn.grid), "norm": drawn.norm} | look
    return drawn.axes.pcolormesh(drawn.x_edges, drawn.y_edges, np.ma.masked_invalid(values), **look)


def _axis_title(axis: Axis) -> str:
    return title_of(axis.name) + ("" if is_to_scale(axis) else " (values tried, not to scale)")


def _draw_bar(drawn: DrawnHeatmap, mesh: QuadMesh, measure: str, scale: ColourScale) -> None:
    """Draw the colour bar; an arrow at an end stands for values beyond it."""
    assert drawn.norm is not None
    flat = drawn.grid.y is None
    where, arrows = "bottom" if flat else "right", _arrows(drawn.grid, scale)
    bar = drawn.axes.figure.colorbar(
        mesh, ax=drawn.axes, location=where, aspect=30 if flat else 15, extend=arrows, extendfrac=0.06
    )
    bar.set_label(measure, fontsize=SMALL)
    low, high = drawn.norm.vmin, drawn.norm.vmax
    assert low is not None
    assert high is not None
    ends = sorted({scale.place(scale.low), (low + high) / 2, scale.place(scale.high)})
    digits = _bar_digits(drawn.grid, scale)
    bar.set_ticks(ends, labels=[_cell_number(10.0**end if scale.logarithmic else end, digits) for end in ends])
    bar.minorticks_off()


def _arrows(grid: HeatmapGrid, scale: ColourScale) -> str:
    """Ends of the colour bar that something lies beyond, as matplotlib calls them."""
    worse = bool(scale.beyond or grid.beyond.worse or grid.beyond.predicted_worse)
    better = grid.beyond.predicted_better > 0
    high, low = (worse, better) if scale.lower_is_better else (better, worse)
    return "both" if high and low else "max" if high else "min" if low else "neither"


def _digits(grid: HeatmapGrid) -> int:
    """Decimals of all numbers; at least two, and more for a scale that begins far below one."""
    smallest = abs(grid.low or 1.0)
    return min(max(2, decimals(grid), 1 - math.floor(math.log10(smallest))), 6) if smallest > 0 else decimals(grid)


def _bar_digits(grid: HeatmapGrid, scale: ColourScale) -> int:
    """Decimals that tell the ends of the colours apart; cells that nearly agree may need more."""
    spread = scale.high - scale.low
    return min(_digits(grid), max(2, 2 - math.floor(math.log10(spread)))) if spread > 0 else _digits(grid)


def _cell_number(value: float, digits: int) -> str:
    """Number with so many decimals; a large one with three digits in all."""
    return f"{value:.{digits}f}" if abs(value) < 100 else number(float(f"{value:.3g}"))


def _points_per_unit(axes: Axes) -> tuple[float, float]:
    """Points on paper for one data unit along x and y, after layout."""
    box = axes.get_window_extent()
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    to_points = 72 / axes.figure.dpi
    return box.width * to_points / (right - left), box.height * to_points / (top - bottom)


def write_numbers(drawn: DrawnHeatmap) -> None:
    """Write the numbers in all cells, or in none if one of them has no room; predicted ones begin with a tilde.

    Below them stands how sure they are. Where that has no room, it is left out, and then some of their digits; of what
    hardly anything is known there is no number.
    """
    grid, (x_unit, y_unit) = drawn.grid, _points_per_unit(drawn.axes)
    shown = {(row, column): cell for row, column, cell in grid.places if cell.shown is not None and not cell.vague}
    boxes = {position: drawn.box(*position) for position in shown}

    def fits(texts: Mapping[Position, str], size: float) -> bool:
        return all(
            width * x_unit > (max(map(len, lines)) + 0.7) * size * CHARACTER
            and height * y_unit > (1.5 + 1.2 * (len(lines) - 1)) * size
            for position, (_, _, width, height) in boxes.items()
            if (lines := texts[position].split("\n"))
        )

    def written(digits: int, sure: bool) -> dict[Position, str]:
        return {
            position: "~" * only_predicted(cell) + _cell_number(cell.shown or 0.0, digits) + _sure(cell, digits) * sure
            for position, cell in shown.items()
        }

    ways = (
        (written(digits, sure), size)
        for sure in (True, False)
        for digits in range(_digits(grid), 1, -1)
        for size in (SMALL, SMALL - 1)
    )
    texts, size = next((way for way in ways if fits(*way)), ({}, SMALL))
    if drawn.norm is None:
        return
    for (row, column), text in texts.items():
        left, bottom, width, height = boxes[row, column]
        cell = grid.cells[row][column]
        paint = _paint(drawn, cell)
        # the dots of what is predicted stay around its number
        box = {"boxstyle": "square,pad=0.15", "fc": paint, "ec": "none"} if only_predicted(cell) else None
        look: dict[str, Any] = {"color": text_colour(paint), "fontsize": size, "bbox": box}
        at = (left + width / 2, bottom + height / 2)
        drawn.axes.text(*at, text, ha="center", va="center_baseline", **look)


def _sure(cell: Cell, digits: int) -> str:
    """A second line: standard error against the chosen cell, or deviation of what is predicted."""
    error = cell.told_error
    return "" if error is None else f"\n± {_cell_number(error, digits)}"


def mark_cells(drawn: DrawnHeatmap) -> None:
    """Mark the chosen cell with a frame, those passed over with a broken one, those that hide candidates that were left
    out with a dotted one, diverged ones with hatching and a cross, predicted ones with dots.
    """
    x_unit, y_unit = _points_per_unit(drawn.axes)
    _dot_predictions(drawn)
    lost = [drawn.box(row, column) for row, column, cell in drawn.grid.places if cell.diverged]
    if lost:  # as two artists, because a page may have thousands
        lost_area = PolyCollection(_corners(lost), fc=theme().paper, ec=theme().ink, hatch=HATCH, lw=0.3)
        drawn.axes.add_collection(lost_area, autolim=False)
        cross = 0.5 * min(14, *(min(w * x_unit, h * y_unit) for _, _, w, h in lost))
        centres = [x + w / 2 for x, _, w, _ in lost], [y + h / 2 for _, y, _, h in lost]
        drawn.axes.plot(*centres, "x", color=VERMILION, ms=cross, mew=max(0.6, cross / 7))
    inset = 1.6 / x_unit, 1.6 / y_unit  # points, so that the frames of neighbours are told apart
    for row, column, cell in drawn.grid.places:
        if cell.passed_over or cell.hides_left_out:
            left, bottom, width, height = drawn.box(row, column)
            inner = width - 2 * inset[0], height - 2 * inset[1]
            look = PASSED_OVER if cell.passed_over else HIDES_LEFT_OUT
            mark = Rectangle((left + inset[0], bottom + inset[1]), *inner, ec="black", zorder=2.4, **look)
            mark.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
            drawn.axes.add_patch(mark)
    if drawn.grid.chosen is not None:
        _frame(drawn, drawn.box(*drawn.grid.chosen), (SMALLEST_FRAME / x_unit, SMALLEST_FRAME / y_unit))


def _dot_predictions(drawn: DrawnHeatmap) -> None:
    """Draw dots over what is predicted, in the colour that can be seen there; crosses where it is hardly known."""
    by_look: dict[tuple[str, bool], list[tuple[float, float, float, float]]] = {}
    for row, column, cell in drawn.grid.places:
        if only_predicted(cell):
            by_look.setdefault((text_colour(_paint(drawn, cell)), cell.vague), []).append(drawn.box(row, column))
    for (colour, vague), boxes in by_look.items():
        with matplotlib.rc_context({"hatch.color": colour, "hatch.linewidth": 0.25 if vague else 1.0}):
            drawn.axes.add_collection(PolyCollection(_corners(boxes), **(VAGUE if vague else PREDICTED)), autolim=False)


def _paint(drawn: DrawnHeatmap, cell: Cell) -> tuple[float, float, float, float]:
    """Colour of a cell that has a value; of a predicted one a pale one."""
    assert drawn.norm is not None
    colour = colour_map(drawn.grid)(float(drawn.norm(shade(drawn.grid, cell.shown or 0.0))))
    return blended(colour, vague=cell.vague) if only_predicted(cell) else colour


def _frame(drawn: DrawnHeatmap, box: tuple[float, float, float, float], least: tuple[float, float]) -> None:
    """Frame the chosen cell, below its number; a tiny cell has a larger frame."""
    left, bottom, width, height = box
    wide, high = max(width, least[0]), max(height, least[1])
    corner = left - (wide - width) / 2, bottom - (high - height) / 2
    frame = Rectangle(corner, wide, high, fill=False, edgecolor=VERMILION, lw=1.4, zorder=2.5)
    frame.set_path_effects([withStroke(linewidth=2.6, foreground="white")])
    frame.set_clip_on(False)
    drawn.axes.add_patch(frame)


def _corners(boxes: Sequence[tuple[float, float, float, float]]) -> list[list[tuple[float, float]]]:
    return [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in boxes]


def only_predicted(cell: Cell) -> bool:
    return cell.value is None and cell.predicted is not None
