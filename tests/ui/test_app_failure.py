"""An error that ends the app is told in one line, as that of any command, and by the exit code."""

from __future__ import annotations

import asyncio
import os
from functools import partialmethod
from pathlib import Path
from typing import NoReturn

import pytest
from damage import without_line
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
    monkeypatch.setattr("hptui.cli.screen.on_signals", lambda *_, **__: None)  # those of the tests' own process
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
    monkeypatch.setattr("hptui.cli.screen.has_terminal", lambda: True)
    monkeypatch.setattr("hptui.reading.listing.StudyReader.read", fail)
    assert main([]) == 1
    told = capfd.readouterr().err
    assert told.startswith("hptui: internal error: IndexError: 23 is out of range")
    assert told.count("\n") == 1


def test_a_look_at_the_training_while_the_app_closes_is_no_error() -> None:
    app = HptuiApp()
    assert not app.screen_stack
    app._look_at_training()


def test_a_damaged_run_is_told_on_the_screen_of_its_study(tmp_path: Path) -> None:
    """The other runs are shown all the same; so is a log that is a pipe, which nobody waits for."""
    study = finished_study(tmp_path / "study", [0.5], [0.6]).directory
    without_line(study, "DecisionStarted")
    (study / "baseline-0" / "events.jsonl").unlink()
    os.mkfifo(study / "baseline-0" / "events.jsonl")

    async def look() -> dict[str, str]:
        app = HptuiApp(watch=study)
        async with app.run_test(size=(120, 40)):
            while not isinstance(app.screen, Dashboard) or len(app.screen.viewer.problems) < 2:
                await asyncio.sleep(0.02)
            return app.screen.viewer.problems

    problems = asyncio.run(look())
    assert "without its DecisionStarted" in problems["optimized-0"]
    assert problems["baseline-0"].startswith("it is a pipe, not a file: ")
