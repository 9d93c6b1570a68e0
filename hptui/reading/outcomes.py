"""What a whole study came to, for figures and tables: trajectories by seed, confusion, ROC, cost against accuracy.

Plain numbers, as `hptui.reading.views` has them for one run. Only completed runs count, but for the trajectories.
Shares, rates and accuracies are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hptui.config import Arm
from hptui.errors import RunDirectoryError
from hptui.metrics.classification import metric
from hptui.metrics.several_labels import labels_alone
from hptui.reading.comparison import summarize
from hptui.reading.comparison.differences import NO_SPREAD, student_reach
from hptui.reading.comparison.evidence import (
    NO_TEST,
    UNREADABLE,
    final_test_accuracy,
    names_of_classes,
    saved_predictions,
)
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.reading.views.trajectories import Trajectory, trajectories
from hptui.reading.wrong_images import WrongImage, most_wrong
from hptui.record.class_counts import label_matrix
from hptui.record.events import RunStarted
from hptui.record.predictions import Predictions


def trajectories_by_seed(study: FollowedStudy) -> list[tuple[int, tuple[Trajectory, ...]]]:
    """Trajectories of all optimized runs that have begun, each beside the baseline of its seed."""
    baseline = {run.seed: run.state for run in study.runs if run.arm == "baseline"}
    begun = [run for run in study.runs if run.arm == "optimized" and run.state.started is not None]
    return [(run.seed, trajectories(run.state, baseline.get(run.seed))) for run in begun]


@dataclass(frozen=True)
class Confusion:
    """The test images of one arm, by true and predicted class."""

    arm: Arm
    n: int
    """runs"""
    class_names: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]
    """(classes, classes), images, mean over the runs; row: true class, column: predicted class; of a label two classes,
    without and with it"""

    @property
    def shares(self) -> tuple[tuple[float | None, ...], ...]:
        """Shares of the true class; None: it has no image."""
        return tuple(tuple(count / sum(row) if sum(row) else None for count in row) for row in self.counts)


def confusions(study: FollowedStudy) -> tuple[Confusion, ...]:
    """Confusion of each arm that completed a run, of the delivered weights; or of each of its labels.

    Raises:
        RunDirectoryError: the runs of an arm have different classes.
    """
    of_arms = []
    for arm in study.study.config.arms:
        delivered = [(run, run.state.delivered) for run in study.completed_runs(arm)]
        tests = [(run, epoch.test) for run, epoch in delivered if epoch is not None]
        tested = [(run, test) for run, test in tests if test is not None]
        if not tested:
            continue
        n, counted = len(tested), [test for _, test in tested]
        names = names_of_classes([run for run, _ in tested], [len(test.classes.support) for test in counted])
        if study.task == "single-label":
            of_arms.append(Confusion(arm, n, names, _mean_matrix([test.confusion for test in counted])))
            continue
        for index, name in enumerate(names):
            matrix = _mean_matrix([label_matrix(test.classes, index) for test in counted])
            of_arms.append(Confusion(arm, n, (f"not {name}", name), matrix))
    return tuple(of_arms)


def _mean_matrix(matrices: Sequence[Sequence[Sequence[int]]]) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(sum(counts) / len(matrices) for counts in zip(*rows, strict=True)) for rows in zip(*matrices, strict=True)
    )


@dataclass(frozen=True)
class RocCurve:
    """Receiver operating characteristic of one run on the test images; the second class, or a label, is positive."""

    run: str
    arm: Arm
    seed: int
    positive: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    thresholds: tuple[float, ...]
    """on the probability of the positive class, falling; the first one, infinite, calls nothing positive"""
    auc: float


def roc_curves(study: FollowedStudy) -> tuple[tuple[RocCurve, ...], tuple[str, ...]]:
    """Curves of the completed runs with two classes, or of each label, and why others of these have none.

    Scikit-learn draws them up.
    """
    curves: list[RocCurve] = []
    problems: list[str] = []
    for run in study.runs:
        started = run.state.started
        if run.state.completed is None or run.state.untested or started is None:
            continue
        if started.task == "multi-label" or len(started.class_names) == 2:
            for outcome in _roc_curves(run, started):
                if isinstance(outcome, RocCurve):
                    curves.append(outcome)
                else:
                    problems.append(f"{run.name}: {outcome}")
    return tuple(curves), tuple(problems)


def final_predictions(run: FollowedRun) -> Predictions | str:
    """Predictions of a completed run on test images, or why there are none."""
    if run.state.untested:
        return NO_TEST
    try:
        predictions = saved_predictions(run, "final")
    except RunDirectoryError:
        return UNREADABLE
    return "no predictions saved by this run" if predictions is None else predictions


def most_wrong_of_runs(study: FollowedStudy, most: int) -> Iterator[tuple[FollowedRun, list[WrongImage]]]:
    """At most so many test images called by another class, of each completed run that saved its predictions."""
    for run in study.runs:
        started, predictions = run.state.started, final_predictions(run) if run.state.completed is not None else ""
        if isinstance(predictions, str) or started is None or len(started.class_names) != predictions.classes:
            continue
        if wrong := most_wrong(predictions, started.class_names, most):
            yield run, wrong


def _roc_curves(run: FollowedRun, started: RunStarted) -> Iterator[RocCurve | str]:
    """Curve of a completed run, or of each label, or why there is none."""
    import numpy as np

    predictions = final_predictions(run)
    if isinstance(predictions, str):
        yield predictions
    elif predictions.classes != len(started.class_names):
        yield f"the log names {len(started.class_names)} classes, and {predictions.classes} were predicted"
    elif not np.isfinite(predictions.probabilities).all():
        yield "the network has diverged, its probabilities are no numbers"
    elif started.task == "multi-label":
        for name, alone in zip(started.class_names, labels_alone(predictions), strict=True):
            outcome = _roc_curve(run, alone, name)
            yield f"label {name}: {outcome}" if isinstance(outcome, str) else outcome
    else:
        yield _roc_curve(run, predictions, started.class_names[1])


def _roc_curve(run: FollowedRun, predictions: Predictions, positive: str) -> RocCurve | str:
    """Curve of two classes."""
    area = metric("auc", predictions)
    if area is None:
        return "the test images are all of one class"
    from sklearn.metrics import roc_curve  # a second: only where there is a curve

    rates = roc_curve(predictions.labels, predictions.probabilities[:, 1])
    false_positive, true_positive, thresholds = (tuple(map(float, numbers)) for numbers in rates)
    return RocCurve(run.name, run.arm, run.seed, positive, false_positive, true_positive, thresholds, area)


@dataclass(frozen=True)
class CostPoint:
    """Cost and accuracy of one completed run."""

    run: str
    arm: Arm
    seed: int
    cost: float
    """images of probes and training together, as a multiple of one plain training"""
    test_accuracy: float


def cost_points(study: FollowedStudy) -> tuple[CostPoint, ...]:
    """Points of all completed runs that were tested, in the study's order."""
    return tuple(
        CostPoint(run.name, run.arm, run.seed, run.state.completed.cost, final_test_accuracy(run.state))
        for run in study.runs
        if run.state.completed is not None and not run.state.untested
    )


@dataclass(frozen=True)
class MeanInterval:
    """A mean with its 95 % interval."""

    n: int
    mean: float
    low: float | None
    high: float | None
    """null for a single value, and for equal ones"""


def mean_interval(values: Sequence[float]) -> MeanInterval:
    """Student's interval of the mean of at least one value."""
    summary = summarize(values)
    n = len(values)
    assert summary.mean is not None
    if summary.sd is None or summary.sd <= NO_SPREAD:  # equal runs say nothing about how runs differ
        return MeanInterval(n, summary.mean, None, None)
    reach = student_reach(summary.sd, n)
    return MeanInterval(n, summary.mean, summary.mean - reach, summary.mean + reach)
