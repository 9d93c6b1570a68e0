"""Tables for a terminal: studies, a comparison, a configuration."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hptui.reading.comparison import Comparison
from hptui.reading.comparison.words import arm_cells, comparison_lines, headings
from hptui.reading.studies import FollowedStudy
from hptui.record.study_directory import shown


def print_result(result: RenderableType) -> None:
    """Print to stdout; a pipe or file gets lines as wide as the content needs."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(result)


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
        table.add_column(heading, justify="left" if index < left else "right", min_width=least)
    return table


def study_rows(studies: Iterable[FollowedStudy]) -> list[dict[str, object]]:
    """Rows of `hptui list`, one for each study, as plain data."""
    return [
        {
            "name": followed.study.name,
            "directory": shown(followed.study.directory),
            "status": followed.status,
            "created": followed.study.created,
            "dataset": followed.study.config.dataset,
            "model": followed.study.config.model,
            "strategy": followed.study.config.strategy,
            "baseline": followed.study.config.baseline,
            "runs": len(followed.runs),
            "finished": sum(run.status == "finished" for run in followed.runs),
            "epochs": followed.study.config.epochs,
            "run_status": {run.name: run.status for run in followed.runs},
        }
        for followed in studies
    ]


def study_table(rows: list[dict[str, object]]) -> Table:
    """Table with one line per study."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("study", overflow="fold", min_width=14)
    table.add_column("state", min_width=8)
    table.add_column("runs", min_width=5, justify="right")
    for heading in ("data", "model", "strategy"):
        table.add_column(heading, min_width=5, overflow="fold")
    table.add_column("begun", min_width=12)
    for row in rows:
        created = row["created"]
        assert isinstance(created, float)
        table.add_row(
            Text(str(row["name"])),
            str(row["status"]),
            f"{row['finished']}/{row['runs']}",
            *(Text(_short(str(row[key]))) for key in ("dataset", "model", "strategy")),
            time.strftime("%m-%d %H:%M", time.localtime(created)),
        )
    return table


def _short(text: str, width: int = 10) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def pairs_table(headings: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Table:
    """Table of plain rows under headings; every cell literally, never as markup."""
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def origin_rows(plain: Mapping[str, object], origins: Mapping[str, str]) -> list[tuple[object, ...]]:
    """Rows (key, value, where it came from) of a resolved configuration."""
    return [(key, _setting(value), origins[key]) for key, value in plain.items()]


def _setting(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {entry}" for name, entry in value.items()) or "-"
    return "-" if value is None else str(value)
