"""What a run's network says of every validation and test image, kept so that any metric can be computed later.

    RUN/predictions.npz    SPLIT_labels (N,) int64, or (N, labels) of 0 and 1; MODEL_SPLIT (N, classes) float32, for the
                           models final and best; SPLIT_groups and SPLIT_names (N,) text, where the data set has them

The reading side needs no torch for it. Images are in the split's own order, the same for all runs of a study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hptui.errors import RunDirectoryError
from hptui.record.sealed_arrays import read_arrays, write_arrays
from hptui.record.task import Task, task_of

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    Names = npt.NDArray[np.str_]

PREDICTIONS_FILE = "predictions.npz"
MOST_BYTES = 8 << 30
"""more than the predictions of any test images take"""

TEXTS = ("groups", "names")
"""what may be known of each image, by the fields of Predictions"""

Model = Literal["final", "best"]
"""final: the delivered weights; best: those of the epoch whose weights had the lowest validation loss"""


@dataclass(frozen=True)
class Predictions:
    """One network's answers on one split."""

    labels: npt.NDArray[np.int64]
    """(N,) true classes; where an image may have several labels, (N, labels) of 0 and 1"""
    probabilities: npt.NDArray[np.float32]
    """(N, classes) softmax of the logits, or (N, labels) sigmoid of each; rows of a network that has diverged are not
    finite"""
    groups: Names | None = None
    """(N,) who each image is of (a patient), where the data set says so"""
    names: Names | None = None
    """(N,) what each image is called, where the data set says so"""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """Number of classes, or labels."""
        return int(self.probabilities.shape[1])

    @property
    def task(self) -> Task:
        return task_of(self.labels)

    @cached_property
    def group_numbers(self) -> npt.NDArray[np.int64]:
        """(N,) number of each image's group, in alphabetic order from 0: every metric of a group asks for it."""
        import numpy as np

        assert self.groups is not None
        return np.unique(self.groups, return_inverse=True)[1].astype(np.int64, copy=False)

    def take(self, indices: npt.NDArray[np.int64]) -> Predictions:
        """The images at `indices` (n,), in that order."""
        groups, names = (None if each is None else each[indices] for each in (self.groups, self.names))
        return Predictions(self.labels[indices], self.probabilities[indices], groups, names)


def write_predictions(run: Path, answers: Mapping[tuple[Model, str], Predictions], step: int = 0) -> None:
    """Write all of a run's predictions, complete or not at all.

    Args:
        run: its directory.
        answers: by model and split ("validation" or "test"); both models see the same images of a split.
        step: batches that the run has trained.

    Raises:
        TrainingError: the file cannot be written.
    """
    import numpy as np

    arrays: dict[str, npt.NDArray[Any]] = {}
    for (model, split), predictions in answers.items():
        labels = arrays.setdefault(f"{split}_labels", np.asarray(predictions.labels, np.int64))
        if not np.array_equal(labels, predictions.labels):
            raise ValueError(f"the labels of {split} differ between the models")
        arrays[f"{model}_{split}"] = np.asarray(predictions.probabilities, np.float32)
        for what in TEXTS:
            texts = getattr(predictions, what)
            if texts is not None:
                arrays[f"{split}_{what}"] = np.asarray(texts, np.str_)
    write_arrays(run, PREDICTIONS_FILE, arrays, step)


def read_predictions(run: Path, model: Model = "final", split: str = "test") -> Predictions | None:
    """One network's predictions on one split; None if the run saved none (not completed, or by an older hptui).

    Raises:
        RunDirectoryError: the file is there, but damaged or another run's.
    """
    import numpy as np

    key = f"{model}_{split}"
    keys = (f"{split}_labels", key, *(f"{split}_{what}" for what in TEXTS))

    def take(archive: Mapping[str, Any]) -> list[Any] | None:
        return [_array(archive, one) for one in keys] if key in archive else None

    arrays = read_arrays(run, PREDICTIONS_FILE, MOST_BYTES, take)
    if arrays is None:
        return None
    labels, probabilities, groups, names = arrays
    problem = "it has no labels" if labels is None else _damage(labels, probabilities)
    if problem := problem or _damaged_texts(labels, groups, names):
        raise RunDirectoryError(f"{run / PREDICTIONS_FILE} is damaged: {problem}.")
    return Predictions(labels.astype(np.int64, copy=False), probabilities, groups, names)


def written_at(run: Path) -> int | None:
    """When a run's predictions were written, in ns: what is written anew is another file. None: there are none."""
    try:
        return (run / PREDICTIONS_FILE).stat().st_mtime_ns
    except OSError:
        return None


def _array(archive: Mapping[str, Any], key: str) -> Any:
    """Array of a member that not every archive has."""
    import numpy as np

    return np.asarray(archive[key]) if key in archive else None


def _damaged_texts(labels: Any, *arrays: Any) -> str:
    """Reason why arrays are no texts of as many images; empty if they are, or are not there."""
    for array in arrays:
        if array is not None and (array.dtype.kind != "U" or array.shape != labels.shape[:1]):
            return f"{array.shape} names of type {array.dtype} for {labels.shape} labels"
    return ""


def _damage(labels: Any, probabilities: Any) -> str:
    """Reason why two arrays are no predictions; empty if they are."""
    if labels.dtype.kind not in "iu" or probabilities.dtype.kind != "f":
        return f"labels of type {labels.dtype}, probabilities of type {probabilities.dtype}"
    if probabilities.ndim != 2 or labels.shape not in (probabilities.shape[:1], probabilities.shape):
        return f"{labels.shape} labels for probabilities {probabilities.shape}"
    if labels.size == 0:
        return "no images"
    several = task_of(labels) == "multi-label"
    if labels.min() < 0 or labels.max() > (1 if several else probabilities.shape[1] - 1):
        what = "that are 0 or 1" if several else f"for {probabilities.shape[1]} classes"
        return f"labels {labels.min()} to {labels.max()} {what}"
    return ""
