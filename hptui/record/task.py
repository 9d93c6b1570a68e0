"""What labels say of an image: that it is of one class out of several, or any number of labels, none included.

Labels of the first kind are (N,) numbers of classes, those of the second (N, L) of 0 and 1. Only this module tells one
from the other by their shape.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol

Task = Literal["single-label", "multi-label"]
"""what every record means that does not say it: single-label"""


class _Array(Protocol):
    """Whatever has axes: of NumPy, of torch."""

    @property
    def ndim(self) -> int: ...


def task_of(labels: _Array) -> Task:
    """Task that has such labels: (N,), or (N, L)."""
    return "multi-label" if labels.ndim == 2 else "single-label"


def guessing_loss(task: Task, classes: int) -> float:
    """Cross-entropy in nats of saying nothing: of one class out of so many, or the mean over labels."""
    return math.log(2 if task == "multi-label" else max(classes, 2))
