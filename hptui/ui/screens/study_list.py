"""The list of studies: what there is, in which state, and the way into each."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import Reactive, reactive
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static
from textual.worker import get_current_worker

from hptui.record.study_directory import studies_folder
from hptui.ui.drawing.literal import literal
from hptui.ui.messages import NewStudy
from hptui.ui.study_lines import UNREADABLE, StudyLine, StudyReader
from hptui.ui.widgets.field import Field
from hptui.ui.widgets.folder_line import FolderLine
from hptui.ui.widgets.study_table import StudyTable

REFRESH_SECONDS = 3.0


class StudyListScreen(Screen[Path | None]):
    """All studies of a folder, kept up to date."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (12, "-tall")]  # noqa: RUF012 (as the base class declares it)
    DEFAULT_CSS = """
    StudyListScreen #empty { display: none; height: 1fr; content-align: center middle; text-align: center; }
    StudyListScreen.-empty StudyTable, StudyListScreen.-empty #about, StudyListScreen.-short #about {
        display: none;
    }
    StudyListScreen.-empty #empty { display: block; }
    StudyListScreen #about { height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
    StudyListScreen #filter { display: none; padding: 0 1; }
    StudyListScreen.-filter #filter { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New study"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "all", "All studies"),
        Binding("r,f5", "refresh", "Refresh", key_display="r"),
    ]

    lines: Reactive[list[StudyLine] | None] = reactive(None, init=False)
    """all studies, as they were read last; None: not read yet"""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = studies_folder() if folder is None else folder
        self._reader = StudyReader(self.folder)
        self._reading = False

    def compose(self) -> ComposeResult:
        yield FolderLine(self.folder)
        yield StudyTable()
        yield Static(id="empty", markup=False)
        yield Static(id="about", markup=False)
        yield Field(id="filter", placeholder="words in name, state, data or model; Esc for all", compact=True)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show(afresh=True))
        self.set_interval(REFRESH_SECONDS, self.action_refresh)
        self.table.focus()
        self._show()

    def on_screen_resume(self) -> None:
        self.action_refresh()

    def on_resize(self) -> None:
        self._show()

    @property
    def table(self) -> StudyTable:
        """The rows."""
        return self.query_one(StudyTable)

    @property
    def filter(self) -> Input:
        return self.query_one("#filter", Input)

    def action_refresh(self) -> None:
        """Read again; a read under way answers for this one too, so that a slow disk is never asked twice at once."""
        if self.is_current and not self._reading:
            self._reading = True
            self._read()

    @work(group="studies")
    async def _read(self) -> None:
        worker = get_current_worker()
        self.lines = await asyncio.to_thread(self._reader.read, lambda: worker.is_cancelled)
        self._reading = False

    def watch_lines(self) -> None:
        self._show()

    def _show(self, *, afresh: bool = False) -> None:
        """Bring table and texts up to date."""
        wanted = self.filter.value.strip()
        matching = [line for line in self.lines or () if line.matches(wanted.lower().split())]
        self.set_class(not matching, "-empty")
        self.query_one("#empty", Static).update(Text(self._why_empty(wanted)))
        self.table.show(matching, self.size.width - 1, afresh=afresh)
        self._show_about()

    def _why_empty(self, wanted: str) -> str:
        if self.lines is None:
            return "reading ..."
        if self.lines:
            return literal(f"no study matches {wanted!r}\n\nEsc shows all {len(self.lines)}")
        return literal(f"no studies in {self.folder} yet") + "\n\npress n for a new study"

    @on(DataTable.RowHighlighted)
    def _show_about(self) -> None:
        """Below the table: what the columns have no room for."""
        line = self.table.current
        directory = f"{literal(line.key)}\n" if line and line.state != UNREADABLE else ""
        self.query_one("#about", Static).update(Text(f"{directory}{line.about}" if line else ""))

    def action_new(self) -> None:
        self.post_message(NewStudy())

    def action_filter(self) -> None:
        self.add_class("-filter")
        self.filter.focus()

    def action_all(self) -> None:
        self.filter.value = ""
        self._leave_filter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc means something only while there is a filter."""
        return self.has_class("-filter") if action == "all" else super().check_action(action, parameters)

    @on(Input.Changed)
    def _filter_anew(self, event: Input.Changed) -> None:
        event.stop()
        self._show()

    @on(Input.Submitted)
    def _leave_filter(self) -> None:
        """Give the table the focus; the filter stays in sight while it holds anything."""
        self.set_class(bool(self.filter.value), "-filter")
        self.table.focus()
        self.refresh_bindings()
