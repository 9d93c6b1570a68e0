"""What is seen before there is a study to look at."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import LoadingIndicator, Static

PREPARING = "reading data and building the network ..."


class Preparing(Screen[None]):
    """Shown while torch is imported and the data are read."""

    DEFAULT_CSS = """
    Preparing { align: center middle; }
    Preparing Static { width: 100%; height: 1; text-align: center; }
    Preparing LoadingIndicator { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._said = PREPARING

    def compose(self) -> ComposeResult:
        yield Static(self._said, markup=False)
        yield LoadingIndicator()

    def say(self, doing: str) -> None:
        """Say what takes long, and how far it is."""
        words = doing or PREPARING
        if words != self._said:
            self._said = words
            for line in self.query(Static):
                line.update(words)
