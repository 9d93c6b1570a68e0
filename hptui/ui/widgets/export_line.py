"""The line below the panels that has files written in the background, and shows how far that is."""

from __future__ import annotations

from pathlib import Path

from textual import on, work
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from hptui.errors import HptuiError
from hptui.ui.exporting import Exporter, ExportOutcome

LONGEST_NOTICE = 3
"""lines of what is missing that a notice has room for"""


class ExportLine(Static):
    """One export of a study at a time; not there while there is none."""

    DEFAULT_CSS = """
    ExportLine { display: none; height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ExportLine.shown { display: block; }
    """

    class Progressed(Message):
        """A line of the export's progress, from its thread; empty at the end."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    def __init__(self, directory: Path, export: Exporter | None) -> None:
        """Export the study in `directory`; without `export` nothing can be written here."""
        super().__init__(markup=False)
        self._directory, self._export = directory, export
        self._exporting = False

    def begin(self, formats: str) -> None:
        """Write these in the background; a notice where that cannot be."""
        if self._export is None:
            self.notify("export is not available here", severity="warning")
        elif self._exporting:
            self.notify("an export is being written already", severity="warning")
        else:
            self._exporting = True
            self._write_files(self._export, formats)

    @on(Progressed)
    def _show_progress(self, message: Progressed) -> None:
        message.stop()
        self.update(message.line and f"export {message.line}")
        self.set_class(bool(message.line), "shown")

    @work(thread=True, exit_on_error=False)
    def _write_files(self, export: Exporter, formats: str) -> None:
        """Leaving the screen ends it after the file at hand."""
        worker = get_current_worker()

        def progress(line: str) -> None:
            self.post_message(self.Progressed(line))

        progress("reading ...")
        try:
            outcome = export(self._directory, formats, progress, lambda: worker.is_cancelled)
        except Exception as error:  # a picture that cannot be drawn is no reason to lose the screen
            known = isinstance(error, HptuiError)
            words = str(error) if known else f"{type(error).__name__}: {error}"
            self.notify(words, title="export failed", severity="error", timeout=30, markup=False)
        else:
            self.notify(_words(outcome), markup=False)
        finally:
            self._exporting = False
            progress("")


def _words(outcome: ExportOutcome) -> str:
    written = "nothing written: there is nothing to draw yet"
    if outcome.files:
        top = min((file.parent for file in outcome.files), key=lambda folder: len(folder.parts))
        written = f"{len(outcome.files)} files in {top}"
    return "\n".join([written, *(f"missing: {line}" for line in outcome.missing[:LONGEST_NOTICE])])
