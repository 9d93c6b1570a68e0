"""The marks of a heatmap's cells, only those that occur: as a legend below the page, and in the words of a caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hptui.export.heatmap_cells import HATCH, HIDES_LEFT_OUT, PASSED_OVER, PREDICTED, VAGUE, only_predicted
from hptui.export.style import VERMILION, theme
from hptui.reading.views.heatmap_grid import HeatmapGrid, lost_words
from hptui.reading.views.passed_over import passed_over_label

Mark = Literal["chosen", "passed over", "hides left out", "diverged", "predicted", "vague", "not measured"]

LABELS: dict[Mark, str] = {
    "chosen": "chosen",
    "hides left out": "others of its candidates left out",
    "diverged": "diverged",
    "predicted": "predicted, not measured",
    "vague": "predicted, hardly known",
    "not measured": "not measured",
}
LOOKS: dict[Mark, str] = {
    "chosen": "orange frame",
    "passed over": "broken frame",
    "hides left out": "dotted frame",
    "diverged": "hatched, with a cross",
    "predicted": "dots, and ~ before the number",
    "vague": "crossed, without a number",
    "not measured": "grey",
}


def occurring_marks(grids: Sequence[HeatmapGrid]) -> list[Mark]:
    """Marks that a cell of these has."""
    cells = [cell for grid in grids for _, _, cell in grid.places]
    occur: dict[Mark, bool] = {
        "chosen": any(grid.chosen is not None for grid in grids),
        "passed over": any(cell.passed_over for cell in cells),
        "hides left out": any(cell.hides_left_out for cell in cells),
        "diverged": any(cell.diverged for cell in cells),
        "predicted": any(only_predicted(cell) and not cell.vague for cell in cells),
        "vague": any(only_predicted(cell) and cell.vague for cell in cells),
        "not measured": any(cell.shown is None and not cell.diverged for cell in cells),
    }
    return [mark for mark, does in occur.items() if does]


def legend_handles(grids: Sequence[HeatmapGrid]) -> list[Patch | Line2D]:
    """Handles of the marks that occur."""
    ink, faint = theme().ink, theme().faint
    handles: dict[Mark, Patch | Line2D] = {
        "chosen": Line2D([], [], ls="", marker="s", ms=6, mfc="none", mec=VERMILION),
        "passed over": Patch(ec=ink, **PASSED_OVER),
        "hides left out": Patch(ec=ink, **HIDES_LEFT_OUT),
        "diverged": Patch(facecolor=theme().paper, edgecolor=ink, hatch=HATCH, lw=0.3),
        "predicted": Patch(**PREDICTED | {"fc": faint}),
        "vague": Patch(**VAGUE | {"fc": faint, "ec": ink}),
        "not measured": Patch(facecolor=faint, edgecolor=ink, lw=0.3),
    }
    found = [(handles[mark], _label(mark, grids)) for mark in occurring_marks(grids)]
    for handle, label in found:
        handle.set_label(label)
    return [handle for handle, _ in found]


def mark_words(grids: Sequence[HeatmapGrid]) -> str:
    """Words such as "orange frame: chosen; grey: not measured"."""
    return "; ".join(f"{LOOKS[mark]}: {_label(mark, grids)}" for mark in occurring_marks(grids))


def _label(mark: Mark, grids: Sequence[HeatmapGrid]) -> str:
    """What a mark says of the cells of these."""
    cells = [cell for grid in grids for _, _, cell in grid.places]
    return lost_words(cells) if mark == "diverged" else LABELS.get(mark) or passed_over_label(cells)
