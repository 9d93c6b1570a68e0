"""An export from the dashboard: its progress on the screen, its end in a notice, the screen alive meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from fabricate import PATIENCE_SECONDS, finished_study
from textual.widgets import Button
from waiting import until

from hptui.errors import RunDirectoryError
from hptui.export import export as export_study
from hptui.export.formats import FORMATS, parse_formats
from hptui.reading.studies import follow
from hptui.ui import exporting
from hptui.ui.app import HptuiApp
from hptui.ui.exporting import ExportOutcome
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.dialogs import ChoiceDialog
from hptui.ui.widgets.export_line import ExportLine


def notices(app: HptuiApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


def test_the_dialog_offers_every_format() -> None:
    assert {*exporting.FORMATS} == {*FORMATS, "all"}
    assert parse_formats(exporting.ALL) == FORMATS
    assert parse_formats(exporting.USUAL) == ("png",)


def test_all_formats_fit_the_smallest_terminal(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])

    async def main() -> None:
        app = HptuiApp(watch=study.directory, export=lambda *_: ExportOutcome([]))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            await pilot.press("E")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            buttons = [button.region for button in app.screen.query(Button)]
            assert len(buttons) == len(exporting.FORMATS) + 1
            for left, right in pairwise(buttons):
                assert left.right < right.x
            assert buttons[-1].right < 80

    asyncio.run(main())


def test_progress_is_shown_while_the_screen_obeys_keys(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    begun, go_on = threading.Event(), threading.Event()

    def export(
        directory: Path, formats: str, progress: Callable[[str], None], should_stop: Callable[[], bool]
    ) -> ExportOutcome:
        progress("1/2 trajectories.png")
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        files = [directory / "export" / "a.png", directory / "export" / "tensorboard" / "b"]
        return ExportOutcome(files, ("the end of everything",))

    async def main() -> None:
        app = HptuiApp(watch=study.directory, export=export)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            line = app.screen.query_one(ExportLine)
            assert not line.display
            await pilot.press("e")
            await until(pilot, lambda: begun.is_set() and "1/2 trajectories.png" in str(line.render()))
            assert line.display
            await pilot.press("z")  # the screen is not held up
            await until(pilot, lambda: app.screen.query(".-one"))
            await pilot.press("e")
            await until(pilot, lambda: "written already" in notices(app))
            go_on.set()
            await until(pilot, lambda: "2 files in" in notices(app))
            assert str(study.directory / "export") in notices(app)
            assert "missing: the end of everything" in notices(app)
            await until(pilot, lambda: not line.display)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "words"),
    [(RunDirectoryError("cannot write there."), "cannot write there."), (KeyError("x"), "KeyError: 'x'")],
)
def test_what_fails_is_told_and_the_next_export_may_begin(tmp_path: Path, error: Exception, words: str) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    asked: list[str] = []

    def export(
        directory: Path, formats: str, progress: Callable[[str], None], should_stop: Callable[[], bool]
    ) -> ExportOutcome:
        asked.append(formats)
        raise error

    async def main() -> None:
        app = HptuiApp(watch=study.directory, export=export)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            for number in (1, 2):
                await pilot.press("e")
                await until(pilot, lambda number=number: notices(app).count(words) == number)
            await until(pilot, lambda: not app.screen.query_one(ExportLine).display)

    asyncio.run(main())
    assert asked == ["png", "png"]


def test_leaving_ends_it_after_the_file_at_hand(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    written: list[list[Path]] = []

    def export(
        directory: Path, formats: str, progress: Callable[[str], None], should_stop: Callable[[], bool]
    ) -> ExportOutcome:
        def first_waits_for_the_end(line: str) -> None:
            end = time.monotonic() + PATIENCE_SECONDS
            while not should_stop() and time.monotonic() < end:
                time.sleep(0.01)

        files = export_study(
            follow(directory), directory / "export", ("csv",), progress=first_waits_for_the_end, should_stop=should_stop
        )
        written.append(files)
        return ExportOutcome(files)

    async def main() -> None:
        app = HptuiApp(watch=study.directory, export=export)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            await pilot.press("e")
            await pilot.pause(0.1)
            await pilot.press("q")

    asyncio.run(main())
    end = time.monotonic() + PATIENCE_SECONDS
    while not written and time.monotonic() < end:
        time.sleep(0.01)
    assert [len(files) for files in written] == [1]
