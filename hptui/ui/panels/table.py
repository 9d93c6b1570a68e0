"""Accuracies: every run, and the comparison of the two arms in words."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import DataTable, Static

from hptui.comparison import Comparison, compare
from hptui.studies import FollowedRun
from hptui.ui.panels import Panel, Scene
from hptui.ui.tables import difference_words
from hptui.views import class_counts, sensitivity, specificity

__all__ = ["TablePanel"]

COLUMNS = {
    "run": 14, "state": 8, "epoch": 7, "last %": 6, "best %": 6, "sens %": 6, "spec %": 6, "cost": 5, "time": 8,
}  # fmt: skip
"""headings with their widths"""


class TablePanel(Panel, can_focus=False):
    """One row per run; Enter looks at the run."""

    heading = "Accuracy (test)"
    place = 40

    DEFAULT_CSS = """
    TablePanel { layout: vertical; height: 1fr; }
    TablePanel DataTable { height: 1fr; }
    TablePanel Static { height: 4; }
    """

    class Look(Message):
        """Somebody wants to look at a run."""

        def __init__(self, run: str) -> None:
            self.run = run
            super().__init__()

    BINDINGS: ClassVar = [("j", "down", "Down"), ("k", "up", "Up")]

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, tuple[str, ...]] = {}
        self._completed = -1

    def compose(self) -> ComposeResult:
        yield DataTable[Text](cursor_type="row", zebra_stripes=True)
        yield Static(markup=False)

    @property
    def table(self) -> DataTable[Text]:
        """The rows."""
        return self.query_one(DataTable)

    def on_mount(self) -> None:
        super().on_mount()
        for column, width in COLUMNS.items():
            self.table.add_column(column, key=column, width=width)

    def show(self, scene: Scene) -> None:
        for run in scene.study.runs:
            self._update(run, looked_at=run is scene.run)
        completed = sum(run.state.completed is not None for run in scene.study.runs)
        if completed != self._completed:
            self._completed = completed
            self.query_one(Static).update(Text(_words(compare(scene.study))), layout=False)

    def _update(self, run: FollowedRun, *, looked_at: bool) -> None:
        row = _row(run, looked_at)
        before = self._rows.get(run.name)
        if row == before:
            return
        self._rows[run.name] = row
        if before is None:
            self.table.add_row(*map(Text, row), key=run.name)
            return
        for column, old, new in zip(COLUMNS, before, row, strict=True):
            if old != new:
                self.table.update_cell(run.name, column, Text(new))  # widths are fixed: a wider cell arranges all anew

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter or a click."""
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Look(event.row_key.value))

    def action_down(self) -> None:
        self.table.action_cursor_down()

    def action_up(self) -> None:
        self.table.action_cursor_up()


def _row(run: FollowedRun, looked_at: bool) -> tuple[str, ...]:
    state = run.state
    tests = [epoch.test for epoch in state.epochs if epoch.test is not None]
    last = tests[-1] if tests else None
    counts = class_counts(last.confusion) if last else None
    epochs = state.epochs_planned or ""
    return (
        f"{'>' if looked_at else ' '}{run.name}",
        run.status,
        f"{state.epochs_completed}/{epochs}",
        _percent(last.accuracy if last else None),
        _percent(max((test.accuracy for test in tests), default=None)),
        _percent(sensitivity(counts) if counts else None),
        _percent(specificity(counts) if counts else None),
        f"{state.cost:.2f}",
        f"{state.seconds:.0f} s",
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


def _words(comparison: Comparison) -> str:
    return f"{difference_words(comparison)}\n{comparison.conclusion}"
