"""What is looked at, how logs are read on, and how often: without an app."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from fabricate import (
    batches_trained,
    candidate_scored,
    decision,
    finished_study,
    make_study,
    run_completed,
    run_started,
    whole_run,
    write_run,
)

from hptui.reading.studies import FollowedRun, follow
from hptui.record.events import encode
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_writer import RunWriter
from hptui.ui.drawing.colours import Palette
from hptui.ui.pace import LEAST_SECONDS, MOST_SECONDS, Pace
from hptui.ui.viewer import ENDED_SECONDS, Viewer


def test_the_run_that_was_written_last_is_looked_at_until_somebody_chooses(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.8])
    viewer = Viewer(study.directory)
    assert viewer.run.name == "optimized-1"  # before anything was read
    assert not viewer.read_on(10)
    assert viewer.run.name == "optimized-1"
    for step, name in ((-1, "baseline-1"), (-5, "baseline-0"), (1, "optimized-0"), (9, "optimized-1")):
        viewer.look(step)
        assert viewer.run.name == name
    assert viewer.look_at("optimized-0")
    viewer.go(-1)
    assert viewer.scene(Palette()).decision == viewer.run.decision(0)
    viewer.follow()
    assert viewer.run.name == "optimized-1"
    assert viewer.scene(Palette()).following


def test_going_back_holds_the_run_though_another_one_begins(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=2)
    write_run(study, "optimized", 0, whole_run())
    viewer = Viewer(study.directory)
    viewer.read_on(10)
    viewer.go(-1)
    write_run(study, "baseline", 1, [run_started(arm="baseline", seed=1)])
    viewer.read_on(10)
    assert viewer.run.name == "optimized-0"
    assert not viewer.look_at("optimized-1")  # it has not begun
    viewer.follow()
    assert viewer.run.name == "baseline-1"


def test_of_several_runs_at_work_one_is_looked_at_until_it_ends(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=2)
    runs = [("baseline", 0), ("optimized", 0), ("baseline", 1)]
    for arm, seed in runs:
        write_run(study, arm, seed, [run_started(arm=arm, seed=seed)])
    first, second, third = (RunWriter(study.directory / f"{arm}-{seed}") for arm, seed in runs)
    viewer = Viewer(study.directory)
    with second, third:
        with first:
            for writer in (first, second, third, first, second):
                writer.append(batches_trained())
                viewer.read_on(10)
                assert viewer.run.name == "baseline-1"  # that was written last when it was opened
            viewer.look(-1)
            third.append(batches_trained())
            viewer.read_on(10)
            assert viewer.run.name == "optimized-0"  # chosen
            viewer.follow()
            assert viewer.run.name == "baseline-1"
            first.append(batches_trained())
            third.append(run_completed())
            second.append(batches_trained())
            viewer.read_on(10)
            assert viewer.run.name == "optimized-0"
        second.append(batches_trained())
    assert viewer.run.name == "optimized-0"


def test_an_earlier_decision_that_cannot_be_read_is_shown_without_its_cells(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    write_run(study, "optimized", 0, whole_run())
    viewer = Viewer(study.directory)
    viewer.read_on(10)
    shutil.rmtree(study.directory)
    viewer.go(-1)
    scene = viewer.scene(Palette())
    assert scene.decision is not None
    assert scene.decision.candidates == []
    assert "No such file" in viewer.problems["optimized-0"]


def test_a_damaged_candidate_that_was_passed_over_is_named_by_its_line(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none", epochs=3)
    directory = write_run(study, "optimized", 0, whole_run(epochs=3))
    lines = (directory / EVENTS_FILE).read_bytes().splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith(b'{"event":"CandidateScored"'))
    lines[place] = b'{"event":"CandidateScored","nonsense":1}'.ljust(len(lines[place]))
    (directory / EVENTS_FILE).write_bytes(b"\n".join([*lines, b""]))
    viewer = Viewer(study.directory)
    viewer.read_on(10)
    assert not viewer.problems
    viewer.go(-2)
    viewer.scene(Palette())
    assert f"line {place + 1} cannot be read" in viewer.problems["optimized-0"]


def test_a_run_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    (study.directory / "baseline-0" / EVENTS_FILE).write_bytes(b"nonsense\n")
    viewer = Viewer(study.directory)
    assert not viewer.read_on(10)
    assert "line 1 cannot be read" in viewer.problems["baseline-0"]
    assert viewer.followed.runs[1].state.completed


def test_a_file_system_that_fails_once_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    viewer = Viewer(study.directory)

    def fail(run: FollowedRun, seconds: float) -> None:
        raise OSError("stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(FollowedRun, "refresh", fail)
        viewer.read_on(10)
    assert "stale" in viewer.problems["optimized-0"]
    viewer.read_on(10)
    assert all(run.state.completed for run in viewer.followed.runs)


def test_on_a_slow_disk_every_run_has_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5] * 4, [0.7] * 4)
    viewer = Viewer(study.directory)
    refresh, now = FollowedRun.refresh, [time.monotonic()]

    def slowly(run: FollowedRun, seconds: float) -> None:
        refresh(run, seconds)
        now[0] += 0.01

    monkeypatch.setattr(FollowedRun, "refresh", slowly)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])  # of the slow disk alone, however busy the machine is
    looks = 1
    while viewer.read_on(0.015):
        looks += 1
        assert looks < 20
    assert all(run.state.completed for run in viewer.followed.runs)
    assert 4 <= looks <= 9
    viewer.read_on(0.015)  # nothing is behind any more: the next look can wait
    assert not viewer.read_on(0.015)


def test_a_long_log_that_had_its_turn_is_still_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5, 0.6, 0.7], [0.7, 0.8, 0.9])
    monkeypatch.setattr("hptui.record.run_reader.SKIM_BYTES", 2000)
    viewer = Viewer(study.directory)
    while viewer.read_on(0):  # a piece of one log at a time
        pass
    assert all(run.state.completed for run in viewer.followed.runs)


def test_runs_that_have_ended_are_looked_at_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7], runs=2)
    write_run(study, "baseline", 1, [run_started(arm="baseline", seed=1)])
    viewer, read = Viewer(study.directory), list[str]()
    clock = [100.0]
    monkeypatch.setattr("hptui.ui.viewer.time.monotonic", lambda: clock[0])
    assert not viewer.read_on(10)
    refresh = FollowedRun.refresh
    monkeypatch.setattr(FollowedRun, "refresh", lambda run, seconds: read.append(run.name) or refresh(run, seconds))
    viewer.read_on(10)
    assert sorted(read) == ["baseline-1", "optimized-1"]
    clock[0] += ENDED_SECONDS
    viewer.read_on(10)
    assert sorted(read[2:]) == ["baseline-0", "baseline-1", "optimized-0", "optimized-1"]


def test_at_a_moment_that_is_held_a_run_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = follow(make_study(tmp_path / "study", runs=2).directory)
    looked: list[Path] = []
    monkeypatch.setattr("hptui.reading.studies.is_written", lambda path: looked.append(path) or False)
    with followed.held():
        assert followed.status == "waiting"
        assert [run.status for run in followed.runs] == ["waiting"] * 4
    assert len(looked) == 5
    assert followed.runs[0].status == "waiting"
    assert len(looked) == 6


def test_a_log_that_grows_is_followed(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", baseline="none")
    directory = write_run(study, "optimized", 0, [run_started()])
    viewer = Viewer(study.directory)
    viewer.read_on(10)
    with RunWriter(directory) as writer:
        for event in decision(0, 1)[:3]:
            writer.append(event)
    with (directory / EVENTS_FILE).open("ab") as file:
        file.write(encode(candidate_scored(0, 2, 0.1))[:-9])  # torn: not yet
    viewer.read_on(10)
    shown = viewer.scene(Palette()).decision
    assert shown is not None
    assert len(shown.candidates) == 2


def test_the_pace_keeps_drawing_to_its_share() -> None:
    spent = iter([0.0, 0.001, 0.041, 1.041])
    pace = Pace(0.1, clock=lambda: next(spent))
    assert pace.seconds() == LEAST_SECONDS
    assert pace.seconds() == pytest.approx(0.4)
    assert pace.seconds() == MOST_SECONDS
