"""What somebody who looks elsewhere is told of a study: each thing once, and nothing of what is long past."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from fabricate import (
    batches_trained,
    epoch_completed,
    finished_study,
    make_study,
    run_resumed,
    run_started,
    trained_epoch,
)

from hptui.reading.alerts import STUCK_SECONDS, STUCK_TIMES, Alert, AlertFinder, diverged_words
from hptui.reading.comparison import compare
from hptui.reading.run_state import state_of
from hptui.reading.studies import FollowedStudy, follow
from hptui.record.events import AnyEvent, RunContinued, RunFailed, RunPaused


def timed(events: Iterable[AnyEvent], seconds: float, since: float = 1000.0) -> list[AnyEvent]:
    """The events, one every so many seconds."""
    return [
        msgspec.structs.replace(event, time=since + number * seconds) for number, event in enumerate(events, start=1)
    ]


@pytest.fixture
def followed(tmp_path: Path) -> FollowedStudy:
    """A study whose runs have not begun; what becomes of them is applied to their states."""
    return FollowedStudy(make_study(tmp_path / "study"))


def messages(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(alert.kind, alert.run, alert.message) for alert in alerts]


def test_the_end_is_told_to_who_saw_it_live(tmp_path: Path) -> None:
    study = follow(finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.75]).directory)
    finder = AlertFinder(study)
    assert finder.find("finished") == []  # opened when all was over
    assert finder.find("finished") == []
    awaited = AlertFinder(study, awaited=True)
    assert [alert.kind for alert in awaited.find("finished")] == ["finished"]  # over before the first look
    assert awaited.find("finished") == []
    finder = AlertFinder(study)
    assert finder.find("running") == []
    assert messages(finder.find("finished")) == [
        (
            "finished",
            "",
            f"study is finished: mean test accuracy baseline 55.00%, optimized 72.50%. {compare(study).verdict.words}",
        )
    ]
    assert finder.find("finished") == []


def test_a_failure_is_told_with_its_reason_and_a_stop_is_not(followed: FollowedStudy) -> None:
    finder = AlertFinder(followed)
    assert finder.find("running") == []
    assert finder.find("stopped") == []  # somebody asked for it
    followed.runs[1].state.apply(run_started())
    followed.runs[1].state.apply(RunFailed(error="ValueError: no idea"))
    assert finder.find("paused") == []
    assert messages(finder.find("failed")) == [
        ("failed", "optimized-0", "study: optimized-0 failed: ValueError: no idea")
    ]


def test_a_process_that_is_gone_is_told(followed: FollowedStudy) -> None:
    finder = AlertFinder(followed)
    finder.find("running")
    ((kind, run, message),) = messages(finder.find("lost"))
    assert (kind, run) == ("lost", "")
    assert "hptui resume" in message


def test_a_divergence_is_told_once(followed: FollowedStudy) -> None:
    finder, run = AlertFinder(followed), followed.runs[1]
    for event in [run_started(), *trained_epoch(1)]:
        run.state.apply(event)
    assert finder.find("running") == []
    run.state.apply(batches_trained(2, loss=None))
    words = "study: optimized-0 has diverged: the training loss of epoch 2 is not finite"
    assert messages(finder.find("running")) == [("diverged", "optimized-0", words)]
    run.state.apply(epoch_completed(2, train_loss=None))
    assert finder.find("running") == []
    run.state.apply(run_resumed(epoch=1))  # it went back to before, and may diverge anew
    assert finder.find("running") == []
    run.state.apply(batches_trained(2, loss=None))
    assert len(finder.find("running")) == 1


def test_a_divergence_that_was_there_before_is_of_old(followed: FollowedStudy) -> None:
    followed.runs[1].state.apply(run_started())
    followed.runs[1].state.apply(batches_trained(1, loss=None))
    finder = AlertFinder(followed)
    assert finder.find("running") == []
    assert finder.find("running") == []


@pytest.mark.parametrize(
    ("times", "calibrated", "diverged"),
    [
        ((3.1,), (1.0,), False),  # the first steps may be far off
        ((3.1, 3.1), (1.0, 1.0), True),
        ((3.1, 3.1), (None, None), True),  # of an earlier hptui
        ((2.9, 3.1), (1.0, 1.0), False),
        ((3.1, 2.9), (1.0, 1.0), False),
        ((1.0, 3.1), (1.0, 1.0), False),
        ((1.0, 3.1, 40.0), (0.5, 1.0, 0.97), True),
        ((3.3, 6.7), (1.0, 0.9), False),  # on its way, as validation images see it
    ],
)
def test_a_loss_that_stays_far_above_guessing_is_a_divergence(
    times: tuple[float, ...], calibrated: tuple[float | None, ...], diverged: bool
) -> None:
    losses = [time * math.log(3) for time in times]  # of three classes
    epochs = [
        epoch_completed(number, train_loss=loss, calibrated_loss=held)
        for number, (loss, held) in enumerate(zip(losses, calibrated, strict=True), start=1)
    ]
    words = diverged_words(state_of([run_started(), *epochs]))
    if not diverged:
        assert words == ""
        return
    last = len(times)
    assert words == (
        f"the training loss is {losses[-2]:.3g} in epoch {last - 1} and {losses[-1]:.3g} in epoch {last};"
        " guessing has 1.1"
    )


@pytest.mark.parametrize("gap", [1.0, 60.0])
def test_a_run_that_is_silent_for_far_longer_than_ever_is_stuck(followed: FollowedStudy, gap: float) -> None:
    """Of five minutes, and of ten times the longest silence before, the longer one."""
    finder, run, limit = AlertFinder(followed), followed.runs[1], max(STUCK_SECONDS, STUCK_TIMES * gap)
    for event in timed([run_started(), *trained_epoch(1)], gap):
        run.state.apply(event)
    assert run.state.longest_silence == gap
    assert finder.find("running", 0.0) == []
    assert finder.find("running", limit - 1) == []
    ((kind, name, message),) = messages(finder.find("running", limit + 1))
    assert (kind, name) == ("stuck", "optimized-0")
    before = "1.0 s" if gap == 1 else "60.0 s"
    assert message.endswith(f"nothing for {limit / 60:.0f} min, where the longest silence before was {before}")
    assert finder.find("running", 3 * limit) == []  # once
    (event,) = timed([batches_trained(2)], gap, since=run.state.time)
    run.state.apply(event)
    assert finder.find("running", 3 * limit) == []
    assert len(finder.find("running", 5 * limit)) == 1  # again


def test_one_of_several_runs_at_work_is_stuck_while_another_goes_on(followed: FollowedStudy) -> None:
    finder, (goes_on, silent) = AlertFinder(followed), followed.runs
    for run in followed.runs:
        for event in timed([run_started(arm=run.arm), *trained_epoch(1)], 1.0):
            run.state.apply(event)
    assert finder.find("running", 0.0) == []
    found = []
    for minute in range(1, 8):
        (event,) = timed([batches_trained(2)], 1.0, since=goes_on.state.time)
        goes_on.state.apply(event)
        found += finder.find("running", 60.0 * minute)
    assert [(alert.kind, alert.run) for alert in found] == [("stuck", silent.name)]


def test_a_paused_run_and_one_that_has_not_begun_are_not_stuck(followed: FollowedStudy) -> None:
    finder, run = AlertFinder(followed), followed.runs[1]
    assert finder.find("running", 0.0) == []
    assert finder.find("running", 9 * STUCK_SECONDS) == []  # data are read between two runs
    run.state.apply(run_started())
    assert finder.find("running", 9 * STUCK_SECONDS) == []
    assert finder.find("paused", 20 * STUCK_SECONDS) == []
    assert finder.find("running", 20.5 * STUCK_SECONDS) == []


def test_pauses_and_interruptions_are_no_silence() -> None:
    events = [
        *timed([run_started(), batches_trained(1, 1)], 2.0),
        *timed([RunPaused(by="me")], 1.0, since=1004.0),
        *timed([RunContinued(by="me")], 1.0, since=5000.0),
        *timed([batches_trained(1, 2)], 3.0, since=5001.0),
        *timed([run_resumed(epoch=0)], 1.0, since=9000.0),
    ]
    assert state_of(events).longest_silence == 3.0
