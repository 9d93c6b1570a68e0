"""Tables of a study as CSV: the data of each figure, all epochs, all candidates.

UTF-8 with a header; fields as `hptui.export.csv_lines` has them. Columns are named as in the log
(`hptui.record.events`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import msgspec

from hptui.export.csv_lines import csv_lines
from hptui.export.decision_tables import (
    HEATMAP_COLUMNS,
    Row,
    candidate_columns,
    candidate_rows,
    heatmap_rows,
    identity,
    value_names,
)
from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.comparison import compare
from hptui.reading.outcomes import confusions, cost_points, most_wrong_of_runs, roc_curves, trajectories_by_seed
from hptui.reading.studies import FollowedStudy
from hptui.reading.views.curves import CURVE_MEASURES, finished, learning_curve
from hptui.record.events import Evaluated


class CsvTable(NamedTuple):
    """A file with its rows, which are made while they are written: candidates may be millions."""

    name: str
    """of the file, without its ending"""
    columns: Sequence[str]
    rows: Callable[[], Iterable[Row]]
    """what a row does not name is empty"""


def tables(study: FollowedStudy) -> Iterator[CsvTable]:
    """Tables that the study has data for, as it was last refreshed."""
    if any(run.state.epochs for run in study.runs):
        yield CsvTable("epochs", (*EPOCH_COLUMNS, *value_names(study)), lambda: _epochs(study))
    if any(run.state.completed for run in study.runs):
        yield CsvTable("learning-curves", CURVE_COLUMNS, lambda: _learning_curves(study))
    if any(run.state.decisions for run in study.runs):
        yield CsvTable("candidates", candidate_columns(study), lambda: candidate_rows(study))
    if any(decision.tried for run in study.runs for decision in run.state.decisions):
        yield CsvTable("heatmaps", HEATMAP_COLUMNS, lambda: heatmap_rows(study))
    if any(trajectories for _, trajectories in trajectories_by_seed(study)):
        yield CsvTable("trajectories", TRAJECTORY_COLUMNS, lambda: _trajectories(study))
    if cost_points(study):
        yield CsvTable("cost", ("run", "arm", "seed", "cost", "test_accuracy"), lambda: _costs(study))
        yield CsvTable("accuracies", ACCURACY_COLUMNS, lambda: _accuracies(study))
        yield CsvTable("comparison", ("name", "value"), lambda: _flat(msgspec.to_builtins(compare(study))))
    if confusions(study):
        yield CsvTable("confusion", CONFUSION_COLUMNS, lambda: _confusions(study))
    if roc_curves(study)[0]:
        yield CsvTable("roc", ROC_COLUMNS, lambda: _roc(study))
    if any(True for _ in most_wrong_of_runs(study, MOST_WRONG)):
        yield CsvTable("most-wrong", WRONG_COLUMNS, lambda: _most_wrong(study))


def write_table(table: CsvTable, file: BinaryIO) -> None:
    """Write one table; `file` stays open."""
    cells = ([row.get(column) for column in table.columns] for row in table.rows())
    for line in csv_lines(itertools.chain([table.columns], cells)):
        file.write(line.encode())


EPOCH_COLUMNS = (
    "run", "arm", "seed", "epoch", "split", "weights", "delivered", "images", "loss", "accuracy", "sensitivity",
    "specificity", "step", "images_trained", "images_probed", "seconds",
)  # fmt: skip


def _epochs(study: FollowedStudy) -> Iterator[Row]:
    """A row for the training loss of each epoch, and one for each evaluation."""
    for run in study.runs:
        for epoch in run.state.epochs:
            done = epoch.completed
            key = identity(run) | {"epoch": epoch.number}
            progress: dict[str, Any] = {}
            if done is not None:
                progress = {"images_trained": done.images_trained, "images_probed": done.images_probed}
                progress |= {"seconds": done.seconds, **done.values}
                yield key | {"split": "training", "loss": done.train_loss, "step": done.step} | progress
            for evaluation in epoch.evaluations.values():
                delivered = evaluation.weights == done.delivered if done is not None else None
                yield key | progress | _evaluation(evaluation) | {"delivered": delivered}


def _evaluation(evaluated: Evaluated) -> dict[str, Any]:
    counts = evaluated.classes
    names = ("split", "weights", "images", "loss", "accuracy", "step")
    measured = {name: getattr(evaluated, name) for name in names}
    return measured | {"sensitivity": sensitivity(counts), "specificity": specificity(counts)}


CURVE_COLUMNS = ("arm", "split", "measure", "epoch", "n", "mean", "low", "high")


def _learning_curves(study: FollowedStudy) -> Iterator[Row]:
    """Means over the finished runs; how far the others are stands in the table of epochs."""
    for arm in study.study.config.arms:
        states = finished(run.state for run in study.runs if run.arm == arm)
        for split in ("validation", "test"):
            for measure in CURVE_MEASURES:
                for point in learning_curve(states, measure, split):
                    yield {"arm": arm, "split": split, "measure": measure} | msgspec.to_builtins(point)


TRAJECTORY_COLUMNS = (
    *("seed", "name", "arm", "epoch", "value", "on_edge", "low", "high", "longer_probes", "in_force"),
    *("searched", "finished"),
)


def _trajectories(study: FollowedStudy) -> Iterator[Row]:
    """Values as chosen for each epoch, the range of the choice, what a greed check would choose, and those in force.

    In force: at the end of the epoch, once that is reached; under a schedule it is not what was chosen. Searched:
    whether a decision up to this epoch tried other values; else it is held as it was at the start. Finished: the run.
    """
    whole = {run.seed for run in study.completed_runs("optimized")}
    for seed, trajectories in trajectories_by_seed(study):
        for trajectory in trajectories:
            key = {"seed": seed, "name": trajectory.name}
            longer = {point.epoch: point.value for point in trajectory.repeated}
            in_force = {point.epoch: point.value for point in trajectory.in_force}
            for point in trajectory.points:
                before = [edge for edge in trajectory.edges if edge.epoch <= point.epoch]
                edges = {"low": before[-1].low, "high": before[-1].high} if before else {}
                begun = trajectory.decided_from
                searched = begun is not None and begun <= point.epoch
                yield (
                    key
                    | {"arm": "optimized"}
                    | msgspec.to_builtins(point)
                    | edges
                    | {"searched": searched, "finished": seed in whole}
                    | {"longer_probes": longer.get(point.epoch), "in_force": in_force.get(point.epoch)}
                )
            in_force = {point.epoch: point.value for point in trajectory.baseline_in_force}
            for point in trajectory.baseline:
                facts = {"epoch": point.epoch, "value": point.value, "in_force": in_force.get(point.epoch)}
                yield key | {"arm": "baseline"} | facts


def _costs(study: FollowedStudy) -> Iterator[Row]:
    yield from (msgspec.to_builtins(point) for point in cost_points(study))


ACCURACY_COLUMNS = ("arm", "strategy", "seed", "test_accuracy", "balanced_accuracy")


def _accuracies(study: FollowedStudy) -> Iterator[Row]:
    comparison = compare(study)
    for name, arm in (("baseline", comparison.baseline), ("optimized", comparison.optimized)):
        for seed, *accuracies in zip(arm.seeds, arm.test_accuracy.values, arm.balanced_accuracy.values, strict=True):
            key = {"arm": name, "strategy": arm.strategy, "seed": seed}
            yield key | dict(zip(("test_accuracy", "balanced_accuracy"), accuracies, strict=True))


def _flat(tree: Any, name: str = "") -> Iterator[Row]:
    """A row for every number and word of a comparison, named as in its JSON: `difference.low`, `baseline.seeds.0`."""
    if isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield {"name": name, "value": tree}


CONFUSION_COLUMNS = ("arm", "n", "true_class", "predicted_class", "images", "share")


def _confusions(study: FollowedStudy) -> Iterator[Row]:
    """Cells of the confusion matrices: images are means over the n runs, shares are of the true class.

    Where an image may have several labels, each has one: without it ("not X") and with it.
    """
    for confusion in confusions(study):
        for row, (counts, shares) in enumerate(zip(confusion.counts, confusion.shares, strict=True)):
            for column, (count, share) in enumerate(zip(counts, shares, strict=True)):
                names = {"true_class": confusion.class_names[row], "predicted_class": confusion.class_names[column]}
                yield {"arm": confusion.arm, "n": confusion.n, "images": count, "share": share} | names


ROC_COLUMNS = ("run", "arm", "seed", "positive", "auc", "threshold", "false_positive_rate", "true_positive_rate")


def _roc(study: FollowedStudy) -> Iterator[Row]:
    for curve in roc_curves(study)[0]:
        key = {"run": curve.run, "arm": curve.arm, "seed": curve.seed, "positive": curve.positive, "auc": curve.auc}
        points = zip(curve.thresholds, curve.false_positive_rate, curve.true_positive_rate, strict=True)
        for threshold, false_positive, true_positive in points:
            rates = {"false_positive_rate": false_positive, "true_positive_rate": true_positive}
            yield key | rates | {"threshold": threshold}


MOST_WRONG = 100
"""images of each run"""
WRONG_COLUMNS = (
    "run", "arm", "seed", "image", "group", "true_class", "predicted_class", "probability", "probability_of_true",
)  # fmt: skip


def _most_wrong(study: FollowedStudy) -> Iterator[Row]:
    """Test images that a run called by another class, the surest first."""
    for run, wrong in most_wrong_of_runs(study, MOST_WRONG):
        for one in wrong:
            facts = {"image": one.name, "group": one.group, "true_class": one.true, "predicted_class": one.predicted}
            shares = {"probability": one.probability, "probability_of_true": one.probability_of_true}
            yield identity(run) | facts | shares
