"""The accuracies of both arms, run by run, and what the pairs show; of several labels per image the mean AUC."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hptui.export.scales import bars, leave_open, shares
from hptui.export.style import ARM_MARKS, NARROW, SMALL, TEXT, WIDE, new_figure, theme, titled, wrapped
from hptui.metrics.classification import metric_title
from hptui.reading.comparison import ArmSummary, Comparison
from hptui.reading.outcomes import mean_interval


def accuracies_figure(comparison: Comparison) -> Figure:
    """Figure of both arms (left), and of each pair's difference with the 95 % interval of their mean (right)."""
    arms = [("baseline", comparison.baseline), ("optimized", comparison.optimized)]
    arms = [(name, arm) for name, arm in arms if arm.n]
    n = ", ".join(f"{name} n = {arm.n}" for name, arm in arms)
    pairs = _pairs(comparison)
    subtitle = f"{n} of {comparison.planned} planned, {len(pairs)} pair{'s' * (len(pairs) != 1)}"
    width, height = (WIDE, 3.2) if pairs or len(arms) > 1 else (NARROW, 2.6)
    figure = new_figure(width, height, comparison.study, subtitle)
    left, *rest = figure.subplots(1, 2, width_ratios=(3, 2)) if pairs else [figure.subplots()]
    spots = [_spots(position if len(arms) == 2 else 0, arm) for position, (_, arm) in enumerate(arms)]
    for seed, *pair in pairs:
        left.plot([of_arm[seed] for of_arm in spots], pair, color=theme().grey, lw=0.6, alpha=0.6, zorder=0)
    for position, (name, arm) in enumerate(arms):
        _draw_arm(left, position if len(arms) == 2 else 0, name, arm, list(spots[position].values()))
    left.set_xticks(range(len(arms)), [f"{name}\n({arm.strategy})" for name, arm in arms], fontsize=TEXT)
    left.set_xlim(-0.5, len(arms) - 0.5)
    left.set_ylabel(f"test {metric_title(comparison.metric, comparison.task)} (%)")
    interval = any(arm.n > 1 for _, arm in arms)
    if titled():
        left.set_title("runs, and mean of each arm with 95 % interval" if interval else "runs")
    shares(left)
    for right in rest:
        _draw_difference(right, comparison)
    for panel in (left, *rest):
        panel.spines[["top", "right"]].set_visible(False)
    if titled():
        figure.supxlabel("\n".join(wrapped(comparison.conclusion, width, TEXT, lines=3)), fontsize=TEXT)
    return figure


def _spots(position: int, arm: ArmSummary) -> dict[int, float]:
    """Where each run of an arm stands, by seed: equal ones side by side."""
    beside = _beside([100 * value for value in arm.measured.values])
    return {seed: position + offset for seed, offset in zip(arm.seeds, beside, strict=True)}


def _draw_arm(axes: Axes, position: int, name: str, arm: ArmSummary, spots: Sequence[float]) -> None:
    """Draw each run as a point; beside them the mean with its 95 % interval."""
    colour, mark = theme().arms[name], ARM_MARKS[name][1]
    values = [100 * value for value in arm.measured.values]
    axes.plot(spots, values, marker=mark, color=colour, **theme().point)
    interval = mean_interval(values)
    if interval.n == 1:  # there is no mean beside it to read it by
        offset, align = (-6, "right") if name == "baseline" else (6, "left")  # away from the line between both
        words, at = f"{values[0]:.2f}", (spots[0], values[0])
        axes.annotate(words, at, (offset, 0), textcoords="offset points", va="center", ha=align, fontsize=SMALL)
    else:
        side = position + (0.22 if name == "optimized" else -0.22)
        drawn = axes.errorbar(side, interval.mean, bars(interval, highest=100.0), **theme().mean)
        leave_open(drawn, interval, "y", 100.0)


def _pairs(comparison: Comparison) -> list[tuple[int, float, float]]:
    """Seed, and what was measured of its baseline and its optimized run in percent, of all that both arms completed."""
    arms = comparison.baseline, comparison.optimized
    baseline, optimized = (dict(zip(arm.seeds, arm.measured.values, strict=True)) for arm in arms)
    return [(seed, 100 * baseline[seed], 100 * optimized[seed]) for seed in sorted(baseline.keys() & optimized.keys())]


def _draw_difference(axes: Axes, comparison: Comparison) -> None:
    differences = [optimized - baseline for _, baseline, optimized in _pairs(comparison)]
    difference = comparison.difference
    if titled():
        axes.set_title("difference within pairs")
    axes.axhline(0, color=theme().ink, lw=0.6, ls=":")
    axes.plot(_beside(differences), differences, marker="o", color=theme().runs[0], **theme().point)
    if difference.mean is not None:
        mean = 100 * difference.mean
        low, high = difference.low, difference.high
        reach = [[mean - 100 * low], [100 * high - mean]] if low is not None and high is not None else None
        axes.errorbar([0.7], [mean], reach, **theme().mean)
    axes.set_xlim(-0.6, 1.3)
    mean_words = "mean" if difference.low is None else "mean, 95 %\ninterval"
    axes.set_xticks([0, 0.7], ["each\npair", mean_words], fontsize=TEXT)
    axes.set_ylabel("optimized - baseline (points)")


def _beside(values: Sequence[float]) -> list[float]:
    """Offsets that keep equal values apart."""
    near = max((max(values) - min(values)) * 0.02, 1e-9) if values else 1.0
    offsets: list[float] = []
    for index, value in enumerate(values):
        before = sum(abs(value - other) < near for other in values[:index])
        offsets.append(0.06 * ((before + 1) // 2) * (-1) ** before)
    return offsets
