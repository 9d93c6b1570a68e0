"""A line of text over a screen: another name, a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from hptui.errors import HptuiError
from hptui.ui.widgets.field import Field


class TextDialog(ModalScreen[str | None]):
    """Asks for a line of text; what is wrong with it stands below it as one types. Esc answers None."""

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

    def __init__(self, question: str, text: str, check: Callable[[str], object] = str) -> None:
        """Begin with `text`; `check` raises an HptuiError for what cannot be."""
        super().__init__()
        self._question, self._text, self._checks = question, text, check

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(self._question))
            yield Field(self._text, id="text", select_on_focus=False)
            yield Static("", classes="error", markup=False)
            with Horizontal():
                yield Button("OK (enter)", id="ok", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def _check(self) -> str | None:
        """Show what is wrong; None if anything is."""
        text, problem = self.query_one(Input).value.strip(), ""
        try:
            self._checks(text)
        except HptuiError as error:
            problem = str(error)
        self.query_one(".error", Static).update(problem)
        self.query_one("#ok", Button).disabled = bool(problem)
        return None if problem else text

    def on_input_changed(self) -> None:
        self._check()

    def on_input_submitted(self) -> None:
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "ok":
            self._answer()
        else:
            self.dismiss(None)

    def _answer(self) -> None:
        text = self._check()
        if text is not None:
            self.dismiss(text)
