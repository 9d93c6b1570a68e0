"""Small questions over the dashboard: what to stop, how many epochs more, which ranges."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from hptui.config import convert_field
from hptui.errors import ConfigError
from hptui.space import HYPERPARAMETERS, SearchSpace, grid, parse_range

CHOICE_CSS = """
ChoiceDialog, NumberDialog, RangesDialog { align: center middle; }
ChoiceDialog > Vertical, NumberDialog > Vertical, RangesDialog > Vertical {
    width: auto; max-width: 76; height: auto; max-height: 100%; padding: 0 1;
    border: round $primary; background: $surface;
}
ChoiceDialog Horizontal, NumberDialog Horizontal, RangesDialog Horizontal { width: auto; height: auto; }
ChoiceDialog Button, NumberDialog Button, RangesDialog Button { margin-right: 1; }
.error { color: $text-error; }
"""


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
        self._question, self._answers = question, answers

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(self._question))
            with Horizontal():
                for answer, words in self._answers.items():
                    yield Button(Text(words), id=answer, compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id if event.button.id in self._answers else None)


class NumberDialog(ModalScreen[int | None]):
    """How many epochs more."""

    DEFAULT_CSS = CHOICE_CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(Text(self._question))
            yield Input("5", type="integer", compact=True, id="number")
            yield Static("", classes="error", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(convert_field("epochs", event.value))
        except ConfigError as error:
            self.query_one(Static).update(str(error))


class RangesDialog(ModalScreen[dict[str, str] | None]):
    """All hyperparameters, one line each: a range is searched, an empty line stays at the value in force."""

    DEFAULT_CSS = (
        CHOICE_CSS
        + """
    RangesDialog .row { width: 72; height: 1; }
    RangesDialog .row Label { width: 18; }
    RangesDialog .row Input { width: 26; height: 1; border: none; }
    RangesDialog .row .error { width: 20; height: 1; }
    RangesDialog #grid { width: 72; height: 2; }
    RangesDialog VerticalScroll { width: 72; height: auto; max-height: 12; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "apply", "Apply"),
    ]

    def __init__(self, space: SearchSpace, values: dict[str, float]) -> None:
        super().__init__()
        self._space, self._values = space, values

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Ranges from the next decision on: low:high:log|lin:steps, empty = fixed")
            with VerticalScroll(can_focus=False):
                for name in HYPERPARAMETERS:
                    with Horizontal(classes="row"):
                        yield Label(name)
                        text = str(self._space[name]) if name in self._space else ""
                        fixed = f"fixed at {self._values[name]:.4g}" if name in self._values else "model's own"
                        yield Input(text, placeholder=fixed, compact=True, id=f"range-{name}")
                        yield Static("", classes="error", id=f"error-{name}", markup=False)
            yield Static("", id="grid", markup=False)
            with Horizontal():
                yield Button("Apply (ctrl+s)", id="apply", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        self._check()

    def on_input_changed(self) -> None:
        self._check()

    def on_input_submitted(self) -> None:
        self.app.action_focus_next()

    def _check(self) -> dict[str, str] | None:
        """Show what is wrong beside each range, and the grid that would result; None if anything is wrong."""
        space: SearchSpace = {}
        wrong = ""
        for name in HYPERPARAMETERS:
            text = self.query_one(f"#range-{name}", Input).value.strip()
            problem = ""
            if text:
                try:
                    space[name] = parse_range(name, text)
                except ConfigError as error:
                    problem = str(error)
            wrong = wrong or problem
            self.query_one(f"#error-{name}", Static).update("! see below" if problem else "")
        if not space and not wrong:
            wrong = "no range: there would be nothing to decide"
        sizes = " x ".join(f"{len(entry.values())} {name}" for name, entry in space.items())
        below = self.query_one("#grid", Static)
        below.update(wrong or f"grid: {sizes} = {len(grid(space))} cells")
        below.set_class(bool(wrong), "error")
        self.query_one("#apply", Button).disabled = bool(wrong)
        return None if wrong else {name: str(entry) for name, entry in space.items()}

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "apply":
            self.action_apply()
        else:
            self.dismiss(None)

    def action_apply(self) -> None:
        search = self._check()
        if search is not None:
            self.dismiss(search)
