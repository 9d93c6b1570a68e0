"""The part of the dashboard that has files written in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from hptui.errors import HptuiError
from hptui.ui.screens.dialogs import ChoiceDialog
from hptui.ui.screens.steering import SteeringScreen
from hptui.ui.viewer import Viewer

Exporter = Callable[[Path, str, Callable[[str], None], Callable[[], bool]], list[Path]]
"""writes a study (its folder) in these formats, tells each file before it is begun and what is missing, until it is
asked to stop; names the files"""

USUAL = "png"
ALL = "png,svg,pdf,csv,tensorboard,gif"
FORMATS = {
    "png": "PNG",
    "svg": "SVG",
    "pdf": "PDF",
    "csv": "CSV",
    "tensorboard": "TensorBoard",
    "gif": "GIF",
    "all": "All",
}
LONGEST_NOTICE = 3
"""lines of what is missing that a notice has room for"""


class ExportLine(Static):
    """How far the export is; not there while there is none."""

    DEFAULT_CSS = """
    ExportLine { display: none; height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ExportLine.shown { display: block; }
    """

    def tell(self, words: str) -> None:
        """Show these; without any, go away."""
        self.update(words)
        self.set_class(bool(words), "shown")


class ExportingScreen(SteeringScreen):
    """`e` and `E`, with an ExportLine on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "Export"),
        Binding("E", "export_as", "Export as", show=False),
    ]

    class Told(Message):
        """A line of the export's progress, from its thread; empty at the end."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    def __init__(self, viewer: Viewer, export: Exporter | None) -> None:
        super().__init__(viewer)
        self._export = export
        self._exporting = False

    def action_export(self) -> None:
        """Write the pictures in the background, once at a time."""
        self._begin_export(USUAL)

    @work
    async def action_export_as(self) -> None:
        """Ask for the format."""
        answer = await self.ask(ChoiceDialog("Export as", FORMATS))
        if answer is not None:
            self._begin_export(ALL if answer == "all" else answer)

    def _begin_export(self, formats: str) -> None:
        if self._export is None:
            self.notify("export is not available here", severity="warning")
        elif self._exporting:
            self.notify("an export is being written already", severity="warning")
        else:
            self._exporting = True
            self._write_files(self._export, formats)

    def on_exporting_screen_told(self, message: Told) -> None:
        self.query_one(ExportLine).tell(message.line and f"export {message.line}")

    @work(thread=True, exit_on_error=False)
    def _write_files(self, export: Exporter, formats: str) -> None:
        """Leaving the screen ends it after the file at hand."""
        worker = get_current_worker()
        missing: list[str] = []

        def progress(line: str) -> None:
            if line.startswith("missing: "):
                missing.append(line)
            self.post_message(self.Told(line))

        self.post_message(self.Told("reading ..."))
        try:
            files = export(self.viewer.followed.study.directory, formats, progress, lambda: worker.is_cancelled)
        except Exception as error:  # a picture that cannot be drawn is no reason to lose the screen
            known = isinstance(error, HptuiError)
            words = str(error) if known else f"{type(error).__name__}: {error}"
            self.notify(words, title="export failed", severity="error", timeout=30, markup=False)
        else:
            self.notify("\n".join([_written(files), *missing[:LONGEST_NOTICE]]), markup=False)
        finally:
            self._exporting = False
            self.post_message(self.Told(""))


def _written(files: list[Path]) -> str:
    if not files:
        return "nothing written: there is nothing to draw yet"
    top = min((file.parent for file in files), key=lambda folder: len(folder.parts))
    return f"{len(files)} files in {top}"
