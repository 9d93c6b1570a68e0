"""The decisions of one run as a page of heatmaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hptui.export.heatmap_cells import (
    HATCH,
    PASSED_OVER,
    PREDICTED,
    draw_cells,
    mark_cells,
    only_predicted,
    write_numbers,
)
from hptui.export.scales import legend_columns
from hptui.export.style import NARROW, SMALL, VERMILION, WIDE, literal, new_figure, theme, title_of, wrapped
from hptui.metrics.classification import METRIC_TITLES
from hptui.reading.run_state import Decision
from hptui.reading.views.heatmap import heatmap, heatmap_parts
from hptui.reading.views.heatmap_grid import HeatmapGrid
from hptui.reading.views.probe_rounds import round_words

PER_PAGE = 12
AROUND = 0.8
"""inches of title and legend"""
LINE = 1.2 * SMALL / 72
"""inches"""
MOST_LINES = 5
"""of one sentence above a heatmap"""


@dataclass(frozen=True)
class HeatmapPanel:
    """One heatmap with the words around it."""

    grid: HeatmapGrid
    heading: str
    words: tuple[str, ...]
    """on how it was measured, and why it was chosen; a line or more each"""
    measure: str


def heatmap_panels(decision: Decision, images_per_epoch: int = 0) -> list[HeatmapPanel]:
    """HeatmapPanels of a decision that searched at least one hyperparameter: together they show all that was tried."""
    grids = [heatmap(decision, part.x, part.y, number=part.number) for part in heatmap_parts(decision)]
    # the reason of the choice once, beside the first heatmap that has it
    reason = next((grid for grid in grids if grid.chosen is not None), grids[-1])
    return [
        HeatmapPanel(
            grid,
            _heading(grid, decision),
            _words(grid, images_per_epoch) + _reason(decision) * (grid is reason),
            _measure_title(grid, decision),
        )
        for grid in grids
    ]


def heatmap_page(
    shown: Sequence[HeatmapPanel],
    title: str,
    subtitle: str,
    *,
    beside: Sequence[HeatmapPanel] = (),
    height: float = 0.0,
) -> Figure:
    """Figure of up to PER_PAGE heatmaps, or those of one decision, as small multiples.

    Args:
        shown: the heatmaps, in reading order.
        title: of the study.
        subtitle: which run and decisions.
        beside: legend and titles take as much room as of these too, so that all frames of an animation are alike.
        height: of the figure, in inches; 0: as much as it needs.
    """
    flat = [panel.grid.y is None for panel in shown]
    columns = min(len(shown), 2 if any(flat) or len(shown) == 4 else 3)
    width = NARROW if columns == 1 else WIDE
    titles = [_title(panel, width / columns) for panel in shown]
    lines = max(title.count("\n") for title in [*titles, *(_title(panel, width / columns) for panel in beside)])
    heights = [
        _height(titles[first : first + columns], columns, flat=all(flat[first : first + columns]))
        for first in range(0, len(shown), columns)
    ]
    if height:
        heights = [height - AROUND]
    figure = new_figure(width, sum(heights) + AROUND, title, subtitle)
    subplots = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).ravel()
    drawn = []
    for index, (subplot, panel) in enumerate(zip(subplots, shown, strict=False)):
        above = (lines if beside else titles[index].count("\n")) - titles[index].count("\n")
        subplot.set_title(titles[index] + "\n" * above, fontsize=SMALL)
        words = (titles[index].count("\n") + above) * LINE
        last_of_row = columns < 3 or index % columns == columns - 1 or index == len(shown) - 1
        size = width / columns - (0.3 if all(flat) else 1.15), heights[index // columns] - words - 0.65
        drawn.append(
            draw_cells(subplot, panel.grid, panel.measure if last_of_row else "", (size[0] * 72, size[1] * 72))
        )
    for subplot in subplots[len(shown) :]:
        subplot.set_visible(False)
    if handles := _legend([panel.grid for panel in (*shown, *beside)]):
        figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, width))
    figure.draw_without_rendering()  # lays it out, so that the room in the cells is known
    figure.set_layout_engine("none")
    for heatmap_drawn in drawn:
        write_numbers(heatmap_drawn)
        mark_cells(heatmap_drawn)
    return figure


def _height(titles: Sequence[str], columns: int, *, flat: bool) -> float:
    """Inches of a row of heatmaps with their titles."""
    return (1.35 if flat else 2.05 if columns == 3 else 2.8) + max(title.count("\n") for title in titles) * LINE


def _heading(grid: HeatmapGrid, decision: Decision) -> str:
    if decision.chosen is None:
        return f"epoch {grid.epoch} (not decided)"
    return f"epoch {grid.epoch}" + (" (none taken)" if decision.chosen.candidate is None else "")


def _words(grid: HeatmapGrid, images_per_epoch: int) -> tuple[str, ...]:
    """Sentences without which the cells cannot be read: on their probes, and what they are the best over."""
    words = []
    if grid.round is not None:
        words.append(round_words(grid.round, grid.rounds, images_per_epoch))
    if grid.others:
        words.append(f"best over {' and '.join(map(title_of, grid.others))}")
    if grid.scale is not None and grid.scale.beyond:
        count = grid.scale.beyond
        words.append(f"{count} cell{'s are' if count > 1 else ' is'} worse than the colours go")
    return tuple(words)


def _reason(decision: Decision) -> tuple[str, ...]:
    return (f"chosen: {decision.chosen.reason}",) if decision.chosen is not None else ()


def _title(panel: HeatmapPanel, width: float) -> str:
    """Heading and words of a panel `width` inches wide, in lines."""
    lines = [line for words in panel.words for line in wrapped(words, width - 0.25, SMALL, lines=MOST_LINES)]
    return "\n".join([panel.heading, *lines])


def _measure_title(grid: HeatmapGrid, decision: Decision) -> str:
    """Name of what the colours show, with its unit; that of a score comes from a file."""
    if grid.measure in METRIC_TITLES:
        return f"validation {METRIC_TITLES[grid.measure]}"
    name = decision.started.score_name if grid.measure == "score" else grid.measure
    known = {"loss": "validation loss (nats)"} | {key: f"1 - validation {word}" for key, word in METRIC_TITLES.items()}
    return known.get(name) or literal(f"score: {name}")


def _legend(grids: Sequence[HeatmapGrid]) -> list[Patch | Line2D]:
    """Handles of the legend: only the marks that occur."""
    cells = [cell for grid in grids for _, _, cell in grid.places]
    handles: list[Patch | Line2D] = []
    if any(grid.chosen for grid in grids):
        handles.append(Line2D([], [], ls="", marker="s", ms=6, mfc="none", mec=VERMILION, label="chosen"))
    if any(cell.passed_over for cell in cells):
        handles.append(Patch(ec=theme().ink, label="better or left out, not taken", **PASSED_OVER))
    if any(cell.diverged for cell in cells):
        handles.append(Patch(facecolor=theme().paper, edgecolor=theme().ink, hatch=HATCH, lw=0.3, label="diverged"))
    if any(only_predicted(cell) for cell in cells):
        handles.append(Patch(label="predicted, not measured", **PREDICTED | {"fc": theme().faint}))
    if any(cell.shown is None and not cell.diverged for cell in cells):
        handles.append(Patch(facecolor=theme().faint, edgecolor=theme().ink, lw=0.3, label="not measured"))
    return handles
