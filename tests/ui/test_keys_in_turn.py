"""Keys that come in one burst do what they do one by one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fabricate import PATIENCE_SECONDS, finished_study, make_study
from textual import events
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from hptui.record.notes import read_note
from hptui.record.study_folders import studies_folder
from hptui.ui.app import HptuiApp
from hptui.ui.messages import NewStudy
from hptui.ui.panels.log import LogPanel
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.new_study import NewStudyScreen
from hptui.ui.screens.study_list import StudyListScreen
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.row import Row

CHARACTERS = {"slash": "/", "space": " "}


class At:
    """A place in the app, at which keys arrive."""

    def __init__(self, app: HptuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    def burst(self, *keys: str) -> None:
        """All at once, as a terminal's driver hands them over."""
        for key in keys:
            event = events.Key(key, CHARACTERS.get(key, key if len(key) == 1 else None))
            event.set_sender(self.app)
            self.app.post_message(event)

    async def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"{self.app.screen_stack} {self.app.focused}"
            await asyncio.sleep(0.01)

    def field(self, setting: str, part: str = "Input") -> Input:
        (row,) = [row for row in self.app.screen.query(Row) if row.setting == setting]
        return row.query_one(part, Input)


def play(script: Callable[[At], Awaitable[None]], watch: Path | None = None, size: tuple[int, int] = (80, 40)) -> None:
    async def main() -> None:
        app = HptuiApp(watch=watch)
        async with app.run_test(size=size) as pilot:
            await script(At(app, pilot))

    asyncio.run(main())


async def open_form(at: At) -> None:
    at.app._training._start = lambda config: pytest.fail("nothing is started here")
    await at.pilot.pause()
    at.app.post_message(NewStudy())
    await at.until(lambda: isinstance(at.app.screen, NewStudyScreen) and at.app.screen.query("RangeRow Input"))
    await at.pilot.pause()  # it puts the cursor into its first field
    at.field("epochs").focus()
    await at.until(lambda: at.app.focused is at.field("epochs"))


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        (("tab", "5"), "runs"),
        (("shift+tab", "shift+tab", "tab", "tab", "tab", "5"), "runs"),
        (("tab", "tab", "tab", "shift+tab", "5"), "seed"),
        (("down", "down", "5"), "seed"),
        (("enter", "5"), "runs"),  # a field is left by a message of its own
    ],
)
def test_what_is_typed_after_the_focus_moved_lands_where_it_moved_to(keys: tuple[str, ...], where: str) -> None:
    async def script(at: At) -> None:
        await open_form(at)
        before = {name: at.field(name).value for name in ("epochs", "runs", "seed")}
        at.burst(*keys)
        await at.until(lambda: "5" in at.field(where).value)
        after = {name: at.field(name).value for name in ("epochs", "runs", "seed")}
        assert {name for name in before if before[name] != after[name]} == {where}

    play(script)


def test_a_pasted_text_lands_where_the_focus_moved_to() -> None:
    async def script(at: At) -> None:
        await open_form(at)
        at.burst("tab", "tab")
        at.app.post_message(events.Paste("77"))
        at.burst("tab", "a")
        await at.until(lambda: at.field("out").value == "a")
        assert "77" in at.field("seed").value

    play(script)


def test_a_choice_is_made_and_left_in_one_burst() -> None:
    async def script(at: At) -> None:
        await open_form(at)
        at.burst("shift+tab", "enter", "down", "enter", "tab", "5")  # the choice of a baseline, and back to the epochs
        await at.until(lambda: "5" in at.field("epochs").value)
        (row,) = [row for row in at.app.screen.query(Row) if row.setting == "baseline"]
        assert row.query_one(Choice).value != "fixed"

    play(script)


def test_mending_what_was_typed_keeps_its_order() -> None:
    async def script(at: At) -> None:
        await open_form(at)
        at.burst("1", "2", "backspace", "backspace", "backspace", "backspace", "4", "2", "left", "7", "tab", "9")
        await at.until(lambda: "9" in at.field("runs").value)
        assert at.field("epochs").value == "472"

    play(script)


def test_the_list_filters_and_opens_in_one_burst(tmp_path: Path) -> None:
    for name in ("first", "second"):
        make_study(studies_folder() / name)

    async def script(at: At) -> None:
        await at.until(lambda: isinstance(at.app.screen, StudyListScreen) and at.app.screen.lines)
        at.burst("slash", "f", "i", "r", "enter", "enter")
        await at.until(lambda: isinstance(at.app.screen, Dashboard) and at.app.screen.query(DataTable))
        assert at.app.screen.followed.study.directory.name == "first"

    play(script)


def test_a_dialog_takes_what_is_typed_behind_the_key_that_opens_it() -> None:
    study = make_study(studies_folder() / "study")

    async def script(at: At) -> None:
        await at.until(lambda: isinstance(at.app.screen, StudyListScreen) and at.app.screen.lines)
        at.burst("t", "o", "n", "c", "e", "enter", "slash", "x")
        listed = at.app.screen
        await at.until(lambda: listed.query_one("#filter", Input).value == "x")
        assert read_note(study.directory) == "once"

    play(script)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["tabs", "all panels"])
def test_a_panel_takes_what_is_typed_behind_its_number(tmp_path: Path, size: tuple[int, int]) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.75])

    async def script(at: At) -> None:
        await at.until(lambda: isinstance(at.app.screen, Dashboard) and at.app.focused is not None)
        for number in ("2", "1", "3"):  # a panel takes the focus once it is shown
            at.burst(number, "5", "slash", "l", "r", "enter")
            log = at.app.screen.query_one(LogPanel)
            await at.until(lambda log=log: log.query_one(Input).value == "lr" and at.app.focused is log.focus_target)
            at.burst("escape")
            await at.until(lambda log=log: not log.query_one(Input).value)

    play(script, watch=study.directory, size=size)
