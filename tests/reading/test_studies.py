"""What `list` and `compare` know of a study: the state of every run and of the whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricate import (
    candidate_scored,
    decision,
    decision_started,
    finished_study,
    make_study,
    run_resumed,
    run_started,
    trained_epoch,
    whole_run,
    write_run,
)

from hptui.errors import RunDirectoryError
from hptui.reading.listing import StudyReader
from hptui.reading.run_state import Decision, state_of
from hptui.reading.studies import FollowedStudy, Status, follow
from hptui.reading.study_line import UNREADABLE
from hptui.record import run_reader
from hptui.record.events import AnyEvent, LandscapePredicted, RunFailed, RunPaused, RunStopped
from hptui.record.presence import Presence
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.study_names import study_directories

BEGUN: list[AnyEvent] = [run_started(), *trained_epoch(1)]
STOPPED: list[AnyEvent] = [*BEGUN, RunStopped(reason="SIGINT", epoch=1, step=5)]
FAILED: list[AnyEvent] = [*BEGUN, RunFailed(error="ValueError: x")]
LOGS: dict[str, list[AnyEvent]] = {
    "waiting": [],
    "lost": BEGUN,
    "stopped": STOPPED,
    "failed": FAILED,
    "finished": whole_run(),
}


def statuses(directory: Path) -> dict[str, Status]:
    return {run.name: run.status for run in follow(directory).runs}


@pytest.mark.parametrize("status", LOGS)
def test_the_state_of_a_run_that_nobody_writes(tmp_path: Path, status: str) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    assert statuses(study.directory) == {"optimized-0": "waiting"}  # the run's folder is not there yet
    write_run(study, "optimized", 0, LOGS[status])
    assert statuses(study.directory) == {"optimized-0": status}
    assert follow(study.directory).status == status


@pytest.mark.parametrize("status", LOGS)
def test_a_run_with_a_living_writer_is_running_unless_it_is_finished(tmp_path: Path, status: str) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    directory = write_run(study, "optimized", 0, LOGS[status])
    with Presence(directory):
        expected = "finished" if status == "finished" else "running"
        assert statuses(study.directory) == {"optimized-0": expected}
        assert follow(study.directory).status == expected
    assert statuses(study.directory) == {"optimized-0": status}


def test_a_run_that_ended_after_it_was_read_is_not_lost(tmp_path: Path) -> None:
    """Its process may write the last line and go between two looks at log and process."""
    study = make_study(tmp_path / "study", runs=1)
    events = whole_run("baseline", 0)
    log = write_run(study, "baseline", 0, events[:-1]) / "events.jsonl"
    followed = follow(study.directory)
    assert followed.runs[0].status == "lost"
    write_run(study, "baseline", 0, events)
    assert followed.runs[0].status == "running"
    os.utime(log, (0, 0))  # of what nobody can read past, as much stands there for ever
    assert followed.runs[0].status == "lost"
    followed.refresh()
    assert followed.runs[0].status == "finished"


def test_a_run_that_went_on_after_a_stop_and_was_then_lost(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    write_run(study, "optimized", 0, [*STOPPED, run_resumed()])
    assert statuses(study.directory) == {"optimized-0": "lost"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("finished", "finished", "finished"),
        ("waiting", "waiting", "waiting"),
        ("finished", "waiting", "stopped"),
        ("finished", "stopped", "stopped"),
        ("finished", "lost", "lost"),
        ("finished", "failed", "failed"),
        ("stopped", "waiting", "stopped"),
        ("lost", "stopped", "lost"),
        ("failed", "lost", "failed"),
    ],
)
def test_the_state_of_a_study_is_the_worst_of_its_runs(
    tmp_path: Path, first: str, second: str, expected: Status
) -> None:
    study = make_study(tmp_path / "s")
    write_run(study, "baseline", 0, LOGS[first])
    write_run(study, "optimized", 0, LOGS[second])
    assert statuses(study.directory) == {"baseline-0": first, "optimized-0": second}
    assert follow(study.directory).status == expected
    with Presence(study.directory):  # the process that trains its runs lives, be it between two runs
        assert follow(study.directory).status == ("finished" if expected == "finished" else "running")


def test_one_living_run_makes_the_study_running(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s")
    write_run(study, "baseline", 0, FAILED)
    with Presence(write_run(study, "optimized", 0, BEGUN)):
        assert follow(study.directory).status == "running"


def test_following_takes_in_only_what_is_new(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    followed = FollowedStudy(study)
    followed.refresh()
    (run,) = followed.runs
    assert (run.arm, run.seed, run.status) == ("optimized", 0, "waiting")
    (arm, seed, directory) = study.runs()[0]
    study.create_run(arm, seed, directory)
    with RunWriter(directory) as writer:
        for count, event in enumerate(whole_run(), 1):
            writer.append(event)
            followed.refresh()
            assert run.state.time > 0, count
        assert run.state.epochs_completed == 2
        assert run.state.images_trained == 200  # nothing was counted twice
    assert run.status == "finished"


def test_studies_are_found_by_name_and_other_folders_left_out(tmp_path: Path) -> None:
    for name in ("20250101-a", "20260101-b", "20240101-c"):
        make_study(tmp_path / name)
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    make_study(tmp_path / "other" / "deeper")
    assert [path.name for path in study_directories(tmp_path)] == ["20240101-c", "20250101-a", "20260101-b"]
    assert study_directories(tmp_path / "nowhere") == []


def test_the_newest_study_comes_first_whatever_its_name(tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        make_study(tmp_path / name)
    assert [line.directory.name for line in StudyReader(tmp_path).read()] == ["a", "c", "b"]


def damage_toml(directory: Path) -> None:
    (directory / "study.toml").write_text("schema = [", "utf-8")


def set_what_is_not_known(directory: Path) -> None:
    file = directory / "study.toml"
    file.write_text(file.read_text("utf-8").replace("model = ", "setting_of_tomorrow = "), "utf-8")


def damage_log(directory: Path) -> None:
    with (directory / "optimized-0" / "events.jsonl").open("ab") as log:
        log.write(b"rubbish\n")


def lock_away(directory: Path) -> None:
    file = directory / "study.toml"
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [damage_toml, set_what_is_not_known, damage_log, lock_away])
def test_one_unreadable_study_does_not_hide_the_others(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    for name in ("a", "b", "c"):
        finished_study(tmp_path / name, [0.5], [0.6])
    harm(tmp_path / "b")
    with pytest.raises(RunDirectoryError):
        follow(tmp_path / "b")
    lines = StudyReader(tmp_path).read()
    assert {line.directory.name for line in lines if line.state == "finished"} == {"a", "c"}
    (problem,) = [line.problem for line in lines if line.state == UNREADABLE]
    assert f"{tmp_path}{os.sep}b" in problem
    assert "\n" not in problem


# A log that was interrupted within a decision, and went on from the checkpoint before it.
RESUMED = run_resumed(epoch=1, step=5, images_trained=100, images_probed=60, seconds=4.0, decisions=1)
INTERRUPTED: list[AnyEvent] = [
    run_started(),
    *decision(0, 1),
    *trained_epoch(1),
    decision_started(1, 2),
    candidate_scored(1, 0, 0.001, score=9.0),
    RunPaused(by="me"),
    candidate_scored(1, 1, 0.01, score=9.0),
    RESUMED,
    *decision(1, 2)[:-1],
    LandscapePredicted(decision=1, scores=[1.0, 2.0, None]),
    *decision(1, 2)[-1:],
    *trained_epoch(2),
]
LONG_LOGS = {
    "whole": whole_run(epochs=3),
    "interrupted": INTERRUPTED,
    "within a decision": [*INTERRUPTED, decision_started(2, 3), candidate_scored(2, 0, 0.001)],
    "within an epoch": [*whole_run(epochs=3)[:-4]],
    "baseline": whole_run("baseline", epochs=3),
}


@pytest.mark.parametrize("size", [1, 700, 5000, 1 << 23])
@pytest.mark.parametrize("name", LONG_LOGS)
def test_what_is_passed_over_changes_no_state_and_is_there_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    directory = write_run(study, "optimized", 0, LONG_LOGS[name])
    monkeypatch.setattr(run_reader, "SKIM_BYTES", size)
    (run,) = follow(study.directory).runs
    whole = state_of(RunReader(directory).read())
    expected = list(whole.decisions)
    for index, found in enumerate(expected):
        assert run.decision(index) == found
    assert [len(found.candidates) for found in run.state.decisions[:-1]] == [0] * (len(expected) - 1)
    run.state.decisions = whole.decisions = []
    assert run.state == whole


def test_candidates_of_earlier_decisions_are_not_even_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of hundreds of megabytes opens in a second."""
    study = make_study(tmp_path / "s", baseline="none", epochs=9)
    write_run(study, "optimized", 0, whole_run(epochs=9))
    decoded: list[AnyEvent] = []
    decode = run_reader.decode
    monkeypatch.setattr(run_reader, "decode", lambda *line: decoded.append(decode(*line)) or decoded[-1])
    (run,) = follow(study.directory).runs
    assert sum(type(event).__name__ == "CandidateScored" for event in decoded) == 3  # of the newest decision
    assert isinstance(run.decision(4), Decision)
    assert sum(type(event).__name__ == "CandidateScored" for event in decoded) == 3 + 3


def test_an_earlier_decision_is_read_while_the_run_goes_on(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=3)
    events = whole_run(epochs=3)
    directory = write_run(study, "optimized", 0, events[:2])
    followed = FollowedStudy(study)
    (run,) = followed.runs
    with RunWriter(directory) as writer:
        for event in events[2:]:
            writer.append(event)
            followed.refresh()
            now = run.state.decisions
            assert all(len(run.decision(index).candidates) == 3 for index in range(len(now) - 1))
    assert [len(run.decision(index).candidates) for index in range(3)] == [3, 3, 3]
