"""Arguments that name studies and runs: a name of the list, the beginning of one, or a folder; and their completion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from hptui.errors import RunDirectoryError
from hptui.record.harmless import harmless
from hptui.record.study_names import find_run, find_study, run_names, study_names

Command = TypeVar("Command", bound=Callable[..., Any])


def complete_studies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names that begin so, without those that are given already; where there is none, folders."""
    given = {Path(path).name for path in ctx.params.get(param.name or "") or ()} if param.nargs == -1 else set()
    names = [name for name in study_names() if name.startswith(incomplete) and name not in given]
    return _items(names) or _folders(incomplete)


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """STUDY/RUN: the studies, and once there is a single one its runs; where there is none, folders."""
    study, slash, run = incomplete.rpartition("/")
    if not slash:
        studies = [name for name in study_names() if name.startswith(incomplete)]
        if len(studies) != 1:
            return _items([f"{name}/" for name in studies]) or _folders(incomplete)
        study = studies[0]
    return _items([f"{study}/{name}" for name in _runs(study) if name.startswith(run if slash else "")]) or _folders(
        incomplete
    )


def _runs(study: str) -> list[str]:
    try:
        return run_names(find_study(study))
    except RunDirectoryError:
        return []


def _items(names: list[str]) -> list[CompletionItem]:
    """Names that a shell can put on its line: none that a terminal would obey or that breaks the line."""
    return [CompletionItem(name) for name in names if harmless(name) == name and not set(name) & set("\t\n")]


def _folders(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def _find_study(ctx: click.Context, param: click.Parameter, value: Path) -> Path:  # noqa: ARG001
    return find_study(value)


def _find_studies(ctx: click.Context, param: click.Parameter, value: tuple[Path, ...]) -> tuple[Path, ...]:  # noqa: ARG001
    return tuple(map(find_study, value))


def _find_named(ctx: click.Context, param: click.Parameter, value: tuple[Path, ...]) -> tuple[Path, ...]:  # noqa: ARG001
    return tuple(find_study(one, whole=True) for one in value)


def _find_run(ctx: click.Context, param: click.Parameter, value: Path) -> Path:  # noqa: ARG001
    return find_run(value)


PATH = click.Path(path_type=Path)
study_argument = click.argument(
    "directory", type=PATH, callback=_find_study, shell_complete=complete_studies, metavar="STUDY"
)


def _studies_argument(*, required: bool, whole: bool) -> Callable[[Command], Command]:
    return click.argument(
        "directories",
        nargs=-1,
        required=required,
        type=PATH,
        callback=_find_named if whole else _find_studies,
        shell_complete=complete_studies,
        metavar="STUDY..." if required else "[STUDY]...",
    )


studies_argument = _studies_argument(required=True, whole=False)
named_studies_argument = _studies_argument(required=True, whole=True)
"""for what cannot be undone: no beginnings of names"""
some_named_studies_argument = _studies_argument(required=False, whole=True)
run_argument = click.argument("run", type=PATH, callback=_find_run, shell_complete=complete_runs, metavar="STUDY/RUN")
