"""Sentences about choices that look greedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fabricate import (
    chosen,
    decision_started,
    make_study,
    run_completed,
    run_started,
    trained_epoch,
    write_run,
)

from hptui.metrics.classification import metric
from hptui.reading.cautions import cautions
from hptui.reading.run_state import RunState
from hptui.reading.views.trajectories import trajectories
from hptui.record.events import (
    AnyEvent,
    Axis,
    DecisionRepeated,
    DecisionStarted,
    Evaluated,
    HyperparametersChosen,
    ValuesRequested,
)
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, write_predictions

RATE = Axis(name="lr", low=1e-4, high=1e-1, scale="log", values=[1e-4, 1e-3, 1e-2, 1e-1])
DROPOUT = Axis(name="dropout", low=0.0, high=0.6, scale="linear", values=[0.0, 0.3, 0.6])


def run_of(axis: Axis, values: Sequence[float], repeated: Sequence[float | None] = ()) -> RunState:
    state = RunState()
    for index, value in enumerate(values):
        where = {"decision": index, "epoch": index + 1, "step": index}
        in_force = {axis.name: value}
        state.apply(
            DecisionStarted(
                **where, axes=[axis], values={}, loss=1.0, accuracy=0.5, score_name="loss", score_weights="averaged"
            )
        )
        longer = repeated[index] if index < len(repeated) else None
        if longer is not None:
            changed = [axis.name] if longer != value else []
            state.apply(
                DecisionRepeated(
                    decision=index, times=2.0, values={axis.name: longer}, changed=changed, images=10, seconds=1.0
                )
            )
        state.apply(
            HyperparametersChosen(**where, candidate=0, values=in_force, reason="best", images_probed=0, seconds=2.0)
        )
    return state


@pytest.mark.parametrize(
    ("values", "falls"),
    [
        ([3e-2, 1e-2, 3e-3, 1e-3], True),
        ([3e-2, 1e-2, 1e-2, 3e-3, 1e-3], True),
        ([3e-2, 1e-2, 3e-3], False),
        ([3e-2, 1e-2, 3e-3, 1e-3, 1e-2], False),
        ([1e-2] * 8, False),
        ([], False),
    ],
)
def test_a_value_that_only_falls_is_told(values: list[float], falls: bool) -> None:
    told = cautions(run_of(RATE, values))
    assert [line for line in told if "only falls" in line] == list(told)
    assert bool(told) == falls
    if falls:
        assert told[0].startswith("lr only falls, from 0.03 to 0.001 over")


def test_only_of_the_learning_rate_is_short_horizon_bias_said() -> None:
    (told,) = cautions(run_of(RATE, [3e-2, 1e-2, 3e-3, 1e-3]))
    assert told.endswith("short-horizon bias). Try a longer horizon, or the strategy adaptive.")
    (told,) = cautions(run_of(DROPOUT, [0.5, 0.4, 0.3, 0.2]))
    assert told == (
        "dropout only falls, from 0.5 to 0.2 over 4 decisions. Try a longer horizon to see whether it still does."
    )


def test_a_value_on_its_edge_is_told_unless_it_is_off() -> None:
    assert cautions(run_of(RATE, [1e-2, 1e-1])) == (
        "lr sits on the upper edge of its range, 0.1: better values may lie beyond it.",
    )
    assert "lower edge" in cautions(run_of(RATE, [1e-4]))[0]
    assert cautions(run_of(RATE, [1e-4, 1e-3])) == ()
    assert cautions(run_of(DROPOUT, [0.0])) == ()
    assert "upper edge" in cautions(run_of(DROPOUT, [0.6]))[0]


def test_a_greed_check_that_found_another_value_is_told_and_shown() -> None:
    run = run_of(RATE, [1e-2, 1e-3, 1e-2], [1e-2, 1e-2, None])
    assert cautions(run) == (
        "greed check: probes 2 times as long would have chosen otherwise in 1 of 2 decisions (lr).",
    )
    (shown,) = trajectories(run)
    assert [(point.epoch, point.value) for point in shown.repeated] == [(2, 1e-2)]
    assert run.seconds == 6.0
    assert cautions(run_of(RATE, [1e-2], [1e-2])) == ()


@pytest.mark.parametrize(("before", "better"), [((40, 60, 55, 45), False), ((95, 5, 5, 95), True)])
def test_a_network_that_ends_no_better_than_guessing_is_told_instead_of_edges(
    before: tuple[int, int, int, int], better: bool
) -> None:
    run = run_of(RATE, [1e-2, 1e-1])
    for epoch, cells in ((1, before), (2, (100, 0, 99, 1))):
        for event in of_validation(trained_epoch(epoch), [list(cells[:2]), list(cells[2:])]):
            run.apply(event)
    assert "upper edge" in cautions(run)[0]  # it may still learn
    run.apply(run_completed(2))
    (line,) = cautions(run)
    assert line.startswith("nearly all validation images are called class 0 (balanced accuracy 50.5%); whether the")
    assert "no better than guessing" not in line  # of a confusion matrix alone nobody knows
    assert "a range that ends lower" in line
    assert ("It was better before" in line) == better


def test_what_the_budget_did_not_allow_is_told_instead_of_its_edge() -> None:
    run = run_of(RATE, [1e-1])
    chosen = run.decisions[-1].chosen
    assert chosen is not None
    reason = "nothing was tried; no budget to search lr, dropout"
    run.decisions[-1].chosen = msgspec.structs.replace(chosen, reason=reason, left_out=["lr", "dropout"])
    assert cautions(run) == (
        "no budget to search lr, dropout: it takes more epochs, smaller batches or a larger budget.",
    )


def guessing_run(arm: str, seed: int = 0) -> RunState:
    """A completed run that calls all of 200 validation images by the first of two classes."""
    searched = [RATE] if arm == "optimized" else []
    run = RunState()
    run.apply(run_started(arm=arm, seed=seed, class_names=["healthy", "ill"], searched=searched, epochs=1))
    if searched:
        for event in (decision_started(axes=searched), chosen(lr=1e-2)):
            run.apply(event)
    for event in (*of_validation(trained_epoch(1), [[100, 0], [100, 0]]), run_completed(1)):
        run.apply(event)
    return run


def of_validation(events: Sequence[AnyEvent], confusion: list[list[int]]) -> list[AnyEvent]:
    """Events in which the validation images have this confusion."""
    return [
        msgspec.structs.replace(event, confusion=confusion)
        if isinstance(event, Evaluated) and event.split == "validation"
        else event
        for event in events
    ]


@pytest.mark.parametrize(("shift", "tells"), [(2.0, True), (0.0, False)])
def test_a_threshold_that_is_off_is_not_called_guessing(tmp_path: Path, shift: float, tells: bool) -> None:
    labels = np.arange(200) % 2
    logits = np.random.default_rng(1).normal(size=200) + shift * labels - 9
    positive = 1 / (1 + np.exp(-logits))
    found = Predictions(labels, np.stack([1 - positive, positive], 1).astype(np.float32))
    write_predictions(tmp_path, {("final", "validation"): found})
    (line,) = cautions(guessing_run("baseline"), tmp_path)
    assert ("no better than guessing" in line) == (not tells)
    assert f"AUC {metric('auc', found):.3f}, 95 % interval" in line
    if tells:
        assert line.startswith(
            "at a threshold of one half all validation images are called healthy (balanced accuracy 50.0%), although"
        )
        assert "hptui compare STUDY --threshold-for sensitivity=0.95" in line
        assert "--class-weights balanced" in line
    other = Predictions(labels[:-2], found.probabilities[:-2])
    write_predictions(tmp_path, {("final", "validation"): other})
    (line,) = cautions(guessing_run("baseline"), tmp_path)  # of other images than the log counted
    assert "AUC) is not known" in line
    (tmp_path / PREDICTIONS_FILE).write_bytes(b"torn")
    assert "AUC) is not known" in cautions(guessing_run("baseline"), tmp_path)[0]


def rare_run(ill: int = 8) -> RunState:
    """A completed run that calls all of 400 validation images, of which few are ill, healthy."""
    run = RunState()
    run.apply(run_started(arm="baseline", class_names=["healthy", "ill"], searched=[], epochs=1))
    for event in (*of_validation(trained_epoch(1), [[400 - ill, 0], [ill, 0]]), run_completed(1)):
        run.apply(event)
    return run


def rare_answers(shift: float, ill: int = 8) -> Predictions:
    labels = (np.arange(400) >= 400 - ill).astype(int)
    positive = 1 / (1 + np.exp(-(np.random.default_rng(1).normal(size=400) + shift * labels - 9)))
    return Predictions(labels, np.stack([1 - positive, positive], 1).astype(np.float32))


def test_where_a_class_is_rare_weights_are_advised_and_no_smaller_rate(tmp_path: Path) -> None:
    (line,) = cautions(rare_run())
    assert "no better than guessing" not in line
    assert "smaller learning rate" not in line
    assert line.endswith(
        "Only 8 of 400 validation images are ill: train longer, with class weights (--class-weights balanced), "
        "and choose a threshold."
    )
    write_predictions(tmp_path, {("final", "validation"): rare_answers(2.0)})
    (line,) = cautions(rare_run(), tmp_path)
    assert line.startswith("at a threshold of one half all validation images are called healthy")
    assert "smaller" not in line


def test_from_few_images_nobody_knows_whether_it_guesses(tmp_path: Path) -> None:
    write_predictions(tmp_path, {("final", "validation"): rare_answers(0.6, ill=4)})
    (line,) = cautions(rare_run(ill=4), tmp_path)
    assert "no better than guessing" not in line
    assert "cannot be told from so few images (AUC" in line
    assert "; 4 of a class)" in line


def test_class_weights_are_not_advised_where_they_are_in_force(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", class_weights="balanced")
    run = write_run(study, "baseline", 0, [])
    (line,) = cautions(rare_run(), run)
    assert "class-weights" not in line
    assert line.endswith("Only 8 of 400 validation images are ill: train longer and choose a threshold.")


def test_of_several_classes_no_threshold_is_advised(tmp_path: Path) -> None:
    labels = np.arange(90) % 3
    scores = np.eye(3)[labels] + np.random.default_rng(1).normal(size=(90, 3)) / 4 + [9, 0, 0]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    write_predictions(tmp_path, {("final", "validation"): Predictions(labels, probabilities.astype(np.float32))})
    run = RunState()
    matrix = [[30, 0, 0], [30, 0, 0], [30, 0, 0]]
    for event in (run_started(class_names=["\x1b[2J", "b", "c"]), *of_validation(trained_epoch(1), matrix)):
        run.apply(event)
    run.apply(run_completed(1))
    (line,) = cautions(run, tmp_path)
    assert line.startswith("all validation images are called class 0 (balanced accuracy 33.3%), although the network")
    assert line.endswith(". Train longer or with class weights (--class-weights balanced).")
    assert "threshold" not in line


def test_of_many_classes_none_is_rare_where_all_have_as_few() -> None:
    run = RunState()
    matrix = [[3, *[0] * 19]] * 20  # 20 classes of 3 images, all of which are called the first
    for event in (run_started(class_names=list("abcdefghijklmnopqrst")), *of_validation(trained_epoch(1), matrix)):
        run.apply(event)
    run.apply(run_completed(1))
    (line,) = cautions(run)
    assert "Only 3 of 60" not in line
    assert "smaller learning rate" in line


@pytest.mark.parametrize("arm", ["baseline", "optimized"])
def test_only_a_search_is_advised_on_its_range(arm: str) -> None:
    (line,) = cautions(guessing_run(arm))
    assert ("range" in line) == (arm == "optimized")
    assert "smaller learning rate" in line


@pytest.mark.parametrize("moved", [True, False])
def test_a_value_set_by_hand_is_no_caution_about_the_search(moved: bool) -> None:
    """It is put in force by a decision without candidates, or held if it was in force already."""
    run = run_of(RATE, [1e-2, 1e-3 if moved else 1e-4])
    assert bool(cautions(run)) == (not moved)
    run.apply(ValuesRequested(by="me@host", epoch=3, values={"lr": 1e-4}))
    if moved:
        run.apply(decision_started(2, 3, axes=[RATE], loss=None))
        run.apply(chosen(2, 3, lr=1e-4, candidate=None, reason="chosen by hand"))
    for event in trained_epoch(3):
        run.apply(event)
    assert cautions(run) == ()
    run.apply(ValuesRequested(by="me@host", epoch=4, values={}))
    run.apply(decision_started(3, 4, axes=[RATE]))
    run.apply(chosen(3, 4, lr=1e-4))
    assert "lower edge" in cautions(run)[0]  # the search came to it by itself


def test_a_fall_by_hand_is_no_fall_of_the_search() -> None:
    run = run_of(RATE, [1e-1, 3e-2, 1e-2])
    run.apply(ValuesRequested(by="me@host", epoch=4, values={"lr": 1e-3}))
    run.apply(decision_started(3, 4, axes=[RATE], loss=None))
    run.apply(chosen(3, 4, lr=1e-3, candidate=None, reason="chosen by hand"))
    assert cautions(run) == ()
