"""Tables for a terminal: studies, a comparison, a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hptui.cli.console import output_console
from hptui.reading.comparison import Comparison
from hptui.reading.comparison.words import arm_cells, comparison_lines, headings
from hptui.reading.listing_words import COLUMNS
from hptui.reading.study_line import StudyLine
from hptui.record.study_folders import shown
from hptui.ui.study_lines import Order, layout


def comparison_table(comparison: Comparison) -> RenderableType:
    """Table of both arms, with lines on their difference and what it means."""
    table = left_table(headings(comparison), f"study {comparison.study}", left=2)
    for name, arm in (("baseline", comparison.baseline), ("optimized", comparison.optimized)):
        if arm.strategy != "none":
            table.add_row(*map(Text, arm_cells(comparison, name, arm)))
    return Group(table, *map(Text, comparison_lines(comparison)))


def left_table(headings: Iterable[str], title: str, left: int) -> Table:
    """An empty table of which the first columns hold words and the others numbers."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(title), title_justify="left")
    for index, heading in enumerate(headings):
        least = max(len(word) for word in heading.split())  # else a narrow terminal cuts words
        words = index < left
        table.add_column(
            heading, justify="left" if words else "right", min_width=least, overflow="fold" if words else "ellipsis"
        )
    return table


def study_rows(lines: Iterable[StudyLine]) -> list[dict[str, object]]:
    """Rows of `hptui list --json`, one for each study that can be read, as plain data."""
    return [
        {
            "name": shown(line.directory.name),
            "directory": shown(line.directory.resolve()),
            "status": line.state,
            "created": line.created,
            "dataset": line.config.dataset,
            "model": line.config.model,
            "strategy": line.config.strategy,
            "baseline": line.config.baseline,
            "runs": line.runs,
            "finished": line.finished,
            "epochs": line.config.epochs,
            "run_status": dict(line.run_status),
            "epochs_done": line.epochs,
            "epochs_planned": line.planned_epochs,
            "results": line.results,
            "bytes": line.size,
            "note": line.note,
        }
        for line in lines
        if line.config is not None
    ]


def study_table(lines: Sequence[StudyLine], order: Order, *, paths: bool) -> Table:
    """Table with one line per study, with as many columns as there is room for; no name is cut.

    Args:
        lines: in their order.
        order: that they are in.
        paths: name studies with their folder, because they are not among the user's own.
    """
    name = COLUMNS[0]
    whole = replace(name, text=lambda line: shown(line.directory)) if paths else name
    console = output_console()
    chosen = layout(lines, console.width, order, among=(replace(whole, least=0), *COLUMNS[1:]))
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column, heading, width in zip(chosen.columns, chosen.headings, chosen.widths, strict=True):
        align: Literal["left", "right"] = "right" if column.number is not None else "left"
        table.add_column(Text(heading), justify=align, min_width=width, overflow="fold")
    for line in lines:
        table.add_row(*map(Text, chosen.row(line)))
    return table


def pairs_table(headings: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Table:
    """Table of plain rows under headings; every cell literally, never as markup."""
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table
