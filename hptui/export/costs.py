"""What the accuracy of each run cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hptui.export.scales import bars, leave_open, shares
from hptui.export.style import ARM_MARKS, NARROW, new_figure, theme
from hptui.metrics.classification import metric_title
from hptui.reading.outcomes import CostPoint, MeanInterval, mean_interval
from hptui.record.task import Task


def costs_figure(points: Sequence[CostPoint], title: str, task: Task = "single-label") -> Figure:
    """Figure with a point for each run; for each arm the mean with 95 % intervals in both directions."""
    arms = list(dict.fromkeys(point.arm for point in points))
    n = ", ".join(f"{arm} n = {sum(point.arm == arm for point in points)}" for arm in arms)
    figure = new_figure(NARROW, 3.1, title, f"runs: {n}")
    axes = figure.subplots()
    handles = []
    for arm in arms:
        own = [point for point in points if point.arm == arm]
        costs, accuracies = [point.cost for point in own], [100 * point.test_accuracy for point in own]
        look = {"marker": ARM_MARKS[arm][1], "color": theme().arms[arm], **theme().point}
        axes.plot(costs, accuracies, zorder=2, **look)
        _draw_mean(axes, mean_interval(costs), mean_interval(accuracies))
        handles.append(Line2D([], [], label=arm, **look))
    several = len(arms) < len(points)
    handles.append(Line2D([], [], ls="", label="mean, 95 % interval" if several else "mean", **_mean_mark()))
    axes.set_xlabel("cost (images of probes and training, in plain trainings)")
    axes.set_ylabel(f"test {metric_title('accuracy', task)} (%)")
    axes.margins(0.12)
    axes.set_xlim(left=0.0)
    shares(axes)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _mean_mark() -> dict[str, Any]:
    """Hollow mark of a mean: the points often lie within its width."""
    return {"marker": "D", "ms": 8, "mfc": "none", "color": theme().ink, "lw": 0.8}


def _draw_mean(axes: Axes, cost: MeanInterval, accuracy: MeanInterval) -> None:
    vertical, horizontal = bars(accuracy, highest=100.0), bars(cost)
    drawn = axes.errorbar(cost.mean, accuracy.mean, vertical, horizontal, zorder=3, capsize=3, **_mean_mark())
    leave_open(drawn, accuracy, "y", 100.0)
    leave_open(drawn, cost, "x", math.inf)
