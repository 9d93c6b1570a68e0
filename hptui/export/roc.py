"""Receiver operating characteristics of all runs with two classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hptui.export.style import ARM_MARKS, NARROW, new_figure, theme
from hptui.reading.outcomes import RocCurve

FEW_RUNS = 5
"""more lines of one arm are drawn fainter"""


def roc_figure(curves: Sequence[RocCurve], title: str, positive: str) -> Figure:
    """Figure with one line for each run; the mean area under them in the legend."""
    arms = list(dict.fromkeys(curve.arm for curve in curves))
    figure = new_figure(NARROW, NARROW + 0.7, title, f"ROC on test images, positive: {positive}")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=theme().ink, lw=0.6, ls=":")
    handles = []
    for arm in arms:
        own = [curve for curve in curves if curve.arm == arm]
        look: dict[str, Any] = {"color": theme().arms[arm], "ls": ARM_MARKS[arm][0], "lw": 0.9}
        for curve in own:
            faint = 0.8 if len(own) <= FEW_RUNS else 0.35
            axes.plot(curve.false_positive_rate, curve.true_positive_rate, alpha=faint, **look)
        mean = math.fsum(curve.auc for curve in own) / len(own)
        area = f"mean AUC {mean:.4f}" if len(own) > 1 else f"AUC {mean:.4f}"
        handles.append(Line2D([], [], label=f"{arm}, n = {len(own)}, {area}", **look))
    handles.append(Line2D([], [], color=theme().ink, lw=0.6, ls=":", label="chance, AUC 0.5"))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for line in axes.get_lines():  # most of a good curve lies on the edge
        line.set_clip_on(False)
    axes.set_aspect("equal")
    axes.set_xlabel("1 - specificity (share of the negative called positive)")
    axes.set_ylabel("sensitivity (share of the positive found)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    return figure
