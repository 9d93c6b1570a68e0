"""The landscape between measured candidates: what it knows, what it does not, and what it must not mix."""

from __future__ import annotations

import math
from random import Random

import pytest
from adaptive_log import adaptive_run, scored
from fabricate import AXIS, candidate_scored, chosen, decision_started, run_started

from hptui.reading.run_state import Decision, state_of
from hptui.reading.views.expected_cells import prediction_words
from hptui.reading.views.heatmap import heatmap
from hptui.reading.views.landscape import Landscape, Point, landscape
from hptui.reading.views.measured import standard_error
from hptui.record.class_counts import ClassCounts
from hptui.record.events import AnyEvent, Axis, LandscapePredicted
from hptui.ui.drawing.heatmap_words import cell_words

SURVEY, SCREEN = state_of(adaptive_run()).decisions
DROPOUT = Axis(name="dropout", low=0.0, high=0.8, scale="linear", values=[0.0, 0.2, 0.4, 0.6, 0.8])
RATES = Axis(name="lr", low=1e-4, high=1e-2, scale="log", values=[1e-4, 1e-3, 1e-2])


def bowl(place: tuple[float, ...]) -> float:
    """A loss with its lowest value, 0.2, in the middle."""
    return 0.2 * math.exp(4 * sum((at - 0.5) ** 2 for at in place))


def fitted(points: list[Point], *, lower_is_better: bool = True) -> Landscape:
    found = landscape(tuple(points), lower_is_better=lower_is_better)
    assert found is not None
    return found


def spread(count: int, dimensions: int) -> list[tuple[float, ...]]:
    random = Random(0)
    return [tuple(random.random() for _ in range(dimensions)) for _ in range(count)]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_it_finds_a_smooth_landscape_within_what_it_says_of_itself(dimensions: int) -> None:
    found = fitted([Point(place, 0, bowl(place)) for place in spread(25, dimensions)])
    random = Random(1)
    new = [tuple(0.2 + 0.6 * random.random() for _ in range(dimensions)) for _ in range(200)]
    errors = [abs(one.value - bowl(place)) for place, one in zip(new, found.predicted(new, 0), strict=True)]
    deviations = [one.deviation for one in found.predicted(new, 0)]
    assert sum(errors) / 200 < 0.05
    inside = sum(error < 2 * deviation for error, deviation in zip(errors, deviations, strict=True))
    assert inside > 180


def test_what_is_far_from_all_points_is_known_less_and_in_the_end_hardly() -> None:
    found = fitted([Point((at / 20,), 0, 1 + at % 2) for at in range(5)])
    near, middle, far = found.predicted([(0.1,), (0.3,), (1.0,)], 0)
    assert near.deviation < middle.deviation < far.deviation
    assert (near.vague, far.vague) == (False, True)


def test_rounds_are_not_mixed_but_inform_one_another_as_far_as_they_agree() -> None:
    """The longer probes of the second round have a sixth of the loss; at the far end none was measured."""
    places = [(at / 8,) for at in range(9)]
    first = [Point(place, 0, bowl(place)) for place in places]
    measured = [places[at] for at in (1, 3, 4, 5)]
    agreeing = fitted([*first, *(Point(place, 1, bowl(place) / 6) for place in measured)])
    for place, one in zip(places, agreeing.predicted(places, 1), strict=True):
        assert abs(one.value - bowl(place) / 6) < 2.5 * one.deviation + 0.002
        assert not one.vague
    assert agreeing.predicted([places[8]], 1)[0].value == pytest.approx(bowl(places[8]) / 6, rel=0.25)
    apart = fitted([*first, *(Point(place, 1, 0.02 / bowl(place)) for place in measured)])
    near, far = apart.predicted([places[2], places[8]], 1)
    assert far.deviation / far.value > 3 * agreeing.predicted([places[8]], 1)[0].deviation / (bowl(places[8]) / 6)
    assert (near.vague, far.vague) == (False, True)


def test_too_little_says_nothing() -> None:
    places = spread(4, 2)
    assert landscape(tuple(Point(place, 0, bowl(place)) for place in places[:3]), lower_is_better=True) is None
    twice = [Point(places[0], number, 0.1 * number + 0.1) for number in range(6)]
    assert landscape(tuple(twice), lower_is_better=True) is None
    assert landscape(tuple(Point(place, 0, 0.5) for place in places), lower_is_better=True) is None


def decision(axes: list[Axis], *events: AnyEvent, planned: int | None = None) -> Decision:
    return state_of([run_started(), decision_started(axes=axes, planned=planned), *events]).decisions[0]


def screen(*more: AnyEvent) -> Decision:
    """A cross over two hyperparameters, as a screen of one at a time tries it."""
    tried = [(1e-3, 0.0), (1e-4, 0.0), (1e-2, 0.0), (1e-3, 0.4), (1e-3, 0.8)]
    scores = [0.4, 0.9, 0.5, 0.3, 0.6]
    cells = [
        scored(0, n, score, lr=lr, dropout=drop)
        for n, (score, (lr, drop)) in enumerate(zip(scores, tried, strict=True))
    ]
    return decision([RATES, DROPOUT], *cells, *more)


def test_a_cross_of_candidates_becomes_a_landscape_in_which_what_was_measured_is_told_apart() -> None:
    grid = heatmap(screen())
    assert grid.y is not None
    assert (grid.y.name, grid.x.name) == ("lr", "dropout")
    assert (len(grid.y.values), len(grid.x.values)) == (3, 5)
    measured = {(row, column): cell.value for row, column, cell in grid.places if cell.value is not None}
    assert measured == {(1, 0): 0.4, (0, 0): 0.9, (2, 0): 0.5, (1, 2): 0.3, (1, 4): 0.6}
    guessed = [cell for _, _, cell in grid.places if cell.value is None]
    assert all(cell.predicted is not None and cell.error is not None and not cell.candidates for cell in guessed)
    between = grid.cells[1][1]
    assert between.predicted is not None
    assert 0.25 < between.predicted < 0.5
    assert grid.predicted_from == 5
    assert prediction_words(grid) == "predicted from 5 candidates"
    assert grid.scale is not None
    assert (grid.scale.best, grid.scale.worst) == (0.3, 0.9)  # predictions stretch no colours
    vague = sum(cell.vague for _, _, cell in grid.places)
    assert grid.beyond.predicted_worse + grid.beyond.predicted_better <= len(guessed) - vague


@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_very_many_candidates_the_round_that_is_shown_is_fitted(number: int) -> None:
    """An own strategy may have more than a landscape is made of, in rounds that are told apart by their lengths."""
    counts = {60: 20, 50: 40, 40: 60}
    cells = [
        candidate_scored(candidate=n, lr=10 ** (-4 + 2 * at / count), score=1.0 + at, images=images)
        for n, (count, images, at) in enumerate(
            (count, images, at) for count, images in counts.items() for at in range(count)
        )
    ]
    grid = heatmap(decision([AXIS, DROPOUT], *cells), number=number)
    assert sum(cell.value is not None for _, _, cell in grid.places) > 10


def test_accuracies_are_predicted_too_and_stay_shares() -> None:
    cells = [
        candidate_scored(candidate=n, lr=rate, accuracy=share)
        for n, (rate, share) in enumerate(zip([1e-4, 3e-4, 2e-3, 1e-2], [0.9, 0.99, 1.0, 0.999], strict=True))
    ]
    fine = Axis(name="lr", low=1e-4, high=1e-2, scale="log", values=[10 ** (-4 + at / 4) for at in range(9)])
    grid = heatmap(decision([fine], *cells), measure="accuracy")
    guessed = [cell.predicted for _, _, cell in grid.places if cell.value is None]
    assert guessed
    assert all(value is not None and 0 <= value <= 1 for value in guessed)


def test_a_grid_has_no_landscape_while_its_cells_are_being_measured() -> None:
    cells = [candidate_scored(candidate=n, lr=rate) for n, rate in enumerate(AXIS.values)]
    half = heatmap(decision([AXIS, DROPOUT], *cells, planned=15))
    assert not any(cell.predicted is not None for _, _, cell in half.places)
    assert half.predicted_from == 0


def test_what_is_not_on_the_axes_is_predicted_at_the_values_of_the_choice() -> None:
    decay = Axis(name="weight_decay", low=1e-6, high=1e-2, scale="log", values=[1e-6, 1e-4, 1e-2])
    cells = [
        scored(0, n, 1.0 - n / 10, lr=lr, dropout=drop, weight_decay=wd)
        for n, (lr, drop, wd) in enumerate([(1e-4, 0.0, 1e-6), (1e-3, 0.4, 1e-6), (1e-2, 0.8, 1e-4), (1e-3, 0.0, 1e-2)])
    ]
    found = decision([RATES, DROPOUT, decay], *cells, chosen(candidate=2))
    grid = heatmap(found)
    assert grid.others == ("weight_decay",)
    assert grid.predicted_at == {"weight_decay": 1e-4}
    assert prediction_words(grid) == "predicted from 4 candidates, at weight_decay 0.0001"


def test_a_model_of_the_strategys_own_is_shown_where_too_little_was_measured_for_this_one() -> None:
    recorded = LandscapePredicted(decision=0, scores=[0.9, 0.5, 0.4])
    two = [scored(0, n, 0.5 + n, lr=rate) for n, rate in enumerate((1e-3, 1e-2))]
    (row,) = heatmap(decision([RATES], *two, recorded)).cells
    assert (row[0].value, row[0].predicted, row[0].error) == (None, 0.9, None)


def test_members_of_a_population_are_said_to_have_weights_of_their_own() -> None:
    cells = [scored(1, n, 0.5 + n / 10, lr=10 ** (-4 + n / 2), start=(0, n)) for n in range(4)]
    found = state_of([run_started(), decision_started(1, 2, axes=[RATES], planned=None), *cells]).decisions[0]
    assert prediction_words(heatmap(found)) == "predicted from 4 candidates, each from weights of its own"


def test_rounds_are_named_where_there_are_several() -> None:
    assert prediction_words(heatmap(SCREEN)) == (
        "predicted from 7 candidates of 2 rounds, each with a level of its own"
    )
    assert [cell.went_on for _, _, cell in heatmap(SCREEN, number=0).places].count(True) == 1
    assert [cell.went_on for cell in heatmap(SURVEY, number=0).cells[0]] == [False, True, True]


def test_the_readout_of_a_cell_says_how_sure_it_is_and_what_became_of_it() -> None:
    found = screen()
    grid = heatmap(found)
    assert cell_words(grid, found, (1, 0), 80).startswith("score 0.4 | ")
    words = cell_words(grid, found, (1, 1), 80)
    assert words.startswith(f"score {grid.cells[1][1].predicted:.6g} ± {grid.cells[1][1].error:.3g} predicted, not")
    vague = next(((row, column) for row, column, cell in grid.places if cell.vague), None)
    assert vague is None or "(hardly known), not measured" in cell_words(grid, found, vague, 80)
    assert ", went on | " in cell_words(heatmap(SURVEY, number=0), SURVEY, (0, 1), 80)


def test_a_measured_cell_says_how_sure_its_difference_from_the_choice_is() -> None:
    errors = [0.02, 0.03, None, 0.0, 0.04]
    taken = chosen(candidate=3, paired_errors=errors)
    grid = heatmap(screen(taken))
    found = {cell.candidates[0]: cell.paired_error for _, _, cell in grid.places if cell.candidates}
    assert found == {0: 0.02, 1: 0.03, 2: None, 3: None, 4: 0.04}
    assert "± 0.02 against the chosen one" in cell_words(grid, screen(taken), (1, 0), 80)
    assert not heatmap(screen(taken), measure="accuracy").is_paired
    assert not heatmap(screen()).is_paired


def test_how_sure_a_measured_number_is() -> None:
    counts = ClassCounts(support=[50, 50], predicted=[50, 50], hits=[45, 45])
    one = candidate_scored(loss_error=0.03, accuracy=0.9, classes=counts)
    assert standard_error(one, "loss", "auc") == standard_error(one, "score", "loss") == 0.03
    assert standard_error(one, "accuracy", "loss") == pytest.approx(0.03)
    assert standard_error(one, "score", "accuracy") == pytest.approx(0.03)
    assert standard_error(one, "score", "auc") is None
    assert standard_error(candidate_scored(), "loss", "loss") is None  # an older log
