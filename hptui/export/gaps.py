"""What an export of a study cannot hold yet, in plain sentences."""

from __future__ import annotations

from hptui.errors import RunDirectoryError
from hptui.reading.comparison.evidence import NO_TEST
from hptui.reading.outcomes import roc_curves, trajectories_by_seed
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.reading.wrong_sheet import UNREADABLE_IMAGES
from hptui.record.wrong_images import read_wrong_images


def missing(study: FollowedStudy) -> list[str]:
    """What cannot be drawn or written of the study as it was last refreshed, and why."""
    lines = []
    unfinished = [f"{run.name} ({run.status})" for run in study.runs if run.state.completed is None]
    if unfinished:
        lines.append(f"the end of {len(unfinished)} of {len(study.runs)} runs: {', '.join(unfinished)}")
    unmeasured: dict[str, list[str]] = {}
    for run in study.runs:
        if run.arm == "optimized" and (reason := _no_heatmaps(run)):
            unmeasured.setdefault(reason, []).append(run.name)
    lines += [f"heatmaps of {', '.join(names)}: {reason}" for reason, names in unmeasured.items()]
    if not any(trajectories for _, trajectories in trajectories_by_seed(study)):
        lines.append("trajectories: no run that searches has begun")
    if not any(run.state.epochs_completed for run in study.runs):
        lines.append("learning curves: no epoch is completed")
    if not any(run.state.completed for run in study.runs):
        lines.append("accuracies, cost and confusion: no run is completed")
    elif study.untested:
        lines.append(f"accuracies, cost, confusion and ROC: {NO_TEST}")
    elif study.task == "multi-label":
        lines.append("a picture of the confusion: an image may have several labels (confusion.csv has that of each)")
    if unreadable := [run.name for run in study.runs if _has_unreadable_images(run)]:
        lines.append(f"images that are most wrong of {', '.join(unreadable)}: {UNREADABLE_IMAGES}")
    return [*lines, *(f"ROC curve of {problem}" for problem in roc_curves(study)[1])]


def _has_unreadable_images(run: FollowedRun) -> bool:
    try:
        read_wrong_images(run.directory)
    except (RunDirectoryError, OSError):
        return True
    return False


def _no_heatmaps(run: FollowedRun) -> str:
    """Reason why a run has no heatmap; empty if it has one."""
    decisions = run.state.decisions
    if any(decision.tried for decision in decisions):
        return ""
    if not decisions:
        return "no decision in the log"
    chosen = decisions[-1].chosen
    return chosen.reason if chosen is not None else "no candidate is measured yet"
