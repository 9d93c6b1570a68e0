"""The other heatmaps of a decision, small below the one that is looked at: its other rounds, and pairs of axes."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hptui.reading.run_state import Decision
from hptui.reading.views.heatmap import HeatmapPart, heatmap, heatmap_parts
from hptui.reading.views.heatmap_grid import HeatmapGrid
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.heatmap_lines import heatmap_lines, least_lines
from hptui.ui.drawing.heatmap_words import round_line

SHARE = 0.5
"""of the lines, that the heatmap which is looked at keeps in any case"""
ROOMY = 2
"""lines of each of its rows before others are shown"""
SINGLE = 4
"""lines of a single row, that what is said below its numbers takes"""


def companion_lines(
    decision: Decision, shown: HeatmapGrid, width: int, height: int, palette: Palette, images_per_epoch: int
) -> list[Strip]:
    """Lines of the others, as many whole ones as leave enough of `height` to the one that is looked at."""
    if shown.rounds == 1 and not shown.others:
        return []
    least = least_lines(shown, palette, width) + (ROOMY - 1) * len(shown.cells)
    enough = least + SINGLE if shown.y is None else height  # more lines say no more
    room = height - max(least, min(round(SHARE * height), enough))
    lines: list[Strip] = []
    for part in _others(decision, shown):
        grid = heatmap(decision, part.x, part.y, shown.measure, part.number)
        needed = 1 + least_lines(grid, palette, width)
        if needed <= room:
            needed += min(SINGLE, room - needed) if grid.y is None else 0
            room -= needed
            heading = round_line(grid, images_per_epoch)[:width]
            lines += [Strip([Segment(heading, Style(bold=True))]), *heatmap_lines(grid, width, needed - 1, palette)]
    return lines


def _others(decision: Decision, shown: HeatmapGrid) -> list[HeatmapPart]:
    """Other parts of the landscape: those of the same round first, then the newest of the other rounds."""
    number = shown.round.number if shown.round is not None else None
    axes = {shown.x.name, shown.y.name if shown.y is not None else shown.x.name}
    others = [part for part in heatmap_parts(decision) if (part.number, {part.x, part.y}) != (number, axes)]
    return sorted(others, key=lambda part: (part.number != number, -(part.number or 0)))
