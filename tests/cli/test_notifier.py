"""The command that somebody wants to be run when a training ends or goes wrong, and the terminal's bell."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fabricate import PATIENCE_SECONDS, batches_trained, finished_study, make_study, run_started, wait_until, write_run

from hptui.__main__ import main
from hptui.cli import notifier
from hptui.cli.notifier import Notifier, notify_beside_screen, notify_without_screen, run_command
from hptui.cli.notify import Notify
from hptui.config.layers import misspelt
from hptui.errors import TrainingError, UsageError
from hptui.reading.alerts import Alert, AlertFinder
from hptui.reading.studies import FollowedStudy, follow
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study

WRITE = f'{sys.executable} -c \'import json, os; json.dump(dict(os.environ), open("told.json", "w"))\''


class FakeSession:
    """What is known of a training in this process."""

    def __init__(self, study: Path | None = None) -> None:
        self.study, self.failure, self.completed = study, None, False
        self.finished = threading.Event()

    def end(self, failure: Exception | None = None, *, completed: bool = False) -> None:
        self.failure, self.completed = failure, completed
        self.finished.set()


def told_by(session: FakeSession, during: Callable[[list[Alert]], object] = id) -> list[Alert]:
    """The alerts of a training, to its end."""
    alerts: list[Alert] = []
    complaints: list[str] = []
    following = Notifier(session, lambda alert, study: alerts.append(alert), complaints.append)  # type: ignore[arg-type]
    during(alerts)
    following.join()
    assert complaints == []
    return alerts


@pytest.fixture
def done(tmp_path: Path) -> FollowedStudy:
    return follow(finished_study(tmp_path / "study [1]", [0.5], [0.75]).directory)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_end_is_told(done: FollowedStudy) -> None:
    session = FakeSession(done.study.directory)
    (alert,) = told_by(session, lambda _: session.end(completed=True))
    assert (alert.kind, alert.message) == (
        "finished",
        "study [1] is finished: mean test accuracy baseline 50.00%, optimized 75.00%",
    )


def test_a_failure_is_told_though_no_log_has_it(tmp_path: Path) -> None:
    """A full disk takes no event."""
    session = FakeSession(make_study(tmp_path / "study").directory)
    failure = TrainingError("cannot write events.jsonl: No space left on device.\nmore")
    (alert,) = told_by(session, lambda _: session.end(failure))
    assert (alert.kind, alert.message) == (
        "failed",
        "study failed: cannot write events.jsonl: No space left on device.",
    )


def test_a_stop_and_a_start_that_came_to_nothing_are_not_told(tmp_path: Path) -> None:
    stopped, nothing = FakeSession(make_study(tmp_path / "study").directory), FakeSession()
    assert told_by(stopped, lambda _: stopped.end()) == []
    assert told_by(nothing, lambda _: nothing.end(TrainingError("no data"))) == []


def test_a_divergence_is_told_while_the_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 0.01)
    looked = threading.Event()

    class Watched(AlertFinder):
        def find(self, *given: Any) -> list[Alert]:
            found = super().find(*given)
            looked.set()
            return found

    monkeypatch.setattr(notifier, "AlertFinder", Watched)
    study: Study = make_study(tmp_path / "study")
    directory = write_run(study, "optimized", 0, [run_started()])
    session = FakeSession(study.directory)

    def diverge(alerts: list[Alert]) -> None:
        with RunWriter(directory) as writer:
            assert looked.wait(PATIENCE_SECONDS)  # what the first look finds is of old
            writer.append(batches_trained(1, loss=None))
            wait_until(lambda: alerts)
        session.end()

    (alert,) = told_by(session, diverge)
    assert (alert.kind, alert.run) == ("diverged", "optimized-0")


def test_the_command_finds_the_study_in_its_environment(here: Path, done: FollowedStudy) -> None:
    complaints: list[str] = []
    alert = Alert("failed", "study failed:\0 no\nidea", "optimized-0")
    run_command(WRITE, alert, done, complaints.append)
    assert complaints == []
    told = json.loads((here / "told.json").read_text())
    assert {name: value for name, value in told.items() if name.startswith("HPTUI_") and "DATA" not in name} == {
        "HPTUI_STATE": "failed",
        "HPTUI_MESSAGE": "study failed:? no?idea",
        "HPTUI_STUDY": "study [1]",
        "HPTUI_STUDY_DIR": str(done.study.directory),
        "HPTUI_RUN": "optimized-0",
        "HPTUI_BASELINE_ACCURACY": "50.00",
        "HPTUI_OPTIMIZED_ACCURACY": "75.00",
    }
    assert misspelt(told) == []  # an hptui that the command runs takes none of them for a mistyped setting


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("echo ok; echo 'no such host' >&2; exit 7", "the notify command failed with exit code 7: no such host"),
        ("exit 3", "the notify command failed with exit code 3: it printed nothing"),
        ("sleep 100 & sleep 100", "the notify command was ended: it took more than 0 s"),
    ],
)
def test_what_goes_wrong_with_the_command_is_told(
    done: FollowedStudy, monkeypatch: pytest.MonkeyPatch, command: str, complaint: str
) -> None:
    monkeypatch.setattr(notifier, "LIMIT_SECONDS", 0.4 if "sleep" in command else 30.0)
    complaints: list[str] = []
    run_command(command, Alert("finished", "done"), done, complaints.append)
    assert complaints == [complaint]


def test_beside_a_screen_the_command_alone_is_run(done: FollowedStudy) -> None:
    session = FakeSession(done.study.directory)
    complaints: list[str] = []
    following = notify_beside_screen(session, Notify(command="exit 1"), complaints.append)  # type: ignore[arg-type]
    session.end(completed=True)
    following.join()
    assert complaints == ["the notify command failed with exit code 1: it printed nothing"]


RING = """
import sys
from hptui.cli.notifier import ring
from hptui.reading.alerts import Alert, AlertFinder
ring(Alert("finished", "s is finished"))
"""


def rung(stderr: int, **environment: str) -> None:
    command = [sys.executable, "-c", RING]
    subprocess.run(command, stderr=stderr, env={**os.environ, **environment}, check=True, timeout=60)


def test_the_bell_rings_in_a_terminal_and_never_in_a_pipe() -> None:
    master, slave = pty.openpty()
    rung(slave, TERM="xterm")
    assert os.read(master, 1000) == b"\a\x1b]9;hptui: s is finished\a"
    for end in (master, slave):
        os.close(end)
    read, write = os.pipe()
    rung(write, TERM="xterm")
    os.close(write)
    assert os.read(read, 1000) == b""
    os.close(read)


def test_nobody_has_to_hear_the_bell(done: FollowedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Alert] = []
    monkeypatch.setattr(notifier, "ring", heard.append)
    for bell in (True, False):
        session = FakeSession(done.study.directory)
        following = notify_without_screen(session, Notify(bell=bell))  # type: ignore[arg-type]
        session.end(completed=True)
        following.join()
        assert len(heard) == 1


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Notify.of() == Notify(bell=True, command="")
    monkeypatch.setenv("HPTUI_NOTIFY", "none")
    monkeypatch.setenv("HPTUI_NOTIFY_COMMAND", "mail me")
    assert Notify.of() == Notify(bell=False, command="mail me")
    assert Notify.of("bell", "") == Notify(bell=True, command="")
    assert Notify.of().environment() == {"HPTUI_NOTIFY": "none", "HPTUI_NOTIFY_COMMAND": "mail me"}
    monkeypatch.setenv("HPTUI_NOTIFY", "loud")
    with pytest.raises(UsageError, match="environment: HPTUI_NOTIFY = 'loud': it takes bell or none"):
        Notify.of()


def test_an_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--dataset", "digits", "--notify", "loud"]) == 2
    assert "'loud' is not one of 'bell', 'none'" in capsys.readouterr().err
