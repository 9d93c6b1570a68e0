"""Trajectories of the chosen values and of those in force, with the ranges of the choice and the baseline's values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from hptui.export.scales import around_constant, epochs, legend_columns, logarithmic, number
from hptui.export.style import MANY_EPOCHS, NARROW, new_figure, theme
from hptui.hyperparameters import hyperparameter
from hptui.reading.views.trajectories import RangeEdge, Trajectory, TrajectoryPoint

DOT, GAP = 1.0, 1.6
"""widths of a dotted line"""


def trajectories_figure(
    runs: Sequence[tuple[int, tuple[Trajectory, ...]]], title: str, subtitle: str, unfinished: Collection[int] = ()
) -> Figure:
    """Figure with one panel for each hyperparameter that any of the runs (seed, trajectories) has ranges of.

    `unfinished`: seeds of runs that are not at their end.
    """
    by_name: dict[str, list[tuple[int, Trajectory]]] = {}
    for seed, of_run in runs:
        for trajectory in of_run:
            by_name.setdefault(trajectory.name, []).append((seed, trajectory))
    columns = min(2, len(by_name))
    rows = math.ceil(len(by_name) / columns)
    figure = new_figure(columns * NARROW, rows * 2.2 + 0.8, title, subtitle)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, lines in zip(panels, by_name.values(), strict=False):
        _draw_trajectories(panel, lines)
    for panel in panels[len(by_name) :]:
        panel.set_visible(False)
    every = [trajectory for _, of_run in runs for trajectory in of_run]
    handles = _trajectory_legend([seed for seed, _ in runs], every, unfinished)
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns(handles, columns * NARROW))
    return figure


def _draw_trajectories(axes: Axes, runs: Sequence[tuple[int, Trajectory]]) -> None:
    trajectories = [trajectory for _, trajectory in runs]
    reached = [p.epoch for t in trajectories for p in (*t.points, *t.baseline)]
    reached += [edge.epoch for t in trajectories for edge in t.edges]
    last = max(reached, default=1)
    few, log = last <= MANY_EPOCHS, _is_logarithmic(trajectories)
    for edges in dict.fromkeys(trajectory.edges for trajectory in trajectories if trajectory.edges):
        _draw_range(axes, edges, last)
    marks = {} if few else {"marker": ""}
    for trajectory in dict.fromkeys(trajectories):
        axes.plot(*_columns(_drawn(log, trajectory.baseline)), **_baseline() | marks)
        for piece in trajectory.baseline_scheduled:
            axes.plot(*_columns(_drawn(log, piece)), zorder=1.5, color=theme().grey, **_in_force())
    for index, (_, trajectory) in enumerate(runs):
        points, run = _drawn(log, trajectory.points), theme().run(index, len(runs))
        held = _held(index, len(runs)) if trajectory.decided_from is None else {}
        axes.plot(*_columns(points), drawstyle="steps-mid", **{"marker": "o"} | run | marks | held)
        for piece in trajectory.scheduled:
            axes.plot(*_columns(_drawn(log, piece)), zorder=1.5, **run | _in_force(run))
    gap = 3.5 + theme().run(0, len(runs)).get("ms", 3.0) / 2  # points, clear of the widest mark
    for edge, mark, up in (("low", "v", -1), ("high", "^", 1)):
        on_edge = {(p.epoch, p.value) for trajectory in trajectories for p in trajectory.points if p.on_edge == edge}
        beyond = axes.transData + ScaledTranslation(0, up * gap / 72, axes.figure.dpi_scale_trans)
        axes.plot(
            *_columns(sorted(on_edge)), **theme().on_edge | {"marker": mark, "transform": beyond, "in_layout": False}
        )
    longer = {(p.epoch, p.value) for trajectory in trajectories for p in trajectory.repeated}
    axes.plot(*_columns(sorted(longer)), zorder=6, **_longer_probes())
    _trajectory_axes(axes, trajectories, last)


def _is_logarithmic(trajectories: Sequence[Trajectory]) -> bool:
    """Whether an axis is logarithmic: not where all values are zero, which it could not show."""
    points = (p.value for t in trajectories for p in (*t.points, *t.baseline, *chain(*t.scheduled)))
    return trajectories[0].scale == "log" and any(
        value > 0 for value in (*points, *(e.high for t in trajectories for e in t.edges))
    )


def _drawn(log: bool, points: Sequence[TrajectoryPoint]) -> list[tuple[int, float]]:
    """Points (epoch, value) that the axis can show: on a logarithmic one, those above zero."""
    return [(point.epoch, point.value) for point in points if point.value > 0 or not log]


def _baseline() -> dict[str, Any]:
    """Line of the baseline's values as they were chosen."""
    return {
        "color": theme().grey,
        "ls": "--",
        "lw": 0.9,
        "marker": "s",
        "ms": 2.5,
        "drawstyle": "steps-mid",
        "zorder": 3,
    }


def _held(index: int = 0, n: int = 1) -> dict[str, Any]:
    """Line of a value that no decision tried others of: what n runs hold is equal, so their dots come in turn.

    They lie over the baseline's line, which holds the same value as a rule and shows between them.
    """
    few = n if n <= len(theme().runs) else 1
    period = few * (DOT + GAP)
    dots = (period - (index % few) * (DOT + GAP), (DOT, period - DOT))
    return {"ls": dots, "lw": 1.6, "marker": "", "zorder": 3.5}


def _in_force(run: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Line of values in force where a schedule makes them others than those that were chosen.

    `run`: the line of what was chosen; the wider that one is, the wider is this one, to show below those of other runs.
    """
    return {"ls": "-.", "lw": 0.8 * run.get("lw", 1.0), "marker": ".", "ms": 2.5 * run.get("ms", 3.0) / 3.0}


def _longer_probes() -> dict[str, Any]:
    """Mark of what a greed check would have chosen, where that is another value."""
    return {"marker": "D", "ms": 5.5, "mfc": "none", "mec": theme().ink, "mew": 1.0, "ls": ""}


def _draw_range(axes: Axes, edges: Sequence[RangeEdge], last: int) -> None:
    """Draw each range from half an epoch before its decision on, until the next one."""
    steps = [*(edge.epoch - 0.5 for edge in edges), last + 0.5]
    low = [*(edge.low for edge in edges), edges[-1].low]
    high = [*(edge.high for edge in edges), edges[-1].high]
    axes.fill_between(steps, low, high, step="post", color=theme().faint, alpha=0.6, lw=0, zorder=0)
    for line in (low, high):
        axes.plot(steps, line, drawstyle="steps-post", color=theme().ink, lw=0.6, ls=":", zorder=1)


def _trajectory_axes(axes: Axes, trajectories: Sequence[Trajectory], last: int) -> None:
    title = trajectories[0].title
    axes.set_xlim(0.4, last + 0.6)
    axes.margins(y=0.12)
    epochs(axes)
    chosen = [p.value for t in trajectories for p in (*t.points, *chain(*t.scheduled, *t.baseline_scheduled))]
    chosen += [value for t in trajectories for edge in t.edges for value in (edge.low, edge.high)]
    baseline = sorted({p.value for t in trajectories for p in t.baseline})
    positive = [value for value in (*chosen, *baseline) if value > 0]
    if trajectories[0].scale == "log" and positive:
        logarithmic(axes, min(positive), max(positive))
        if baseline and baseline[0] <= 0:
            title += f"\n(baseline {number(baseline[0])}: below this axis)"
    elif len({*chosen, *baseline}) == 1:
        around_constant(axes, [*chosen, *baseline][0], hyperparameter(trajectories[0].name, installed=False))
    axes.set_ylabel(title)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [epoch for epoch, _ in points], [value for _, value in points]


def _run_handles(
    seeds: Sequence[int], trajectories: Sequence[Trajectory], unfinished: Collection[int]
) -> Iterator[Line2D]:
    """Entries for the runs, and for what they hold at the value of the start."""
    chosen = any(trajectory.decided_from is not None for trajectory in trajectories)
    held = any(trajectory.decided_from is None for trajectory in trajectories)
    words = ", chosen" * (chosen and (held or any(trajectory.scheduled for trajectory in trajectories)))
    few = len(seeds) <= len(theme().runs)
    for index, seed in enumerate(seeds if few else seeds[:1]):
        colour = theme().run(index, len(seeds))["color"]
        label = (f"seed {seed}" if few else "optimized runs") + words + ", not finished" * (few and seed in unfinished)
        yield Line2D([], [], color=colour, marker="o" if chosen else "", label=label)
    if held:
        yield Line2D([], [], label="held, not searched", **{"color": theme().run(0, len(seeds))["color"]} | _held())


def _trajectory_legend(
    seeds: Sequence[int], trajectories: Sequence[Trajectory], unfinished: Collection[int]
) -> list[Line2D | Patch]:
    """Entries for what is drawn, and for nothing else."""
    scheduled = any(trajectory.scheduled for trajectory in trajectories)
    handles: list[Line2D | Patch] = [*_run_handles(seeds, trajectories, unfinished)]
    if scheduled:
        words = "in force at the end of an epoch"
        handles.append(Line2D([], [], color=theme().run(0, 1)["color"], label=words, **_in_force()))
    if any(
        point.value > 0 or trajectory.scale != "log" for trajectory in trajectories for point in trajectory.baseline
    ):
        scheduled_baseline = any(trajectory.baseline_scheduled for trajectory in trajectories)
        label = "baseline" + ", chosen" * scheduled_baseline
        handles.append(Line2D([], [], label=label, **_baseline()))
        if scheduled_baseline:
            handles.append(Line2D([], [], color=theme().grey, label="baseline, in force", **_in_force()))
    if any(trajectory.edges for trajectory in trajectories):
        handles.append(
            Patch(facecolor=theme().faint, edgecolor=theme().ink, ls=":", lw=0.6, label="range of the choice")
        )
    if any(point.on_edge for trajectory in trajectories for point in trajectory.points):
        handles.append(Line2D([], [], label="on an edge of the range", **theme().on_edge))
    if any(trajectory.repeated for trajectory in trajectories):
        handles.append(Line2D([], [], label="probes twice as long would choose", **_longer_probes()))
    return handles
