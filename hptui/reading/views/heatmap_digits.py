"""How exact the numbers of a heatmap have to be for a reader to tell the best cells from those beside them."""

from __future__ import annotations

import math

from hptui.reading.views.heatmap_grid import BEST, HeatmapGrid

MOST_DECIMALS = 6


def decimals(grid: HeatmapGrid, factor: float = 1.0) -> int:
    """Decimals of all numbers of a grid, times `factor`.

    Two more than the spread of what was measured has, and as many as tell `close_values` apart: of a spread of 5 nats,
    which one outlier makes, two would call 0.391 and 0.394 the same.
    """
    found = [cell.value for _, _, cell in grid.places if cell.value is not None]
    if len(found) < BEST:  # the difference of two may be minute beside what is predicted around them
        found = grid.values or [0.0]
    spread = (max(found) - min(found)) * factor
    least = min(max(1, 2 - math.floor(math.log10(spread))), MOST_DECIMALS) if spread > 0 else 3
    close = {value * factor for value in grid.close_values}
    most = len({round(value, MOST_DECIMALS) for value in close})
    enough = (d for d in range(least, MOST_DECIMALS) if len({round(value, d) for value in close}) == most)
    return next(enough, MOST_DECIMALS)
