"""A row of a form: one setting, with the message about it beside it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Checkbox, Input

from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.field import make_compact
from hptui.ui.widgets.words import Words


class Check(Checkbox):
    """A box whose state shows without colour, and in ASCII."""

    DEFAULT_CSS = "Check > .toggle--button, Check.-on > .toggle--button { background: transparent; color: $text; }"
    BUTTON_LEFT, BUTTON_RIGHT = "", ""

    def __init__(self, label: str, value: bool) -> None:
        super().__init__(Text(label), value, classes="-on" if value else "")
        make_compact(self)

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]
        return "[X]" if self.value else "[ ]"


Part = Check | Choice | Input


class Row(Widget):
    """One line of a form."""

    DEFAULT_CSS = """
    Row { height: auto; width: 1fr; }
    Row Input:disabled { color: $text-disabled; }
    Row .problem { color: $text-error; height: auto; }
    Row .problem.-note { color: $text-muted; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "app.focus_next", "Next field", show=False),
        Binding("up,k", "app.focus_previous", "Field before", show=False),
    ]

    class Changed(Message):
        """Something in the row was changed."""

    def __init__(self, setting: str, given: list[Any]) -> None:
        """Begin with what is `given` to its fields, in their order; they are made when the row is shown."""
        super().__init__()
        self.setting = setting
        """the field of the configuration, or search.NAME"""
        self._given = given
        self._problem: Words | None = None
        """made with the first message: most rows never have one"""
        self._words_shown = ""

    @property
    def help_words(self) -> str:
        """What it is for."""
        raise NotImplementedError

    def add_to(self, settings: dict[str, Any]) -> None:
        """Put the checked value among `settings`; raise ConfigError if it cannot be used."""
        raise NotImplementedError

    def show_problem(self, problem: str, note: str = "") -> None:
        """Show what is wrong; where nothing is, the note."""
        problem = re.sub(rf"^(search )?{self.setting.removeprefix('search.')}( = .*?: |: |=)", "", problem)
        words = f"! {problem}" if problem else note
        if words != self._words_shown:
            self._words_shown = words
            self.set_class(bool(problem), "-wrong")
            shown = self._shown_problem()
            shown.set_class(not problem, "-note")
            shown.update(Text(words))

    def _shown_problem(self) -> Words:
        """The message's widget; in a row that is not composed yet, it comes with the others."""
        if self._problem is None:
            self._problem = Words(classes="problem", markup=False)
            if self.children:
                self.mount(self._problem)
        return self._problem

    @property
    def parts(self) -> list[Part]:
        """Fields of the row, in their order; none before it is shown."""
        raise NotImplementedError

    @property
    def typed(self) -> list[Any]:
        """What stands in its fields, right or wrong; what will stand there, of those that are not there yet."""
        parts = self.parts
        there = [part.value if part.is_mounted else given for part, given in zip(parts, self._given, strict=False)]
        return there + self._given[len(parts) :]

    def restore(self, typed: list[Any]) -> None:
        """Put back what `typed` gave."""
        self._given = list(typed)
        for part, value in zip(self.parts, typed, strict=False):
            if part.is_mounted:
                part.value = value

    def focus_first(self) -> None:
        """Put the cursor into the row."""
        next(part for part in self.parts if part.focusable).focus()

    def focus_last(self) -> None:
        """Put the cursor where the row's value is typed, else where it is chosen."""
        [part for part in self.parts if part.focusable and part.display][-1].focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.app.action_focus_next()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())
