"""Learning curves of both arms: the mean over the runs, in a band from the worst run to the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hptui.config import Arm
from hptui.export.scales import epochs, logarithmic
from hptui.export.style import ARM_MARKS, MANY_EPOCHS, WIDE, new_figure, theme
from hptui.reading.run_state import RunState
from hptui.reading.views.curves import learning_curve

CURVES: tuple[tuple[Literal["accuracy", "loss"], str, str], ...] = (
    ("loss", "validation", "validation loss (nats)"),
    ("accuracy", "validation", "validation accuracy (%)"),
    ("accuracy", "test", "test accuracy (%)"),
)


def curves_figure(arms: Mapping[Arm, Sequence[RunState]], title: str) -> Figure:
    """Figure of loss and accuracy of the delivered weights: mean over the runs, and from the worst run to the best."""
    n = {arm: sum(state.epochs_completed > 0 for state in states) for arm, states in arms.items()}
    subtitle = ", ".join(f"{arm} n = {number} of {len(arms[arm])} runs" for arm, number in n.items())
    figure = new_figure(WIDE, 2.75, title, subtitle)
    for panel, (measure, split, name) in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        _draw_curves(panel, arms, measure, split)
        panel.set_ylabel(name)
        epochs(panel)
    handles = [
        Line2D([], [], color=theme().arms[arm], ls=ARM_MARKS[arm][0], marker=ARM_MARKS[arm][1], label=f"{arm}, mean")
        for arm in arms
    ] + [Patch(facecolor=theme().arms[arm], alpha=0.25, lw=0, label=f"{arm}, lowest to highest run") for arm in arms]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_curves(
    axes: Axes, arms: Mapping[Arm, Sequence[RunState]], measure: Literal["accuracy", "loss"], split: str
) -> None:
    factor = 100.0 if measure == "accuracy" else 1.0
    ends: list[float] = []
    for arm, states in arms.items():
        points = learning_curve(states, measure, split)
        numbers = [point.epoch for point in points]
        low, high = [factor * p.low for p in points], [factor * p.high for p in points]
        (line, mark), colour = ARM_MARKS[arm], theme().arms[arm]
        size = 3.0 if len(points) <= MANY_EPOCHS else 0.0
        axes.fill_between(numbers, low, high, color=colour, alpha=0.25, lw=0)
        if len(points) == 1:  # a band of no width would not show
            axes.vlines(numbers, low, high, color=colour, alpha=0.25, lw=6)
        axes.plot(numbers, [factor * p.mean for p in points], color=colour, ls=line, marker=mark, ms=size)
        ends += [*low, *high]
    if measure == "loss" and ends and min(ends) > 0:
        logarithmic(axes, min(ends), max(ends))
