"""What a list shows of a study's runs: the metric that `hptui compare` takes where nobody names one.

Accuracies stand in the logs. Of several labels per image it is the mean AUC, for which predictions have to be read
(10,000 test images of 14 labels: 80 ms a run), once for each file of them; where a run saved none, all are shown by
their accuracy, under its name.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TypeVar

from hptui.errors import RunDirectoryError
from hptui.metrics.classification import metric
from hptui.reading.comparison.measuring import Question
from hptui.record.predictions import read_predictions, written_at
from hptui.record.task import Task

Key = TypeVar("Key", bound=Hashable)
Measured = dict[tuple[Path, str], tuple[int | None, float | None]]
"""by run and metric: when its predictions were written, and the value; None: there are none, or they are damaged"""


def main_scores(runs: Mapping[Key, tuple[Path, float]], task: Task, measured: Measured) -> tuple[str, dict[Key, float]]:
    """Name of the metric, and its value of each completed run on test images.

    Args:
        runs: folder and test accuracy of each.
        task: what all of them learn.
        measured: what was found before, and is added to; predictions that are as they were are not read again.
    """
    usual = Question().asked_of(task).metric
    accuracies = {key: accuracy for key, (_, accuracy) in runs.items()}
    if usual == "accuracy" or not runs:
        return usual, accuracies
    found: dict[Key, float] = {}
    for key, (run, _) in runs.items():
        value = _measured(run, usual, measured)
        if value is None:
            return "accuracy", accuracies
        found[key] = value
    return usual, found


def _measured(run: Path, name: str, measured: Measured) -> float | None:
    stamp = written_at(run)
    before, value = measured.get((run, name), (None, None))
    if stamp is None or stamp != before:
        value = _measure(run, name)
        measured[run, name] = stamp, value
    return value


def _measure(run: Path, name: str) -> float | None:
    try:
        saved = read_predictions(run)
    except RunDirectoryError:
        return None
    return metric(name, saved) if saved is not None else None
