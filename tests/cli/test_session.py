"""A training in a worker thread, as a signal finds it: what has to be waited for, and what the exit code says."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fabricate import PATIENCE_SECONDS, configuration, make_study

from hptui.cli.concluding import exit_code
from hptui.cli.exit_codes import DONE, FAILED, INTERRUPTED, STOPPED, USAGE
from hptui.cli.preparing import NewStudyPreparation
from hptui.cli.session import Session
from hptui.errors import DatasetError
from hptui.headway import tell
from hptui.training import PreparedStudy


class Preparing:
    """Stands while data are read, until it may go on."""

    def __init__(self, result: Any) -> None:
        self.reached, self.may_go_on = threading.Event(), threading.Event()
        self._result = result

    def __call__(self) -> Any:
        self.reached.set()
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What came as far as being trained."""
    begun: list[object] = []
    monkeypatch.setattr("hptui.training.train_study", lambda prepared, control: begun.append(prepared) or True)
    return begun


def prepared(folder: Path) -> PreparedStudy:
    return PreparedStudy(make_study(folder), configuration(), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("resumes", "code"), [(False, INTERRUPTED), (True, STOPPED)])
def test_what_is_stopped_while_data_are_read_is_waited_for_by_nobody(
    tmp_path: Path, trained: list[object], resumes: bool, code: int
) -> None:
    preparing = Preparing(prepared(tmp_path / "study"))
    session = Session(preparing, tmp_path / "study" if resumes else None)
    assert preparing.reached.wait(PATIENCE_SECONDS)
    assert session.alive
    session.stop("SIGHUP")
    session.stop("SIGTERM")
    session.wait()
    assert (session.alive, session.finished.is_set(), session.reason) == (False, False, "SIGHUP")
    assert exit_code(session) == code
    preparing.may_go_on.set()  # the import ends after all: nothing is trained any more
    session.join()
    assert trained == []
    assert exit_code(session) == STOPPED  # there is a study by now


def test_a_study_that_was_made_an_instant_ago_can_be_gone_on_with(tmp_path: Path) -> None:
    """The process is left between the making of the folder and the training."""
    preparing, waiting = NewStudyPreparation(configuration()), Preparing(DatasetError("too late"))
    session = Session(waiting)
    session._prepare = preparing
    session.stop("SIGHUP")
    preparing.directory = tmp_path / "study"
    assert exit_code(session) == INTERRUPTED
    make_study(tmp_path / "study")
    assert exit_code(session) == STOPPED
    assert session.resumable == tmp_path / "study"
    waiting.may_go_on.set()
    session.join()


def test_what_ends_by_itself_is_done(tmp_path: Path, trained: list[object]) -> None:
    preparing = Preparing(prepared(tmp_path / "study"))
    session = Session(preparing)
    preparing.may_go_on.set()
    session.wait()
    session.stop("SIGHUP")  # a moment later
    session.join()
    assert len(trained) == 1
    assert exit_code(session) == DONE


@pytest.mark.parametrize(("error", "code"), [(DatasetError("no such file"), USAGE), (ValueError("own code"), FAILED)])
def test_a_failure_keeps_its_exit_code(error: Exception, code: int) -> None:
    preparing = Preparing(error)
    session = Session(preparing)
    preparing.may_go_on.set()
    session.wait()
    session.join()
    assert exit_code(session) == code


def test_what_is_decoded_is_told_and_called_off_by_a_stop(trained: list[object]) -> None:
    told, put_away = threading.Event(), threading.Event()

    def decoding() -> Any:
        try:
            while True:
                tell("decoding 1 of 2 images")
                told.set()
        finally:
            put_away.set()

    session = Session(decoding)
    assert told.wait(PATIENCE_SECONDS)
    assert session.doing == "decoding 1 of 2 images"
    session.stop("SIGINT")
    session.wait()  # for so long that what was begun is put away
    assert put_away.wait(PATIENCE_SECONDS)
    session.join()
    assert (session.failure, exit_code(session), trained) == (None, INTERRUPTED, [])


def test_nothing_is_told_any_more_once_it_trains(tmp_path: Path, trained: list[object]) -> None:
    def preparing() -> Any:
        tell("decoding 1 of 2 images")
        return prepared(tmp_path / "study")

    session = Session(preparing)
    session.join()
    assert (session.doing, len(trained)) == ("", 1)
