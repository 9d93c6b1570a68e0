"""Names, labels, reasons and errors of others' files on every screen: nothing that a terminal would obey."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hostile import EVIL, hostile_studies, obeyed
from textual.pilot import Pilot

from hptui.cli.for_screens import compare_studies
from hptui.record.study_folders import studies_folder
from hptui.ui.app import HptuiApp
from hptui.ui.screens.comparison import ComparisonScreen
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.dialogs import ChoiceDialog
from hptui.ui.screens.study_list import StudyListScreen
from hptui.ui.screens.text_dialog import TextDialog

from .test_dashboard import screen_text, until

SIZES = [(80, 24), (160, 48)]


def drawn(app: HptuiApp) -> str:
    """All that stands on the screen; joined emojis are taken apart there."""
    return screen_text(app).replace("\n", "")


def show(script: Callable[[HptuiApp, Pilot[None]], Awaitable[None]], size: tuple[int, int], watch: Path | None) -> None:
    async def main() -> None:
        app = HptuiApp(watch=watch, compare=compare_studies)
        async with app.run_test(size=size) as pilot:
            await script(app, pilot)

    asyncio.run(main())


@pytest.mark.parametrize("size", SIZES)
def test_the_list_and_its_dialogs(size: tuple[int, int]) -> None:
    hostile_studies(studies_folder())

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: isinstance(app.screen, StudyListScreen) and app.screen.lines)
        await until(pilot, lambda: all(line.size is not None for line in app.screen.lines))  # all is read
        await until(pilot, lambda: drawn(app).count("owned") >= 7)
        assert obeyed(drawn(app)) == []
        for row in range(7):
            app.screen.table.move_cursor(row=row)
            await until(pilot, lambda row=row: app.screen.table.cursor_row == row)
            await pilot.pause()
            assert obeyed(drawn(app)) == []  # below the table: all about it
            name = app.screen.table.current.directory.name
            if not name.startswith(("done", "cut", "failed")):
                continue
            dialogs = [("e", TextDialog), ("t", TextDialog), ("D", ChoiceDialog), ("c", ComparisonScreen)]
            for key, dialog in dialogs[: {"d": 4, "c": 2, "f": 3}[name[0]]]:
                await pilot.press(key)
                await until(pilot, lambda dialog=dialog: isinstance(app.screen, dialog))
                await until(pilot, lambda: "owned" in drawn(app))
                assert obeyed(drawn(app)) == []
                await pilot.press("escape")
                await until(pilot, lambda: isinstance(app.screen, StudyListScreen))
        await pilot.press("slash")
        app.screen.filter.value = EVIL  # type: ignore[attr-defined]
        await pilot.pause()
        assert obeyed(drawn(app)) == []

    show(script, size, None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["failed", "done", "other"])
def test_every_panel_of_the_dashboard(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    hostile_studies(tmp_path)
    (study,) = tmp_path.glob(f"{name}*")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await until(pilot, lambda: "owned" in drawn(app))
        for key in ("1", "2", "3", "4", "5", "6", "z", "t", "m", "i", "escape", "question_mark"):
            await pilot.press(key)
            await pilot.pause()
            assert obeyed(drawn(app)) == []

    show(script, size, study)
