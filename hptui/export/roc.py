"""Receiver operating characteristics of all runs with two classes, or of every label."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hptui.config import Arm
from hptui.export.style import ARM_MARKS, NARROW, SMALL, WIDE, literal, new_figure, theme
from hptui.reading.outcomes import RocCurve

FEW_RUNS = 5
"""more lines of one arm are drawn fainter"""
ACROSS = 5
"""panels of labels in a row"""
LONGEST = 24
"""characters of a label above its panel"""


def roc_figure(curves: Sequence[RocCurve], title: str, positive: str) -> Figure:
    """Figure with one line for each run; the mean area under them in the legend."""
    figure = new_figure(NARROW, NARROW + 0.7, title, f"ROC on test images, positive: {positive}")
    axes = figure.subplots()
    _draw_chance(axes)
    handles = []
    for arm, own in _by_arm(curves).items():
        _draw(axes, arm, own)
        mean = math.fsum(curve.auc for curve in own) / len(own)
        area = f"mean AUC {mean:.4f}" if len(own) > 1 else f"AUC {mean:.4f}"
        handles.append(Line2D([], [], label=f"{arm}, n = {len(own)}, {area}", **_look(arm)))
    handles.append(Line2D([], [], color=theme().ink, lw=0.6, ls=":", label="chance, AUC 0.5"))
    _frame(axes)
    axes.set_xlabel("1 - specificity (share of the negative called positive)")
    axes.set_ylabel("sensitivity (share of the positive found)")
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    return figure


def label_rocs_figure(curves: Sequence[RocCurve], title: str) -> Figure:
    """Figure with a small panel for each label: one line for each run, and the mean area of each arm."""
    labels = list(dict.fromkeys(curve.positive for curve in curves))
    columns = min(ACROSS, len(labels))
    rows = -(-len(labels) // columns)
    subtitle = "ROC on test images of each label; in the panels the AUC, mean over the runs"
    figure = new_figure(WIDE, rows * (WIDE / columns) + 0.9, title, subtitle)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for place, (panel, label) in enumerate(zip(panels, labels, strict=False)):
        _draw_chance(panel)
        for index, (arm, own) in enumerate(_by_arm([one for one in curves if one.positive == label]).items()):
            _draw(panel, arm, own)
            mean, at = math.fsum(curve.auc for curve in own) / len(own), (0.97, 0.04 + 0.13 * index)
            words = {"ha": "right", "fontsize": SMALL, "color": theme().arms[arm]}
            panel.text(*at, f"{arm} {mean:.3f}", transform=panel.transAxes, **words)
        _frame(panel)
        if place % columns == 0:
            panel.set_ylabel("sensitivity", fontsize=SMALL)
        if place + columns >= len(labels):
            panel.set_xlabel("1 - specificity", fontsize=SMALL)
            panel.tick_params(labelbottom=True)
        panel.set_title(textwrap.shorten(literal(label), LONGEST, placeholder="..."), fontsize=SMALL)
    for panel in panels[len(labels) :]:
        panel.set_visible(False)
    counts = {arm: len({one.run for one in own}) for arm, own in _by_arm(curves).items()}
    handles = [Line2D([], [], label=f"{arm}, n = {count}", **_look(arm)) for arm, count in counts.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _by_arm(curves: Sequence[RocCurve]) -> dict[Arm, list[RocCurve]]:
    arms = dict.fromkeys(curve.arm for curve in curves)
    return {arm: [curve for curve in curves if curve.arm == arm] for arm in arms}


def _look(arm: Arm) -> dict[str, Any]:
    return {"color": theme().arms[arm], "ls": ARM_MARKS[arm][0], "lw": 0.9}


def _draw_chance(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=theme().ink, lw=0.6, ls=":")


def _draw(axes: Axes, arm: Arm, curves: Sequence[RocCurve]) -> None:
    for curve in curves:
        faint = 0.8 if len(curves) <= FEW_RUNS else 0.35
        axes.plot(curve.false_positive_rate, curve.true_positive_rate, alpha=faint, **_look(arm))


def _frame(axes: Axes) -> None:
    """Square from 0 to 1."""
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for line in axes.get_lines():  # most of a good curve lies on the edge
        line.set_clip_on(False)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
