"""Views against numbers worked out by hand, and against scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
from fabricate import (
    AXIS,
    candidate_scored,
    chosen,
    decision_started,
    epoch_completed,
    evaluated,
    run_started,
    trained_epoch,
    values,
    whole_run,
)

from hptui.reading.run_state import Decision, state_of
from hptui.reading.views import curves
from hptui.reading.views.curves import CURVE_MEASURES, LearningCurves, learning_curve
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.trajectories import trajectories
from hptui.record.events import AnyEvent, Axis, LandscapePredicted

DECAY = Axis(name="weight_decay", low=1e-6, high=1e-2, scale="log", values=[1e-6, 1e-4, 1e-2])
DROPOUT = Axis(name="dropout", low=0.0, high=0.6, scale="linear", values=[0.0, 0.3, 0.6])


def grid_decision(axes: list[Axis], events: list[AnyEvent], **started: Any) -> Decision:
    return state_of([run_started(), decision_started(axes=axes, **started), *events]).decisions[0]


def scored(number: int, lr: float, score: float | None, **more: float) -> AnyEvent:
    diverged = score is None
    return candidate_scored(candidate=number, values=values(lr) | more, score=score, loss=score, diverged=diverged)


def test_cells_lie_at_their_values_and_fill_in_as_they_come() -> None:
    events = [
        scored(0, 0.001, 0.5, weight_decay=1e-6),
        scored(1, 0.001, 0.4, weight_decay=1e-2),
        scored(2, 0.1, None, weight_decay=1e-4),
    ]
    grid = heatmap(grid_decision([AXIS, DECAY], events))
    assert grid.y is not None
    assert (grid.y.name, grid.x.name) == ("lr", "weight_decay")
    assert [[cell.value for cell in row] for row in grid.cells] == [[0.5, None, 0.4], [None] * 3, [None] * 3]
    assert [[cell.diverged for cell in row] for row in grid.cells] == [[False] * 3, [False] * 3, [False, True, False]]
    assert (grid.low, grid.high, grid.chosen) == (0.4, 0.5, None)


def test_predicted_cells_stand_beside_measured_ones() -> None:
    predicted = LandscapePredicted(decision=0, scores=[0.9, 0.8, 0.7, 0.6, 0.5, 0.2, 0.3, 0.1, None])
    events = [scored(0, 0.001, 0.55, weight_decay=1e-6), scored(1, 0.1, None, weight_decay=1e-4), predicted]
    decision = grid_decision([AXIS, DECAY], events)
    grid = heatmap(decision)
    assert [[cell.predicted for cell in row] for row in grid.cells] == [
        [None, 0.8, 0.7],
        [0.6, 0.5, 0.2],
        [0.3] + [None] * 2,
    ]
    assert grid.cells[0][0].value == grid.cells[0][0].shown == 0.55
    assert grid.cells[2][1].diverged
    assert (grid.low, grid.high) == (0.2, 0.8)
    across = heatmap(decision, x="lr", y="weight_decay")
    assert across.cells[1][0].predicted == 0.8
    alone = heatmap(grid_decision([AXIS, DECAY], [predicted]), x="lr", y="lr")
    assert [cell.predicted for cell in alone.cells[0]] == [0.7, 0.2, 0.1]  # the best of those that fall together
    other = heatmap(decision, measure="accuracy")
    assert all(cell.predicted is None for row in other.cells for cell in row)  # only the score is predicted


def test_the_chosen_cell_is_marked_only_if_a_candidate_was_taken() -> None:
    cells = [scored(n, lr, 0.5 - n / 10) for n, lr in enumerate(AXIS.values)]
    taken = heatmap(grid_decision([AXIS], [*cells, chosen(lr=0.01, candidate=1)]))
    assert taken.y is None
    assert taken.chosen == (0, 1)
    kept = heatmap(grid_decision([AXIS], [*cells, chosen(lr=0.01, candidate=None)]))
    assert kept.chosen is None


def test_what_was_tried_off_the_grid_has_a_cell_of_its_own() -> None:
    tried = [
        scored(0, 0.01, 0.9, dropout=0.0),
        scored(1, 0.01, 0.8, dropout=0.8 / 3),
        scored(2, 0.01, 0.7, dropout=1.6 / 3),
    ]
    axis = Axis(name="dropout", low=0.0, high=0.8, scale="linear", values=[0.0, 0.2, 0.4, 0.6, 0.8])
    grid = heatmap(grid_decision([AXIS, axis], [*tried, chosen(lr=0.01, candidate=1)], planned=None))
    assert (grid.x.name, grid.x.values, grid.y) == ("dropout", [0.0, 0.8 / 3, 1.6 / 3], None)  # the rate was not varied
    assert [cell.candidates for cell in grid.cells[0]] == [(0,), (1,), (2,)]
    assert grid.chosen == (0, 1)
    assert grid.fixed == {"lr": 0.01}
    single = scored(0, 0.01 * (1 + 5e-8), 1.0)  # as an optimizer in single precision gives it back
    assert heatmap(grid_decision([AXIS], [single])).x.values == AXIS.values
    between = heatmap(grid_decision([AXIS], [scored(0, 0.004, 1.0)]))
    assert (between.x.values, between.cells[0][0].value) == ([0.004], 1.0)


def test_of_more_hyperparameters_a_cell_shows_its_best_candidate() -> None:
    events = [
        scored(n, lr, 0.5 - n / 100, weight_decay=decay, dropout=rate)
        for n, (lr, decay, rate) in enumerate(
            (lr, decay, rate) for lr in AXIS.values for decay in DECAY.values for rate in DROPOUT.values
        )
    ]
    decision = grid_decision([AXIS, DECAY, DROPOUT], events)
    grid = heatmap(decision, x="dropout", y="lr", measure="score")
    assert [len(cell.candidates) for row in grid.cells for cell in row] == [3] * 9
    assert grid.cells[0][0].value == pytest.approx(0.5 - 6 / 100)
    for x, y in (("lr", "dropout"), ("weight_decay", "lr")):
        assert heatmap(decision, x, y).low == grid.low
    with pytest.raises(ValueError, match="searched are"):
        heatmap(decision, x="momentum")
    with pytest.raises(ValueError, match="nothing"):
        heatmap(grid_decision([], []))


def test_trajectories_have_edges_overlay_and_marks() -> None:
    moved = Axis(name="lr", low=0.005, high=0.5, scale="log", values=[0.005, 0.05, 0.5])
    events = [
        run_started(searched=[AXIS], epochs=3),
        decision_started(axes=[AXIS]),
        chosen(lr=0.1),
        epoch_completed(1, lr=0.1),
        decision_started(1, 2, axes=[moved]),
        chosen(1, 2, lr=0.05),
        epoch_completed(2, lr=0.05),
        decision_started(2, 3, axes=[moved]),
        chosen(2, 3, lr=0.005),
    ]
    (found,) = trajectories(state_of(events), state_of([run_started(), epoch_completed(1, lr=0.001)]))
    assert (found.name, found.title, found.scale) == ("lr", "learning rate", "log")
    assert [(p.epoch, p.value, p.on_edge) for p in found.points] == [
        (1, 0.1, "high"),
        (2, 0.05, None),
        (3, 0.005, "low"),
    ]
    assert [(e.epoch, e.low, e.high) for e in found.edges] == [(1, 0.001, 0.1), (2, 0.005, 0.5), (3, 0.005, 0.5)]
    assert [(p.epoch, p.value) for p in found.baseline] == [(1, 0.001)]
    assert trajectories(state_of([])) == ()


def test_chosen_and_in_force_are_two_things() -> None:
    """What is chosen holds from epoch to epoch; a schedule makes of it what is in force, below the range too."""
    events = [
        run_started(values=values(0.02), epochs=4),
        epoch_completed(1, lr=0.02),
        decision_started(0, 2, axes=[AXIS]),
        chosen(0, 2, lr=0.1),
        epoch_completed(2, lr=0.1),
        epoch_completed(3, lr=0.05),
        epoch_completed(4, lr=1e-5),
    ]
    (found,) = trajectories(
        state_of(events), state_of([run_started(values=values(0.003)), epoch_completed(1, lr=0.003)])
    )
    assert [(p.epoch, p.value, p.on_edge) for p in found.points] == [
        (1, 0.02, None),
        (2, 0.1, "high"),
        (3, 0.1, "high"),
        (4, 0.1, "high"),
    ]
    assert [[(p.epoch, p.value) for p in piece] for piece in found.scheduled] == [
        [(1, 0.02)],
        [(2, 0.1), (3, 0.05), (4, 1e-5)],  # another choice is a jump, not a slope
    ]
    assert [p.value for p in found.baseline_in_force] == [0.003]
    assert found.baseline_scheduled == ()


def test_learning_curves_average_what_is_there() -> None:
    def run(*accuracies: float | None) -> list[AnyEvent]:
        events: list[AnyEvent] = [run_started(epochs=len(accuracies))]
        for number, accuracy in enumerate(accuracies, 1):
            loss = None if accuracy is None else 1 - accuracy
            for split in ("validation", "test"):
                events.append(evaluated(number, split, accuracy=accuracy or 0.1, loss=loss))
            events.append(epoch_completed(number, delivered="last"))
        return events

    runs = [state_of(run(0.5, 0.7)), state_of(run(0.6, None)), state_of(run(0.7)), state_of([])]
    first, second = learning_curve(runs, "accuracy", "test")
    assert (first.epoch, first.n, first.low, first.high) == (1, 3, 0.5, 0.7)
    assert first.mean == pytest.approx(0.6)
    assert (second.n, second.low, second.high) == (2, 0.1, 0.7)
    losses = learning_curve(runs, "loss", "validation")
    assert [(point.epoch, point.n) for point in losses] == [(1, 3), (2, 1)]
    assert learning_curve(runs, "sensitivity", "test")[0].mean == pytest.approx((45 / 50 + 32 / 40 + 8 / 10) / 3)
    assert learning_curve(runs, "specificity", "test")[0].mean == pytest.approx((46 / 50 + 53 / 60 + 86 / 90) / 3)
    kept = LearningCurves()
    for measure in CURVE_MEASURES:
        for _ in range(2):
            assert kept.curve(runs, measure, "test") == learning_curve(runs, measure, "test")
    whole = [state_of(whole_run())]
    assert learning_curve(whole, "loss", "validation") != learning_curve(whole, "accuracy", "validation")


def test_curves_of_runs_that_have_completed_no_epoch_since_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(curves, "_evaluated", lambda evaluation, measure: looked.append(1) or evaluation.accuracy)
    runs, kept = [state_of(whole_run(epochs=3)), state_of(whole_run(epochs=3))], LearningCurves()
    kept.curve(runs, "accuracy", "test")
    assert len(looked) == 6
    for event in trained_epoch(4):
        runs[1].apply(event)
    assert [point.n for point in kept.curve(runs, "accuracy", "test")] == [2, 2, 2, 1]
    assert len(looked) == 10


def test_sensitivity_and_specificity_curves_leave_out_what_is_not_defined() -> None:
    def run(*confusions: list[list[int]]) -> list[AnyEvent]:
        epochs = [
            (evaluated(number, "validation", confusion=confusion), epoch_completed(number, delivered="last"))
            for number, confusion in enumerate(confusions, 1)
        ]
        return [run_started(epochs=len(confusions)), *(event for pair in epochs for event in pair)]

    runs = [state_of(run([[8, 2], [1, 3]], [[9, 1], [0, 0]])), state_of(run([[6, 4], [2, 2]]))]
    (found,) = learning_curve(runs, "sensitivity", "validation")  # in the second epoch there was nobody to find
    assert (found.epoch, found.n, found.low, found.high) == (1, 2, 0.5, 0.75)
    first, second = learning_curve(runs, "specificity", "validation")
    assert (first.n, first.low, first.high) == (2, 0.6, 0.8)
    assert (second.n, second.mean) == (1, 0.9)
