"""What calls for attention while an app runs: a notice on the screen, and a call of the terminal, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fabricate import make_study, run_started, trained_epoch, whole_run, write_run
from textual.pilot import Pilot
from waiting import until

from hptui.record.events import RunFailed
from hptui.record.presence import Presence
from hptui.record.study_directory import Study
from hptui.ui.app import HptuiApp
from hptui.ui.attention import Attention
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.study_list import StudyListScreen

Script = Callable[[HptuiApp, Pilot[None]], Awaitable[object]]


class FakeTraining:
    """A training in this process."""

    doing = ""

    def __init__(self, study: Path | None = None) -> None:
        self.study, self.error, self.alive = study, None, True

    def stop(self, reason: str) -> None:
        self.alive = False


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """For what the terminal called."""
    calls: list[str] = []
    monkeypatch.setattr(Attention, "ring", lambda self, words: calls.append(words))
    return calls


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study whose only run is under way."""
    made = make_study(tmp_path / "study", baseline="none")
    write_run(made, "optimized", 0, [run_started(), *trained_epoch(1)])
    return made


def play(script: Script, **options: Any) -> None:
    async def main() -> None:
        app = HptuiApp(**options)
        async with app.run_test(size=(120, 40)) as pilot:
            await script(app, pilot)

    asyncio.run(main())


def told(app: HptuiApp) -> list[tuple[str, str, str]]:
    return [(notice.title, notice.severity, notice.message) for notice in app._notifications]


def sees_signs(app: HptuiApp) -> bool:
    """Whether the dashboard has looked once at who writes the study."""
    return isinstance(app.screen, Dashboard) and app.screen._notices._alerts._status == "running"


def test_the_end_of_a_study_that_is_watched_calls_once(study: Study, rung: list[str]) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory):
            await until(pilot, lambda: sees_signs(app))
            write_run(study, "optimized", 0, whole_run()[-1:])
        await until(pilot, lambda: rung)
        await pilot.pause(1.0)  # it looks again
        words = "study is finished: mean test accuracy optimized 85.00%"
        assert rung == [words]
        assert told(app) == [("finished", "information", words)]
        (notice,) = app._notifications
        assert notice.timeout <= 5  # it lies over the comparison, which says more

    play(script, watch=study.directory)


def test_its_own_failure_is_told_once_and_calls_once(study: Study, rung: list[str]) -> None:
    training = FakeTraining(study.directory)

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory):
            await until(pilot, lambda: sees_signs(app))
            write_run(study, "optimized", 0, [RunFailed(error="no idea")])
            training.error, training.alive = "optimized-0 failed: no idea", False
        await until(pilot, lambda: rung)
        await pilot.pause(1.0)
        assert rung == ["study: optimized-0 failed: no idea"]
        assert told(app) == [("", "error", "optimized-0 failed: no idea")]

    play(script, begin=lambda: training)


@pytest.mark.parametrize("error", [None, "optimized-0 failed: no idea"])
def test_an_end_that_no_dashboard_sees_calls_too(study: Study, rung: list[str], error: str | None) -> None:
    training = FakeTraining(study.directory)

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await pilot.press("backspace")
        await until(pilot, lambda: isinstance(app.screen, StudyListScreen))
        training.error, training.alive = error, False
        await until(pilot, lambda: rung)
        await pilot.pause(0.5)
        assert rung == [error or "the training of this window has ended"]

    play(script, begin=lambda: training)


def test_a_detached_training_that_has_begun_has_not_ended(study: Study, rung: list[str]) -> None:
    training = FakeTraining(study.directory)
    training.alive = False  # this process's no more

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: isinstance(app.screen, StudyListScreen))
        app._training.ask_for(study.config, detached=True)
        app._prepare()
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await pilot.press("backspace")
        await until(pilot, lambda: isinstance(app.screen, StudyListScreen))
        await pilot.pause(0.5)
        assert rung == []
        assert app._training.may_start  # another one may be begun here meanwhile

    play(script, start=lambda config: FakeTraining(), detach=lambda config: training)


def test_a_warning_comes_from_any_thread(rung: list[str]) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await asyncio.to_thread(app.warn, "the notify command failed with exit code [7]")
        await until(pilot, lambda: told(app))
        assert told(app) == [("", "warning", "the notify command failed with exit code [7]")]

    play(script)
