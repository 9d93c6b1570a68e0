"""Trajectories of the chosen values, learning curves, and the accuracies of both arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from hptui.comparison import ArmSummary, Comparison
from hptui.config import Arm
from hptui.export.style import (
    ARM_COLOURS,
    ARM_MARKS,
    BLACK,
    BLUE,
    EDGE_MARK,
    GREY,
    LIGHT,
    MANY_EPOCHS,
    MEAN,
    NARROW,
    POINT,
    RUN_COLOURS,
    TEXT,
    WIDE,
    epochs,
    even,
    logarithmic,
    new_figure,
    number,
    run_style,
    wrapped,
)
from hptui.run_state import RunState
from hptui.views import RangeEdge, Trajectory, learning_curve

CURVES: tuple[tuple[Literal["accuracy", "loss"], str, str], ...] = (
    ("loss", "validation", "validation loss (nats)"),
    ("accuracy", "validation", "validation accuracy (%)"),
    ("accuracy", "test", "test accuracy (%)"),
)

# ---- trajectories


def trajectories_figure(runs: Sequence[tuple[int, tuple[Trajectory, ...]]], title: str, subtitle: str) -> Figure:
    """One panel for each hyperparameter that any of the runs (seed, trajectories) searched."""
    by_name: dict[str, list[tuple[int, Trajectory]]] = {}
    for seed, found in runs:
        for trajectory in found:
            by_name.setdefault(trajectory.name, []).append((seed, trajectory))
    columns = min(2, len(by_name))
    rows = math.ceil(len(by_name) / columns)
    figure = new_figure(columns * NARROW, rows * 2.2 + 0.8, title, subtitle)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, lines in zip(panels, by_name.values(), strict=False):
        _draw_trajectories(panel, lines)
    for panel in panels[len(by_name) :]:
        panel.set_visible(False)
    handles = _trajectory_legend([seed for seed, _ in runs], [t for _, found in runs for t in found])
    figure.legend(handles=handles, loc="outside lower center", ncols=even(len(handles), 8 if columns > 1 else 3))
    return figure


def _draw_trajectories(axes: Axes, runs: Sequence[tuple[int, Trajectory]]) -> None:
    found = [trajectory for _, trajectory in runs]
    reached = [p.epoch for t in found for p in (*t.points, *t.baseline)] + [e.epoch for t in found for e in t.edges]
    last = max(reached, default=1)
    few = last <= MANY_EPOCHS
    for edges in dict.fromkeys(trajectory.edges for trajectory in found if trajectory.edges):
        _draw_range(axes, edges, last)
    for trajectory in dict.fromkeys(found):
        drawn = [(p.epoch, p.value) for p in trajectory.baseline if p.value > 0 or trajectory.scale != "log"]
        axes.plot(*_columns(drawn), color=GREY, ls="--", lw=0.9, marker="s" if few else "", ms=2.5, zorder=3)
    for index, (_, trajectory) in enumerate(runs):
        points = [(p.epoch, p.value) for p in trajectory.points]
        axes.plot(*_columns(points), drawstyle="steps-mid", marker="o" if few else "", **run_style(index, len(runs)))
    gap = 3.5 + run_style(0, len(runs)).get("ms", 3.0) / 2  # points, clear of the widest mark
    for edge, mark, up in (("low", "v", -1), ("high", "^", 1)):
        on_edge = {(p.epoch, p.value) for trajectory in found for p in trajectory.points if p.on_edge == edge}
        beyond = axes.transData + ScaledTranslation(0, up * gap / 72, axes.figure.dpi_scale_trans)
        axes.plot(*_columns(sorted(on_edge)), **EDGE_MARK | {"marker": mark, "transform": beyond, "in_layout": False})
    _trajectory_axes(axes, found, last)


def _draw_range(axes: Axes, edges: Sequence[RangeEdge], last: int) -> None:
    """From half an epoch before the decision on, until the next one."""
    steps = [*(edge.epoch - 0.5 for edge in edges), last + 0.5]
    low = [*(edge.low for edge in edges), edges[-1].low]
    high = [*(edge.high for edge in edges), edges[-1].high]
    axes.fill_between(steps, low, high, step="post", color=LIGHT, alpha=0.6, lw=0, zorder=0)
    for line in (low, high):
        axes.plot(steps, line, drawstyle="steps-post", color=BLACK, lw=0.6, ls=":", zorder=1)


def _trajectory_axes(axes: Axes, found: Sequence[Trajectory], last: int) -> None:
    title = found[0].title
    axes.set_xlim(0.4, last + 0.6)
    axes.margins(y=0.12)
    epochs(axes)
    chosen = [v for t in found for v in (*(p.value for p in t.points), *(x for e in t.edges for x in (e.low, e.high)))]
    baseline = sorted({p.value for t in found for p in t.baseline})
    positive = [value for value in (*chosen, *baseline) if value > 0]
    if found[0].scale == "log" and positive and min(chosen, default=1.0) > 0:
        logarithmic(axes, min(positive), max(positive))
        if baseline and baseline[0] <= 0:
            title += f"\n(baseline {number(baseline[0])}: below this axis)"
    axes.set_ylabel(title)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [epoch for epoch, _ in points], [value for _, value in points]


def _trajectory_legend(seeds: Sequence[int], found: Sequence[Trajectory]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    few = len(seeds) <= len(RUN_COLOURS)
    for index, seed in enumerate(seeds if few else seeds[:1]):
        colour = run_style(index, len(seeds))["color"]
        label = f"seed {seed}" if few else "optimized runs"
        handles.append(Line2D([], [], color=colour, marker="o", label=label))
    if any(trajectory.baseline for trajectory in found):
        handles.append(Line2D([], [], color=GREY, ls="--", marker="s", ms=2.5, label="baseline"))
    if any(trajectory.edges for trajectory in found):
        handles.append(Patch(facecolor=LIGHT, edgecolor=BLACK, ls=":", lw=0.6, label="searched range"))
    if any(point.on_edge for trajectory in found for point in trajectory.points):
        handles.append(Line2D([], [], label="on an edge of the range", **EDGE_MARK))
    return handles


# ---- learning curves


def curves_figure(arms: Mapping[Arm, Sequence[RunState]], title: str) -> Figure:
    """Loss and accuracy of the delivered weights: mean over the runs, and from the worst run to the best."""
    n = {arm: sum(state.epochs_completed > 0 for state in states) for arm, states in arms.items()}
    subtitle = ", ".join(f"{arm} n = {number} of {len(arms[arm])} runs" for arm, number in n.items())
    figure = new_figure(WIDE, 2.75, title, subtitle)
    for panel, (measure, split, name) in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        _draw_curves(panel, arms, measure, split)
        panel.set_ylabel(name)
        epochs(panel)
    handles = [
        Line2D([], [], color=ARM_COLOURS[arm], ls=ARM_MARKS[arm][0], marker=ARM_MARKS[arm][1], label=f"{arm}, mean")
        for arm in arms
    ] + [Patch(facecolor=ARM_COLOURS[arm], alpha=0.25, lw=0, label=f"{arm}, lowest to highest run") for arm in arms]
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
        (line, mark), colour = ARM_MARKS[arm], ARM_COLOURS[arm]
        size = 3.0 if len(points) <= MANY_EPOCHS else 0.0
        axes.fill_between(numbers, low, high, color=colour, alpha=0.25, lw=0)
        if len(points) == 1:  # a band of no width would not show
            axes.vlines(numbers, low, high, color=colour, alpha=0.25, lw=6)
        axes.plot(numbers, [factor * p.mean for p in points], color=colour, ls=line, marker=mark, ms=size)
        ends += [*low, *high]
    if measure == "loss" and ends and min(ends) > 0:
        logarithmic(axes, min(ends), max(ends))


# ---- accuracies


def accuracies_figure(comparison: Comparison) -> Figure:
    """Left both arms, right the difference of each pair with the 95 % interval of their mean."""
    arms = [("baseline", comparison.baseline), ("optimized", comparison.optimized)]
    arms = [(name, arm) for name, arm in arms if arm.n]
    n = ", ".join(f"{name} n = {arm.n}" for name, arm in arms)
    pairs = _pairs(comparison)
    subtitle = f"{n} of {comparison.planned} planned, {len(pairs)} pair{'s' * (len(pairs) != 1)}"
    figure = new_figure(WIDE, 3.2, comparison.study, subtitle)
    left, *rest = figure.subplots(1, 2, width_ratios=(3, 2)) if pairs else [figure.subplots()]
    for pair in pairs:
        left.plot([0, 1], pair, color=GREY, lw=0.6, alpha=0.6, zorder=0)
    for place, (name, arm) in enumerate(arms):
        _draw_arm(left, place if len(arms) == 2 else 0, name, arm)
    left.set_xticks(range(len(arms)), [f"{name}\n({arm.strategy})" for name, arm in arms], fontsize=TEXT)
    left.set_xlim(-0.5, len(arms) - 0.5)
    left.set_ylabel("test accuracy (%)")
    left.set_title("runs, and mean \u00b1 standard deviation of each arm")
    for right in rest:
        _draw_difference(right, comparison)
    for panel in (left, *rest):
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("\n".join(wrapped(comparison.conclusion, WIDE, TEXT, lines=3)), fontsize=TEXT)
    return figure


def _draw_arm(axes: Axes, place: int, name: str, arm: ArmSummary) -> None:
    """Each run as a point; beside them the mean with one standard deviation."""
    colour, mark = ARM_COLOURS[name], ARM_MARKS[name][1]
    values = [100 * value for value in arm.test_accuracy.values]
    axes.plot([place] * len(values), values, marker=mark, color=colour, **POINT)
    mean, sd = arm.test_accuracy.mean, arm.test_accuracy.sd
    if mean is not None and sd is not None:
        side = place + (0.22 if name == "optimized" else -0.22)
        axes.errorbar(side, 100 * mean, 100 * sd, **MEAN)


def _pairs(comparison: Comparison) -> list[tuple[float, float]]:
    """Test accuracy of both runs of each seed that both arms completed, in percent."""
    arms = comparison.baseline, comparison.optimized
    baseline, optimized = (dict(zip(arm.seeds, arm.test_accuracy.values, strict=True)) for arm in arms)
    return [(100 * baseline[seed], 100 * optimized[seed]) for seed in sorted(baseline.keys() & optimized.keys())]


def _draw_difference(axes: Axes, comparison: Comparison) -> None:
    differences = [optimized - baseline for baseline, optimized in _pairs(comparison)]
    difference = comparison.difference
    axes.set_title("difference within pairs")
    axes.axhline(0, color=BLACK, lw=0.6, ls=":")
    axes.plot(_beside(differences), differences, marker="o", color=BLUE, **POINT)
    if difference.mean is not None:
        mean = 100 * difference.mean
        low, high = difference.low, difference.high
        bars = [[mean - 100 * low], [100 * high - mean]] if low is not None and high is not None else None
        axes.errorbar([0.7], [mean], bars, **MEAN)
    axes.set_xlim(-0.6, 1.3)
    axes.set_xticks([0, 0.7], ["each\npair", "mean, 95 %\ninterval"], fontsize=TEXT)
    axes.set_ylabel("optimized - baseline (points)")


def _beside(values: Sequence[float]) -> list[float]:
    """Places that keep equal values apart."""
    near = max((max(values) - min(values)) * 0.02, 1e-9) if values else 1.0
    places: list[float] = []
    for index, value in enumerate(values):
        before = sum(abs(value - other) < near for other in values[:index])
        places.append(0.06 * ((before + 1) // 2) * (-1) ** before)
    return places
