"""The colours of a heatmap's cells: bright is best, and what is predicted is pale."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.colors import Colormap, ListedColormap, Normalize, to_rgb

from hptui.export.style import theme
from hptui.reading.views.heatmap_grid import HeatmapGrid

GUESSED = 0.45
"""of the colour, over that of what was not measured: measured cells stand out beside predicted ones"""
VAGUE = 0.15
"""the same of what hardly anything is known of"""


def shade(grid: HeatmapGrid, value: float) -> float:
    """Number that becomes a colour."""
    return grid.scale.place(value) if grid.scale is not None else value


def normalized(grid: HeatmapGrid) -> Normalize | None:
    """Way from a shade to a share of the colours; None: no cell has a value."""
    if grid.scale is None:
        return None
    low, high = grid.scale.place(grid.scale.low), grid.scale.place(grid.scale.high)
    room = max(abs(low), 1.0) * 1e-3 if high - low < 1e-9 * max(abs(low), 1.0) else 0.0
    return Normalize(low - room, high + room)


def colour_map(grid: HeatmapGrid) -> Colormap:
    """Colour map in which bright is best."""
    return matplotlib.colormaps["viridis_r" if grid.lower_is_better else "viridis"]


def pale(colours: Colormap, *, vague: bool = False) -> Colormap:
    """Colour map of what is predicted."""
    return ListedColormap([blended(colours(index), vague=vague) for index in range(colours.N)])


def blended(colour: Sequence[float], *, vague: bool = False) -> tuple[float, float, float, float]:
    """A colour as pale as what is predicted has it; `vague`: what hardly anything is known of."""
    share = VAGUE if vague else GUESSED
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(colour, to_rgb(theme().faint), strict=False))
    return red, green, blue, 1.0
