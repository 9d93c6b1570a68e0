"""The decisions of one run as a page of heatmaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hptui.export.heatmap_cells import HATCH, PREDICTED, cells_of, draw_cells, mark_cells, only_predicted, write_numbers
from hptui.export.scales import legend_columns
from hptui.export.style import NARROW, VERMILION, WIDE, literal, new_figure, theme
from hptui.metrics.classification import METRIC_TITLES
from hptui.reading.run_state import Decision
from hptui.reading.views.heatmap import HeatmapGrid, heatmap

PER_PAGE = 12


@dataclass(frozen=True)
class HeatmapPanel:
    """One heatmap with the words around it."""

    grid: HeatmapGrid
    heading: str
    measure: str


def heatmap_panel(decision: Decision) -> HeatmapPanel:
    """HeatmapPanel of a decision that searched at least one hyperparameter."""
    grid = heatmap(decision)
    return HeatmapPanel(grid, _heading(grid, decision), _measure_title(grid, decision))


def heatmap_page(
    shown: Sequence[HeatmapPanel], title: str, subtitle: str, *, marks: Sequence[HeatmapGrid] = (), height: float = 0.0
) -> Figure:
    """Figure of up to PER_PAGE heatmaps as small multiples.

    Args:
        shown: the heatmaps, in reading order.
        title: of the study.
        subtitle: which run and decisions.
        marks: the legend explains what occurs in these too, so that all frames of an animation have the same one.
        height: of the figure at least, in inches.
    """
    grids = [panel.grid for panel in shown]
    flat = all(grid.y is None for grid in grids)
    columns = min(len(grids), 2 if flat or len(grids) == 4 else 3)
    rows = math.ceil(len(grids) / columns)
    width = NARROW if columns == 1 else WIDE
    panel_width = width / columns
    panel_height = max(1.35 if flat else 2.05 if columns == 3 else 2.8, (height - 0.8) / rows)
    figure = new_figure(width, rows * panel_height + 0.8, title, subtitle)
    subplots = figure.subplots(rows, columns, squeeze=False).ravel()
    heatmaps = []
    for index, (subplot, panel) in enumerate(zip(subplots, shown, strict=False)):
        size = (panel_width - (0.3 if flat else 1.15)) * 72, (panel_height - 0.65) * 72
        last_of_row = columns < 3 or index % columns == columns - 1 or index == len(grids) - 1
        heatmaps.append(draw_cells(subplot, panel.grid, panel.measure if last_of_row else "", size))
        subplot.set_title(panel.heading)
    for subplot in subplots[len(grids) :]:
        subplot.set_visible(False)
    if handles := _legend([*grids, *marks]):
        figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, width))
    figure.draw_without_rendering()  # lays it out, so that the room in the cells is known
    figure.set_layout_engine("none")
    for drawn in heatmaps:
        write_numbers(drawn)
        mark_cells(drawn)
    return figure


def _heading(grid: HeatmapGrid, decision: Decision) -> str:
    if decision.chosen is None:
        return f"epoch {grid.epoch} (not decided)"
    return f"epoch {grid.epoch}" + ("" if grid.chosen else " (none taken)")


def _measure_title(grid: HeatmapGrid, decision: Decision) -> str:
    """Name of what the colours show, with its unit; that of a score comes from a file."""
    if grid.measure in METRIC_TITLES:
        return f"validation {METRIC_TITLES[grid.measure]}"
    name = decision.started.score_name if grid.measure == "score" else grid.measure
    known = {"loss": "validation loss (nats)"} | {key: f"1 - validation {word}" for key, word in METRIC_TITLES.items()}
    return known.get(name) or literal(f"score: {name}")


def _legend(grids: Sequence[HeatmapGrid]) -> list[Patch | Line2D]:
    """Handles of the legend: only the marks that occur."""
    cells = [cell for grid in grids for _, _, cell in cells_of(grid)]
    handles: list[Patch | Line2D] = []
    if any(grid.chosen for grid in grids):
        handles.append(Line2D([], [], ls="", marker="s", ms=6, mfc="none", mec=VERMILION, label="chosen"))
    if any(cell.diverged for cell in cells):
        handles.append(Patch(facecolor=theme().paper, edgecolor=theme().ink, hatch=HATCH, lw=0.3, label="diverged"))
    if any(only_predicted(cell) for cell in cells):
        handles.append(Patch(label="predicted, not measured", **PREDICTED | {"fc": theme().faint}))
    if any(cell.shown is None and not cell.diverged for cell in cells):
        handles.append(Patch(facecolor=theme().faint, edgecolor=theme().ink, lw=0.3, label="not measured"))
    return handles
