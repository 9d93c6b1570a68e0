"""Pictures of one network on one labelled data set: ROC, reliability diagram, decision curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hptui.errors import RunDirectoryError
from hptui.export.contact_sheet import Pixels, contact_sheet
from hptui.export.style import NARROW, literal, look, new_figure, theme
from hptui.metrics.classification import metric
from hptui.metrics.decision_curve import NetBenefit
from hptui.metrics.intervals import per_class
from hptui.metrics.recalibration import Recalibration
from hptui.metrics.several_labels import label_alone
from hptui.reading.evaluation import Evaluated, Unit
from hptui.record.files import replacing
from hptui.record.predictions import Predictions
from hptui.record.write_errors import cannot_write

FEW_CLASSES = 6
"""more are drawn in one colour, with the mean alone in the legend"""


class Gallery(Protocol):
    """Images that are read one by one."""

    def __getitem__(self, index: int, /) -> Pixels: ...


def draw(found: Evaluated, pixels: Gallery, class_names: Sequence[str], folder: Path) -> Iterator[Path]:
    """Write the pictures that there are as PNG into a folder, which is made if it is not there.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    shown = [(one, pixels[one.index]) for one in found.evaluation.most_wrong]
    how = "by another class" if found.evaluation.task == "single-label" else "with or without a label by mistake"
    subtitle = f"images of {found.evaluation.dataset} called {how}, the surest first"
    figures: dict[str, Callable[[], Figure | None]] = {
        "roc": lambda: roc_of_answers(found, class_names),
        "reliability": lambda: reliability_of_answers(found),
        "decision-curve": lambda: decision_curve_of_answers(found),
        "most-wrong": lambda: contact_sheet(shown, found.evaluation.run, subtitle) if shown else None,
    }
    for name, figure_of in figures.items():
        path = folder / f"{name}.png"
        with look():
            figure = figure_of()
            if figure is None:
                continue
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    figure.savefig(file, format="png")
            except OSError as error:
                raise RunDirectoryError(cannot_write(path, error, then="try again")) from None
        yield path


def roc_of_answers(found: Evaluated, class_names: Sequence[str]) -> Figure | None:
    """One curve of images, and one of groups where there are some; of more classes, or labels, one for each."""
    evaluation = found.evaluation
    if metric("auc", found.predictions) is None:
        return None
    positive = f", positive: {literal(evaluation.positive)}" if evaluation.positive is not None else ""
    figure = new_figure(NARROW, NARROW + 0.8, literal(evaluation.run), f"ROC on {evaluation.dataset}{positive}")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=theme().ink, lw=0.6, ls=":")
    handles = []
    several = found.predictions.task == "multi-label"
    if found.predictions.classes == 2 and not several:
        units = [("image", found.predictions, evaluation.per_image)]
        if found.groups is not None and evaluation.per_group is not None:
            units.append(("group", found.groups, evaluation.per_group))
        for index, (word, answers, unit) in enumerate(units):
            style: dict[str, Any] = {"color": theme().runs[index], "ls": ("-", "--")[index]}
            _draw_roc(axes, answers, 1, style, unit.threshold)
            handles.append(Line2D([], [], label=f"per {word}, n = {unit.count}: {_area(unit)}", **style))
    else:
        for row in per_class(found.predictions):
            if row.auc is not None:
                few = found.predictions.classes <= FEW_CLASSES
                style = {"color": theme().runs[row.label % len(theme().runs)] if few else theme().runs[0], "lw": 0.8}
                alone = label_alone(found.predictions, row.label) if several else found.predictions
                _draw_roc(axes, alone, 1 if several else row.label, style, None)
                if few:
                    label = f"{literal(class_names[row.label])}, n = {row.support}: AUC {row.auc.value:.3f}"
                    handles.append(Line2D([], [], label=label, **style))
        mean = "mean over the labels" if several else "mean of one against the rest"
        handles.append(Line2D([], [], ls="", label=f"{mean}: {_area(evaluation.per_image)}"))
    axes.set_xlabel("1 - specificity (share of the negative called positive)")
    axes.set_ylabel("sensitivity (share of the positive found)")
    _square(axes)
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    return figure


def _draw_roc(axes: Axes, answers: Predictions, label: int, style: dict[str, Any], threshold: float | None) -> None:
    """Draw a curve, with a mark where it is used."""
    from sklearn.metrics import roc_curve

    true, score = answers.labels == label, answers.probabilities[:, label]
    false_positive, true_positive, _ = roc_curve(true, score)
    axes.plot(false_positive, true_positive, clip_on=False, **style)
    if answers.classes == 2:
        called = score.astype(float) >= (0.5 if threshold is None else threshold)
        at = [float(called[~true].mean())], [float(called[true].mean())]
        axes.plot(*at, marker="o", ms=4, color=style["color"], clip_on=False)


def _area(unit: Unit) -> str:
    auc = next(one for one in unit.metrics if one.name == "auc")
    if auc.value is None or auc.low is None or auc.high is None:
        return "AUC not defined"
    return f"AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"


def reliability_of_answers(found: Evaluated) -> Figure | None:
    """How often stated probabilities came true; below, how many images state them."""
    evaluation = found.evaluation
    if not evaluation.reliability:
        return None
    whose = literal(evaluation.positive) if evaluation.positive else "the called class"
    figure = new_figure(NARROW, NARROW + 1.2, literal(evaluation.run), f"reliability on {evaluation.dataset}")
    axes, below = figure.subplots(2, height_ratios=[4, 1], sharex=True)
    bins = evaluation.reliability
    axes.plot([0, 1], [0, 1], color=theme().ink, lw=0.6, ls=":")
    shares = [one.share for one in bins]
    errors = [[one.share - one.interval[0] for one in bins], [one.interval[1] - one.share for one in bins]]
    stated = [one.probability for one in bins]
    axes.errorbar(
        stated, shares, yerr=np.maximum(errors, 0), color=theme().runs[0], marker="o", ms=3, capsize=2, lw=0.9
    )
    axes.set_ylabel("share for which it came true (95 %)")
    _square(axes)
    axes.set_aspect("auto")
    answers = found.predictions
    every = answers.probabilities[:, 1] if answers.classes == 2 else answers.probabilities.max(1)
    below.hist(every, bins=25, range=(0, 1), color=theme().runs[0], lw=0)
    below.set_ylabel("images")
    below.set_xlabel(f"probability of {whose}{_calibrated(evaluation.calibration)}")
    below.spines[["top", "right"]].set_visible(False)
    scores = [one for one in evaluation.per_image.metrics if one.name in ("brier", "calibration_error")]
    words = [f"{one.title} {one.value:.3f}" for one in scores if one.value is not None]
    axes.text(0.03, 0.97, "\n".join(words), transform=axes.transAxes, va="top", fontsize=6)
    return figure


def _calibrated(recalibration: Recalibration | None) -> str:
    return f" (recalibrated on {recalibration.images} validation images)" if recalibration is not None else ""


def decision_curve_of_answers(found: Evaluated) -> Figure | None:
    """Net benefit of the network, of acting on everybody, and on nobody (Vickers and Elkin 2006)."""
    evaluation = found.evaluation
    curve = evaluation.decision_curve
    if not curve:
        return None
    at = f" at a prevalence of {100 * evaluation.prevalence:g} %" if evaluation.prevalence is not None else ""
    figure = new_figure(NARROW, NARROW + 0.6, literal(evaluation.run), f"decision curve on {evaluation.dataset}{at}")
    axes = figure.subplots()
    thresholds = [point.threshold for point in curve]
    low, high = zip(*(point.interval for point in curve), strict=True)
    axes.fill_between(thresholds, low, high, color=theme().runs[0], alpha=0.18, lw=0)
    axes.plot(thresholds, [point.network for point in curve], color=theme().runs[0], label="network (band: 95 %)")
    axes.plot(thresholds, [point.everybody for point in curve], color=theme().grey, ls="--", label="act on everybody")
    axes.axhline(0, color=theme().ink, lw=0.6, ls=":", label="act on nobody")
    of_use = [point.threshold for point in curve if max(point.interval[1], point.everybody) > 0]
    axes.set_xlim(0, min(max([0.1, *of_use]), 1))  # of a rare illness all that matters lies near 0
    axes.set_ylim(*_benefit_range(curve))
    axes.set_xlabel(f"probability of {literal(evaluation.positive or '')} from which one would act")
    axes.set_ylabel("net benefit (true positives per image)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _benefit_range(curve: Sequence[NetBenefit]) -> tuple[float, float]:
    """Range of the axis: harm below a quarter of the most benefit is of no interest, and would flatten the rest."""
    highest = max(max(point.network, point.everybody, point.interval[1]) for point in curve)
    return -0.25 * max(highest, 0.01), 1.08 * max(highest, 0.01)


def _square(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
