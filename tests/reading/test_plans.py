"""What is still to come in a run, from its log alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import (
    candidate_scored,
    chosen,
    configuration,
    decision_started,
    edit_study,
    epoch_completed,
    run_completed,
    run_started,
    write_run,
)

from hptui.plan import Plan, Round, Stage
from hptui.reading.plan import coming_lines
from hptui.reading.studies import follow
from hptui.record.events import AnyEvent, DecisionsPlanned, ValuesRequested
from hptui.record.study_directory import create_study, open_study

SURVEY = Stage((1,), ("lr",), (Round(7, 0.25), Round(3, 0.5)), "survey", at_most=True, gained=0.75)
SCREEN = Stage((3,), ("dropout", "weight_decay"), (Round(5, 1.0), Round(2, 1.0)), "screen", at_most=True)
OTHERWISE = "an epoch that goes wrong is trained again"
PLAN = Plan((SURVEY, SCREEN), ("momentum",), OTHERWISE)
TOLD = DecisionsPlanned(epoch=1, stages=[SURVEY, SCREEN], left_out=["momentum"], otherwise=OTHERWISE, cost=1.5)
WHAT = "screen of dropout, weight_decay, 5 candidates for 1 epoch, then at most 2 for 1"
SECOND = f"next decision before epoch 3: {WHAT}"
TWO = [epoch_completed(1), epoch_completed(2)]
LEFT_OUT = "no budget to search momentum"
NOTHING = "nothing more will be decided"

FIRST = (
    "next decision before epoch 1: survey of lr, 7 candidates for 0.25 epochs, then at most 3 for 0.5",
    SECOND.removeprefix("next decision "),
    LEFT_OUT,
    OTHERWISE,
)
MOST = {"planned": None, "planned_most": 10}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([TOLD], FIRST),
        (
            [TOLD, decision_started(0, 1, **MOST), candidate_scored(0, 0), candidate_scored(0, 1)],
            ("decision 1, for epoch 1: candidate 3 of at most 10", SECOND, LEFT_OUT, OTHERWISE),
        ),
        ([TOLD, decision_started(0, 1), chosen(0, 1)], (SECOND, LEFT_OUT, OTHERWISE)),
        ([TOLD, decision_started(0, 1), chosen(0, 1), epoch_completed(1)], (SECOND, LEFT_OUT, OTHERWISE)),
        (
            [TOLD, *TWO, decision_started(1, 3), candidate_scored(1, 0)],
            ("decision 2, for epoch 3: candidate 2/3", NOTHING, LEFT_OUT, OTHERWISE),
        ),
        ([TOLD, *TWO, decision_started(1, 3), chosen(1, 3)], (NOTHING, LEFT_OUT, OTHERWISE)),
        ([TOLD, *TWO, decision_started(1, 3), chosen(1, 3), epoch_completed(3)], (NOTHING, LEFT_OUT)),
        (
            [TOLD, ValuesRequested(by="me", epoch=2, values={"lr": 0.1})],
            ("by hand: lr 0.1; nothing is decided until the strategy chooses again",),
        ),
        ([TOLD, run_completed(4)], ("completed: nothing more will be decided",)),
        ([TOLD, run_completed(3)], ("completed with 3 epochs; goes on to 4 after the other runs",)),
        ([], ()),
    ],
)
def test_what_is_to_come_in_words(tmp_path: Path, events: list[AnyEvent], expected: tuple[str, ...]) -> None:
    study = create_study(tmp_path / "s", configuration(epochs=4), "f" * 64, {"baseline": 1.0, "optimized": 1.5})
    write_run(study, "optimized", 0, [run_started(epochs=4), *events])
    followed = follow(study.directory)
    (run,) = [run for run in followed.runs if run.arm == "optimized"]
    assert tuple(coming_lines(followed, run)) == expected


def test_the_plan_of_the_study_is_told_before_a_run_begins_and_a_study_without_one_is_read(tmp_path: Path) -> None:
    cost = {"baseline": 1.0, "optimized": 1.5}
    study = create_study(tmp_path / "s", configuration(epochs=4), "f" * 64, cost, plans={"optimized": PLAN})
    assert open_study(study.directory).plans == {"optimized": PLAN}
    followed = follow(study.directory)
    assert {run.arm: tuple(coming_lines(followed, run)) for run in followed.runs} == {
        "baseline": (),
        "optimized": FIRST,
    }
    edit_study(study.directory, lambda text: text[: text.index("[plans")] + text[text.index("[config]") :])
    assert open_study(study.directory).plans == {}
