"""The training of the app's own process: one at a time, and a failure is gone with the attempt that made it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fabricate import (
    PATIENCE_SECONDS,
    configuration,
    finished_study,
    make_study,
    run_started,
    trained_epoch,
    write_run,
)
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from hptui.config import StudyConfig
from hptui.ui.app import OCCUPIED, HptuiApp
from hptui.ui.messages import NewStudy, StartStudy
from hptui.ui.own_training import OwnTraining
from hptui.ui.panels.table import TablePanel
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.new_study import NewStudyScreen
from hptui.ui.screens.preparing import PREPARING, Preparing
from hptui.ui.screens.study_list import StudyListScreen


class FakeTraining:
    """What the app knows of a training; the tests say how it fares."""

    doing = ""

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.study: Path | None = None
        self.error: str | None = None
        self.alive = True

    def stop(self, reason: str) -> None:
        self.alive = False

    def fail(self, error: str) -> None:
        self.error, self.alive = error, False


class Sitting:
    """An app with the form open, and all trainings that it began."""

    def __init__(self) -> None:
        self.begun: list[FakeTraining] = []
        self.app = HptuiApp(start=self.begin, resume=lambda directory: self.begin(configuration()))
        self.pilot: Pilot[None]

    def begin(self, config: StudyConfig) -> FakeTraining:
        assert not any(training.alive for training in self.begun), "a second one beside the first"
        self.begun.append(FakeTraining(config))
        return self.begun[-1]

    @property
    def said(self) -> str:
        """All texts of the screen."""
        return "\n".join(str(text.render()) for text in self.app.screen.query(Static))

    @property
    def notices(self) -> str:
        return " ".join(notice.message for notice in self.app._notifications)

    async def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"{self.app.screen_stack} {self.notices}"
            await asyncio.sleep(0.01)

    async def sees_form(self) -> None:
        await self.until(lambda: isinstance(self.app.screen, NewStudyScreen) and self.app.screen.query(Input))

    async def sees_dashboard(self) -> None:
        await self.until(lambda: isinstance(self.app.screen, Dashboard) and self.app.screen.query(DataTable))

    def start(self, config: StudyConfig) -> None:
        self.app.screen.post_message(StartStudy(config))


def sit(script: Callable[[Sitting], Awaitable[None]]) -> None:
    async def main() -> None:
        sitting = Sitting()
        async with sitting.app.run_test(size=(80, 24)) as sitting.pilot:
            await sitting.pilot.pause()
            sitting.app.post_message(NewStudy())
            await sitting.sees_form()
            await script(sitting)

    asyncio.run(main())


def test_a_failure_is_cleared_with_the_attempt_that_made_it(tmp_path: Path) -> None:
    """The corrected study is trained in sight: neither the form nor the error comes back."""
    study = finished_study(tmp_path / "study", [0.5], [0.75])

    async def script(sitting: Sitting) -> None:
        sitting.start(configuration(epochs=3))
        await sitting.until(lambda: sitting.begun)
        sitting.begun[0].fail("folder:/nope: there is no such folder")
        await sitting.sees_form()
        await sitting.until(lambda: "no such folder" in sitting.said)
        assert not sitting.notices  # a toast would lie over the field that is to be mended
        sitting.start(configuration(epochs=4))
        await sitting.until(lambda: len(sitting.begun) == 2)
        assert isinstance(sitting.app.screen, Preparing)
        assert not sitting.notices
        assert sitting.said == PREPARING
        sitting.begun[1].doing = "decoding 1,240 of 3,000 images, 12 s left"
        await sitting.until(lambda: sitting.said == sitting.begun[1].doing)
        sitting.begun[1].doing = ""
        await sitting.until(lambda: sitting.said == PREPARING)
        sitting.begun[1].study = study.directory
        await sitting.sees_dashboard()
        assert not sitting.notices

    sit(script)


def test_start_pressed_twice_starts_once() -> None:
    async def script(sitting: Sitting) -> None:
        for _ in range(2):
            sitting.start(configuration())
        await sitting.until(lambda: sitting.begun)
        await sitting.until(lambda: OCCUPIED in sitting.notices)
        assert len(sitting.begun) == 1
        assert [type(screen) for screen in sitting.app.screen_stack].count(Preparing) == 1

    sit(script)


@pytest.mark.parametrize("how", ["the list", "the palette"])
def test_no_way_leads_to_a_second_training(tmp_path: Path, how: str) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.75])

    async def script(sitting: Sitting) -> None:
        sitting.start(configuration())
        await sitting.until(lambda: sitting.begun)
        sitting.begun[0].study = study.directory
        await sitting.sees_dashboard()
        await sitting.pilot.press("backspace")
        await sitting.until(lambda: not isinstance(sitting.app.screen, Dashboard))
        if how == "the list":
            await sitting.pilot.press("n")
        else:
            (new,) = [one for one in sitting.app.get_system_commands(sitting.app.screen) if one.title == "New"]
            new.callback()
        await sitting.until(lambda: OCCUPIED in sitting.notices)
        sitting.start(configuration())  # from a form that was open all along, say
        await sitting.pilot.pause()
        assert not isinstance(sitting.app.screen, NewStudyScreen | Preparing)
        assert len(sitting.begun) == 1
        sitting.begun[0].alive = False  # it has ended: the next may begin
        sitting.app.post_message(NewStudy())
        await sitting.sees_form()
        sitting.start(configuration())
        await sitting.until(lambda: len(sitting.begun) == 2)

    sit(script)


def test_an_attempt_that_is_about_to_begin_leaves_no_room_for_another() -> None:
    begun: list[FakeTraining] = []
    own = OwnTraining(None, lambda config: begun.append(FakeTraining(config)) or begun[-1])  # type: ignore[func-returns-value]
    first, second = configuration(epochs=1), configuration(epochs=2)
    assert own.ask_for(first)
    assert not own.may_start
    assert not own.ask_for(second)
    own.begin()
    own.begin()
    assert not own.ask_for(second)
    assert [training.config for training in begun] == [first]
    begun[0].fail("no")
    assert (own.error, own.new_error(), own.new_error()) == ("no", "no", None)
    assert own.ask_for(second)
    assert (own.error, own.config) == (None, second)


async def open_from_the_list(sitting: Sitting, study: Path) -> None:
    await sitting.pilot.press("escape")
    await sitting.until(lambda: isinstance(sitting.app.screen, StudyListScreen))
    sitting.app.open_study(study)
    await sitting.sees_dashboard()


def test_a_study_is_resumed_from_its_dashboard_which_the_new_one_replaces(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    write_run(study, "baseline", 0, [run_started(arm="baseline"), *trained_epoch(1)])

    async def script(sitting: Sitting) -> None:
        await open_from_the_list(sitting, study.directory)
        first = sitting.app.screen
        await sitting.until(lambda: offers(sitting, "R"))
        await sitting.pilot.press("R")
        await sitting.until(lambda: sitting.begun)
        sitting.begun[0].fail("the disk is full")
        await sitting.until(lambda: "the disk is full" in sitting.notices)
        assert sitting.app.screen is first
        await sitting.pilot.press("R")
        await sitting.until(lambda: len(sitting.begun) == 2)
        sitting.begun[1].study = study.directory
        await sitting.until(lambda: isinstance(sitting.app.screen, Dashboard) and sitting.app.screen is not first)
        assert [type(screen) for screen in sitting.app.screen_stack].count(Dashboard) == 1
        await sitting.until(lambda: not offers(sitting, "R"))  # this window trains it

    sit(script)


def test_a_study_of_another_folder_is_in_the_list_once_it_was_looked_at(tmp_path: Path) -> None:
    """As --out has it: who leaves what this window trains has to find it again, to pause or to stop it."""
    study = make_study(tmp_path / "study")
    write_run(study, "baseline", 0, [run_started(arm="baseline"), *trained_epoch(1)])

    async def script(sitting: Sitting) -> None:
        await open_from_the_list(sitting, study.directory)
        await sitting.pilot.press("escape")
        await sitting.until(lambda: isinstance(sitting.app.screen, StudyListScreen))
        table = sitting.app.screen.query_one(DataTable)
        await sitting.until(lambda: table.row_count == 1)
        about = sitting.app.screen.query_one("#about", Static)
        await sitting.until(lambda: f"in {tmp_path}"[:20] in str(about.render()))
        await sitting.pilot.press("enter")
        await sitting.sees_dashboard()

    sit(script)


def offers(sitting: Sitting, key: str) -> bool:
    return key in sitting.app.screen.active_bindings


@pytest.mark.parametrize("how", ["the app ends", "the screen is left"])
def test_leaving_while_a_dashboard_comes_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Textual mounts no children in what goes, and who looks for them finds none."""
    study = finished_study(tmp_path / "study", [0.5], [0.75])
    compose = TablePanel.compose

    def leave_first(panel: TablePanel) -> ComposeResult:
        if how == "the app ends":
            panel.app.exit()
        else:
            panel.app.pop_screen()
        left.append(True)
        yield from compose(panel)

    left: list[bool] = []
    monkeypatch.setattr(TablePanel, "compose", leave_first)

    async def main() -> None:
        app = HptuiApp()
        async with app.run_test() as pilot:
            await pilot.pause()
            app.open_study(study.directory)
            while not left:
                await asyncio.sleep(0.01)
        assert app._exception is None

    asyncio.run(main())


def test_watching_alone_starts_nothing() -> None:
    own = OwnTraining(None, None)
    assert not own.may_start
    assert not own.ask_for(configuration())
