"""A panel that hptui does not know: one new file, or an installed package, and it has its place on the dashboard."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from fabricate import finished_study
from waiting import screen_text, until

import hptui.ui.panels
from hptui import registry
from hptui.ui.app import HptuiApp
from hptui.ui.panels import COLUMNS, Panel, Span
from hptui.ui.screens.arrangement import fill_shelves, rows

FILE = '''
from rich.text import Text

from hptui.ui.panels import {imports}

__all__ = ["NotesPanel"]


class NotesPanel(Panel):
    """The name of the run that is looked at."""

    heading = "Notes"
    {facts}

    def change_key(self, scene):
        return scene.run.name

    def render(self):
        return Text(f"notes on {{self.scene.run.name}}" if self.scene else "")
'''


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The dashboard is imported once more in this test, and is the old one afterwards."""
    for name in ("hptui.ui.screens.dashboard", "hptui.ui.screens.panel_board", "hptui.ui.panels.notes", "notes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("hptui.ui.panels.notes", "notes"):
        sys.modules.pop(name, None)


def add(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, facts: str = "", imports: str = "Panel") -> None:
    """A panel in a file of its own, found in hptui's folder or by an entry point."""
    (folder / "notes.py").write_text(FILE.format(facts=facts, imports=imports), "utf-8")
    if kind == "file":
        monkeypatch.setattr(hptui.ui.panels, "__path__", [*hptui.ui.panels.__path__, str(folder)])
        locations = hptui.ui.panels.__spec__.submodule_search_locations
        monkeypatch.setattr(hptui.ui.panels.__spec__, "submodule_search_locations", [*locations, str(folder)])
    else:
        monkeypatch.syspath_prepend(str(folder))
        point = EntryPoint("notes", "notes:NotesPanel", "hptui.ui.panels")
        monkeypatch.setattr(registry, "entry_points", lambda kind: [point] if kind == "ui.panels" else [])


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 48)])
@pytest.mark.parametrize("kind", ["file", "entry point"])
def test_a_new_panel_has_its_place_its_key_and_its_tab(
    kind: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    add(kind, tmp_path, monkeypatch)

    async def main() -> None:
        app = HptuiApp(watch=study.directory)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.screen.query("NotesPanel"))
            panels = [*app.screen.query(Panel)]
            (notes,) = app.screen.query("NotesPanel")
            assert panels[-1] is notes  # it says nothing of its order
            if size == (80, 24):
                await until(pilot, lambda: " 6 Plan" in screen_text(app))  # and there is no room for one more
                assert not notes.display
            else:
                await until(pilot, lambda: "notes on " in screen_text(app))
                assert notes.outer_size.width == size[0]
                assert notes.outer_size.height >= 7
                assert_no_gap(panels, size)
            await pilot.press(str(len(panels)))
            await until(pilot, lambda: notes.has_focus)
            await until(pilot, lambda: "notes on " in screen_text(app))
            if size == (80, 24):
                await until(pilot, lambda: f"{len(panels)} Notes" in screen_text(app))
                assert notes.outer_size.width == size[0]
                assert notes.outer_size.height > 15

    asyncio.run(main())


def assert_no_gap(panels: list[Panel], size: tuple[int, int]) -> None:
    """Each has a border and at least a line; together they are all there is between strip and footer."""
    panels = [panel for panel in panels if not panel.alone]
    assert min(panel.size.height for panel in panels) >= 1
    assert sum(panel.outer_size.area for panel in panels) == size[0] * (size[1] - 3)


@pytest.mark.usefixtures("anew")
def test_a_new_panel_stands_where_and_as_large_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    facts = "order = 25\n    span = Span(columns=2, rows=2)\n    wide_span = Span(columns=3, rows=3)"
    add("file", tmp_path, monkeypatch, facts, "Panel, Span")

    async def main() -> None:
        app = HptuiApp(watch=study.directory)
        async with app.run_test(size=(120, 44)) as pilot:
            await until(pilot, lambda: "notes on " in screen_text(app))
            assert [panel.heading for panel in app.screen.query(Panel)][2] == "Notes"
            (notes,) = app.screen.query("NotesPanel")
            for width, share in ((120, 40), (160, 80)):
                await pilot.resize_terminal(width, 44)
                await until(pilot, lambda share=share: notes.outer_size.width == share)
                assert_no_gap([*app.screen.query(Panel)], (width, 44))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("asked", "filled"),
    [
        ([], []),
        ([(2, 1)], [(6, 1)]),
        ([(3, 4), (3, 2)], [(3, 4), (3, 4)]),
        ([(2, 3), (6, 2), (3, 1)], [(6, 3), (6, 2), (6, 1)]),
        ([(1, 1), (1, 2), (4, 1), (9, 2)], [(1, 2), (1, 2), (4, 2), (6, 2)]),
        ([(2, 1), (2, 1), (3, 1)], [(2, 1), (4, 1), (6, 1)]),
    ],
)
def test_shelves_have_no_gap(asked: list[tuple[int, int]], filled: list[tuple[int, int]]) -> None:
    spans = [Span(*span) for span in asked]
    assert fill_shelves(spans) == [Span(*span) for span in filled]
    assert sum(span.columns * span.rows for span in fill_shelves(spans)) == COLUMNS * rows(spans)
