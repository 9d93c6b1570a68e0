"""Captions in words: what each picture shows, of how many runs, and what its bars and bands are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hptui.config import Arm
from hptui.export.heatmap_legend import mark_words
from hptui.export.heatmaps import HeatmapPanel
from hptui.metrics.classification import metric_title
from hptui.reading.comparison import ArmSummary, Comparison
from hptui.reading.outcomes import Confusion, CostPoint, RocCurve, mean_interval
from hptui.reading.run_state import RunState
from hptui.reading.views.curves import delivered_points, finished, learning_curve, run_label, spread, unfinished
from hptui.reading.views.passed_over import passed_over_meaning
from hptui.reading.views.trajectories import Trajectory
from hptui.reading.wrong_sheet import WrongSheet
from hptui.record.task import Task

STUDENT = "with its 95 % interval over runs (Student)"


def trajectories_caption(runs: Sequence[tuple[int, tuple[Trajectory, ...]]], number: str) -> str:
    """Caption of the trajectories; `number` says how many runs there are."""
    every = [trajectory for _, of_run in runs for trajectory in of_run]
    parts = [f"Hyperparameters with a range, epoch by epoch, {number}: the value chosen for each epoch, in steps"]
    if held := dict.fromkeys(trajectory.title for trajectory in every if trajectory.decided_from is None):
        parts.append(f"dotted: held at the value of the start, because nothing else was tried ({', '.join(held)})")
    if any(trajectory.scheduled for trajectory in every):
        parts.append("dash-dotted: the value in force at the end of each epoch, which a schedule makes another")
    if any(trajectory.edges for trajectory in every):
        parts.append("shaded: the range of each choice, outside of which a value in force may lie")
    if any(trajectory.baseline for trajectory in every):
        parts.append("dashed grey: the baseline run of the same seed")
    if any(point.on_edge for trajectory in every for point in trajectory.points):
        parts.append("triangles: chosen on an edge of the range, so that better values may lie beyond it")
    if by_hand := _by_hand(runs):
        parts.append(f"set by hand, not chosen by a search: {by_hand}")
    if any(trajectory.repeated for trajectory in every):
        parts.append("hollow diamonds: what probes twice as long would have chosen")
    return f"{'; '.join(parts)}."


def _by_hand(runs: Sequence[tuple[int, tuple[Trajectory, ...]]]) -> str:
    """Values that somebody set, and in which epochs of which runs; what holds for several runs is said once."""
    seeds: dict[str, list[int]] = {}
    for seed, of_run in runs:
        for trajectory in of_run:
            for piece in trajectory.by_hand:
                first, last = piece[0].epoch, piece[-1].epoch
                until = f"to {last}" if last < trajectory.points[-1].epoch else "on"
                words = f"{trajectory.title} {piece[0].value:.4g} from epoch {first} {until}"
                seeds.setdefault(words, []).append(seed)
    return ", ".join(f"{words} (seed {', '.join(map(str, of_seeds))})" for words, of_seeds in seeds.items())


def curves_caption(arms: Mapping[Arm, Sequence[RunState]], task: Task = "single-label") -> str:
    """Caption of the learning curves."""
    whole = {arm: finished(states) for arm, states in arms.items()}
    n = _counts({arm: len(states) for arm, states in whole.items()})
    curves = [learning_curve(states, "accuracy", "validation") for states in whole.values()]
    band = "; bands: from the lowest to the highest run, which is no confidence interval" * any(map(spread, curves))
    names = [run_label(state) for states in arms.values() for state in unfinished(states)]
    so_far = f"; thin and dotted: {', '.join(names)} so far, not finished and in no mean" if names else ""
    marked = any(delivered_points(states, "loss", "validation") for states in whole.values())
    delivered = "; hollow diamonds: the epoch that a run delivers, where that is not its last" * marked
    return (
        f"Loss and {metric_title('accuracy', task)} after each epoch, of the weights that would be delivered then; "
        f"lines: mean over the finished runs ({n}){band}{so_far}{delivered}. Decisions see validation images alone."
    )


def accuracies_caption(comparison: Comparison) -> str:
    """Caption of the accuracies of both arms."""
    arms: dict[Arm, ArmSummary] = {"baseline": comparison.baseline, "optimized": comparison.optimized}
    n = {arm: summary.n for arm, summary in arms.items() if summary.n}
    intervals = [mean_interval([100 * value for value in arms[arm].measured.values]) for arm in n]
    is_cut = any((one.low or 0) < 0 or (one.high or 0) > 100 for one in intervals)
    cut = " (cut at 0 and 100 %, where it has no end)" if is_cut else ""
    mean = f"; diamonds: mean of each arm {STUDENT}{cut}" if max(n.values(), default=0) > 1 else ""
    pairs = comparison.difference.n
    right = (
        f" Right: difference within each of {pairs} pairs (runs of one seed, joined by lines on the left), and their "
        f"mean{' with its 95 % interval over pairs (Student)' if comparison.difference.low is not None else ''}."
    ) * (pairs > 0)
    title = metric_title(comparison.metric, comparison.task)
    return f"Test {title} of every completed run ({_counts(n)}){mean}.{right} {comparison.conclusion}"


def costs_caption(points: Sequence[CostPoint], task: Task = "single-label") -> str:
    """Caption of cost against accuracy."""
    n = _by_arm(point.arm for point in points)
    interval = f" {STUDENT}, in both directions" if max(n.values()) > 1 else ""
    interval += " (cut at 0 and 100 %, where it has no end)" if _is_cut(points) else ""
    return (
        f"Test {metric_title('accuracy', task)} of every completed run against its cost: images of probes and training "
        f"together, in plain trainings ({_counts(n)}); hollow diamonds: mean of each arm{interval}."
    )


def _is_cut(points: Sequence[CostPoint]) -> bool:
    """Whether an interval of an arm goes on to costs or accuracies that there are not."""
    for arm in {point.arm for point in points}:
        own = [point for point in points if point.arm == arm]
        cost, accuracy = mean_interval([one.cost for one in own]), mean_interval([one.test_accuracy for one in own])
        if (cost.low or 0) < 0 or (accuracy.low or 0) < 0 or (accuracy.high or 0) > 1:
            return True
    return False


def confusions_caption(confusions: Sequence[Confusion]) -> str:
    """Caption of the confusion matrices."""
    n = _counts({confusion.arm: confusion.n for confusion in confusions})
    return (
        f"Confusion on the test images, of the delivered weights: share of each true class (row) "
        f"that was called by each class (column), in %; mean over the runs ({n})."
    )


def roc_caption(curves: Sequence[RocCurve], positive: str) -> str:
    """Caption of the ROC curves."""
    n = _counts(_by_arm(curve.arm for curve in curves))
    return (
        f"Receiver operating characteristic on the test images, one line for each run ({n}); positive: {positive}; "
        "dotted: chance. The area (AUC) is the mean over the runs."
    )


def label_rocs_caption(curves: Sequence[RocCurve]) -> str:
    """Caption of the ROC curves of labels."""
    labels = len({curve.positive for curve in curves})
    n = _counts({arm: count // labels for arm, count in _by_arm(curve.arm for curve in curves).items()})
    return (
        f"Receiver operating characteristic of each of {labels} labels on the test images, one line for each run "
        f"({n}); dotted: chance. The area (AUC) in a panel is the mean over the runs."
    )


def heatmaps_caption(run: str, about: str, panels: Sequence[HeatmapPanel]) -> str:
    """Caption of a page of heatmaps of one run."""
    several = any(panel.grid.rounds > 1 for panel in panels)
    first = (
        f"What {run} tried at its decisions, one heatmap for each{' of their rounds' * several}: a measured cell is a "
        "short training (probe) with these values from the run's own weights, and its colour what it scored on "
        f"validation images, each heatmap on a scale of its own ({about})."
    )
    by_label: dict[str, tuple[str, dict[str, None]]] = {}
    for panel in panels:  # those of one round share most of their words
        by_label.setdefault(panel.label, (panel.heading, {}))[1].update(dict.fromkeys(panel.words))
    lines = [f"{head[:1].upper()}{head[1:]}, {'; '.join(words)}." for head, words in by_label.values() if words]
    cells = [cell for panel in panels for _, _, cell in panel.grid.places]
    marks = mark_words([panel.grid for panel in panels])
    sentences = [marks] * bool(marks) + passed_over_meaning(cells, " ".join(w for panel in panels for w in panel.words))
    return " ".join([first, *lines, *(f"{words[:1].upper()}{words[1:]}." for words in sentences)])


def _by_arm(arms: Iterable[Arm]) -> dict[Arm, int]:
    every = list(arms)
    return {arm: every.count(arm) for arm in dict.fromkeys(every)}


def _counts(n: Mapping[Arm, int]) -> str:
    return ", ".join(f"{arm} n = {number}" for arm, number in n.items())


def wrong_caption(run: str, sheet: WrongSheet) -> str:
    """Caption of the images that a run gets most wrong."""
    return (
        f"Test images that {run} called by another class, the surest first: {sheet.counts}. Above each its name, its "
        "class, and the class that it was called by with the probability of that."
    )
