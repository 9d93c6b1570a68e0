"""The table of studies: a row each, which Enter or a click opens, a heading that sorts, and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey

from hptui.reading.listing_words import BY_NAME
from hptui.reading.study_line import UNREADABLE, StudyLine
from hptui.ui.messages import OpenStudy
from hptui.ui.study_lines import COLORED, Order, layout

MARK = "*"
MARK_WIDTH = 1
NEWEST_FIRST = Order(BY_NAME["age"])


class StudyTable(DataTable[Text]):
    """Rows with the keys of vi beside the arrows; it opens no study itself but says which one is wanted."""

    DEFAULT_CSS = """
    StudyTable { height: 1fr; background: transparent; scrollbar-size: 1 1; }
    StudyTable .study-table--running { color: $text-success; text-style: bold; }
    StudyTable .study-table--paused { color: $text-warning; text-style: bold; }
    StudyTable .study-table--finished { color: $text-success; }
    StudyTable .study-table--lost { color: $text-warning; }
    StudyTable .study-table--failed, StudyTable .study-table--unreadable { color: $text-error; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"study-table--{state}" for state in COLORED}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", key_display="enter"),
        Binding("space", "mark", "Mark"),
        Binding("j", "cursor_down", "Cursor down", show=False),
        Binding("k", "cursor_up", "Cursor up", show=False),
        Binding("h", "cursor_left", "Cursor left", show=False),
        Binding("l", "cursor_right", "Cursor right", show=False),
        Binding("g", "scroll_top", "Top", show=False),
        Binding("G", "scroll_bottom", "Bottom", show=False),
    ]

    class Marked(Message):
        """Other studies are marked than a moment ago."""

    class SortAsked(Message):
        """Somebody clicked the heading of this column."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=0)
        self._studies: dict[str, StudyLine] = {}
        self._marked: set[str] = set()
        self._layout = layout([], 0, NEWEST_FIRST)
        self._rows: dict[str, list[str]] = {}

    @property
    def current(self) -> StudyLine | None:
        """The study under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        key = self.coordinate_to_cell_key(Coordinate(self.cursor_row, 0)).row_key.value
        return self._studies.get(key or "")

    @property
    def chosen(self) -> list[StudyLine]:
        """The marked studies in the order of their rows; where none is marked, the one under the cursor."""
        marked = self.marked
        current = self.current
        return marked or ([current] if current is not None else [])

    @property
    def marked(self) -> list[StudyLine]:
        """The marked studies in the order of their rows."""
        return [line for key, line in self._studies.items() if key in self._marked]

    def show(
        self, lines: Sequence[StudyLine], width: int, order: Order = NEWEST_FIRST, *, afresh: bool = False
    ) -> None:
        """List these in `width` cells; only what has changed is drawn, unless `afresh`."""
        chosen = layout(lines, width - MARK_WIDTH - 1, order)
        rows = {line.key: chosen.row(line) for line in lines}
        before, states = self.current, {key: line.state for key, line in self._studies.items()}
        self._studies = {line.key: line for line in lines}
        same = chosen == self._layout and [*rows] == [*self._rows]
        old, self._rows, self._layout = self._rows, rows, chosen
        if afresh or not same:
            self._fill(before)
            self.refresh_bindings()  # Enter opens something from now on, or nothing any more
            return
        for key, cells in rows.items():
            if cells != old[key] or self._studies[key].state != states[key]:
                self._update(key)

    def unmark_all(self) -> None:
        """Take all marks away."""
        marked, self._marked = self._marked, set()
        for key in marked & self._rows.keys():
            self._update(key)
        self.post_message(self.Marked())

    def action_mark(self) -> None:
        """Mark the study under the cursor, or take its mark away; then go on to the next."""
        line = self.current
        if line is not None:
            self._toggle(line)
            self.action_cursor_down()

    def _toggle(self, line: StudyLine) -> None:
        self._marked ^= {line.key}
        self._update(line.key)
        self.post_message(self.Marked())

    def _update(self, key: str) -> None:
        """Draw one row anew."""
        for name, cell in zip(self._names, self._cells(key), strict=True):
            self.update_cell(key, name, cell)

    @property
    def _names(self) -> list[str]:
        """Keys of the columns."""
        return ["mark", *(column.name for column in self._layout.columns)]

    def _fill(self, before: StudyLine | None) -> None:
        """Write all rows anew, with the cursor on the study where it was."""
        row, left, top = self.cursor_row, self.scroll_x, self.scroll_y
        self.clear(columns=True)
        self.add_column("", width=MARK_WIDTH + 1, key="mark")
        for column, heading, width in zip(
            self._layout.columns, self._layout.headings, self._layout.widths, strict=True
        ):
            aligned = heading.rjust(width) if column.number is not None else heading
            self.add_column(aligned, width=width + 1, key=column.name)
        for key in self._rows:
            self.add_row(*self._cells(key), key=key)
        keys = [*self._studies]
        row = keys.index(before.key) if before and before.key in keys else max(0, min(row, len(keys) - 1))
        # once the table knows its new size: first where it was, then as far as the cursor needs
        self.call_after_refresh(self._scroll_back, left, top)
        self.move_cursor(row=row)

    def _scroll_back(self, left: float, top: float) -> None:
        x, y = min(left, self.max_scroll_x), min(top, self.max_scroll_y)
        self.scroll_to(x, y, animate=False, force=True, immediate=True)

    def _cells(self, key: str) -> list[Text]:
        name, state, *others = self._rows[key]
        mark = Text(MARK if key in self._marked else "", Style(bold=True))
        shown = Text(state, self._style(self._studies[key].state), no_wrap=True)
        return [mark, Text(name, no_wrap=True), shown, *(Text(cell, no_wrap=True) for cell in others)]

    def _style(self, state: str) -> Style:
        return self.get_component_rich_style(f"study-table--{state}", partial=True) if state in COLORED else Style()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing can be opened or marked where there is nothing."""
        if action in ("select_cursor", "mark"):
            return self.row_count > 0
        return super().check_action(action, parameters)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor first: the table takes a click for Enter only where the cursor stands already.

        A click into the first column marks.
        """
        row, column = (event.style.meta.get(name, -1) for name in ("row", "column"))
        if row >= 0 and column == 0:
            event.prevent_default()
            self.move_cursor(row=row)
            if self.current is not None:
                self._toggle(self.current)
        elif row >= 0 and column >= 0:
            self.cursor_coordinate = Coordinate(row, column)

    @on(DataTable.HeaderSelected)
    def _ask_to_sort(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        if event.column_key != ColumnKey("mark") and event.column_key.value is not None:
            self.post_message(self.SortAsked(event.column_key.value))

    @on(DataTable.RowSelected)
    def _open(self, event: DataTable.RowSelected) -> None:
        """Enter or a click."""
        event.stop()
        line = self._studies.get(event.row_key.value or "")
        if line is None:
            return
        if line.state == UNREADABLE:
            self.notify(line.problem, title="this study cannot be read", severity="error", markup=False)
        else:  # one that the list has not read yet too: a key that is pressed early is not lost
            self.post_message(OpenStudy(line.directory))
