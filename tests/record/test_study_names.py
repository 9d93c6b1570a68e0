"""Names that the list prints, their beginnings, and paths: which study or run is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import finished_study, make_study

from hptui.errors import RunDirectoryError
from hptui.record.study_folders import studies_folder
from hptui.record.study_names import find_run, find_study, study_names


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("20260101-digits-grid", "20260102-mnist-grid", "20260102-mnist-grid-2"):
        make_study(studies_folder() / name)
    return tmp_path


@pytest.mark.parametrize("text", ["20260101-digits-grid", "20260101", "20260101-digits-grid/"])
def test_a_name_or_its_beginning_is_enough(text: str) -> None:
    assert find_study(text) == studies_folder() / "20260101-digits-grid"


def test_a_name_that_another_begins_with_is_itself() -> None:
    assert find_study("20260102-mnist-grid") == studies_folder() / "20260102-mnist-grid"
    with pytest.raises(RunDirectoryError, match="is the beginning of 2 studies: 20260102-mnist-grid-2, 20260102-mnist"):
        find_study("20260102")


def test_a_path_is_taken_first(here: Path) -> None:
    make_study(here / "20260101-digits-grid")
    assert find_study("20260101-digits-grid") == Path("20260101-digits-grid")
    make_study(here / "deep" / "er")
    assert find_study("deep/er") == Path("deep/er")
    assert find_study(str(here / "deep" / "er")) == here / "deep" / "er"


def test_a_folder_that_is_no_study_does_not_hide_one_of_its_name(here: Path) -> None:
    (here / "20260101").mkdir()
    assert find_study("20260101") == studies_folder() / "20260101-digits-grid"
    (here / "plain").mkdir()
    assert find_study("plain") == Path("plain")  # whoever opens it says what is wrong


def test_an_unknown_name_gets_those_that_are_near() -> None:
    with pytest.raises(RunDirectoryError, match=r"digits is not a study: .* Did you mean 20260101-digits-grid\?"):
        find_study("digits")
    with pytest.raises(RunDirectoryError, match=r"20260101-digit-gird is not .* Did you mean 20260101-digits-grid"):
        find_study("20260101-digit-gird")
    with pytest.raises(RunDirectoryError, match="hptui list shows them"):
        find_study("zzz")


def test_the_newest_names_come_first() -> None:
    assert study_names()[0] == "20260102-mnist-grid-2"


def test_a_run_is_named_behind_its_study(here: Path) -> None:
    study = finished_study(studies_folder() / "done", [0.5, 0.5], [0.6, 0.6])
    assert find_run("done/optimized-1") == study.directory / "optimized-1"
    assert find_run("don/optimized-1") == study.directory / "optimized-1"
    with pytest.raises(RunDirectoryError, match="'optimized' is the beginning of several runs: optimized-0, opt"):
        find_run("done/optimized")
    with pytest.raises(RunDirectoryError, match="'x' is no run of it; it has baseline-0"):
        find_run("done/x")
    assert find_run("done") == study.directory  # whoever opens it says that it is a study
    assert find_run(str(study.directory / "baseline-0")) == study.directory / "baseline-0"
    finished_study(here / "s", [0.5], [0.6])
    assert find_run("s/baseline-0") == Path("s/baseline-0")
