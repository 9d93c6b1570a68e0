"""Heatmaps of what strategies really try: rounds of unequal length, values beside the grid, cells passed over."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from adaptive_log import DECAYS, LEVELS, adaptive_run, scored
from fabricate import AXIS, candidate_scored, chosen, decision_started, run_started, values

from hptui.plan import Round, Stage
from hptui.reading.run_state import Decision, state_of
from hptui.reading.views.colour_scale import colour_scale
from hptui.reading.views.heatmap import heatmap, heatmap_pairs, heatmap_parts
from hptui.reading.views.heatmap_digits import decimals
from hptui.reading.views.probe_rounds import probe_rounds, round_words
from hptui.record.events import AnyEvent, Axis, DecisionsPlanned, LandscapePredicted

SURVEY, SCREEN = state_of(adaptive_run()).decisions
DROPOUT = Axis(name="dropout", low=0.0, high=0.6, scale="linear", values=[0.0, 0.3, 0.6])


def decision(axes: list[Axis], *events: AnyEvent, planned: int | None = None) -> Decision:
    return state_of([run_started(), decision_started(axes=axes, planned=planned), *events]).decisions[0]


def row(scores: list[float | None], **choice: object) -> Decision:
    """One candidate for each value of a rate."""
    rates = [10.0 ** (number - len(scores)) for number in range(len(scores))]
    axis = Axis(name="lr", low=rates[0], high=rates[-1], scale="log", values=rates)
    cells = [
        candidate_scored(candidate=n, lr=rate, score=score, loss=score, diverged=score is None)
        for n, (rate, score) in enumerate(zip(rates, scores, strict=True))
    ]
    taken = [chosen(**{"lr": rates[choice["candidate"]]} | choice)] if choice else []  # type: ignore[call-overload, arg-type]
    return decision([axis], *cells, *taken, planned=len(scores))


def test_probes_of_another_length_are_another_round() -> None:
    assert [[one.candidate for one in found.candidates] for found in probe_rounds(SURVEY)] == [[0, 1, 2], [3, 4]]
    assert [(found.images_before, found.images, found.total) for found in probe_rounds(SURVEY)] == [
        (0, 20, 20),
        (20, 40, 60),
    ]
    assert [[one.candidate for one in found.candidates] for found in probe_rounds(SCREEN)] == [[0, 1, 2, 3, 4], [5, 6]]
    first, second = probe_rounds(SURVEY)
    assert round_words(first, 2, 100) == "round 1 of 2: 3 candidates for 0.2 epochs"
    assert round_words(second, 2, 100) == "round 2 of 2: 2 for 0.4 epochs more (0.6 in all)"
    assert round_words(second, 2, 0) == "round 2 of 2: 2 for 40 images more (60 in all)"


def test_the_rounding_to_whole_batches_and_the_members_of_a_population_make_no_rounds() -> None:
    batches = [
        candidate_scored(candidate=n, values=values() | {"batch_size": size}, images=images)
        for n, (size, images) in enumerate(((32.0, 320), (128.0, 384), (512.0, 512)))
    ]
    assert len(probe_rounds(decision([AXIS], *batches))) == 1
    members = [scored(0, 0, 0.5, images=20), *(scored(0, n, 0.5, images=100, start=(7, n)) for n in (1, 2))]
    assert len(probe_rounds(decision([AXIS], *members))) == 1
    beside = [
        msgspec.structs.replace(scored(0, n, 0.5, images=100), steps=5) for n in (3, 4)
    ]  # a screen after the leg of a race
    both = probe_rounds(decision([AXIS], *members, *beside))
    assert [[one.candidate for one in found.candidates] for found in both] == [[0, 1, 2], [3, 4]]
    one_by_one = [scored(0, n, 0.5, lr=0.01 / (n + 1)) for n in range(3)]
    assert len(probe_rounds(decision([AXIS], *one_by_one))) == 1
    twice = [scored(0, 0, 0.5, images=20), scored(0, 1, 0.5, images=40)]  # halving, always from the run's own weights
    assert len(probe_rounds(decision([AXIS], *twice))) == 2


def test_rounds_share_neither_cells_nor_colours() -> None:
    first, second = heatmap(SURVEY, number=0), heatmap(SURVEY)
    assert [cell.value for cell in first.cells[0]] == [2.2, 0.9122, 0.95]
    assert [(cell.value, cell.predicted) for cell in second.cells[0]] == [(None, 0.7), (0.33, None), (0.34, None)]
    assert (first.chosen, second.chosen) == (None, (0, 2))
    assert (first.low, second.low, second.rounds) == (0.9122, 0.33, 2)
    assert first.fixed == {"dropout": 0.0, "weight_decay": 1e-6}


def test_the_parts_show_every_level_that_was_tried_and_no_other_as_measured() -> None:
    tried: dict[str, set[float]] = {}
    for part in heatmap_parts(SCREEN):
        grid = heatmap(SCREEN, part.x, part.y, number=part.number)
        for at_row, at_column, cell in grid.places:
            if cell.value is not None:
                tried.setdefault(grid.x.name, set()).add(grid.x.values[at_column])
                if grid.y is not None:
                    tried.setdefault(grid.y.name, set()).add(grid.y.values[at_row])
    assert tried == {"dropout": {0.0, *LEVELS}, "weight_decay": {1e-6, *DECAYS}}
    first = heatmap(SCREEN, number=0)
    assert first.y is not None
    # steps of the ranges that lie apart from what was tried have cells too, which nobody measured
    assert (first.y.values, first.x.values) == ([0.0, LEVELS[0], 0.4, LEVELS[1], 0.8], [1e-6, *DECAYS, 1e-2])
    assert [[cell.value for cell in line[:3]] for line in (first.cells[row] for row in (0, 1, 3))] == [
        [0.2, pytest.approx(0.17), 0.16],
        [0.19, None, None],
        [pytest.approx(0.18), None, None],
    ]


def test_of_four_hyperparameters_all_have_a_heatmap() -> None:
    names = ("lr", "dropout", "weight_decay", "label_smoothing")
    axes = [Axis(name=name, low=0.1, high=0.2, scale="linear", values=[0.1, 0.2]) for name in names]
    cells = [
        candidate_scored(candidate=n, values={name: (0.2 if n >> bit & 1 else 0.1) for bit, name in enumerate(names)})
        for n in range(16)
    ]
    found = decision(axes, *cells, planned=16)
    assert [(part.y, part.x) for part in heatmap_parts(found)] == [("lr", name) for name in names[1:]]
    assert len(heatmap_pairs(found)) == 12
    assert heatmap(found).others == ("weight_decay", "label_smoothing")


def test_a_cell_shows_its_chosen_candidate_and_not_a_better_one_that_was_left_out() -> None:
    cells = [
        scored(0, 0, 0.3, dropout=0.0),
        scored(0, 1, 0.1, dropout=0.3),
        scored(0, 2, 0.5, dropout=0.6),
        scored(0, 3, 0.2, lr=0.1, dropout=0.6),
    ]
    taken = chosen(candidate=0, values=values(0.01), excluded=[1, 3])
    grid = heatmap(decision([AXIS, DROPOUT], *cells, taken), "lr", "lr")
    assert [(cell.value, cell.passed_over) for cell in grid.cells[0] if cell.candidates] == [(0.3, False), (0.2, True)]
    apart = heatmap(decision([AXIS, DROPOUT], *cells, taken))
    assert [cell.passed_over for _, _, cell in apart.places if cell.value is not None] == [False, True, False, True]
    assert not any(cell.better for _, _, cell in apart.places)  # a score that was not compared is not called better


def test_what_scored_better_than_the_choice_is_marked_in_older_logs_too() -> None:
    grid = heatmap(row([0.7622, 0.8577, 0.9, None], candidate=1))
    assert [cell.passed_over for cell in grid.cells[0]] == [True, False, False, False]
    assert [cell.better for cell in grid.cells[0]] == [True, False, False, False]
    other = heatmap(row([0.7622, 0.8577, 0.9, None], candidate=1), measure="accuracy")
    assert [cell.passed_over for cell in other.cells[0]] == [True, False, False, False]
    bare = msgspec.json.encode(chosen())
    assert b'"excluded":[]' in bare
    old = msgspec.json.decode(bare.replace(b',"excluded":[]', b""), type=type(chosen()))
    assert old == chosen()


def test_a_prediction_stands_where_its_neighbours_were_tried_and_not_at_the_next_tick() -> None:
    """Only one dropout was tried, 0.28; the grid that the model speaks of has 0.3."""
    scores = [0.9, None, None, None, 0.5, None, None, 0.4, None]
    events = [scored(0, 0, 0.6, lr=0.001, dropout=0.28), LandscapePredicted(decision=0, scores=scores)]
    grid = heatmap(decision([AXIS, DROPOUT], *events))
    assert grid.x.values == [0.0, 0.28, 0.3]  # of two dropouts that were predicted, each stays itself
    scores = [None, 0.9, None, None, 0.5, None, None, 0.4, None]
    grid = heatmap(decision([AXIS, DROPOUT], events[0], LandscapePredicted(decision=0, scores=scores)))
    assert grid.fixed == {"dropout": 0.28}
    assert [(cell.value, cell.predicted) for cell in grid.cells[0]] == [(0.6, None), (None, 0.5), (None, 0.4)]


def test_a_model_without_one_of_the_hyperparameters_has_heatmaps_of_the_others() -> None:
    cells = [candidate_scored(candidate=n, lr=rate) for n, rate in enumerate(AXIS.values)]
    grid = heatmap(decision([AXIS, DROPOUT], *cells))
    assert [cell.candidates for _, _, cell in grid.places] == [(0,), (1,), (2,)]


def test_an_outlier_takes_neither_the_colours_nor_the_digits() -> None:
    grid = heatmap(row([0.394, 0.39, 0.391, 24.5], candidate=1))
    assert decimals(grid) == 3
    assert grid.scale is not None
    assert grid.scale.beyond == 1
    shares = [grid.scale.share(value) for value in (0.39, 0.391, 0.394, 24.5)]
    assert shares[0] == 1.0
    assert shares[0] - shares[2] > 0.05  # told apart by their colours too
    assert shares[3] == 0.0
    even = heatmap(row([2.2, 1.9, 0.9, 0.36, 0.3, 1.0, 2.3]))
    assert even.scale is not None
    assert (even.scale.beyond, even.scale.worst) == (0, 2.3)
    assert decimals(even) == 2


def test_accuracies_have_their_outlier_at_the_lower_end() -> None:
    scale = colour_scale([0.97, 0.972, 0.971, 0.1], lower_is_better=False)
    assert scale is not None
    assert (scale.best, scale.beyond) == (0.972, 1)
    assert 0.95 < scale.worst < 0.97
    assert scale.share(0.972) == 1.0
    assert colour_scale([], lower_is_better=True) is None
    two = colour_scale([0.1, 5.0], lower_is_better=True)
    assert two is not None
    assert (two.beyond, two.share(5.0)) == (0, 0.0)


def test_one_scale_can_be_shared() -> None:
    shared = colour_scale([0.1, 0.5, 1.0], lower_is_better=True)
    assert replace(heatmap(SURVEY), shared_scale=shared).scale is shared


def test_the_colours_are_those_of_what_a_round_measured_and_predictions_stretch_none() -> None:
    grid = heatmap(SURVEY)
    assert grid.scale is not None
    assert grid.scale.best == 0.33
    assert grid.scale.worst == pytest.approx(0.363)  # a tenth above: losses that nearly agree look alike
    assert [grid.scale.share(score) for score in (0.7, 0.33)] == [0.0, 1.0]
    assert grid.scale.share(0.34) == pytest.approx(0.687, abs=1e-3)  # the chosen one is not the worst
    assert (grid.beyond.worse, grid.beyond.predicted_worse, grid.beyond.predicted_better) == (0, 1, 0)


def test_better_predictions_do_not_make_what_was_measured_look_bad() -> None:
    predicted: list[float | None] = [0.01, None, 0.02, 0.5, None, 0.01, 0.02, 0.03, 0.04]
    cells = [scored(0, 0, 0.4, lr=0.001, dropout=0.3), scored(0, 1, 0.3, lr=0.01, dropout=0.3)]
    events = [*cells, LandscapePredicted(decision=0, scores=predicted), chosen(candidate=1)]
    grid = heatmap(decision([AXIS, DROPOUT], *events))
    assert grid.scale is not None
    assert (grid.scale.best, grid.scale.worst) == (0.3, 0.4)
    assert grid.scale.share(0.3) == 1.0
    assert (grid.beyond.predicted_better, grid.beyond.predicted_worse) == (6, 1)


def test_one_scale_for_all_heatmaps_of_a_round() -> None:
    rates, decays = [0.01, 0.1], [1e-4, 1e-2]
    axes = [replace_axis("lr", rates), replace_axis("dropout", [0.0, 0.5]), replace_axis("weight_decay", decays)]
    every = [(lr, dropout, decay) for lr in rates for dropout in (0.0, 0.5) for decay in decays]
    cells = [
        scored(0, n, 1.0 - n / 10, lr=lr, dropout=dropout, weight_decay=decay)
        for n, (lr, dropout, decay) in enumerate(every)
    ]
    found = decision(axes, *cells, planned=8)
    grids = [heatmap(found, part.x, part.y, number=part.number) for part in heatmap_parts(found)]
    assert [(grid.scale.best, grid.scale.worst) for grid in grids if grid.scale] == [(pytest.approx(0.3), 1.0)] * 2
    assert [max(grid.values) for grid in grids] == [pytest.approx(0.9), pytest.approx(0.8)]  # the best of each cell


def replace_axis(name: str, found: list[float]) -> Axis:
    return Axis(name=name, low=found[0], high=found[-1], scale="linear", values=found)


DECAYING = replace_axis("weight_decay", [1e-4, 1e-2])
LEVELS_ALONE = [
    scored(0, 0, 0.5, dropout=0.0, weight_decay=1e-4, images=40),
    scored(0, 1, 0.4, dropout=0.3, weight_decay=1e-4, images=40),
    scored(0, 2, 0.45, dropout=0.0, weight_decay=1e-2, images=40),
]


@pytest.mark.parametrize("predicted", [None, [0.6, 0.5, 0.4, 0.3, 0.2, 0.1] * 3])
@pytest.mark.parametrize(
    "last", [{"dropout": 0.3, "weight_decay": 1e-2}, {"dropout": 0.6, "weight_decay": 1e-4}], ids=["decay", "dropout"]
)
def test_axes_keep_their_places_in_all_rounds_of_a_decision(
    predicted: list[float | None] | None, last: dict[str, float]
) -> None:
    """Whatever a later round varies, and whether its other cells are predicted."""
    more = [
        scored(0, 3, 0.3, dropout=0.3, weight_decay=1e-4, images=40, start=(0, 1)),
        scored(0, 4, 0.2, images=40, start=(0, 1), **last),  # type: ignore[arg-type]
    ]
    guessed = [LandscapePredicted(decision=0, scores=predicted)] if predicted else []
    found = decision([AXIS, DROPOUT, DECAYING], *LEVELS_ALONE, *more, *guessed, chosen(candidate=4))
    for part in heatmap_parts(found):
        assert part.x == "weight_decay"
        shown = heatmap(found, part.x, part.y, number=part.number)
        assert shown == heatmap(found, number=part.number)  # the screen's own choice
        assert shown.x.name == "weight_decay"
        assert shown.y is None or shown.y.name == "dropout"
    first, second = (heatmap(found, number=number) for number in (0, 1))
    assert first.y is not None
    assert second.y is not None or "dropout" not in last or last["dropout"] == 0.3


def test_the_plan_says_the_axes_before_the_first_two_candidates_can() -> None:
    stages = [
        Stage((1,), ("lr",), (Round(3, 0.2), Round(2, 0.4)), "survey", at_most=True, gained=0.6),
        Stage((1,), ("dropout", "weight_decay"), (Round(3, 0.4), Round(2, 0.4)), "screen", at_most=True, gained=0.8),
    ]
    events: list[AnyEvent] = [
        run_started(),
        DecisionsPlanned(epoch=1, stages=stages),
        decision_started(axes=[AXIS, DROPOUT, DECAYING], planned=None),
    ]

    def axes(number: int | None) -> tuple[str, str | None]:
        grid = heatmap(state_of(events).decisions[0], number=number)
        return grid.x.name, grid.y.name if grid.y is not None else None

    assert axes(None) == ("lr", None)
    events.append(scored(0, 0, 1.0, lr=0.001, dropout=0.0, weight_decay=1e-4))
    assert axes(None) == ("lr", None)
    events.append(scored(0, 1, 0.9, lr=0.01, dropout=0.0, weight_decay=1e-4))
    assert axes(None) == ("lr", None)
    events.append(scored(0, 2, 0.8, lr=0.01, dropout=0.0, weight_decay=1e-4, images=40, start=(0, 1)))
    events.append(scored(0, 3, 0.7, dropout=0.0, weight_decay=1e-4, images=40, start=(0, 2)))
    assert axes(2) == ("weight_decay", "dropout")
    events.append(scored(0, 4, 0.7, dropout=0.3, weight_decay=1e-4, images=40, start=(0, 2)))
    assert axes(2) == ("weight_decay", "dropout")
    events.append(scored(0, 5, 0.7, dropout=0.0, weight_decay=1e-2, images=40, start=(0, 2)))
    assert axes(2) == ("weight_decay", "dropout")
    assert axes(0) == ("lr", None)


def test_every_candidate_that_was_left_out_is_marked_also_behind_one_that_was_not() -> None:
    cells = [
        scored(0, 0, 0.3, dropout=0.0),
        scored(0, 1, 0.5, dropout=0.3),
        scored(0, 2, 0.5, dropout=0.6),
        scored(0, 3, 0.6, lr=0.1, dropout=0.0),
        scored(0, 4, 0.7, lr=0.1, dropout=0.3),
    ]
    found = decision([AXIS, DROPOUT], *cells, chosen(candidate=0, values=values(0.01), excluded=[2, 3, 4]))
    grid = heatmap(found)
    left_out = {n for _, _, cell in grid.places for n in cell.candidates if cell.passed_over or cell.hides_left_out}
    assert left_out == {2, 3, 4}
    row = heatmap(found, "lr", "lr").cells[0]
    assert [(cell.left_out, cell.hides_left_out, cell.passed_over) for cell in row if cell.candidates] == [
        (1, True, False),
        (2, False, True),
    ]
