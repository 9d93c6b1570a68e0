"""Hyperparameters, the ranges they are searched in, and the grid of several ranges."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.errors import ConfigError
from hptui.hyperparameters import default_values, hyperparameter, hyperparameters
from hptui.space import USUAL_STEPS, Range, describe, grid, parse_range

DIGITS = 1e-11
"""values are rounded to 12 significant digits"""


def refusal(name: str, text: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_range(name, text)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


@given(st.floats(-12, 4), st.floats(0.01, 12), st.integers(2, 60))
def test_a_log_range_has_exact_ends_and_equal_ratios(exponent: float, decades: float, steps: int) -> None:
    low, high = 10.0**exponent, 10.0 ** (exponent + decades)
    values = Range("lr", low, high, "log", steps).values()
    assert (values[0], values[-1], len(values)) == (low, high, steps)
    assert list(values) == sorted(set(values))
    ratio = (high / low) ** (1 / (steps - 1))
    for one, next_one in itertools.pairwise(values):
        assert next_one / one == pytest.approx(ratio, rel=DIGITS)


@given(st.floats(0, 0.5), st.floats(1e-3, 0.49), st.integers(2, 60))
def test_a_linear_range_has_exact_ends_and_equal_differences(low: float, width: float, steps: int) -> None:
    values = Range("dropout", low, low + width, "linear", steps).values()
    assert (values[0], values[-1], len(values)) == (low, low + width, steps)
    assert list(values) == sorted(set(values))
    for one, next_one in itertools.pairwise(values):
        assert next_one - one == pytest.approx(width / (steps - 1), abs=DIGITS)


@given(st.integers(1, 4096), st.integers(1, 4096), st.sampled_from(["log", "linear"]), st.integers(2, 40))
def test_batch_sizes_are_whole_numbers_without_repeats(low: int, width: int, scale: str, steps: int) -> None:
    values = Range("batch_size", float(low), float(low + width), scale, steps).values()  # type: ignore[arg-type]
    assert all(value == int(value) for value in values)
    assert list(values) == sorted(set(values))
    assert (values[0], values[-1]) == (low, low + width)
    assert len(values) <= min(steps, width + 1)


@given(st.floats(1e-6, 1e3), st.floats(1.01, 1e3), st.sampled_from(["log", "linear"]), st.floats(0, 1))
def test_every_position_lies_within_the_range(low: float, factor: float, scale: str, position: float) -> None:
    searched = Range("weight_decay", low, low * factor, scale, 5)  # type: ignore[arg-type]
    assert low * (1 - DIGITS) <= searched.at(position) <= low * factor * (1 + DIGITS)


def test_values_are_what_a_person_would_write() -> None:
    assert parse_range("lr", "1e-4:1:log:5").values() == (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    assert parse_range("dropout", "0:0.6:lin:4").values() == (0.0, 0.2, 0.4, 0.6)
    assert parse_range("batch_size", "16:128:log:4").values() == (16.0, 32.0, 64.0, 128.0)
    assert parse_range("batch_size", "1:3:lin:9").values() == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4:1e-1:log:7", Range("lr", 1e-4, 1e-1, "log", 7)),
        ("0.1:0.5:lin:2", Range("lr", 0.1, 0.5, "linear", 2)),
        ("0.1:0.5:LINEAR:1000", Range("lr", 0.1, 0.5, "linear", 1000)),
        ({"low": 1e-4, "high": 1, "scale": "log", "steps": 3}, Range("lr", 1e-4, 1.0, "log", 3)),
        ({"low": 0.1, "high": 1}, Range("lr", 0.1, 1.0, "linear", 5)),
    ],
)
def test_a_range_is_read_from_text_or_a_table(text: object, expected: Range) -> None:
    assert parse_range("lr", text) == expected  # type: ignore[arg-type]


@given(st.floats(1e-8, 1), st.floats(1.1, 1e4), st.sampled_from(["log", "linear"]), st.integers(2, 1000))
def test_what_a_range_prints_is_read_back_the_same(low: float, factor: float, scale: str, steps: int) -> None:
    searched = Range("lr", low, low * factor, scale, steps)  # type: ignore[arg-type]
    assert parse_range("lr", str(searched)) == searched


def test_steps_may_be_left_out() -> None:
    """A strategy that tries no grid has no use for them."""
    assert parse_range("lr", "1e-4:1e-1:log") == Range("lr", 1e-4, 1e-1, "log", USUAL_STEPS)
    assert parse_range("lr", "1e-4:1e-1:log") == parse_range("lr", {"low": 1e-4, "high": 1e-1, "scale": "log"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("lr", "1:0.1:log:5", "low 1 has to be less than high 0.1"),
        ("lr", "0.1:0.1:log:5", "low 0.1 has to be less than high 0.1"),
        ("lr", "nan:0.1:log:5", "has to be less than"),
        ("weight_decay", "0:0.1:log:5", "log scale needs low > 0, not 0; use lin"),
        ("weight_decay", "-1:0.1:log:5", "log scale needs low > 0, not -1"),
        ("lr", "0.1:1:lin:0", "steps = 0 makes a grid of no cells or too many; use 2 to 1000, or --set lr=VALUE"),
        ("lr", "0.1:1:lin:1", "steps = 1 makes"),
        ("lr", "0.1:1:lin:1001", "steps = 1001 makes"),
        ("lr", "0.1:1:lin:-3", "steps = -3 makes"),
        ("lr", "0.1:1:cubic:5", "unknown scale 'cubic'; it takes log or lin"),
        ("lr", "0.1:1", "write low:high:scale:steps, for example 1e-4:1e-1:log:7 (steps: of a grid, 5 if left out)."),
        ("lr", "0.1:1:lin:", "write low:high:scale:steps"),
        ("lr", "0.1:1:lin:5:6", "write low:high:scale:steps"),
        ("lr", "", "write low:high:scale:steps"),
        ("lr", "a:1:lin:5", "write low:high:scale:steps"),
        ("lr", "0.1:1:lin:2.5", "write low:high:scale:steps"),
        ("lr", {"low": 0.1, "high": 1, "step": 5}, "keys ['high', 'low', 'step']; it takes low, high, scale, steps"),
        ("lr", {"low": 0.1, "steps": 5}, "it takes low, high, scale, steps"),
        ("lr", "-0.1:1:lin:3", "lr = -0.1 is out of bounds; it takes more than 0"),
        ("lr", "0.1:inf:lin:3", "lr = inf is out of bounds"),
        ("dropout", "0:1:lin:3", "dropout = 1 is out of bounds; it takes 0 to less than 1"),
        ("batch_size", "1.5:8:lin:3", "batch_size = 1.5 has to be a whole number"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(name: str, text: object, expected: str) -> None:
    message = refusal(name, text)
    assert expected in message
    assert name in message


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("lr", [1e-300, 1e10], [0.0, -1.0, math.inf, math.nan]),
        ("weight_decay", [0.0, 5.0], [-1e-9, math.inf, math.nan]),
        ("momentum", [0.0, 0.999], [-0.1, 1.0, math.nan]),
        ("dropout", [0.0, 0.999], [-0.1, 1.0, math.nan]),
        ("label_smoothing", [0.0, 0.999], [-0.1, 1.0, math.nan]),
        ("focal_gamma", [0.0, 10.0], [-0.1, 10.1, math.nan]),
        ("batch_size", [1.0, 1e6], [0.0, 2.5, 1e6 + 1, math.nan]),
        ("augmentation", [0.0, 1.0], [-0.1, 1.1, math.nan]),
        ("horizontal_flip", [0.0, 1.0], [-0.1, 1.1, math.nan]),
        ("vertical_flip", [0.0, 1.0], [-0.1, 1.1, math.nan]),
        ("rotation", [0.0, 180.0], [-1.0, 181.0, math.nan]),
        ("shift", [0.0, 1.0], [-0.1, 1.1, math.nan]),
        ("zoom", [0.0, 1.0], [-0.1, 1.1, math.nan]),
        ("brightness", [0.0, 10.0], [-0.1, 10.1, math.nan]),
        ("contrast", [0.0, 10.0], [-0.1, 10.1, math.nan]),
        ("blur", [0.0, 10.0], [-0.1, 10.1, math.nan]),
        ("noise", [0.0, 10.0], [-0.1, 10.1, math.nan]),
        ("erasing", [0.0, 1.0], [-0.1, 1.1, math.nan]),
        ("mixup", [0.0, 10.0], [-0.1, 10.1, math.nan]),
        ("backbone_lr", [0.0, 1.0], [-0.1, 1.1, math.nan]),
    ],
)
def test_bounds_of_every_hyperparameter(name: str, allowed: list[float], refused: list[float]) -> None:
    assert [hyperparameter(name).check(value) for value in allowed] == allowed
    for value in refused:
        with pytest.raises(ConfigError, match=name):
            hyperparameter(name).check(value)


def test_the_table_above_covers_every_hyperparameter() -> None:
    marks = test_bounds_of_every_hyperparameter.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in marks[0].args[1]} == set(hyperparameters())


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("wd", "weight_decay"),
        ("learning_rate", "lr"),
        ("learning-rate", "lr"),
        ("beta1", "momentum"),
        (" batch-size ", "batch_size"),
    ],
)
def test_aliases_mean_the_same(alias: str, name: str) -> None:
    assert hyperparameter(alias) is hyperparameters()[name]
    assert parse_range(alias, "0.1:0.9:lin:3" if name != "batch_size" else "1:9:lin:3").name == name


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("weigth_decay", "weight_decay"), ("drop", "dropout"), ("lrr", "lr"), ("learningrate", "learning_rate")],
)
def test_an_unknown_hyperparameter_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    assert f"unknown hyperparameter '{wrong}'. Did you mean '{right}'?" in refusal(wrong, "0.1:0.2:lin:3")


def test_the_defaults_lie_within_their_bounds_and_dropout_is_the_models_own() -> None:
    defaults = default_values()
    assert set(defaults) == set(hyperparameters()) - {"dropout"}
    assert {name: hyperparameter(name).check(value) for name, value in defaults.items()} == defaults


def test_a_grid_has_all_combinations_and_the_last_name_varies_fastest() -> None:
    space = {"lr": parse_range("lr", "1:3:lin:3"), "dropout": parse_range("dropout", "0:0.5:lin:2")}
    assert [tuple(cell.items()) for cell in grid(space)] == [
        (("lr", lr), ("dropout", dropout)) for lr in (1.0, 2.0, 3.0) for dropout in (0.0, 0.5)
    ]
    assert grid({}) == [{}]


@given(st.lists(st.integers(2, 5), min_size=1, max_size=4))
def test_a_grid_has_as_many_cells_as_the_product_of_the_steps(steps: list[int]) -> None:
    names = ["lr", "weight_decay", "momentum", "dropout"]
    space = {name: Range(name, 0.1, 0.9, "linear", count) for name, count in zip(names, steps, strict=False)}
    cells = grid(space)
    assert len(cells) == math.prod(steps)
    assert len({tuple(cell.values()) for cell in cells}) == len(cells)
    assert all(list(cell) == list(space) for cell in cells)


def test_a_description_is_short_and_leaves_out_what_is_not_known() -> None:
    values = {"lr": 0.001, "weight_decay": 1e-5, "momentum": 1 / 3}
    assert describe(values) == "lr 0.001, weight_decay 1e-05, momentum 0.333"
    assert describe(values, ["weight_decay", "dropout"]) == "weight_decay 1e-05"
