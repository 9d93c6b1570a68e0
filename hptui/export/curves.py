"""Learning curves of both arms: the mean over the runs, in a band from the worst run to the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hptui.config import Arm
from hptui.export.scales import epochs, legend_columns, logarithmic, shares
from hptui.export.style import ARM_MARKS, MANY_EPOCHS, WIDE, new_figure, theme
from hptui.metrics.classification import metric_title
from hptui.reading.run_state import RunState
from hptui.reading.views.curves import delivered_points, finished, learning_curve, run_label, spread, unfinished
from hptui.record.task import Task

Curve = tuple[Literal["accuracy", "loss"], str]
CURVES: tuple[Curve, ...] = (
    ("loss", "validation"),
    ("accuracy", "validation"),
    ("accuracy", "test"),
)

BAND = "lowest to highest run"
SO_FAR: dict[str, Any] = {"ls": ":", "lw": 0.7, "marker": ".", "ms": 2.5}
"""a run that is not at its end, and in no mean"""
DELIVERED: dict[str, Any] = {"ls": "none", "marker": "D", "ms": 3.5, "mfc": "none"}
"""the epoch that a run delivers, where that is not its last"""
FEW_NAMES = 3
"""more unfinished runs are counted, not named"""


def curves_figure(arms: Mapping[Arm, Sequence[RunState]], title: str, task: Task = "single-label") -> Figure:
    """Figure of loss and accuracy of the delivered weights: mean over the runs, and from the worst run to the best."""
    n = ", ".join(f"{arm} n = {len(finished(states))} of {len(states)} runs" for arm, states in arms.items())
    names = [run_label(state) for states in arms.values() for state in unfinished(states)]
    so_far = f", not finished: {', '.join(names) if len(names) <= FEW_NAMES else f'{len(names)} runs'}" if names else ""
    figure = new_figure(WIDE, 2.75, title, n + so_far)
    shown, accuracy = _shown(arms), f"{metric_title('accuracy', task)} (%)"
    for panel, (measure, split) in zip(figure.subplots(1, len(shown)), shown, strict=True):
        _draw_curves(panel, arms, measure, split)
        panel.set_ylabel(f"{split} {'loss (nats)' if measure == 'loss' else accuracy}")
        epochs(panel)
    handles = _legend(arms)
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, WIDE))
    return figure


def _shown(arms: Mapping[Arm, Sequence[RunState]]) -> Sequence[Curve]:
    """All curves; of a study without test images those on validation images."""
    untested = any(state.untested for states in arms.values() for state in states)
    return [curve for curve in CURVES if curve[1] != "test" or not untested]


def _legend(arms: Mapping[Arm, Sequence[RunState]]) -> list[Line2D | Patch]:
    """Entries for the arms that have a line, those that have a band, and those with runs that are not finished."""
    curves = {
        arm: [learning_curve(finished(states), measure, split) for measure, split in CURVES]
        for arm, states in arms.items()
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
    so_far = [
        Line2D([], [], color=theme().arms[arm], label=f"{arm}, not finished", **SO_FAR)
        for arm, states in arms.items()
        if unfinished(states)
    ]
    delivered = [
        Line2D([], [], color=theme().arms[arm], label=f"{arm}, delivered epoch", **DELIVERED)
        for arm, states in arms.items()
        if delivered_points(finished(states), "loss", "validation")
    ]
    return [*lines, *areas, *so_far, *delivered]


def _draw_curves(
    axes: Axes, arms: Mapping[Arm, Sequence[RunState]], measure: Literal["accuracy", "loss"], split: str
) -> None:
    factor = 100.0 if measure == "accuracy" else 1.0
    ends: list[float] = []
    for arm, states in arms.items():
        for state in unfinished(states):
            alone = learning_curve([state], measure, split)
            axes.plot([p.epoch for p in alone], [factor * p.mean for p in alone], color=theme().arms[arm], **SO_FAR)
            ends += [factor * point.mean for point in alone]
        points = learning_curve(finished(states), measure, split)
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
        if delivered := delivered_points(finished(states), measure, split):
            axes.plot([e for e, _ in delivered], [factor * value for _, value in delivered], color=colour, **DELIVERED)
        ends += [*low, *high]
    if measure == "accuracy":
        shares(axes)
    elif ends and min(ends) > 0:
        logarithmic(axes, min(ends), max(ends))
