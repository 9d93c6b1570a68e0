"""Which pictures a study has so far, and what draws each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from matplotlib.figure import Figure

from hptui.export.accuracies import accuracies_figure
from hptui.export.captions import (
    accuracies_caption,
    confusions_caption,
    costs_caption,
    curves_caption,
    heatmaps_caption,
    label_rocs_caption,
    roc_caption,
    trajectories_caption,
    wrong_caption,
)
from hptui.export.confusions import confusions_figure
from hptui.export.contact_sheet import contact_sheet
from hptui.export.costs import costs_figure
from hptui.export.curves import FEW_NAMES, curves_figure
from hptui.export.heatmaps import PER_PAGE, HeatmapPanel, heatmap_page, heatmap_panels
from hptui.export.roc import label_rocs_figure, roc_figure
from hptui.export.style import literal
from hptui.export.trajectories import trajectories_figure
from hptui.reading.comparison import compare
from hptui.reading.outcomes import confusions, cost_points, roc_curves, trajectories_by_seed
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.reading.views.heatmap import heatmap_parts
from hptui.reading.wrong_sheet import WrongSheet, wrong_sheet

WRONG = "most-wrong-"
"""how the names of pictures begin that show which images a run gets most wrong"""


class Picture(NamedTuple):
    """Name of a picture, and what draws it within `hptui.export.style.look`."""

    name: str
    """of the file, without its ending; with a folder before it where there are many"""
    draw: Callable[[], Figure]
    run: str = ""
    """whose heatmaps it shows; empty: it is none of many"""
    cells: int = 0
    """of these heatmaps together"""
    of_images: bool = False
    """whether it shows images of the data set: a page then holds it as pixels"""
    words: Callable[[], str] = str
    """what makes the caption: of heatmaps it reads their candidates"""

    @property
    def caption(self) -> str:
        """What it shows, in words, for a page or a paper."""
        return self.words()


def pictures(study: FollowedStudy, *, each_decision: bool = False) -> Iterator[Picture]:
    """Pictures that can be drawn of the study as it was last refreshed.

    Args:
        study: read already.
        each_decision: one picture for each decision too, beside the pages: there may be thousands.
    """
    name, task = study.study.name, study.task
    paths = trajectories_by_seed(study)
    if any(path.points or path.edges for _, of_run in paths for path in of_run):
        count, open_seeds = _run_count(study), [run.seed for run in _unfinished(study)]
        draw = partial(trajectories_figure, paths, name, count, open_seeds)
        yield Picture("trajectories", draw, words=partial(trajectories_caption, paths, count))
    if any(run.state.epochs_completed for run in study.runs):
        arms = {arm: [r.state for r in study.runs if r.arm == arm] for arm in study.study.config.arms}
        yield Picture(
            "learning-curves", partial(curves_figure, arms, name, task), words=partial(curves_caption, arms, task)
        )
    if points := cost_points(study):
        comparison = compare(study)
        words = partial(accuracies_caption, comparison)
        yield Picture("accuracies", partial(accuracies_figure, comparison), words=words)
        yield Picture("cost", partial(costs_figure, points, name, task), words=partial(costs_caption, points, task))
    several = task == "multi-label"
    if not several and (matrices := confusions(study)):  # of many labels they are better read as a table
        words = partial(confusions_caption, matrices)
        yield Picture("confusion", partial(confusions_figure, matrices, name), words=words)
    curves, _ = roc_curves(study)
    if curves and several:
        words = partial(label_rocs_caption, curves)
        yield Picture("roc", partial(label_rocs_figure, curves, name), words=words)
    elif curves:
        positive = literal(curves[0].positive)
        words = partial(roc_caption, curves, positive)
        yield Picture("roc", partial(roc_figure, curves, name, positive), words=words)
    yield from _wrong_sheets(study)
    for run in study.runs:
        yield from _heatmaps(study, run)
    if each_decision:
        for run in study.runs:
            for index in searching(run):
                draw = partial(draw_heatmaps, study, run, [index])
                words = partial(_heatmaps_words, study, run, [index])
                yield Picture(f"heatmaps/{run.name}-decision-{index + 1:03}", draw, words=words)


def _wrong_sheets(study: FollowedStudy) -> Iterator[Picture]:
    """One picture for each completed run that kept images: those that it gets most wrong."""
    for run in study.runs:
        sheet = wrong_sheet(run)
        if sheet.images:
            draw = partial(_wrong_figure, sheet, study.study.name, run.name)
            words = partial(wrong_caption, run.name, sheet)
            yield Picture(f"{WRONG}{run.name}", draw, of_images=True, words=words)


def _wrong_figure(sheet: WrongSheet, title: str, run: str) -> Figure:
    pairs = [(one.wrong, one.pixels) for one in sheet.images]
    return contact_sheet(pairs, title, f"{run}, test images called by another class, the surest first")


def _run_count(study: FollowedStudy) -> str:
    """How many runs search: finished ones, and by name those that are not."""
    whole, names = len(study.completed_runs("optimized")), [run.name for run in _unfinished(study)]
    count = f"n = {whole} of {study.study.config.runs} optimized runs"
    return count + (f", not finished: {', '.join(names) if len(names) <= FEW_NAMES else len(names)}" if names else "")


def _unfinished(study: FollowedStudy) -> list[FollowedRun]:
    """Optimized runs that have begun, and are not at their end."""
    begun = [run for run in study.runs if run.arm == "optimized" and run.state.started is not None]
    return [run for run in begun if run.state.completed is None]


def searching(run: FollowedRun) -> list[int]:
    """Indices of the decisions that searched something, and have measured a candidate."""
    return [index for index, decision in enumerate(run.state.decisions) if decision.started.axes and decision.tried]


def _heatmaps(study: FollowedStudy, run: FollowedRun) -> Iterator[Picture]:
    for number, page in enumerate(_pages(run), start=1):
        draw = partial(draw_heatmaps, study, run, page)
        cells = sum(_cells(run, index) for index in page)
        words = partial(_heatmaps_words, study, run, page)
        yield Picture(f"heatmaps-{run.name}-page{number}", draw, run.name, cells, words=words)


def _pages(run: FollowedRun) -> list[list[int]]:
    """Decisions of each page, whole ones: as many as have PER_PAGE heatmaps together."""
    pages: list[list[int]] = []
    room = 0
    for index in searching(run):
        count = _count(run, index)
        if count > room:
            pages.append([])
            room = PER_PAGE
        pages[-1].append(index)
        room -= count
    return pages


def _count(run: FollowedRun, decision: int) -> int:
    """Room of a decision's heatmaps. Of a whole grid it is known; else its candidates, which are few, tell."""
    started = run.state.decisions[decision].started
    if started.planned == math.prod(len(axis.values) for axis in started.axes):
        return max(len(started.axes) - 1, 1)
    return 2 * len(heatmap_parts(run.decision(decision)))  # they differ, and are drawn larger


def _cells(run: FollowedRun, decision: int) -> int:
    """Number of cells of a decision's heatmaps, each of which shows two hyperparameters."""
    first, *others = (len(axis.values) for axis in run.state.decisions[decision].started.axes)
    return first * max(sum(others), 1)


def draw_heatmaps(study: FollowedStudy, run: FollowedRun, decisions: list[int]) -> Figure:
    """Draw a page of heatmaps; its candidates are read only now."""
    return heatmap_page(_panels(run, decisions), study.study.name, about(study, run, decisions))


def _heatmaps_words(study: FollowedStudy, run: FollowedRun, decisions: list[int]) -> str:
    """The caption of a page of heatmaps."""
    return heatmaps_caption(run.name, about(study, run, decisions), _panels(run, decisions))


def _panels(run: FollowedRun, decisions: list[int]) -> list[HeatmapPanel]:
    return [panel for index in decisions for panel in heatmap_panels(run.decision(index), images_per_epoch(run))]


def images_per_epoch(run: FollowedRun) -> int:
    """Training images in one epoch; 0: not known."""
    return run.state.started.images_per_epoch if run.state.started is not None else 0


def about(study: FollowedStudy, run: FollowedRun, decisions: list[int]) -> str:
    """Words for which run, and which decisions."""
    first, last, of = decisions[0] + 1, decisions[-1] + 1, len(run.state.decisions)
    span = f"decisions {first} to {last} of {of}" if last > first else f"decision {first} of {of}"
    state = "" if run.state.completed is not None else f" ({run.status}, not finished)"
    return f"{run.name}{state}, n = 1 run of {study.study.config.runs}, {span}"
