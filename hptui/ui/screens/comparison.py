"""The comparison of studies over the list: what `hptui compare` prints, without leaving the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from hptui.errors import HptuiError
from hptui.ui.widgets.keys_line import KeysLine

Comparer = Callable[[Sequence[Path]], RenderableType]


class ComparisonScreen(ModalScreen[None]):
    """Arms, differences and what they allow one to say, of one study or of several."""

    DEFAULT_CSS = """
    ComparisonScreen VerticalScroll { width: 1fr; height: 1fr; padding: 0 1; background: $surface; }
    ComparisonScreen Static { width: 1fr; height: auto; }
    ComparisonScreen .error { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q,c", "dismiss(None)", "Back", key_display="esc"),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, directories: Sequence[Path], compare: Comparer) -> None:
        super().__init__()
        self._directories, self._compare = directories, compare

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static("comparing ...", id="comparison", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._show()

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    @work(exclusive=True)
    async def _show(self) -> None:
        shown = self.query_one("#comparison", Static)
        try:
            shown.update(await asyncio.to_thread(self._compare, self._directories))
        except (HptuiError, OSError) as error:
            shown.add_class("error")
            shown.update(Text(str(error)))
