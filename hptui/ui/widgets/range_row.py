"""A hyperparameter's range as a row of a form: of a new study, and of the ranges of one that is trained."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Checkbox, Input, Select, Static

from hptui.config import convert_field
from hptui.hyperparameters import hyperparameter, title
from hptui.space import parse_range
from hptui.ui.widgets.field import Field
from hptui.ui.widgets.form import Check, Row


def column_headings(first: str) -> str:
    """What stands above the columns of RangeRows."""
    return f"{first:20}{'low':11}{'high':11}{'scale':11}steps (of grid)"


class RangeRow(Row):
    """A hyperparameter: searched or not, from where to where, in which scale, in how many steps."""

    DEFAULT_CSS = """
    RangeRow { layout: vertical; }
    RangeRow Horizontal { height: 1; }
    RangeRow Check { width: 20; }
    RangeRow Input, RangeRow Select { margin-right: 1; }
    RangeRow Input { width: 10; }
    RangeRow Input.steps { width: 6; }
    RangeRow Select { width: 10; }
    RangeRow .fixed { width: 1fr; color: $text-muted; }
    RangeRow .problem { padding-left: 4; display: none; }
    RangeRow.-wrong .problem { display: block; }
    """

    def __init__(self, name: str, text: str, *, searched: bool, fixed: str = "") -> None:
        """`fixed` says what holds while it is not searched, in 15 characters of an 80-column terminal."""
        super().__init__(f"search.{name}")
        self._hyperparameter, self._fixed = name, fixed
        given = parse_range(name, text, installed=False)
        scale = "log" if given.scale == "log" else "lin"
        off = not searched
        self._check = Check(Text(name), value=searched, compact=True)
        self._low, self._high = (
            Field(repr(end).removesuffix(".0"), placeholder=part, classes=part, compact=True, disabled=off)
            for part, end in (("low", given.low), ("high", given.high))
        )
        words = [("log", "log"), ("lin", "lin")]
        self._scale = Select(words, value=scale, allow_blank=False, compact=True, disabled=off)
        self._steps = Field(str(given.steps), placeholder="steps", classes="steps", compact=True, disabled=off)
        self._holds = Static(Text(fixed if off else ""), classes="fixed")

    def compose(self) -> ComposeResult:
        yield Horizontal(*self.parts, self._holds)
        yield self._problem

    @property
    def parts(self) -> list[Check | Select[str] | Input]:
        return [self._check, self._low, self._high, self._scale, self._steps]

    @property
    def help_words(self) -> str:
        known = hyperparameter(self._hyperparameter, installed=False)
        meaning = f": {known.meaning}. S" if known.meaning else ": s"
        words = f"{title(known.name)}{meaning}earched or not; low, high, scale, steps (of a grid)."
        return f"{words} It takes {known.bounds}."

    def add_to(self, settings: dict[str, Any]) -> None:
        if self._check.value:
            low, high, steps = (field.value.strip() for field in (self._low, self._high, self._steps))
            text = f"{low}:{high}:{self._scale.value}:{steps}"
            settings["search"] |= convert_field("search", {self._hyperparameter: text})

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        event.stop()
        for part in self.parts[1:]:
            part.disabled = not event.value
        self._holds.update(Text("" if event.value else self._fixed))
        self.post_message(self.Changed())
