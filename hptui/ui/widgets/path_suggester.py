"""Completion of a path while it is typed: greyed behind the cursor, taken over by the right arrow key."""

from __future__ import annotations

import ast
import asyncio
import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from textual.suggester import Suggester

from hptui.opening import read_text

Wanted = Literal["folder", "file", "own"]
"""only folders; anything; a file of Python, and after its colon a name in it"""
MOST_ENTRIES = 5000
"""of one folder that are looked at: a data set may have a million files in one"""


class PathSuggester(Suggester):
    """Looks into the folder that is typed, in a thread: a network drive may take its time."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(use_cache=False, case_sensitive=True)  # files come and go
        self._wanted = wanted

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(completed, value, self._wanted)


def completed(value: str, wanted: Wanted) -> str | None:
    """The first path, in alphabetical order, that goes on from what is typed; None if there is none."""
    file, colon, name = value.rpartition(":")
    if wanted == "own" and colon and file.endswith(".py"):
        longer = sorted(known for known in _names(Path(file)) if known.startswith(name) and known != name)
        return f"{file}:{longer[0]}" if longer else None
    folder, typed = os.path.split(value)
    with suppress(OSError, RuntimeError, ValueError):
        found = sorted(entry for entry in _entries(Path(folder or ".").expanduser(), typed, wanted) if entry != typed)
        return f"{value.removesuffix(typed)}{found[0]}" if found else None
    return None


def _entries(folder: Path, typed: str, wanted: Wanted) -> Iterator[str]:
    """What a folder holds that begins so, with what follows such an entry; hidden ones where somebody asks for them."""
    with os.scandir(folder) as entries:
        for entry in itertools.islice(entries, MOST_ENTRIES):
            if not entry.name.startswith(typed) or (entry.name.startswith(".") and not typed):
                continue
            if entry.is_dir():
                yield f"{entry.name}/"
            elif wanted == "file":
                yield entry.name
            elif wanted == "own" and entry.name.endswith(".py"):
                yield f"{entry.name}:"


def _names(file: Path) -> list[str]:
    """Public classes and functions of a file, which is not imported."""
    with suppress(OSError, SyntaxError, ValueError, RuntimeError, MemoryError):  # what ast.parse raises
        body = ast.parse(read_text(file.expanduser())).body
        kinds = (ast.ClassDef, ast.FunctionDef)
        return [node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")]
    return []
