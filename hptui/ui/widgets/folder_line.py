"""The first line of the list of studies, light enough for the very first picture."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Static

from hptui.ui.drawing.literal import literal


class FolderLine(Static):
    """Names the folder whose studies are listed."""

    DEFAULT_CSS = """
    FolderLine { height: 1; padding: 0 1; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"studies in {literal(str(folder))}", id="folder", markup=False)
