"""What `list` and `compare` know of a study: the state of every run and of the whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricate import finished_study, make_study, run_resumed, run_started, trained_epoch, whole_run, write_run

from hptui.errors import RunDirectoryError
from hptui.events import AnyEvent, RunFailed, RunStopped
from hptui.presence import Presence
from hptui.run_directory import RunWriter
from hptui.studies import FollowedStudy, Status, follow, readable, study_directories

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
    studies, problems = readable(study_directories(tmp_path))
    assert [followed.study.name for followed in studies] == ["a", "c", "b"]
    assert problems == []


def damage_toml(directory: Path) -> None:
    (directory / "study.toml").write_text("schema = [", "utf-8")


def name_what_is_not_here(directory: Path) -> None:
    file = directory / "study.toml"
    file.write_text(file.read_text("utf-8").replace('"lenet"', '"net_of_a_colleague"'), "utf-8")


def damage_log(directory: Path) -> None:
    with (directory / "optimized-0" / "events.jsonl").open("ab") as log:
        log.write(b"rubbish\n")


def lock_away(directory: Path) -> None:
    file = directory / "study.toml"
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [damage_toml, name_what_is_not_here, damage_log, lock_away])
def test_one_unreadable_study_does_not_hide_the_others(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    for name in ("a", "b", "c"):
        finished_study(tmp_path / name, [0.5], [0.6])
    harm(tmp_path / "b")
    with pytest.raises(RunDirectoryError):
        follow(tmp_path / "b")
    studies, problems = readable(study_directories(tmp_path))
    assert [followed.study.name for followed in studies] == ["c", "a"]
    (problem,) = problems
    assert f"{tmp_path}{os.sep}b" in problem
    assert "\n" not in problem
