"""What a completed run has to show of its test images: the counts in its log, and the predictions it saved."""

from __future__ import annotations

from collections.abc import Sequence

from hptui.errors import RunDirectoryError
from hptui.metrics.classification import counts_of
from hptui.reading.run_state import RunState, best_of
from hptui.reading.studies import FollowedRun
from hptui.record.events import Evaluated
from hptui.record.predictions import PREDICTIONS_FILE, Model, Predictions, read_predictions

NO_TEST = "the study has no test images"
UNREADABLE = f"{PREDICTIONS_FILE} cannot be read, or is not of the images that the log counted"
"""for a page that is passed on: the errors themselves name folders of this machine"""


def final_test_accuracy(state: RunState) -> float:
    """Test accuracy of what a completed run that was tested delivers."""
    assert state.completed is not None
    assert state.completed.test_accuracy is not None
    return state.completed.test_accuracy


def decisive_test(run: FollowedRun, model: Model) -> Evaluated:
    """The test of a completed run's final model, or of the best one, whose weights had the lowest validation loss.

    Raises:
        RunDirectoryError: its log is damaged: there is no such test.
    """
    tested, delivered = run.state.tested, run.state.delivered
    best = best_of(tested) if tested else None
    epoch = delivered if model == "final" else best
    test = epoch.test if epoch is not None else None
    if test is None or not test.classes.total:
        raise RunDirectoryError(
            f"{run.directory} is damaged: its log says that the run is completed, but no test images were counted."
        )
    return test


def names_of_classes(runs: Sequence[FollowedRun], counts: Sequence[int]) -> tuple[str, ...]:
    """Names of the classes of runs that are of one arm; numbers where their logs do not name every class.

    Args:
        runs: completed ones, at least one.
        counts: classes that each of them counted.

    Raises:
        RunDirectoryError: these are not the same for all.
    """
    for run, count in zip(runs, counts, strict=True):
        if count != counts[0]:
            raise RunDirectoryError(
                f"{run.directory} counted {count} classes, {runs[0].directory} {counts[0]}: they are not of one study."
            )
    named = next((run.state.started.class_names for run in runs if run.state.started is not None), [])
    return tuple(named) if len(named) == counts[0] else tuple(map(str, range(counts[0])))


def saved_predictions(run: FollowedRun, model: Model) -> Predictions | None:
    """What a completed run saved of its test images; None: nothing.

    Raises:
        RunDirectoryError: the file is damaged, or it is not of the images that the log counted.
    """
    predictions = read_predictions(run.directory, model, "test")
    if predictions is None:
        return None
    counted, found = decisive_test(run, model).classes, counts_of(predictions)
    if (found.support, found.images) != (counted.support, counted.images):
        raise RunDirectoryError(
            f"{run.directory / PREDICTIONS_FILE} cannot be used: it has {len(predictions)} test images of "
            f"{predictions.classes} classes, and not those that the run's log counted ({counted.total} of "
            f"{len(counted.support)} classes)."
        )
    return predictions


def certain_predictions(matrix: Sequence[Sequence[int]]) -> Predictions:
    """Images that give this confusion matrix (rows: true, columns: predicted), each predicted with certainty."""
    import numpy as np

    counts = np.asarray(matrix)
    true, called = np.indices(counts.shape)
    labels, predicted = np.repeat(true.ravel(), counts.ravel()), np.repeat(called.ravel(), counts.ravel())
    return Predictions(labels.astype(np.int64), np.eye(len(counts), dtype=np.float32)[predicted])
