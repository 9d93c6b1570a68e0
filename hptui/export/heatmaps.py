"""The decisions of one run as a page of heatmaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from hptui.export.heatmap_cells import draw_cells, mark_cells, write_numbers
from hptui.export.heatmap_legend import legend_handles
from hptui.export.scales import all_fit, legend_columns
from hptui.export.style import NARROW, SMALL, WIDE, lay_out, literal, new_figure, title_of, titled, wrapped
from hptui.metrics.classification import METRIC_TITLES, metric_title
from hptui.reading.run_state import Decision
from hptui.reading.views.expected_cells import prediction_words
from hptui.reading.views.heatmap import heatmap, heatmap_parts
from hptui.reading.views.heatmap_grid import HeatmapGrid
from hptui.reading.views.probe_rounds import round_words
from hptui.record.task import Task

PER_PAGE = 12
AROUND = 0.8
"""inches of title and legend"""
LINE = 1.2 * SMALL / 72
"""inches"""
MARGIN = 1.15
"""inches of the ticks, and of the colour bar, beside a heatmap"""
BESIDE = 0.6
"""inches, of these, that the words above a heatmap leave free"""
FEW = 6
"""heatmaps, which may be larger without filling more than a page"""
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

    @property
    def label(self) -> str:
        """What tells it from those beside it, where a caption has the words."""
        one = self.grid.round
        return f"{self.heading}, round {one.number + 1}" if one is not None and self.grid.rounds > 1 else self.heading


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
    columns = _columns([panel.grid for panel in shown])
    width = NARROW if columns == 1 else WIDE
    titles = _titles(shown, beside, width / columns)
    rows = [slice(first, first + columns) for first in range(0, len(shown), columns)]
    heights = (
        [height - AROUND] if height else [_height(titles[row], columns, len(rows), all(flat[row])) for row in rows]
    )
    figure = new_figure(width, sum(heights) + AROUND, title, subtitle)
    subplots = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).ravel()
    drawn = []
    for index, (subplot, panel) in enumerate(zip(subplots, shown, strict=False)):
        subplot.set_title(titles[index], fontsize=SMALL)
        last_of_row = columns < 3 or index % columns == columns - 1 or index == len(shown) - 1
        across = width / columns - (0.3 if all(flat) else MARGIN)
        upwards = heights[index // columns] - titles[index].count("\n") * LINE - 0.65
        measure = panel.measure if last_of_row else ""
        drawn.append(draw_cells(subplot, panel.grid, measure, (across * 72, upwards * 72)))
    for subplot in subplots[len(shown) :]:
        subplot.set_visible(False)
    if handles := legend_handles([panel.grid for panel in (*shown, *beside)]):
        figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, width))
    lay_out(figure)  # so that the room in the cells is known
    for one in drawn:
        write_numbers(one)
        mark_cells(one)
    return figure


def _titles(shown: Sequence[HeatmapPanel], beside: Sequence[HeatmapPanel], width: float) -> list[str]:
    """Titles of panels `width` inches wide; all as high as the highest of those beside them, if there are any.

    Where a picture has no titles, panels have but a label each; one that stands alone has none.
    """
    if not titled():
        return [panel.label if len(shown) > 1 or beside else "" for panel in shown]
    titles = [_title(panel, width) for panel in shown]
    lines = max((_title(panel, width).count("\n") for panel in beside), default=0)
    return [title + "\n" * (lines - title.count("\n")) for title in titles]


def _columns(grids: Sequence[HeatmapGrid]) -> int:
    """Heatmaps side by side: three, or two where that leaves room for more of their ticks, or is the better shape."""
    three, two = ((WIDE / columns - MARGIN) * 72 for columns in (3, 2))
    gain = any(all_fit(grid.x, two) and not all_fit(grid.x, three) for grid in grids)
    wide = len(grids) == 4 or any(grid.y is None for grid in grids) or (gain and len(grids) <= FEW)
    return min(len(grids), 2 if wide else 3)


def _height(titles: Sequence[str], columns: int, rows: int, flat: bool) -> float:
    """Inches of a row of heatmaps with their titles."""
    large = 2.8 if rows < 3 else 2.3
    return (1.35 if flat else 2.05 if columns == 3 else large) + max(title.count("\n") for title in titles) * LINE


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
    if grid.is_paired:
        words.append("measured ±: against the chosen one")
    if grid.predicts:
        words.append(prediction_words(grid))
    if worse := grid.beyond.worse:
        words.append(f"{worse} cell{'s are' if worse > 1 else ' is'} worse than the colours go")
    if guessed := grid.beyond.predicted_worse + grid.beyond.predicted_better:
        lie = "predictions lie" if guessed > 1 else "prediction lies"
        words.append(f"{guessed} {lie} beyond the measured colours")
    return tuple(words)


def _reason(decision: Decision) -> tuple[str, ...]:
    return (f"chosen: {decision.chosen.reason}",) if decision.chosen is not None else ()


def _title(panel: HeatmapPanel, width: float) -> str:
    """Heading and words of a panel `width` inches wide, in lines."""
    room = width - (BESIDE if width > WIDE / 3 else BESIDE / 2)  # wider words than the cells make these narrower
    lines = [line for words in panel.words for line in wrapped(words, room, SMALL, lines=MOST_LINES)]
    return "\n".join([panel.heading, *lines])


def _measure_title(grid: HeatmapGrid, decision: Decision) -> str:
    """Name of what the colours show, with its unit; that of a score comes from a file."""
    task: Task = next((one.classes.task for one in decision.candidates), "single-label")
    if grid.measure in METRIC_TITLES:
        return f"validation {metric_title(grid.measure, task)}"
    name = decision.started.score_name if grid.measure == "score" else grid.measure
    metrics = {key: f"validation {metric_title(key, task)}" for key in METRIC_TITLES}
    known = {"loss": "validation loss (nats)"} | metrics
    return known.get(name) or literal(f"score: {name}")
