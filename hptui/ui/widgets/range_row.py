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
from hptui.ui.widgets.words import Words


def column_headings(first: str) -> str:
    """What stands above the columns of RangeRows."""
    return f"{first:20}{'low':11}{'high':11}{'scale':11}steps"


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
        self._hyperparameter, self._range, self._searched = name, parse_range(name, text, installed=False), searched
        self._fixed = fixed

    def compose(self) -> ComposeResult:
        off, scale = not self._searched, "log" if self._range.scale == "log" else "lin"
        with Horizontal():
            yield Check(Text(self._hyperparameter), value=self._searched, compact=True)
            for part, end in (("low", self._range.low), ("high", self._range.high)):
                text = repr(end).removesuffix(".0")
                yield Field(text, placeholder=part, classes=part, compact=True, disabled=off)
            words = [("log", "log"), ("lin", "lin")]
            yield Select(words, value=scale, allow_blank=False, compact=True, disabled=off)
            yield Field(str(self._range.steps), placeholder="steps", classes="steps", compact=True, disabled=off)
            yield Static(Text(self._fixed if off else ""), classes="fixed")
        yield Words(classes="problem", markup=False)

    @property
    def help_words(self) -> str:
        known = hyperparameter(self._hyperparameter, installed=False)
        meaning = f": {known.meaning}. S" if known.meaning else ": s"
        words = f"{title(known.name)}{meaning}earched or not; low, high, scale, steps (of a grid)."
        return f"{words} It takes {known.bounds}."

    def add_to(self, settings: dict[str, Any]) -> None:
        if self.query_one(Check).value:
            low, high, steps = (self.query_one(f".{part}", Input).value.strip() for part in ("low", "high", "steps"))
            text = f"{low}:{high}:{self.query_one(Select).value}:{steps}"
            settings["search"] |= convert_field("search", {self._hyperparameter: text})

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        event.stop()
        for part in self.query("Input, Select"):
            part.disabled = not event.value
        self.query_one(".fixed", Static).update(Text("" if event.value else self._fixed))
        self.post_message(self.Changed())
