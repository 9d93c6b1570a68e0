"""Accuracies: every run, and the comparison of the two arms in words."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable, Static
from textual.worker import get_current_worker

from hptui.errors import RunDirectoryError
from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.comparison import Comparison, Verdict, compare
from hptui.reading.comparison.words import difference_words, short_verdicts
from hptui.reading.run_state import best_of
from hptui.reading.studies import FollowedRun, FollowedStudy, Status
from hptui.ui.panels import LookAtRun, Panel, Scene, Span, key_hints
from hptui.ui.widgets.strip import clock

__all__ = ["TablePanel"]

COLUMNS = {
    "run": 15, "state": 8, "epoch": 8, "test %": 6, "best %": 6, "sens %": 6, "spec %": 6, "cost": 5, "time": 8,
}  # fmt: skip
"""headings with their widths: with a blank between them 76, which an 80-column terminal has beside the scroll bar"""
WORDS = ("run", "state")
"""columns without numbers"""
TOLD_SECONDS = 15.0
"""that a verdict stays; the panel has it for good"""
COLORED = ("running", "paused", "finished", "stopped", "lost", "failed")
STATUS_SECONDS = 1.0
"""between two looks at the heartbeats of all runs that are not finished: a file each, maybe over a network"""


@dataclass(frozen=True)
class Seen:
    """What a row was made from: it is made anew only when this is another."""

    time: float
    notable: int
    """two events may have one time"""
    status: Status
    looked_at: bool
    epochs: int
    """planned, added ones included"""


class TablePanel(Panel, can_focus=False):
    """One row per run; Enter looks at the run."""

    heading = "Accuracy (test)"
    short_heading = "Accuracy"
    order = 40
    span = Span(columns=4, rows=3)
    wide_span = Span(columns=3, rows=3)

    DEFAULT_CSS = """
    TablePanel { layout: vertical; height: 1fr; }
    TablePanel DataTable { height: 1fr; min-height: 3; background: transparent; }
    TablePanel DataTable > .datatable--header { background: transparent; color: $text-muted; }
    TablePanel Static { height: auto; min-height: 4; max-height: 11; }
    TablePanel .run--running, TablePanel .run--finished { color: $text-success; }
    TablePanel .run--paused, TablePanel .run--stopped, TablePanel .run--lost { color: $text-warning; }
    TablePanel .run--failed { color: $text-error; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"run--{state}" for state in COLORED}

    class Compared(Message):
        """The two arms were compared once more."""

        def __init__(self, words: str, verdict: Verdict | None) -> None:
            self.words, self.verdict = words, verdict
            super().__init__()

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Seen] = {}
        self._rows: dict[str, tuple[str, ...]] = {}
        self._looked = float("-inf")
        self._completed = -1
        self._words = ""
        """the comparison of the two arms"""
        self._told: str | None = None
        """the kind of verdict that was told last; None: none was looked at yet"""

    def compose(self) -> ComposeResult:
        yield DataTable[Text](cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static(markup=False)

    @property
    def table(self) -> DataTable[Text]:
        """The rows."""
        return self.query_one(DataTable)

    @property
    def focus_target(self) -> Widget:
        return self.table

    def advice(self, scene: Scene) -> tuple[str, ...]:
        """The comparison, once there is one; asked for here too: the panel may never have been in sight."""
        self._compare_again(scene.study)
        compared = all(scene.study.completed_runs(arm) for arm in scene.study.study.config.arms)
        return (self._words,) if self._words and compared else ()

    def on_resize(self) -> None:
        """Keep the cursor in sight, and its bar as wide as the table is now."""
        self.call_after_refresh(self._draw_at_size)

    def _draw_at_size(self) -> None:
        self.table.refresh()  # a row that was drawn before the table knew its width is kept as wide as it was
        self.table.move_cursor(row=self.table.cursor_row, animate=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.border_subtitle = key_hints("enter looks at a run, j k down and up")
        *before, last = COLUMNS
        for column in before:
            self.table.add_column(_heading(column), key=column, width=COLUMNS[column] + 1)
        self.table.add_column(_heading(last), key=last, width=COLUMNS[last])

    def show(self, scene: Scene) -> None:
        due = time.monotonic() - self._looked >= STATUS_SECONDS
        if due:
            self._looked = time.monotonic()
        planned = scene.study.epochs  # added ones hold for all runs, also for those that were finished before
        for run in scene.study.runs:
            before = self._seen.get(run.name)
            same = before is not None and (before.time, before.notable) == (run.state.time, run.notable_total)
            status = before.status if before is not None and same and not due else run.status
            seen = Seen(run.state.time, run.notable_total, status, run is scene.run, planned + run.state.end_moved)
            if seen != before:
                self._seen[run.name] = seen
                self._update(run.name, _row(run, seen))
        self._compare_again(scene.study)

    def _compare_again(self, study: FollowedStudy) -> None:
        """Compare the arms where another run was completed since."""
        completed = sum(run.state.completed is not None for run in study.runs)
        if completed != self._completed:
            self._completed = completed
            self._compare(study)

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _compare(self, study: FollowedStudy) -> None:
        """Beside the screen: the first time SciPy has to be imported."""
        worker = get_current_worker()
        verdict = None
        try:
            comparison = compare(study)
            words, verdict = _words(comparison), comparison.verdict
        except RunDirectoryError as error:  # a log that lacks lines; the runs themselves can still be looked at
            words = str(error)
        if not worker.is_cancelled:
            self.post_message(self.Compared(words, verdict))

    @on(Compared)
    def _show_comparison(self, message: Compared) -> None:
        message.stop()
        self._words = message.words
        self.query_one(Static).update(Text(message.words))
        if message.verdict is not None:
            self._tell(message.verdict)

    def _tell(self, verdict: Verdict) -> None:
        """Say, while runs are still to come, that another verdict is reached than when it was told last."""
        before, self._told = self._told, verdict.kind
        if before not in (None, verdict.kind) and verdict.is_told and not verdict.is_final:
            self.notify(verdict.words, title="does it pay?", timeout=TOLD_SECONDS, markup=False)

    def _update(self, name: str, row: tuple[str, ...]) -> None:
        before = self._rows.get(name)
        if row == before:
            return
        self._rows[name] = row
        if before is None:
            self.table.add_row(*map(self._cell, COLUMNS, row), key=name)
            return
        for column, old, new in zip(COLUMNS, before, row, strict=True):
            if old != new:
                self.table.update_cell(
                    name, column, self._cell(column, new)
                )  # widths are fixed: a wider cell arranges all anew

    def _cell(self, column: str, words: str) -> Text:
        """Numbers stand one below the other; a state has its colour."""
        if column == "state":
            style = self.get_component_rich_style(f"run--{words}", partial=True) if words in COLORED else Style()
            return Text(words, style)
        return Text(words if column in WORDS else words.rjust(COLUMNS[column]))

    @on(DataTable.RowSelected)
    def _look_at_run(self, event: DataTable.RowSelected) -> None:
        """Enter or a click."""
        event.stop()
        if event.row_key.value is not None:
            self.post_message(LookAtRun(event.row_key.value))

    def action_down(self) -> None:
        self.table.action_cursor_down()

    def action_up(self) -> None:
        self.table.action_cursor_up()


def _heading(column: str) -> Text:
    return Text(column if column in WORDS else column.rjust(COLUMNS[column]))


def _row(run: FollowedRun, seen: Seen) -> tuple[str, ...]:
    state = run.state
    tested = state.tested
    best = best_of(tested).test if tested else None
    test = state.delivered.test if state.delivered is not None else None
    counts = test.classes if test else None
    return (
        f"{'>' if seen.looked_at else ' '}{run.name}",
        seen.status,
        f"{state.epochs_completed}/{seen.epochs}",
        _percent(test.accuracy if test else None),
        _percent(best.accuracy if best else None),  # chosen by validation images: the best test would flatter
        _percent(sensitivity(counts) if counts else None),
        _percent(specificity(counts) if counts else None),
        f"{state.cost:.2f}",
        _spent(state.seconds),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


def _spent(seconds: float) -> str:
    """Time spent, in eight characters at most."""
    if seconds < 1000:
        return f"{seconds:.0f} s"
    return clock(seconds) if seconds < 360_000 else f"{seconds / 3600:.0f} h"


def _words(comparison: Comparison) -> str:
    several = comparison.task == "multi-label"
    above = "test %, best %: label-wise accuracy; sens %, spec %: means over labels\n" if several else ""
    lines = (*short_verdicts(comparison), difference_words(comparison), comparison.conclusion)
    return above + "\n".join(lines)
