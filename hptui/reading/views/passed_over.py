"""Cells that were not chosen though they look as good or better: why, in the words of screen, figures and captions."""

from __future__ import annotations

from collections.abc import Iterable

from hptui.reading.views.heatmap_grid import Cell

LEFT_OUT, BETTER = "left out", "better, not taken"
FAR_BEHIND = "last weights far behind"
"""as reasons in logs, also older ones, say of candidates that were left out"""
FAR_BEHIND_MEANS = (
    "the loss of the weights after the probe's last step was far above the lowest such loss of all candidates, however "
    "well the average of the weights scored; a rate that throws the weights about would ruin them in the epoch to come"
)
LEFT_OUT_MEANS = "the strategy did not compare it, whatever its score; the reason of the choice says why"
BETTER_MEANS = (
    "its score is better than that of the choice, which was taken all the same; the reason of the choice says why (a "
    "difference within noise, as a rule)"
)


def passed_over_label(cells: Iterable[Cell]) -> str:
    """What the mark of cells that were passed over says of these; empty where there are none."""
    found = {cell.better for cell in cells if cell.passed_over}
    if len(found) == 2:
        return f"{LEFT_OUT}, or {BETTER}"
    return "" if not found else BETTER if found.pop() else LEFT_OUT


def passed_over_meaning(cells: Iterable[Cell], reason: str) -> list[str]:
    """A sentence for each kind of cells that were passed over, and what their choice's reason means by its words."""
    kinds = {cell.better for cell in cells if cell.passed_over or cell.hides_left_out}
    lines = [f"{LEFT_OUT}: {LEFT_OUT_MEANS}"] * (False in kinds) + [f"{BETTER}: {BETTER_MEANS}"] * (True in kinds)
    return [*lines, *[f"{FAR_BEHIND}: {FAR_BEHIND_MEANS}"] * (FAR_BEHIND in reason)]
