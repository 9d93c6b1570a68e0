"""The other heatmaps of a decision below the one that is looked at, without an app."""

from __future__ import annotations

import pytest
from adaptive_log import adaptive_run
from fabricate import candidate_scored, decision_started, run_started

from hptui.reading.run_state import Decision, state_of
from hptui.reading.views.heatmap import heatmap
from hptui.record.events import Axis
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.heatmap_companions import companion_lines

SURVEY, SCREEN = state_of(adaptive_run()).decisions


def grid_decision(names: tuple[str, ...]) -> Decision:
    axes = [Axis(name=name, low=0.1, high=0.2, scale="linear", values=[0.1, 0.2]) for name in names]
    cells = [
        candidate_scored(candidate=n, values={name: (0.2 if n >> bit & 1 else 0.1) for bit, name in enumerate(names)})
        for n in range(2 ** len(names))
    ]
    return state_of([run_started(), decision_started(axes=axes), *cells]).decisions[0]


def shown(decision: Decision, height: int, number: int | None = None) -> list[str]:
    grid = heatmap(decision, number=number)
    return [line.text for line in companion_lines(decision, grid, 76, height, Palette(), 100)]


def test_the_other_round_is_below_with_a_legend_of_its_own() -> None:
    heading, *cells, ticks, _, bar = shown(SURVEY, 14)
    assert heading == "round 1 of 2: 3 candidates for 0.2 epochs"
    numbers = next(line for line in cells if line.strip())
    assert [number in numbers for number in ("2.20", "0.91", "0.95")] == [True] * 3
    assert ticks.split() == ["0.0001", "0.001", "0.01"]
    assert bar.endswith("0.91  ")
    assert shown(SURVEY, 14, number=0)[0] == "round 2 of 2: 2 for 0.4 epochs more (0.6 in all)"


def test_pairs_of_one_round_show_all_its_levels_together() -> None:
    lines = shown(grid_decision(("lr", "dropout", "weight_decay", "label_smoothing")), 30)
    assert [line for line in lines if line.startswith("best over")] == [
        "best over dropout, label_smoothing",
        "best over dropout, weight_decay",
    ]


@pytest.mark.parametrize("names", [("lr",), ("lr", "dropout")])
def test_where_one_heatmap_shows_all_there_is_nothing_below(names: tuple[str, ...]) -> None:
    assert shown(grid_decision(names), 100) == []


@pytest.mark.parametrize("height", range(3, 40))
def test_the_one_that_is_looked_at_keeps_half_of_the_room_and_two_lines_a_row(height: int) -> None:
    for decision, number, rows in ((SURVEY, 0, 1), (SCREEN, 0, 3), (SCREEN, 1, 1)):
        lines = shown(decision, height, number)
        assert not lines or height - len(lines) >= max(2 * rows + 3, height // 2)
    assert shown(SCREEN, 40, 0) != []
