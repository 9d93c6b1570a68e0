"""One number for each completed run of an arm: which metric, of which model, at which threshold, and where from.

The log alone gives what a confusion matrix gives. The AUC and a threshold need the probabilities that a run saved.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from hptui.errors import ConfigError, RunDirectoryError, UsageError
from hptui.metrics import classification, intervals
from hptui.metrics.thresholds import choose_threshold
from hptui.reading.comparison.sampling import image_influence
from hptui.reading.run_state import Epoch, RunState
from hptui.reading.studies import FollowedRun
from hptui.record.events import Evaluated
from hptui.record.predictions import PREDICTIONS_FILE, Model, Predictions, read_predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hptui.reading.comparison.sampling import Numbers


MANY_PROBABILITIES = 20_000
UNREADABLE = f"{PREDICTIONS_FILE} cannot be read, or is not of the images that the log counted"
"""for a page that is passed on: the errors themselves name places on this machine"""


@dataclass(frozen=True)
class Question:
    """What is compared, on test images."""

    metric: str = "accuracy"
    """of `hptui.metrics.classification.METRICS`"""
    model: Model = "final"
    threshold_for: str | None = None
    """two classes: choose each run's threshold on its validation images, as in "sensitivity=0.95"; None: the
    more probable class"""

    @property
    def needs_predictions(self) -> bool:
        """A confusion matrix cannot answer it."""
        return self.metric == "auc" or self.threshold_for is not None


class Summary(msgspec.Struct, frozen=True):
    """Some numbers; sd with n - 1, null for fewer than two."""

    mean: float | None
    sd: float | None
    values: list[float]


class ArmSummary(msgspec.Struct, frozen=True):
    """The completed runs of one arm, ordered by seed."""

    n: int
    strategy: str
    seeds: list[int]
    test_accuracy: Summary
    balanced_accuracy: Summary
    """mean over the classes of the share that was found (sensitivity), on test images"""
    cost: Summary
    """images of probes and training, as a multiple of one plain training"""
    seconds: Summary
    measured: Summary
    """the metric that was asked for, of the model that was asked for"""
    thresholds: list[float]
    """of each run, on the probability of the second class; empty: none was asked for"""
    intervals: list[tuple[float, float] | None]
    """95 %, of each run's metric: what its test images allow; empty: not asked for"""


def summarize(values: Iterable[float]) -> Summary:
    """Mean and standard deviation (n - 1)."""
    numbers = [float(value) for value in values]
    mean = math.fsum(numbers) / len(numbers) if numbers else None
    sd = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Summary(mean, sd, numbers)


@dataclass(frozen=True)
class Measured:
    """The metric of one completed run, and what each of its test images has to do with it."""

    value: float
    threshold: float | None
    interval: tuple[float, float] | None
    """95 %: what the number of test images allows; None: not asked for"""
    influence: Numbers
    """(N,), see `hptui.reading.comparison.sampling`"""
    right: NDArray[np.bool_] | None
    """(N,), in the test images' own order, the same for all runs; None: the run saved no predictions"""


def measure(run: FollowedRun, question: Question, *, with_interval: bool = False) -> Measured:
    """Of a completed run, on its test images.

    What the log knows is taken from the log, so that it is what a screen showed when nothing was saved yet.

    Raises:
        RunDirectoryError: its log or its predictions are damaged.
        UsageError: the run saved no predictions and the question needs them, or the metric is not defined for it.
    """
    found = _saved(run, question)
    counted = found if question.needs_predictions else of_confusion(decisive_test(run, question.model).confusion)
    if counted is None:
        raise _not_saved(run, question)
    cut = _threshold(run, question)
    value = test_accuracy(run.state) if question == Question() else classification.metric(question.metric, counted, cut)
    if value is None:
        raise UsageError(
            f"{question.metric} is not defined for {run.name} in {run.directory.parent}: a class has no test images, "
            "or the network has diverged. Choose another --metric."
        )
    return Measured(
        value,
        cut,
        intervals.interval(question.metric, counted, cut, resamples=_resamples(counted)) if with_interval else None,
        image_influence(question.metric, found or counted, cut),
        classification.predicted_classes(found, cut) == found.labels if found is not None else None,
    )


def _resamples(predictions: Predictions) -> int:
    """Of a bootstrap: with many images its intervals are short, and each resample takes long.

    10,000 images of ten classes: 1.2 s a run with 200 resamples, 6 s with 1000 (one core).
    """
    return intervals.RESAMPLES if len(predictions) * predictions.classes <= MANY_PROBABILITIES else 200


def class_metrics(run: FollowedRun, question: Question) -> list[intervals.ClassMetrics]:
    """Every class of a completed run against the rest; without saved predictions there is no AUC.

    Raises:
        UsageError: a threshold is asked for, and the run saved no predictions.
    """
    found = _saved(run, question)
    if found is not None:
        return intervals.per_class(found, _threshold(run, question), resamples=_resamples(found))
    if question.threshold_for is not None:
        raise _not_saved(run, question)
    return intervals.per_class(of_confusion(decisive_test(run, question.model).confusion), areas=False)


def _saved(run: FollowedRun, question: Question) -> Predictions | None:
    """The predictions of the test images; a damaged file is none, where the log can answer the question as well."""
    try:
        return saved_predictions(run, question.model)
    except RunDirectoryError:
        if question.needs_predictions:
            raise
        return None


def saved_predictions(run: FollowedRun, model: Model) -> Predictions | None:
    """What a completed run saved of its test images; None: nothing.

    Raises:
        RunDirectoryError: the file is damaged, or it is not of the images that the log counted.
    """
    found = read_predictions(run.directory, model, "test")
    if found is None:
        return None
    counted = [sum(row) for row in decisive_test(run, model).confusion]
    images = classification.confusion(found).sum(axis=1).tolist() if found.classes == len(counted) else None
    if images != counted:
        raise RunDirectoryError(
            f"{run.directory / PREDICTIONS_FILE} cannot be used: it has {len(found)} test images of {found.classes} "
            f"classes, and not those that the run's log counted ({sum(counted)} of {len(counted)} classes)."
        )
    return found


def _threshold(run: FollowedRun, question: Question) -> float | None:
    """The operating threshold that the run's validation images suggest; None: none was asked for."""
    if question.threshold_for is None:
        return None
    validation = read_predictions(run.directory, question.model, "validation")
    if validation is None:
        raise _not_saved(run, question)
    try:
        return choose_threshold(validation, question.threshold_for)
    except ConfigError as error:
        raise ConfigError(f"{run.name}: {error}") from None


def _not_saved(run: FollowedRun, question: Question) -> UsageError:
    asked = f"--threshold-for {question.threshold_for}" if question.threshold_for else f"--metric {question.metric}"
    return UsageError(
        f"{asked} needs the predictions of {run.name} in {run.directory.parent}, but no predictions were saved by this "
        "run; accuracy, balanced_accuracy, sensitivity, specificity and f1 can be had without them."
    )


def summarize_arm(runs: Sequence[FollowedRun], strategy: str, by_seed: Mapping[int, Measured]) -> ArmSummary:
    """Of completed runs, and what was measured of each."""
    measured = [by_seed[run.seed] for run in runs]
    ends = [run.state.completed for run in runs if run.state.completed is not None]
    return ArmSummary(
        n=len(runs),
        strategy=strategy,
        seeds=[run.seed for run in runs],
        test_accuracy=summarize(end.test_accuracy for end in ends),
        balanced_accuracy=summarize(_balanced(run) for run in runs),
        cost=summarize(end.cost for end in ends),
        seconds=summarize(end.seconds for end in ends),
        measured=summarize(found.value for found in measured),
        thresholds=[found.threshold for found in measured if found.threshold is not None],
        intervals=[found.interval for found in measured] if any(found.interval for found in measured) else [],
    )


def test_accuracy(state: RunState) -> float:
    """Of the delivered weights of a completed run, after the last epoch."""
    assert state.completed is not None
    return state.completed.test_accuracy


test_accuracy.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of its name


def decisive_test(run: FollowedRun, model: Model) -> Evaluated:
    """Of a completed run: of the last epoch, or of the one whose delivered weights had the lowest validation loss.

    Raises:
        RunDirectoryError: its log is damaged: there is no such test.
    """

    def loss(epoch: Epoch) -> float:
        found = epoch.validation.loss if epoch.validation is not None else None
        return math.inf if found is None else found

    tested = [epoch for epoch in run.state.epochs if epoch.test is not None]
    test = (tested[-1] if model == "final" else min(tested, key=loss)).test if tested else None
    square = test is not None and all(len(row) == len(test.confusion) for row in test.confusion)
    if test is None or not square or not sum(map(sum, test.confusion)):
        raise RunDirectoryError(
            f"{run.directory} is damaged: its log says that the run is completed, but no test images were counted."
        )
    return test


def of_confusion(confusion: Sequence[Sequence[int]]) -> Predictions:
    """Images that give this matrix (rows: true, columns: predicted), each predicted with certainty, in no order."""
    import numpy as np

    counts = np.asarray(confusion)
    true, called = np.indices(counts.shape)
    labels, predicted = np.repeat(true.ravel(), counts.ravel()), np.repeat(called.ravel(), counts.ravel())
    return Predictions(labels.astype(np.int64), np.eye(len(counts), dtype=np.float32)[predicted])


def _balanced(run: FollowedRun) -> float:
    found = classification.balanced_accuracy(classification.class_counts(decisive_test(run, "final").confusion))
    assert found is not None  # there are test images
    return found
