"""The list of studies: what there is, in which state, with which result, and the way into each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.widgets import DataTable, Input, Static
from textual.worker import get_current_worker

from hptui.reading.listing import StudyReader
from hptui.reading.listing_words import BY_NAME, COLUMNS
from hptui.reading.study_line import StudyLine
from hptui.record.study_folders import studies_folder
from hptui.ui.drawing.literal import literal
from hptui.ui.messages import NewStudy
from hptui.ui.screens.comparison import Comparer
from hptui.ui.screens.helped import CLOSE_HELP, HelpedScreen
from hptui.ui.screens.study_actions import StudyActions
from hptui.ui.study_lines import Order
from hptui.ui.widgets.about_study import AboutStudy
from hptui.ui.widgets.field import Field
from hptui.ui.widgets.folder_line import FolderLine
from hptui.ui.widgets.keys_line import KeysLine
from hptui.ui.widgets.study_table import NEWEST_FIRST, StudyTable

REFRESH_SECONDS = 3.0
SORTS = [column for column in COLUMNS if column.name not in ("interval", "note")]
"""columns that the key for sorting goes through: the interval is sorted like the difference"""


class StudyListScreen(HelpedScreen[Path | None]):
    """All studies of a folder, kept up to date."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (130, "-wide")]  # noqa: RUF012 (as the base class declares it)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (12, "-tall"), (36, "-very-tall")]  # noqa: RUF012
    DEFAULT_CSS = """
    StudyListScreen #empty { display: none; height: 1fr; content-align: center middle; text-align: center; }
    StudyListScreen.-empty StudyTable, StudyListScreen.-empty #about, StudyListScreen.-short #about {
        display: none;
    }
    StudyListScreen.-empty #empty { display: block; }
    StudyListScreen #about { height: auto; max-height: 7; padding: 0 1; color: $text-muted; }
    StudyListScreen #filter { display: none; padding: 0 1; }
    StudyListScreen.-filter #filter { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE_HELP,
        Binding("c", "act('compare')", "Compare"),
        Binding("n", "new", "New"),
        Binding("N", "act('new_like')", "New like it", show=False),
        Binding("R", "act('resume')", "Resume"),
        Binding("s", "sort", "Sort"),
        Binding("S", "sort_backwards", "Sort the other way", show=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "all", "Clear"),
        Binding("i", "act('details')", "Name, note and results in full", show=False),
        Binding("e", "act('rename')", "Rename", show=False),
        Binding("t", "act('note')", "Note", show=False),
        Binding("X", "act('clean')", "Clean", show=False),
        Binding("D", "act('delete')", "Delete", show=False),
        Binding("r,f5", "refresh", "Refresh", key_display="r", show=False),
    ]

    class Read(Message):
        """The studies were read, or some of them."""

        def __init__(self, lines: list[StudyLine]) -> None:
            super().__init__()
            self.lines = lines

    lines: Reactive[list[StudyLine] | None] = reactive(None, init=False)
    """all studies, as they were read last; None: not read yet"""
    order: Reactive[Order] = reactive(NEWEST_FIRST, init=False)
    """how they are sorted"""

    def __init__(
        self, folder: Path | None = None, compare: Comparer | None = None, beside: Collection[Path] = ()
    ) -> None:
        """`beside`: studies of other folders, as they are looked at: who leaves one finds it here again."""
        super().__init__()
        self.folder = studies_folder() if folder is None else folder
        self._reader = StudyReader(self.folder, beside)
        self._actions = StudyActions(self, compare, self.action_refresh)
        self._reading = self._read_again = False

    def compose(self) -> ComposeResult:
        yield FolderLine(self.folder)
        yield StudyTable()
        yield Static(id="empty", markup=False)
        yield AboutStudy(self.folder)
        yield Field(id="filter", placeholder="words in name, state, settings or note; Esc for all")
        yield KeysLine()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show(afresh=True))
        self.set_interval(REFRESH_SECONDS, self._refresh_unless_reading)
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
    def _has_frames(self) -> bool:
        """Whether there is room for borders around rows and text, and for more in it."""
        return self.has_class("-wide") and self.has_class("-very-tall")

    @property
    def filter(self) -> Input:
        return self.query_one("#filter", Input)

    def action_refresh(self) -> None:
        """Read again: at once, or after a read under way, which may have passed what has changed since."""
        if self._reading:  # a slow disk is never asked twice at once
            self._read_again = True
        elif self.is_current:
            self._reading = True
            self._read()

    def _refresh_unless_reading(self) -> None:
        if not self._reading:
            self.action_refresh()

    @work(group="studies")
    async def _read(self) -> None:
        """Read in a thread; what is known is shown at once, results and sizes as they come."""
        worker = get_current_worker()

        def show(lines: list[StudyLine]) -> None:
            self.post_message(self.Read(lines))  # it waits for nothing, whatever becomes of the screen

        try:
            show(await asyncio.to_thread(self._reader.read, lambda: worker.is_cancelled, show))
        finally:
            self._reading = False
        if self._read_again:
            self._read_again = False
            self.action_refresh()

    @on(Read)
    def _take_in(self, message: Read) -> None:
        message.stop()
        self.lines = message.lines

    def watch_lines(self) -> None:
        self._show()

    def watch_order(self) -> None:
        self._show()

    def _show(self, *, afresh: bool = False) -> None:
        """Bring table and texts up to date."""
        wanted = self.filter.value.strip()
        matching = [line for line in self.lines or () if line.matches(wanted.lower().split())]
        self.set_class(not matching, "-empty")
        self.query_one("#empty", Static).update(Text(self._why_empty(wanted)))
        ordered = self.order.column.sorted(matching, backwards=self.order.backwards)
        self.table.border_title = _how_many(len(matching), len(self.lines or ()))
        self.table.border_subtitle = self.order.words
        room = self.size.width - 1 - 2 * self._has_frames
        self.table.show(ordered, room, self.order, afresh=afresh)
        self._show_about()
        self.refresh_bindings()

    def _why_empty(self, wanted: str) -> str:
        if self.lines is None:
            return "reading ..."
        if self.lines:
            return literal(f"no study matches {wanted!r}\n\nEsc shows all {len(self.lines)}")
        return literal(f"no studies in {self.folder} yet") + "\n\npress n for a new study"

    @on(DataTable.RowHighlighted)
    @on(StudyTable.Marked)
    def _show_about(self) -> None:
        """Below the table: what the columns have no room for."""
        table, width = self.table, self.size.width
        self.query_one(AboutStudy).show(table.current, table.marked, width=width, has_room=self._has_frames)
        self.refresh_bindings()

    def action_new(self) -> None:
        self.post_message(NewStudy())

    @work
    async def action_act(self, action: str) -> None:
        """Do something with the marked studies, or with the one under the cursor."""
        await self._actions.actions[action]()

    def action_sort(self) -> None:
        """Sort by the next column."""
        index = SORTS.index(self.order.column) if self.order.column in SORTS else -1
        self.order = Order(SORTS[(index + 1) % len(SORTS)])

    def action_sort_backwards(self) -> None:
        self.order = Order(self.order.column, not self.order.backwards)

    @on(StudyTable.SortAsked)
    def _sort_by(self, message: StudyTable.SortAsked) -> None:
        """A click on a heading: sort by it, and the other way at the second click."""
        column = BY_NAME[message.column]
        self.order = Order(column, column is self.order.column and not self.order.backwards)

    def action_filter(self) -> None:
        self.add_class("-filter")
        self.filter.focus()

    def action_all(self) -> None:
        """Take the filter away; without one, the marks."""
        if not self.has_class("-filter"):
            self.table.unmark_all()
        self.filter.value = ""
        self._leave_filter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What cannot be done now is not offered; Esc means something only while there is a filter, or a mark."""
        if action == "all":
            return self.has_class("-filter") or bool(self.table.marked)
        if action in ("sort", "sort_backwards", "filter"):
            return bool(self.lines)
        if action == "act":
            return self._actions.can(str(parameters[0]))
        return super().check_action(action, parameters)

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


def _how_many(matching: int, every: int) -> str:
    """How many studies are listed."""
    return f"{matching} of {every} studies" if matching != every else f"{every} stud{'y' if every == 1 else 'ies'}"
