"""The table of studies: a row each, which Enter or a click opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from hptui.ui.messages import OpenStudy
from hptui.ui.study_lines import COLORED, COLUMNS, UNREADABLE, StudyLine, column_widths, fitted


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
        Binding("j", "cursor_down", "Cursor down", show=False),
        Binding("k", "cursor_up", "Cursor up", show=False),
        Binding("h", "cursor_left", "Cursor left", show=False),
        Binding("l", "cursor_right", "Cursor right", show=False),
        Binding("g", "scroll_top", "Top", show=False),
        Binding("G", "scroll_bottom", "Bottom", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=0)
        self._studies: dict[str, StudyLine] = {}
        self._drawn_from: object = None

    @property
    def current(self) -> StudyLine | None:
        """The study under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        key = self.coordinate_to_cell_key(Coordinate(self.cursor_row, 0)).row_key.value
        return self._studies.get(key or "")

    def show(self, lines: Sequence[StudyLine], width: int, *, afresh: bool = False) -> None:
        """List these in `width` cells; nothing is drawn where nothing has changed, unless `afresh`."""
        rows = [line.cells() for line in lines]
        widths = column_widths(rows, width)
        drawn_from = (rows, widths, [line.key for line in lines])
        before = self.current
        self._studies = {line.key: line for line in lines}
        if afresh or drawn_from != self._drawn_from:
            self._drawn_from = drawn_from
            self._fill([fitted(row, widths) for row in rows], widths, before)
            self.refresh_bindings()  # Enter opens something from now on, or nothing any more

    def _fill(self, rows: list[list[str]], widths: list[int], before: StudyLine | None) -> None:
        """Write all rows anew, with the cursor on the study where it was."""
        row, top = self.cursor_row, self.scroll_y
        self.clear(columns=True)
        for heading, width in zip(COLUMNS, widths, strict=True):
            self.add_column(heading, width=width + 1)
        for line, cells in zip(self._studies.values(), rows, strict=True):
            state = Text(cells[1], self._style(line.state), no_wrap=True)
            others = [Text(cell, no_wrap=True) for cell in cells]
            self.add_row(others[0], state, *others[2:], key=line.key)
        keys = [*self._studies]
        row = keys.index(before.key) if before and before.key in keys else max(0, min(row, len(keys) - 1))
        # once the table knows its new height: first where it was, then as far as the cursor needs
        self.call_after_refresh(self.scroll_to, y=top, animate=False, force=True, immediate=True)
        self.move_cursor(row=row)

    def _style(self, state: str) -> Style:
        return self.get_component_rich_style(f"study-table--{state}", partial=True) if state in COLORED else Style()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing can be opened where there is nothing."""
        return self.row_count > 0 if action == "select_cursor" else super().check_action(action, parameters)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor first: the table takes a click for Enter only where the cursor stands already."""
        row, column = (event.style.meta.get(name, -1) for name in ("row", "column"))
        if row >= 0 and column >= 0:
            self.cursor_coordinate = Coordinate(row, column)

    @on(DataTable.RowSelected)
    def _open(self, event: DataTable.RowSelected) -> None:
        """Enter or a click."""
        event.stop()
        line = self._studies.get(event.row_key.value or "")
        if line is not None and line.state == UNREADABLE:
            self.notify(line.about, title="this study cannot be read", severity="error", markup=False)
        elif line is not None:
            self.post_message(OpenStudy(line.directory))
