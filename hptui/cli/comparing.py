"""What `hptui compare` prints: one study, several, and every class where asked; as tables or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from hptui.cli.tables import comparison_table, left_table
from hptui.reading.comparison import Question, compare
from hptui.reading.comparison.by_class import ClassRow, by_class, class_cells, class_headings, few_images
from hptui.reading.comparison.several import StudiesComparison, compare_several
from hptui.reading.comparison.several_words import (
    CONTRAST_HEADINGS,
    contrast_cells,
    several_headings,
    several_lines,
    several_rows,
)
from hptui.reading.studies import follow
from hptui.record.task import Task

LONGEST_NAME = 20
"""characters of a study that stands twice in a row of a table of 80 columns"""
LETTERS = 26


def comparison_json(directories: Sequence[Path], question: Question, *, classes: bool) -> bytes:
    """JSON of one study as `Comparison`, of more as `StudiesComparison`, with `classes` by study where asked."""
    studies = [follow(directory) for directory in directories]
    comparison = (
        compare(studies[0], question, intervals=True)
        if len(studies) == 1
        else compare_several(studies, question, intervals=True)
    )
    plain: dict[str, Any] = msgspec.to_builtins(comparison)
    if classes:
        names = comparison.names if isinstance(comparison, StudiesComparison) else [comparison.study]
        plain["classes"] = {name: by_class(followed, question) for name, followed in zip(names, studies, strict=True)}
    return msgspec.json.encode(plain)


def comparison_text(directories: Sequence[Path], question: Question, *, classes: bool) -> RenderableType:
    """Tables and sentences of one study, or of several, with `classes` by study where asked."""
    studies = [follow(directory) for directory in directories]
    if len(studies) == 1:
        parts, names = [comparison_table(compare(studies[0], question))], [studies[0].study.name]
    else:
        several = compare_several(studies, question)
        parts, names = [_several(several)], several.names
    if classes:
        for name, study in zip(names, studies, strict=True):
            if rows := by_class(study, question):
                parts.append(_classes(name, rows, study.task))
    return Group(*parts)


def _several(several: StudiesComparison) -> RenderableType:
    short = _short_names(several.names)
    named = [Text(f"{letter}  {name}") for name, letter in short.items() if letter != name]
    arms = left_table(several_headings(several), f"{len(several.studies)} studies", left=3)
    for name, *cells in several_rows(several):
        arms.add_row(*map(Text, (short[name], *cells)))
    contrasts = left_table(CONTRAST_HEADINGS, "differences", left=2)
    for contrast in several.contrasts:
        one, other, *cells = contrast_cells(contrast)
        contrasts.add_row(*map(Text, (_with_short_name(one, short), _with_short_name(other, short), *cells)))
    return Group(*named, arms, contrasts, *map(Text, several_lines(several)))


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """A letter for each study where their names would be folded in the tables; else the names."""
    if max(map(len, names)) <= LONGEST_NAME:
        return {name: name for name in names}
    return {name: chr(ord("A") + index) if index < LETTERS else str(index + 1) for index, name in enumerate(names)}


def _with_short_name(arm: str, short: Mapping[str, str]) -> str:
    """What stands for "STUDY: ARM"."""
    name, colon, which = arm.rpartition(": ")
    return f"{short[name]}{colon}{which}" if name in short else arm


def _classes(name: str, rows: Sequence[ClassRow], task: Task) -> RenderableType:
    kinds = "classes" if task == "single-label" else "labels"
    title = f"{kinds} of {name}: mean over the runs, with its 95 % interval over runs and test images"
    table = left_table(class_headings(task), title, left=2)
    for row in rows:
        table.add_row(*map(Text, class_cells(row)))
    few = few_images(rows)
    return Group(table, Text(few)) if few else table
