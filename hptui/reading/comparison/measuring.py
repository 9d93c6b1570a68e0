"""One number for each completed run: which metric, of which model, at which threshold, and where from.

The log alone gives what a confusion matrix gives. The AUC and
what else is of probabilities, a threshold and groups need the predictions that a run saved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hptui.errors import ConfigError, RunDirectoryError, UsageError
from hptui.metrics.calls import rightly_called
from hptui.metrics.classification import check_metric, counts_of, metric, metrics_of
from hptui.metrics.groups import is_grouped, of_groups, one_for_each
from hptui.metrics.influence import image_influence, influence_of_groups
from hptui.metrics.intervals import RESAMPLES, ClassMetrics, interval, per_class
from hptui.metrics.thresholds import choose_threshold, few_to_choose
from hptui.metrics.weighted import OF_PROBABILITIES
from hptui.reading.comparison.bounds import classes_behind, edge_error, paired_edge_error
from hptui.reading.comparison.evidence import (
    certain_predictions,
    decisive_test,
    final_test_accuracy,
    saved_predictions,
)
from hptui.reading.comparison.sampling import images_behind
from hptui.reading.studies import FollowedRun
from hptui.record.predictions import Model, Predictions, read_predictions
from hptui.record.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hptui.reading.comparison.sampling import Numbers

MANY_PROBABILITIES = 20_000
FEWER_RESAMPLES = 200


@dataclass(frozen=True)
class Question:
    """What is compared, on test images."""

    metric: str = ""
    """of `hptui.metrics.classification.METRICS`; empty: the usual one of the task, see `asked_of`"""
    model: Model = "final"
    threshold_for: str | None = None
    """two classes: choose each run's threshold on its validation images, as in "sensitivity=0.95"; None: the
    more probable class"""
    per_group: bool = False
    """of groups of images (patients), each by the mean probability of its images, instead of images"""

    @property
    def needs_predictions(self) -> bool:
        """Whether a confusion matrix cannot answer it."""
        return self.metric in OF_PROBABILITIES or self.per_group or self.threshold_for is not None

    def asked_of(self, task: Task) -> Question:
        """A question with a metric: accuracy, unless an image may have several labels.

        Nearly all labels are absent, so that a network that calls none of them has a high accuracy: there it is the
        mean AUC.
        """
        return self if self.metric else replace(self, metric="auc" if task == "multi-label" else "accuracy")


@dataclass(frozen=True)
class RunMeasurement:
    """The metric of one completed run, and what each of its test images has to do with it."""

    value: float
    threshold: float | None
    interval: tuple[float, float] | None
    """95 %: what the number of test images allows; None: not asked for"""
    images: int
    """N test images, or groups where these are asked for"""
    groups: int
    """G that they are of; 0: they are independent as far as is known"""
    influence: Numbers
    """(N,), or (G,) where they are of groups; see `hptui.metrics.influence`"""
    right: NDArray[np.bool_] | None
    """(N,) called by its class, or by exactly its labels; in the test images' own order, the same for all runs. None:
    the run saved no predictions"""
    rests_on: int
    """of the test images, see `hptui.reading.comparison.sampling.images_behind`"""
    mean_of: int
    """classes, see `hptui.reading.comparison.bounds.classes_behind`"""
    edge: float
    paired_edge: float
    """bounds where no image moves the metric, see `hptui.reading.comparison.bounds.edge_error`"""
    problem: str = ""
    """why its predictions, which are there, are not used; empty: they are, or there are none"""
    mixed: tuple[str, ...] = ()
    """groups that are not counted, because their images are of different classes"""
    per_group: bool = False
    """N are groups"""
    task: Task = "single-label"
    few_to_choose: str = ""
    """sentence on a threshold that few validation images have set; empty: none was asked for, or they are enough"""


def measure(run: FollowedRun, question: Question, *, with_interval: bool = False) -> RunMeasurement:
    """Measure a completed run on its test images.

    What the log knows is taken from the log, so that it is what a screen showed when nothing was saved yet.

    Raises:
        RunDirectoryError: its log or its predictions are damaged.
        UsageError: the run saved no predictions and the question needs them, or the metric is not defined for it.
    """
    question = question.asked_of(run.task)
    check_metric(question.metric, run.task)
    saved, mixed = _saved(run, question)
    # counts of labels do not tell which of them an image has together
    counted = saved if question.needs_predictions or run.task == "multi-label" else _logged(run, question)
    if counted is None:
        raise _not_saved(run, question)
    cut, few = _threshold(run, question)
    value = (
        final_test_accuracy(run.state) if question == Question("accuracy") else metric(question.metric, counted, cut)
    )
    if value is None:
        raise UsageError(
            f"{question.metric} is not defined for {run.name} in {run.directory.parent}: a class has no test images, "
            "no image was called by it, or the network has diverged. Choose another --metric."
        )
    known = saved or counted
    grouped = is_grouped(known)
    influence = image_influence(question.metric, known, cut)
    apart = one_for_each(known) if grouped else known
    return RunMeasurement(
        value,
        cut,
        interval(question.metric, known, cut, resamples=_resamples(known)) if with_interval else None,
        len(known),
        len(set(known.groups.tolist())) if grouped and known.groups is not None else 0,
        influence_of_groups(influence, known.group_numbers) if grouped else influence,
        rightly_called(saved, cut) if saved is not None else None,
        images_behind(question.metric, known, cut),
        classes_behind(question.metric, known),
        edge_error(question.metric, apart, cut),
        paired_edge_error(question.metric, apart, cut),
        _problem(run, question) if saved is None else "",
        mixed,
        question.per_group,
        run.task,
        few,
    )


def class_metrics(run: FollowedRun, question: Question) -> list[ClassMetrics]:
    """Every class of a completed run against the rest; without saved predictions there is no AUC.

    Raises:
        UsageError: a threshold is asked for, and the run saved no predictions.
    """
    saved, _ = _saved(run, question)
    if saved is not None:
        return per_class(saved, _threshold(run, question)[0])
    if question.threshold_for is not None or question.per_group or run.task == "multi-label":
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


def _saved(run: FollowedRun, question: Question) -> tuple[Predictions | None, tuple[str, ...]]:
    """Predictions of the test images, or of their groups, and the groups that have none.

    A damaged file is none, where the log can answer the question as well.
    """
    try:
        saved = saved_predictions(run, question.model)
    except RunDirectoryError:
        if question.needs_predictions:
            raise
        return None, ()
    return _asked_for(saved, run, question) if saved is not None else (None, ())


def _asked_for(saved: Predictions, run: FollowedRun, question: Question) -> tuple[Predictions, tuple[str, ...]]:
    """The predictions as they are, or one for each group, and the groups that have none."""
    if not question.per_group:
        return saved, ()
    if saved.task == "multi-label":
        raise UsageError(
            "--per-group counts each group by the one class of its images; here "
            f"({run.directory.parent}) an image may have several labels, and those of a group differ. "
            "Leave it out: intervals are of groups all the same."
        )
    if saved.groups is None:
        raise UsageError(
            f"{run.name} in {run.directory.parent} does not know of which group each image is; name the groups of the "
            "data set (of a folder or table: --group-pattern, --group-column), and train again."
        )
    groups = of_groups(saved)
    return groups.predictions, groups.mixed


def _problem(run: FollowedRun, question: Question) -> str:
    """Reason why the predictions cannot be used, without the folders of this machine; empty if there are none."""
    try:
        saved_predictions(run, question.model)
    except RunDirectoryError as error:
        return str(error).replace(str(run.directory), run.name)
    return ""


def _threshold(run: FollowedRun, question: Question) -> tuple[float | None, str]:
    """The operating threshold that the run's validation images suggest, and a word where they are few.

    None: none was asked for.
    """
    if question.threshold_for is None:
        return None, ""
    validation = read_predictions(run.directory, question.model, "validation")
    if validation is None:
        raise _not_saved(run, question)
    asked = _asked_for(validation, run, question)[0]
    try:
        cut = choose_threshold(asked, question.threshold_for)
    except ConfigError as error:
        raise ConfigError(f"{run.name}: {error}") from None
    names = run.state.started.class_names if run.state.started is not None else ["class 0", "class 1"]
    unit = "groups" if question.per_group else "images"
    return cut, few_to_choose(counts_of(asked).support, names, question.threshold_for, unit)


def _not_saved(run: FollowedRun, question: Question) -> UsageError:
    asked = f"--threshold-for {question.threshold_for}" if question.threshold_for else f"--metric {question.metric}"
    asked = "--per-group" if question.per_group else asked
    asked = asked if question.metric else "this"
    without = [name for name in metrics_of(run.task) if name not in OF_PROBABILITIES]
    left = f"; {', '.join(without)} can be had without them, of images" if run.task == "single-label" else ""
    return UsageError(
        f"{asked} needs the predictions of {run.name} in {run.directory.parent}, but no predictions were saved by this "
        f"run{left}."
    )
