"""Metrics of many confusion matrices at once, of images that may weigh differently: what a resample needs.

`hptui.metrics.classification` says what each of them is. NumPy alone, imported late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a tenth of a second that a screen need not wait for
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]


def metric_of_matrices(name: str, matrices: Counts | Floats) -> Floats:
    """Values (R,) of any metric that a confusion matrix gives, of matrices (R, classes, classes).

    nan where it is not defined.
    """
    import numpy as np

    if name == "quadratic_kappa":
        return quadratic_kappa(matrices)
    matrices = matrices.astype(np.float64)
    hits, support, called = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(2), matrices.sum(1)
    total = support.sum(1, keepdims=True)
    rejected = total - support - called + hits
    two = support.shape[1] == 2
    counted = (support > 0) | two  # of more than two classes those that occur
    by_class: dict[str, Callable[[], Floats]] = {
        "accuracy": lambda: divide(hits.sum(1), total[:, 0])[:, None],
        "balanced_accuracy": lambda: mean_of_defined(divide(hits, support))[:, None],
        "sensitivity": lambda: divide(hits, support),
        "specificity": lambda: np.where(counted, divide(rejected, total - support), np.nan),
        "f1": lambda: f1_of_matrices(matrices),
        "ppv": lambda: divide(hits, called),
        "npv": lambda: np.where(counted, divide(rejected, total - called), np.nan),
    }
    values = by_class[name]()
    return values[:, 1] if values.shape[1] == 2 else mean_of_defined(values)


def quadratic_kappa(matrices: Counts | Floats) -> Floats:
    """Agreement of ordered grades beyond chance (R,), a disagreement weighing its distance squared (Cohen 1968).

    Classes are grades in their order. nan where all images are of one grade and called so.
    """
    weights = distances(matrices.shape[1])
    total = matrices.sum((1, 2)).astype(float)
    observed = (matrices * weights).sum((1, 2)) * total
    expected = (matrices.sum(2)[:, :, None] * matrices.sum(1)[:, None, :] * weights).sum((1, 2))
    kappa: Floats = 1 - divide(observed, expected)
    return kappa


def distances(grades: int) -> Floats:
    """(grades, grades) squared distance of two grades, as a share of the largest."""
    import numpy as np

    grade = np.arange(grades)
    squared: Floats = ((grade[:, None] - grade[None, :]) / (grades - 1)) ** 2
    return squared


def f1_of_matrices(matrices: Counts | Floats) -> Floats:
    """F1 of each class (R, classes); nan for a class without images."""
    import numpy as np

    matrices = matrices.astype(np.float64)
    hits, support = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(2)
    return np.where(support > 0, divide(2 * hits, support + matrices.sum(1)), np.nan)


def divide(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    """Quotient of arrays of one shape; nan where there is nothing to divide by."""
    import numpy as np

    quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return quotient


def mean_of_defined(values: Floats) -> Floats:
    """Mean (R,) over (R, classes), without what is nan."""
    import numpy as np

    defined = np.isfinite(values)
    return divide(np.where(defined, values, 0.0).sum(1), defined.sum(1).astype(np.float64))
