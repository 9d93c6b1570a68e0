"""Small questions over the dashboard: what to stop, how many epochs more; and text that needs room."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Label, Static

from hptui.config import convert_field
from hptui.errors import HptuiError
from hptui.ui.widgets.field import Field

Answer = TypeVar("Answer")

MANY_ANSWERS = 3
"""more of them need narrow buttons to stand side by side in 80 columns"""
CHOICE_CSS = """
ChoiceDialog, NumberDialog { align: center middle; }
ChoiceDialog > Vertical, NumberDialog > Vertical {
    width: auto; max-width: 100%; height: auto; max-height: 100%; overflow-y: auto; scrollbar-size: 0 0; padding: 0 1;
    border: round $primary; background: $surface;
}
NumberDialog > Vertical { width: 64; }
ChoiceDialog Horizontal, NumberDialog Horizontal {
    width: auto; max-width: 100%; height: auto; overflow-x: auto; scrollbar-size: 0 0;
}
ChoiceDialog Label, NumberDialog Label { max-width: 100%; }
ChoiceDialog Button, NumberDialog Button { margin-right: 1; }
ChoiceDialog .many Button { min-width: 6; }
NumberDialog .error { color: $text-error; }
"""


class Questions:
    """The dialogs that a screen opens: one at a time, however quickly keys are pressed."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._asking = False

    async def ask(self, dialog: ModalScreen[Answer | None]) -> Answer | None:
        """The answer, in a worker; None too while another dialog is open."""
        if self._asking:
            return None
        self._asking = True
        try:
            return await self._screen.app.push_screen_wait(dialog)
        finally:
            self._asking = False


class ChoiceDialog(ModalScreen[str | None]):
    """A question with a few answers; Esc answers None."""

    DEFAULT_CSS = CHOICE_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("left,h", "app.focus_previous", "Previous", show=False),
        Binding("right,l", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, question: str, answers: dict[str, str]) -> None:
        super().__init__()
        self._question, self.answers = question, answers

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(self._question))
            with Horizontal(classes="many" if len(self.answers) > MANY_ANSWERS else ""):
                for answer, words in self.answers.items():
                    yield Button(Text(words), id=answer, compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id if event.button.id in self.answers else None)


class FullTextDialog(ModalScreen[None]):
    """Text to read in full, however small the terminal."""

    DEFAULT_CSS = """
    FullTextDialog { align: center middle; }
    FullTextDialog > VerticalScroll {
        width: 90; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; scrollbar-size: 1 1;
        border: round $primary; background: $surface;
    }
    FullTextDialog Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,enter", "dismiss(None)", "Close"),
        Binding("down,j", "scroll('scroll_down')", "Line down", show=False),
        Binding("up,k", "scroll('scroll_up')", "Line up", show=False),
    ]

    def __init__(self, heading: str, text: Text) -> None:
        super().__init__()
        self._heading, self._text = heading, text

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title, box.border_subtitle = self._heading, "esc closes"
            yield Static(self._text)

    def action_scroll(self, how: str) -> None:
        """Scroll by a method of Textual's widgets."""
        getattr(self.query_one(VerticalScroll), how)(animate=False)


class TypedDialog(ModalScreen[Answer | None]):
    """Asks for something to be typed; what is wrong with it stands below it as one types. Esc answers None."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(self._question))
            yield self.field()
            yield Static("", classes="error", markup=False)
            with Horizontal():
                yield Button("OK (enter)", id="ok", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def field(self) -> Field:
        """Where it is typed."""
        raise NotImplementedError

    def read(self, text: str) -> Answer:
        """What is said by that, or an HptuiError for what cannot be."""
        raise NotImplementedError

    def _check(self) -> Answer | None:
        """Show what is wrong; None if anything is."""
        answer, problem = None, ""
        try:
            answer = self.read(self.query_one(Field).value.strip())
        except HptuiError as error:
            problem = str(error)
        self.query_one(".error", Static).update(problem)
        self.query_one("#ok", Button).disabled = bool(problem)
        return answer

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
        answer = self._check()
        if answer is not None:
            self.dismiss(answer)


class NumberDialog(TypedDialog[int]):
    """How many epochs more."""

    DEFAULT_CSS = CHOICE_CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def field(self) -> Field:
        return Field("5", id="number")

    def read(self, text: str) -> int:
        epochs: int = convert_field("epochs", text)
        return epochs
