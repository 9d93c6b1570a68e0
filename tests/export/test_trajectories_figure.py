"""Lines of the figure of trajectories, looked for among its pixels: none is hidden below another of the same values."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hptui.export.style import look, theme
from hptui.export.trajectories import trajectories_figure
from hptui.hyperparameters import hyperparameter
from hptui.reading.views.trajectories import Trajectory, TrajectoryPoint

ENOUGH = 50
"""pixels at 300 dpi that have the colour of a line: a dot of it has more than a hundred"""


def points(*values: float) -> tuple[TrajectoryPoint, ...]:
    return tuple(TrajectoryPoint(epoch, value) for epoch, value in enumerate(values, start=1))


def of_run(name: str = "dropout", **changes: Any) -> Trajectory:
    facts: dict[str, Any] = {"title": name, "scale": "linear", "points": points(0.2, 0.2, 0.2), "edges": ()}
    return Trajectory(name, **facts | changes)


CASES = {
    "held, as the baseline": of_run(baseline=points(0.2, 0.2, 0.2)),
    "held, and falling by a schedule": of_run(in_force=points(0.2, 0.1, 0.01)),
    "chosen": of_run(decided_from=1),
    "chosen, and falling by a schedule": of_run(decided_from=1, in_force=points(0.2, 0.1, 0.01)),
}


def pixels_of(figure: Figure, colour: str, box: tuple[slice, slice]) -> int:
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    picture = np.asarray(canvas.buffer_rgba())[box][..., :3] / 255
    return int((np.abs(picture - to_rgb(colour)).max(axis=-1) < 0.06).sum())


def inside(figure: Figure, low: float, high: float) -> tuple[slice, slice]:
    """Rows and columns of pixels where the only panel shows values from `low` to `high`."""
    (panel,) = figure.axes
    (left, bottom), (right, top) = panel.transData.transform([(1.05, low), (2.95, high)])
    height = int(figure.bbox.height)
    return slice(height - int(top), height - int(bottom)), slice(int(left), int(right))


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("seeds", [2, 3, 6])
@pytest.mark.parametrize("case", CASES)
def test_runs_of_equal_values_are_all_seen(case: str, seeds: int, name: Literal["light", "dark"]) -> None:
    with look(name):
        figure = trajectories_figure([(seed, (CASES[case],)) for seed in range(seeds)], "study", f"n = {seeds}")
        figure.canvas.draw()
        colours = list(theme().runs[:seeds])
        grey = theme().grey
    held = inside(figure, 0.19, 0.21)
    seen = {colour: pixels_of(figure, colour, held) for colour in colours}
    assert min(seen.values()) > ENOUGH, seen
    if CASES[case].baseline:
        assert pixels_of(figure, grey, held) > ENOUGH
    if CASES[case].in_force:
        falling = inside(figure, 0.02, 0.09)
        seen = {colour: pixels_of(figure, colour, falling) for colour in colours}
        assert min(seen.values()) > ENOUGH, seen


@pytest.mark.parametrize(("name", "value", "low", "high"), [("dropout", 0.0, 0.0, 0.6), ("dropout", 0.2, 0.0, 0.4)])
def test_an_axis_of_one_value_goes_over_values_that_might_be(name: str, value: float, low: float, high: float) -> None:
    """It went from -0.06 to 0.06 around a dropout of 0."""
    with look():
        figure = trajectories_figure([(0, (of_run(name, points=points(value, value)),))], "study", "n = 1")
        figure.draw_without_rendering()
    (panel,) = figure.axes
    ticks = [tick for tick in panel.get_yticks() if panel.get_ylim()[0] <= tick <= panel.get_ylim()[1]]
    assert len(ticks) >= 3
    assert min(ticks) >= hyperparameter(name).low
    assert panel.get_ylim() == pytest.approx((low - 0.05 * (high - low), high + 0.05 * (high - low)))
