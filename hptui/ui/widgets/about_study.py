"""The text below the list of studies: what its columns have no room for."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.content import Content
from textual.widgets import Static

from hptui.reading.listing_words import details, run_words
from hptui.reading.study_line import StudyLine
from hptui.record.study_folders import shown
from hptui.ui.drawing.literal import literal

AROUND_TITLE = 6
"""cells beside a title on a border"""
IN_FULL = "i: in full"


class AboutStudy(Static):
    """Tells of the study under the cursor, and of marks; a key is named that shows what is cut."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of whose studies it need not say where they lie."""
        super().__init__(id="about", markup=False)
        self._folder = folder

    def show(self, line: StudyLine | None, marked: Sized, *, width: int, has_room: bool) -> None:
        """Show what there is to say.

        Args:
            line: the study under the cursor.
            marked: studies that are marked.
            width: cells of the screen.
            has_room: whether there are lines enough for its runs.
        """
        name = literal(shown(line.directory.name)) if line is not None else ""
        self.border_title = Text(name)
        words = [name] if cell_len(name) > width - AROUND_TITLE else []
        if marked:
            words.append(f"{len(marked)} marked: c compares them, X cleans, D deletes")
        if line is not None:
            where = line.directory.parent
            words += [literal(f"in {where}")] if where.resolve() != self._folder.resolve() else []
            words += map(literal, [*details(line), *(run_words(line) if has_room else [])])
        self.update(Text("\n".join(words)))
        self.screen.call_after_refresh(self._tell_what_is_cut, name, width)

    def _tell_what_is_cut(self, name: str, width: int) -> None:
        """Name the key that shows all of it, where there is no room for all."""
        needed = Content(str(self.content)).get_height({}, max(self.content_size.width, 1))
        hint = f" | {IN_FULL}" if needed > self.content_size.height else ""
        room = width - AROUND_TITLE - cell_len(hint)
        shown = name if cell_len(name) <= room or not hint else f"{set_cell_size(name, room - 1)}…"
        self.border_title = Text(f"{shown}{hint}")
