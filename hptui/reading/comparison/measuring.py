"""One number for each completed run: which metric, of which model, at which threshold, and where from.

The log alone gives what a confusion matrix gives. The AUC and a threshold need the probabilities that a run saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.errors import ConfigError, RunDirectoryError, UsageError
from hptui.metrics.classification import metric, predicted_classes
from hptui.metrics.intervals import RESAMPLES, ClassMetrics, interval, per_class
from hptui.metrics.thresholds import choose_threshold
from hptui.reading.comparison.bounds import classes_behind, edge_error, paired_edge_error
from hptui.reading.comparison.evidence import (
    certain_predictions,
    decisive_test,
    final_test_accuracy,
    saved_predictions,
)
from hptui.reading.comparison.sampling import image_influence, images_behind
from hptui.reading.studies import FollowedRun
from hptui.record.predictions import Model, Predictions, read_predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hptui.reading.comparison.sampling import Numbers

MANY_PROBABILITIES = 20_000
FEWER_RESAMPLES = 200


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
        """Whether a confusion matrix cannot answer it."""
        return self.metric == "auc" or self.threshold_for is not None


@dataclass(frozen=True)
class RunMeasurement:
    """The metric of one completed run, and what each of its test images has to do with it."""

    value: float
    threshold: float | None
    interval: tuple[float, float] | None
    """95 %: what the number of test images allows; None: not asked for"""
    influence: Numbers
    """(N,), see `hptui.reading.comparison.sampling`"""
    right: NDArray[np.bool_] | None
    """(N,), in the test images' own order, the same for all runs; None: the run saved no predictions"""
    rests_on: int
    """of the test images, see `hptui.reading.comparison.sampling.images_behind`"""
    mean_of: int
    """classes, see `hptui.reading.comparison.bounds.classes_behind`"""
    edge: float
    paired_edge: float
    """bounds where no image moves the metric, see `hptui.reading.comparison.bounds.edge_error`"""
    problem: str = ""
    """why its predictions, which are there, are not used; empty: they are, or there are none"""


def measure(run: FollowedRun, question: Question, *, with_interval: bool = False) -> RunMeasurement:
    """Measure a completed run on its test images.

    What the log knows is taken from the log, so that it is what a screen showed when nothing was saved yet.

    Raises:
        RunDirectoryError: its log or its predictions are damaged.
        UsageError: the run saved no predictions and the question needs them, or the metric is not defined for it.
    """
    saved = _saved(run, question)
    counted = saved if question.needs_predictions else _logged(run, question)
    if counted is None:
        raise _not_saved(run, question)
    cut = _threshold(run, question)
    value = final_test_accuracy(run.state) if question == Question() else metric(question.metric, counted, cut)
    if value is None:
        raise UsageError(
            f"{question.metric} is not defined for {run.name} in {run.directory.parent}: a class has no test images, "
            "or the network has diverged. Choose another --metric."
        )
    return RunMeasurement(
        value,
        cut,
        interval(question.metric, counted, cut, resamples=_resamples(counted)) if with_interval else None,
        image_influence(question.metric, saved or counted, cut),
        predicted_classes(saved, cut) == saved.labels if saved is not None else None,
        images_behind(question.metric, counted),
        classes_behind(question.metric, counted),
        edge_error(question.metric, counted),
        paired_edge_error(question.metric, counted),
        _problem(run, question) if saved is None else "",
    )


def class_metrics(run: FollowedRun, question: Question) -> list[ClassMetrics]:
    """Every class of a completed run against the rest; without saved predictions there is no AUC.

    Raises:
        UsageError: a threshold is asked for, and the run saved no predictions.
    """
    saved = _saved(run, question)
    if saved is not None:
        return per_class(saved, _threshold(run, question))
    if question.threshold_for is not None:
        raise _not_saved(run, question)
    return per_class(_logged(run, question), areas=False)


def _resamples(predictions: Predictions) -> int:
    """Number of a bootstrap's resamples: with many images its intervals are short, and each resample takes long.

    10,000 images of ten classes: 1.2 s a run with 200 resamples, 6 s with 1000 (one core).
    """
    return RESAMPLES if len(predictions) * predictions.classes <= MANY_PROBABILITIES else FEWER_RESAMPLES


def _logged(run: FollowedRun, question: Question) -> Predictions:
    """Predictions that agree with the confusion matrix in the run's log."""
    return certain_predictions(decisive_test(run, question.model).confusion)


def _saved(run: FollowedRun, question: Question) -> Predictions | None:
    """The predictions of the test images; a damaged file is none, where the log can answer the question as well."""
    try:
        return saved_predictions(run, question.model)
    except RunDirectoryError:
        if question.needs_predictions:
            raise
        return None


def _problem(run: FollowedRun, question: Question) -> str:
    """Reason why the predictions cannot be used, without the folders of this machine; empty if there are none."""
    try:
        saved_predictions(run, question.model)
    except RunDirectoryError as error:
        return str(error).replace(str(run.directory), run.name)
    return ""


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
