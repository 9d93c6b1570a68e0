"""What is seen before there is a study to look at."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import LoadingIndicator, Static


class Preparing(Screen[None]):
    """Shown while torch is imported and the data are read."""

    DEFAULT_CSS = """
    Preparing { align: center middle; }
    Preparing Static { width: 100%; height: 1; text-align: center; }
    Preparing LoadingIndicator { height: 3; }
    """

    def compose(self) -> ComposeResult:
        yield Static("reading data and building the network ...", markup=False)
        yield LoadingIndicator()
