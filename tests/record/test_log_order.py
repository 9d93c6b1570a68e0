"""A fact that is out of its bounds, or does not follow those before, is told by its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from fabricate import (
    AXIS,
    candidate_scored,
    chosen,
    decision,
    decision_started,
    evaluated,
    make_study,
    run_completed,
    run_resumed,
    run_started,
    whole_run,
    write_run,
)

from hptui.errors import RunDirectoryError
from hptui.reading.studies import follow
from hptui.record.events import AnyEvent, Axis, DecisionRepeated, LandscapePredicted, RangesChanged, decode, encode
from hptui.record.log_order import LogOrder

PREDICTED = LandscapePredicted(decision=0, scores=[1.0, None, 0.9])
REPEATED = DecisionRepeated(decision=0, times=2.0, values={"lr": 0.1}, changed=["lr"], images=40, seconds=1.0)
UNORDERED: dict[str, tuple[list[AnyEvent], str]] = {
    "a lost beginning": ([candidate_scored(0)], "CandidateScored of decision 0 comes without its DecisionStarted"),
    "of the decision before": ([*decision(0, 1), candidate_scored(1)], "CandidateScored of decision 1 comes without"),
    "a choice alone": ([chosen(2)], "HyperparametersChosen of decision 2 comes without"),
    "a prediction alone": ([PREDICTED], "LandscapePredicted of decision 0 comes without"),
    "a repetition alone": ([REPEATED], "DecisionRepeated of decision 0 comes without"),
    "other cells": (
        [decision_started(0, axes=[AXIS, msgspec.structs.replace(AXIS, name="dropout")]), PREDICTED],
        "LandscapePredicted has 3 scores for 9 cells",
    ),
    "resumed within nothing": ([run_resumed(candidates=2)], "goes on within decision 0, which has no DecisionStarted"),
    "resumed after a lost one": (
        [*decision(0, 1), run_resumed(decisions=2)],
        "goes on after decision 1, which has no end",
    ),
    "an empty range": (
        [run_started(searched=[Axis("lr", 1.0, 1.0, "log", [1.0])])],
        "the range of lr ends before it begins",
    ),
    "a logarithm of 0": (
        [decision_started(axes=[Axis("lr", 0.0, 1.0, "log", [0.5])])],
        "lr has values that are not above 0",
    ),
    "values that fall": (
        [RangesChanged(by="a", epoch=1, old=[], new=[Axis("lr", 0.1, 1.0, "log", [1.0, 0.1])])],
        "the values of lr do not ascend",
    ),
    "one twice": ([decision_started(axes=[AXIS, AXIS])], "a hyperparameter is searched twice"),
    "nothing of what is searched": (
        [decision_started(), candidate_scored(values={"momentum": 0.9})],
        "candidate 0 of decision 0 has no value",
    ),
}


@pytest.mark.parametrize("what", UNORDERED)
def test_a_fact_that_does_not_follow_is_told(tmp_path: Path, what: str) -> None:
    events, words = UNORDERED[what]
    study = make_study(tmp_path / "study", baseline="none")
    log = write_run(study, "optimized", 0, [run_started(), *events]) / "events.jsonl"
    with pytest.raises(RunDirectoryError) as caught:
        follow(study.directory)
    assert str(caught.value).startswith(f"{log}, line {len(events) + 1} does not follow those before: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("lost", ["DecisionStarted", "RunStarted"])
def test_a_lost_line_is_told(tmp_path: Path, lost: str) -> None:
    events = [event for event in whole_run() if type(event).__name__ != lost]
    study = make_study(tmp_path / "study", baseline="none")
    write_run(study, "optimized", 0, events)
    with pytest.raises(RunDirectoryError, match=r"without its DecisionStarted|begins with DecisionStarted: the lines"):
        follow(study.directory)


def test_runs_of_every_kind_are_in_order() -> None:
    order = LogOrder()
    resumed = [run_resumed(epoch=1, decisions=1), decision_started(1, 2), candidate_scored(1)]
    again = [run_resumed(epoch=1, decisions=1, candidates=1), candidate_scored(1, 1, 0.01), chosen(1, 2)]
    anew = [run_resumed(epoch=1, decisions=1), *decision(1, 2)]
    for event in [*whole_run(epochs=1), *resumed, *again, *anew, run_completed()]:
        order.take(event)


BAD_FIELDS: list[tuple[AnyEvent, str, Any]] = [
    (run_completed(), "time", 1e300),
    (run_completed(), "time", -1.0),
    (run_completed(), "epoch", -2),
    (run_completed(), "epoch", 10**9),
    (run_completed(), "test_accuracy", 1.5),
    (run_completed(), "seconds", -1.0),
    (run_completed(), "cost", -0.5),
    (run_started(), "seed", -1),
    (run_started(), "epochs", 0),
    (run_started(), "images_per_epoch", 2**60),
    (evaluated(), "confusion", [[1, 2], [3]]),
    (evaluated(), "confusion", [[1, -2], [3, 4]]),
    (evaluated(), "confusion", [[10**7, 1], [3, 4]]),
    (candidate_scored(), "classes", {"support": [1], "predicted": [1, 2], "hits": [1]}),
    (candidate_scored(), "start", [0, -1]),
    (REPEATED, "changed", ["momentum"]),
    (decision_started(), "axes", [{"name": "lr", "low": 0.1, "high": 1, "scale": "log", "values": []}]),
]


@pytest.mark.parametrize(("event", "field", "value"), BAD_FIELDS)
def test_what_is_out_of_its_bounds_is_no_event(event: AnyEvent, field: str, value: Any) -> None:
    line = encode(event).rstrip()
    assert decode(line) == event
    plain = msgspec.json.decode(line) | {field: value}
    del plain["crc"]
    with pytest.raises(msgspec.ValidationError):
        decode(msgspec.json.encode(plain))
