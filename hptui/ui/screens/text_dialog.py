"""A line of text over a screen: another name, a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from hptui.nothing import do_nothing
from hptui.ui.screens.dialogs import TypedDialog
from hptui.ui.widgets.field import Field


class TextDialog(TypedDialog[str]):
    """Asks for a line of text."""

    DEFAULT_CSS = """
    TextDialog { align: center middle; }
    TextDialog > Vertical {
        width: 74; max-width: 100%; height: auto; max-height: 100%; overflow-y: auto; scrollbar-size: 0 0; padding: 0 1;
        border: round $primary; background: $surface;
    }
    TextDialog Horizontal { height: auto; }
    TextDialog Label { max-width: 100%; }
    TextDialog Button { margin-right: 1; }
    TextDialog .error { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, question: str, text: str, check: Callable[[str], object] = do_nothing) -> None:
        """Begin with `text`; `check` raises an HptuiError for what cannot be."""
        super().__init__(question)
        self._text, self._checks = text, check

    def field(self) -> Field:
        return Field(self._text, id="text", select_on_focus=False)

    def read(self, text: str) -> str:
        self._checks(text)
        return text
