"""The list of studies: what there is, in which state, and the way into each."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static
from textual.worker import get_current_worker

from hptui.record.study_directory import studies_folder
from hptui.ui.drawing.literal import literal
from hptui.ui.messages import NewStudy, OpenStudy
from hptui.ui.study_lines import (
    COLORED,
    COLUMNS,
    UNREADABLE,
    StudyLine,
    StudyReader,
    column_widths,
    fitted,
)
from hptui.ui.widgets.field import Field
from hptui.ui.widgets.folder_line import FolderLine

REFRESH_SECONDS = 3.0


class StudyTable(DataTable[Text]):
    """Rows that a click opens, with the keys of vi beside the arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", key_display="enter"),
        Binding("j", "cursor_down", "Cursor down", show=False),
        Binding("k", "cursor_up", "Cursor up", show=False),
        Binding("h", "cursor_left", "Cursor left", show=False),
        Binding("l", "cursor_right", "Cursor right", show=False),
        Binding("g", "scroll_top", "Top", show=False),
        Binding("G", "scroll_bottom", "Bottom", show=False),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing can be opened where there is nothing."""
        return self.row_count > 0 if action == "select_cursor" else super().check_action(action, parameters)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor first: the table takes a click for Enter only where the cursor stands already."""
        row, column = (event.style.meta.get(name, -1) for name in ("row", "column"))
        if row >= 0 and column >= 0:
            self.cursor_coordinate = Coordinate(row, column)


class StudyListScreen(Screen[Path | None]):
    """All studies of a folder, kept up to date; it opens none itself but says which one is wanted."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (12, "-tall")]  # noqa: RUF012 (as the base class declares it)
    DEFAULT_CSS = """
    StudyListScreen StudyTable { height: 1fr; background: transparent; scrollbar-size: 1 1; }
    StudyListScreen #empty { display: none; height: 1fr; content-align: center middle; text-align: center; }
    StudyListScreen.-empty StudyTable, StudyListScreen.-empty #about, StudyListScreen.-short #about {
        display: none;
    }
    StudyListScreen.-empty #empty { display: block; }
    StudyListScreen #about { height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
    StudyListScreen #filter { display: none; padding: 0 1; }
    StudyListScreen.-filter #filter { display: block; }
    StudyListScreen .study-list--running { color: $text-success; text-style: bold; }
    StudyListScreen .study-list--paused { color: $text-warning; text-style: bold; }
    StudyListScreen .study-list--finished { color: $text-success; }
    StudyListScreen .study-list--lost { color: $text-warning; }
    StudyListScreen .study-list--failed, StudyListScreen .study-list--unreadable {
        color: $text-error; text-style: bold;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"study-list--{state}" for state in COLORED}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New study"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "all", "All studies"),
        Binding("r,f5", "refresh", "Refresh", key_display="r"),
    ]

    class Found(Message):
        """The folder was read once more."""

        def __init__(self, lines: list[StudyLine]) -> None:
            self.lines = lines
            super().__init__()

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = studies_folder() if folder is None else folder
        self._reader = StudyReader(self.folder)
        self._reading = False
        self._lines: list[StudyLine] | None = None
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield FolderLine(self.folder)
        yield StudyTable(cursor_type="row", cell_padding=0)
        yield Static(id="empty", markup=False)
        yield Static(id="about", markup=False)
        yield Field(id="filter", placeholder="words in name, state, data or model; Esc for all", compact=True)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show(afresh=True))
        self.set_interval(REFRESH_SECONDS, self._refresh_if_seen)
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

    def _refresh_if_seen(self) -> None:
        if self.is_current:
            self.action_refresh()

    def action_refresh(self) -> None:
        """Read again; a read under way answers for this one too, so that a slow disk is never asked twice at once."""
        if not self._reading:
            self._reading = True
            self._read()

    @work(thread=True, exclusive=True, group="studies")
    def _read(self) -> None:
        worker = get_current_worker()
        lines = self._reader.read(lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.post_message(self.Found(lines))

    def on_study_list_screen_found(self, message: Found) -> None:
        message.stop()
        self._reading = False
        self._lines = message.lines
        self._show()

    def _show(self, *, afresh: bool = False) -> None:
        """Bring table and texts up to date; nothing is drawn where nothing has changed."""
        wanted = self.query_one("#filter", Input).value.strip()
        lines = [line for line in self._lines or () if line.matches(wanted.lower().split())]
        self.set_class(not lines, "-empty")
        self.query_one("#empty", Static).update(Text(self._why_empty(wanted)))
        rows = [line.cells() for line in lines]
        widths = column_widths(rows, self.size.width - 1)
        shown = (rows, widths, [line.key for line in lines])
        if afresh or shown != self._shown:
            self._shown = shown
            self._fill(lines, [fitted(row, widths) for row in rows], widths)
            self.refresh_bindings()  # Enter opens something from now on, or nothing any more
        self._tell()

    def _why_empty(self, wanted: str) -> str:
        if self._lines is None:
            return "reading ..."
        if self._lines:
            return literal(f"no study matches {wanted!r}\n\nEsc shows all {len(self._lines)}")
        return literal(f"no studies in {self.folder} yet") + "\n\npress n for a new study"

    def _fill(self, lines: list[StudyLine], rows: list[list[str]], widths: list[int]) -> None:
        """Write all rows anew, with the cursor on the study where it was."""
        table = self.table
        row, key, top = table.cursor_row, self._under_cursor(), table.scroll_y
        table.clear(columns=True)
        for heading, width in zip(COLUMNS, widths, strict=True):
            table.add_column(heading, width=width + 1)
        for line, cells in zip(lines, rows, strict=True):
            state = Text(cells[1], self._style(line.state), no_wrap=True)
            others = [Text(cell, no_wrap=True) for cell in cells]
            table.add_row(others[0], state, *others[2:], key=line.key)
        keys = [line.key for line in lines]
        row = keys.index(key) if key in keys else max(0, min(row, len(keys) - 1))
        # once the table knows its new height: first where it was, then as far as the cursor needs
        self.call_after_refresh(table.scroll_to, y=top, animate=False, force=True, immediate=True)
        table.move_cursor(row=row)

    def _style(self, state: str) -> Style:
        return self.get_component_rich_style(f"study-list--{state}", partial=True) if state in COLORED else Style()

    def _under_cursor(self) -> str | None:
        table = self.table
        if not table.is_valid_row_index(table.cursor_row):
            return None
        return table.coordinate_to_cell_key(Coordinate(table.cursor_row, 0)).row_key.value

    def _tell(self) -> None:
        """Below the table: what the columns have no room for."""
        key = self._under_cursor()
        line = next((line for line in self._lines or () if line.key == key), None)
        place = f"{literal(line.key)}\n" if line and line.state != UNREADABLE else ""
        self.query_one("#about", Static).update(Text(f"{place}{line.about}" if line else ""))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._tell()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter or a click."""
        event.stop()
        line = next((line for line in self._lines or () if line.key == event.row_key.value), None)
        if line is not None and line.state == UNREADABLE:
            self.notify(line.about, title="this study cannot be read", severity="error", markup=False)
        elif line is not None:
            self.post_message(OpenStudy(line.directory))

    def action_new(self) -> None:
        self.post_message(NewStudy())

    def action_filter(self) -> None:
        self.add_class("-filter")
        self.query_one("#filter", Input).focus()

    def action_all(self) -> None:
        self.query_one("#filter", Input).value = ""
        self._leave_filter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc means something only while there is a filter."""
        return self.has_class("-filter") if action == "all" else super().check_action(action, parameters)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave_filter()

    def _leave_filter(self) -> None:
        self.set_class(bool(self.query_one("#filter", Input).value), "-filter")
        self.table.focus()
        self.refresh_bindings()
