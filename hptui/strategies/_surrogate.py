"""A model of the landscape that a decision measured a few points of: a Gaussian process (scikit-learn)."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence

from hptui.space import SearchSpace
from hptui.strategies import Measurement

LEAST_POINTS = 4
TINY = 1e-6
SMOOTHNESS = 0.3
"""length scale at first, as a share of a range"""


def predicted_scores(
    space: SearchSpace, measurements: Sequence[Measurement], epochs: Sequence[float]
) -> list[float] | None:
    """Score of every cell of `hptui.space.grid(space)`, in its order; None where too little was measured to tell.

    NaN for cells that differ from all that was measured in a hyperparameter of which only one value was tried.

    A process over the places in the searched ranges and the logarithm of the length trained, so that what was tried
    briefly and what went on longer inform each other (compare FABOLAS, Klein et al. 2017, arXiv 1605.07079). It models
    the logarithm of the score, and predicts for the longest.

    Args:
        space: searched ranges.
        measurements: measurements from the same state of the training.
        epochs: how long each was trained from there.
    """
    points = [
        (
            [entry.position(entry.inside(one.values.get(name, 0.0))) for name, entry in space.items()],
            length,
            max(one.score, TINY),
        )
        for one, length in zip(measurements, epochs, strict=True)
        if math.isfinite(one.score) and all(name in one.values for name in space)
    ]
    if len({tuple(place) for place, _, _ in points}) < LEAST_POINTS:
        return None
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern, WhiteKernel

    longest = max(length for _, length, _ in points)
    every = np.array([[*place, math.log(length / longest)] for place, length, _ in points])
    varied = np.ptp(every, axis=0) > 0
    places = every[:, varied]
    kernel = Matern([SMOOTHNESS] * places.shape[1], (0.1, 10.0), nu=2.5) + WhiteKernel(1e-3, (1e-6, 1e-2))
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a range in which nothing varies has no length scale
        model.fit(places, np.log([score for _, _, score in points]))
    axes = [np.array([entry.position(value) for value in entry.values()]) for entry in space.values()]
    cells = np.array([[*cell, 0.0] for cell in itertools.product(*axes)])
    scores = np.exp(model.predict(cells[:, varied]))
    for column, axis in enumerate(axes):
        if not varied[column]:
            tried = axis[np.abs(axis - every[0, column]).argmin()]
            scores[cells[:, column] != tried] = np.nan
    return [float(score) for score in scores]
