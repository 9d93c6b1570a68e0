"""What a network says of one image, as cells of a table: its class, or all of its labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hptui.metrics.calls import called_classes, called_labels
from hptui.record.task import Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BETWEEN = "|"
"""labels of one image, as NIH's ChestX-ray14 lists them"""


def answer_headings(task: Task) -> tuple[str, ...]:
    """Headings of what `answer_cells` gives."""
    return ("class", "probability") if task == "single-label" else ("labels",)


def answer_cells(
    task: Task, names: Sequence[str], shares: npt.NDArray[np.float32], threshold: float | None
) -> Iterator[list[object]]:
    """Cells for each row of (N, classes) probabilities: the class with its own, or the labels that are called."""
    if task == "single-label":
        for row, label in zip(shares.tolist(), called_classes(shares, threshold).tolist(), strict=True):
            yield [names[label], row[label]]
    else:
        for called in called_labels(shares, threshold).tolist():
            yield [listed(names, called)]


def listed(names: Sequence[str], present: Sequence[int]) -> str:
    """Names of the labels that are there; empty if none is."""
    return BETWEEN.join(name for name, there in zip(names, present, strict=True) if there)
