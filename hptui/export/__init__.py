"""Pictures of a study for a paper: what can be drawn, what is missing, and writing it.

All numbers come from `hptui.views` and `hptui.comparison`, as those on screen do. It reads the study's folder
alone, and is the only part that knows matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure

from hptui.comparison import Comparison, compare
from hptui.errors import RunDirectoryError
from hptui.export.figures import accuracies_figure, curves_figure, trajectories_figure
from hptui.export.heatmaps import PER_PAGE, heatmap_page
from hptui.export.style import look, title_of
from hptui.presence import replace_file
from hptui.studies import FollowedRun, FollowedStudy
from hptui.views import Trajectory, trajectories

__all__ = ["export", "missing"]

Picture = tuple[str, Callable[[], Figure]]
"""file name, and what draws it"""


def export(
    study: FollowedStudy,
    to: Path,
    *,
    progress: Callable[[str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Path]:
    """Draw what the study has so far into the folder `to`; return the files written.

    Works in any thread, on the state as `study` was last refreshed.

    Args:
        study: read already; it is not refreshed here.
        to: made if it is not there; pictures of an earlier export are replaced.
        progress: called with one line for each picture, and for whatever is missing.
        should_stop: asked before each picture.

    Raises:
        RunDirectoryError: the folder cannot be made or written.
    """
    say = progress or _say_nothing
    written: list[Path] = []
    pictures = list(_pictures(study))
    for index, (name, draw) in enumerate(pictures):
        if should_stop is not None and should_stop():
            say(f"stopped after {len(written)} of {len(pictures)} pictures")
            return written
        say(f"{index + 1}/{len(pictures)} {name}")
        written.append(_write(to, name, draw))
    for line in missing(study):
        say(f"missing: {line}")
    return written


def _say_nothing(line: str) -> None:
    """For callers that want no progress."""


def _write(to: Path, name: str, draw: Callable[[], Figure]) -> Path:
    content = io.BytesIO()
    with look():
        draw().savefig(content, format="png")
    path = to / name
    try:
        to.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())
    except OSError as error:
        raise RunDirectoryError(f"cannot write {path}: {error.strerror or error}.") from None
    return path


def _pictures(study: FollowedStudy) -> Iterator[Picture]:
    name = study.study.name
    paths = _trajectories(study)
    if any(path.points or path.edges for _, found in paths for path in found):
        yield "trajectories.png", partial(trajectories_figure, paths, name, _n(study, "optimized"))
    if any(run.state.epochs_completed for run in study.runs):
        arms = {arm: [r.state for r in study.runs if r.arm == arm] for arm in study.study.config.arms}
        yield "learning-curves.png", partial(curves_figure, arms, name)
    comparison = compare(study)
    if _completed(comparison):
        yield "accuracies.png", partial(accuracies_figure, comparison)
    for run in study.runs:
        yield from _heatmaps(study, run)


def _heatmaps(study: FollowedStudy, run: FollowedRun) -> Iterator[Picture]:
    decisions = [index for index, decision in enumerate(run.state.decisions) if decision.started.axes]
    others = {title_of(axis.name) for index in decisions for axis in run.state.decisions[index].started.axes[2:]}
    for page, (first, end) in enumerate(pairwise([*range(0, len(decisions), PER_PAGE), len(decisions)]), start=1):
        span = f"decisions {first + 1} to {end} of {len(decisions)}" if end - first > 1 else f"decision {end}"
        about = f"{run.name}, n = 1 run of {study.study.config.runs}, {span}"
        if others:
            about += f"; best over {' and '.join(sorted(others))}"
        draw = partial(_heatmap_page, run, decisions[first:end], study.study.name, about)
        yield f"heatmaps-{run.name}-page{page}.png", draw


def _heatmap_page(run: FollowedRun, decisions: list[int], title: str, about: str) -> Figure:
    """Candidates are read when they are drawn, a page at a time."""
    return heatmap_page([run.decision(index) for index in decisions], title, about)


def _trajectories(study: FollowedStudy) -> list[tuple[int, tuple[Trajectory, ...]]]:
    """By seed, of all optimized runs that have begun."""
    baseline = {run.seed: run.state for run in study.runs if run.arm == "baseline"}
    begun = [run for run in study.runs if run.arm == "optimized" and run.state.started is not None]
    return [(run.seed, trajectories(run.state, baseline.get(run.seed))) for run in begun]


def missing(study: FollowedStudy) -> list[str]:
    """What an export of the study cannot draw yet, in plain sentences."""
    lines = []
    unfinished = [f"{run.name} ({run.status})" for run in study.runs if run.state.completed is None]
    if unfinished:
        lines.append(f"the end of {len(unfinished)} of {len(study.runs)} runs: {', '.join(unfinished)}")
    undecided = [run.name for run in study.runs if run.arm == "optimized" and not run.state.decisions]
    if undecided:
        lines.append(f"heatmaps of {', '.join(undecided)}: no decision in the log")
    if not any(found for _, found in _trajectories(study)):
        lines.append("trajectories: no run that searches has begun")
    if not any(run.state.epochs_completed for run in study.runs):
        lines.append("learning curves: no epoch is completed")
    if not _completed(compare(study)):
        lines.append("accuracies: no run is completed")
    return lines


def _completed(comparison: Comparison) -> int:
    return comparison.baseline.n + comparison.optimized.n


def _n(study: FollowedStudy, arm: str) -> str:
    begun = sum(run.state.started is not None for run in study.runs if run.arm == arm)
    return f"n = {begun} of {study.study.config.runs} {arm} runs"
