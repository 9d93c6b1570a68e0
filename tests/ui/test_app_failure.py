"""An error that ends the app is told in one line, as that of any command, and by the exit code."""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path
from typing import NoReturn

import pytest
from fabricate import finished_study
from textual.app import App

from hptui.__main__ import main
from hptui.cli.commands import training
from hptui.ui.app import HptuiApp
from hptui.ui.screens.dashboard import Dashboard

Captured = pytest.CaptureFixture[str]


def fail(*_: object, **__: object) -> NoReturn:
    secret = "what the variables hold"
    raise IndexError(f"{len(secret)} is out of range")


@pytest.fixture(autouse=True)
def without_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HptuiApp, "run", partialmethod(App.run, headless=True, size=(80, 24)))
    monkeypatch.setattr(training, "has_terminal", lambda: True)
    monkeypatch.setattr("hptui.cli.foreground.on_signals", lambda *_, **__: None)  # those of the tests' own process
    monkeypatch.setattr("sys.setswitchinterval", lambda _: None)


def watched(study: Path, capfd: Captured) -> tuple[int, str]:
    code = main(["watch", str(study)])
    return code, capfd.readouterr().err


@pytest.mark.parametrize("place", ["show_scene", "_update_footer"])
def test_an_error_while_a_study_is_drawn(
    tmp_path: Path, capfd: Captured, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    finished_study(tmp_path / "study", [0.5], [0.6])
    monkeypatch.setattr(Dashboard, place, fail)
    code, told = watched(tmp_path / "study", capfd)
    assert code == 1
    assert told.startswith("hptui: internal error: IndexError: 23 is out of range; the traceback is in ")
    assert told.count("\n") == 1


def test_an_error_in_a_worker(tmp_path: Path, capfd: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hptui.cli.main.has_terminal", lambda: True)
    monkeypatch.setattr("hptui.reading.listing.StudyReader.read", fail)
    assert main([]) == 1
    told = capfd.readouterr().err
    assert told.startswith("hptui: internal error: IndexError: 23 is out of range")
    assert told.count("\n") == 1
