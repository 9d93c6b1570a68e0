"""Sentences about choices that look greedy."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from fabricate import run_completed, trained_epoch

from hptui.reading.cautions import cautions
from hptui.reading.run_state import RunState
from hptui.reading.views.trajectories import trajectories
from hptui.record.events import Axis, DecisionRepeated, DecisionStarted, Evaluated, HyperparametersChosen

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
        confusion = [list(cells[:2]), list(cells[2:])]
        for event in trained_epoch(epoch):
            of_validation = isinstance(event, Evaluated) and event.split == "validation"
            run.apply(msgspec.structs.replace(event, confusion=confusion) if of_validation else event)
    assert "upper edge" in cautions(run)[0]  # it may still learn
    run.apply(run_completed(2))
    (line,) = cautions(run)
    assert line.startswith("the network tells the 2 classes no better than guessing (balanced accuracy 50.5%")
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
