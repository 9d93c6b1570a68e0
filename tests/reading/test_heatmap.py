"""Heatmaps of what strategies really try: rounds of unequal length, values beside the grid, cells passed over."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from adaptive_log import DECAYS, LEVELS, adaptive_run, scored
from fabricate import AXIS, candidate_scored, chosen, decision_started, run_started, values

from hptui.reading.run_state import Decision, replay
from hptui.reading.views.colour_scale import colour_scale
from hptui.reading.views.heatmap import heatmap, heatmap_pairs, heatmap_parts
from hptui.reading.views.heatmap_digits import decimals
from hptui.reading.views.probe_rounds import probe_rounds, round_words
from hptui.record.events import AnyEvent, Axis, LandscapePredicted

SURVEY, SCREEN = replay(adaptive_run()).decisions
DROPOUT = Axis(name="dropout", low=0.0, high=0.6, scale="linear", values=[0.0, 0.3, 0.6])


def decision(axes: list[Axis], *events: AnyEvent, planned: int | None = None) -> Decision:
    return replay([run_started(), decision_started(axes=axes, planned=planned), *events]).decisions[0]


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
    assert round_words(second, 2, 100) == "round 2 of 2: 2 candidates for 0.4 epochs more (0.6 in all)"
    assert round_words(second, 2, 0) == "round 2 of 2: 2 candidates for 40 images more (60 in all)"


def test_the_rounding_to_whole_batches_and_the_members_of_a_population_make_no_rounds() -> None:
    batches = [
        candidate_scored(candidate=n, values=values() | {"batch_size": size}, images=images)
        for n, (size, images) in enumerate(((32.0, 320), (128.0, 384), (512.0, 512)))
    ]
    assert len(probe_rounds(decision([AXIS], *batches))) == 1
    members = [scored(0, 0, 0.5, images=20), *(scored(0, n, 0.5, images=100, start=(7, n)) for n in (1, 2))]
    assert len(probe_rounds(decision([AXIS], *members))) == 1
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
    assert (first.y.values, first.x.values) == ([0.0, *LEVELS], [1e-6, *DECAYS])
    assert [[cell.value for cell in line] for line in first.cells] == [
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
    assert [(cell.value, cell.passed_over) for cell in grid.cells[0]] == [(0.3, False), (0.2, True)]
    apart = heatmap(decision([AXIS, DROPOUT], *cells, taken))
    assert [cell.passed_over for _, _, cell in apart.places if cell.value is not None] == [False, True, False, True]


def test_what_scored_better_than_the_choice_is_marked_in_older_logs_too() -> None:
    grid = heatmap(row([0.7622, 0.8577, 0.9, None], candidate=1))
    assert [cell.passed_over for cell in grid.cells[0]] == [True, False, False, False]
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
