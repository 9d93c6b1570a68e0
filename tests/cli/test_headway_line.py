"""The line that says how far a preparation is: rewritten on a terminal, a few lines in a file."""

from __future__ import annotations

import tempfile
import threading

import pytest

from hptui.cli.detaching import DetachedTraining
from hptui.cli.headway_line import FIRST_SECONDS, HeadwayLine, showing_headway
from hptui.headway import tell


@pytest.fixture(autouse=True)
def lines_when_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hptui.cli.headway_line.FIRST_SECONDS", FIRST_SECONDS)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_gets_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    line = HeadwayLine(clock)
    for second in range(200):
        clock.now = 1000.0 + second
        line.show(f"decoding {second} of 200 images")
    line.clear()
    said = [int(words.split()[1]) for words in capsys.readouterr().err.splitlines()]
    assert said == [5, 15, 35, 75, 135, 195]


def test_what_is_short_leaves_no_line_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_headway():
        tell("decoding 1 of 2 images")
    assert capsys.readouterr().err == ""


def test_a_terminal_has_one_line_that_is_rewritten_and_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    with showing_headway():
        for words in ("", "decoding 1 of 2", "decoding 1 of 2", "decoding \x1b[2J2 of 2 and more"):
            tell(words)
    erase = "\r\x1b[K"
    said = capsys.readouterr().err
    assert said.startswith(f"{erase}decoding 1 of 2{erase}decoding ")
    assert said.endswith(erase)
    assert "\x1b[2J" not in said
    assert len(said.split(erase)[2]) == 19


def test_a_terminal_that_cannot_rewrite_gets_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    clock = Clock()
    line = HeadwayLine(clock)
    line.show("one")
    clock.now = 6
    line.show("two")
    assert capsys.readouterr().err == "two\n"


def test_of_a_detached_start_the_last_line_is_shown() -> None:
    training = object.__new__(DetachedTraining)
    training._answered = threading.Event()
    with tempfile.TemporaryFile() as said:
        training._said = said
        assert training.doing == ""
        said.write(("own code says\n" * 100 + "decoding 5 of 9 images\n").encode())
        said.flush()
        assert training.doing == "decoding 5 of 9 images"
    assert training.doing == ""  # it has begun this instant
    training._answered.set()
    assert training.doing == ""
