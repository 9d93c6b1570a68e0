"""Learning curves of both arms: the mean over the runs, in a band from the worst run to the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hptui.config import Arm
from hptui.export.scales import epochs, legend_columns, logarithmic, shares
from hptui.export.style import ARM_MARKS, MANY_EPOCHS, WIDE, new_figure, theme
from hptui.reading.run_state import RunState
from hptui.reading.views.curves import learning_curve, spread

CURVES: tuple[tuple[Literal["accuracy", "loss"], str, str], ...] = (
    ("loss", "validation", "validation loss (nats)"),
    ("accuracy", "validation", "validation accuracy (%)"),
    ("accuracy", "test", "test accuracy (%)"),
)


BAND = "lowest to highest run"


def curves_figure(arms: Mapping[Arm, Sequence[RunState]], title: str) -> Figure:
    """Figure of loss and accuracy of the delivered weights: mean over the runs, and from the worst run to the best."""
    n = {arm: sum(state.epochs_completed > 0 for state in states) for arm, states in arms.items()}
    subtitle = ", ".join(f"{arm} n = {number} of {len(arms[arm])} runs" for arm, number in n.items())
    figure = new_figure(WIDE, 2.75, title, subtitle)
    for panel, (measure, split, name) in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        _draw_curves(panel, arms, measure, split)
        panel.set_ylabel(name)
        epochs(panel)
    handles = _legend(arms)
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, WIDE))
    return figure


def _legend(arms: Mapping[Arm, Sequence[RunState]]) -> list[Line2D | Patch]:
    """Entries for the arms that have a line, and for those that have a band."""
    curves = {
        arm: [learning_curve(states, measure, split) for measure, split, _ in CURVES] for arm, states in arms.items()
    }
    means = [arm for arm, of_arm in curves.items() if any(of_arm)]
    bands = [arm for arm, of_arm in curves.items() if any(spread(curve) for curve in of_arm)]
    several = {arm for arm in means if any(point.n > 1 for curve in curves[arm] for point in curve)}
    lines = [
        Line2D(
            [],
            [],
            color=theme().arms[arm],
            ls=ARM_MARKS[arm][0],
            marker=ARM_MARKS[arm][1],
            label=f"{arm}, mean" if arm in several else arm,
        )
        for arm in means
    ]
    areas = [Patch(facecolor=theme().arms[arm], alpha=0.25, lw=0, label=f"{arm}, {BAND}") for arm in bands]
    return [*lines, *areas]


def _draw_curves(
    axes: Axes, arms: Mapping[Arm, Sequence[RunState]], measure: Literal["accuracy", "loss"], split: str
) -> None:
    factor = 100.0 if measure == "accuracy" else 1.0
    ends: list[float] = []
    for arm, states in arms.items():
        points = learning_curve(states, measure, split)
        if not points:
            continue
        numbers = [point.epoch for point in points]
        low, high = [factor * p.low for p in points], [factor * p.high for p in points]
        (line, mark), colour = ARM_MARKS[arm], theme().arms[arm]
        size = 3.0 if len(points) <= MANY_EPOCHS else 0.0
        axes.fill_between(numbers, low, high, color=colour, alpha=0.25, lw=0)
        if len(points) == 1:  # a band of no width would not show
            axes.vlines(numbers, low, high, color=colour, alpha=0.25, lw=6)
        axes.plot(numbers, [factor * p.mean for p in points], color=colour, ls=line, marker=mark, ms=size)
        ends += [*low, *high]
    if measure == "accuracy":
        shares(axes)
    elif ends and min(ends) > 0:
        logarithmic(axes, min(ends), max(ends))
