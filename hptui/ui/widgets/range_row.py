"""A hyperparameter's range as a row of a form: of a new study, and of the ranges of one that is trained."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Checkbox, Input, Static

from hptui.config import convert_field
from hptui.hyperparameters import hyperparameter, title
from hptui.space import parse_range
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.field import Field
from hptui.ui.widgets.row import Check, Part, Row


def column_headings(first: str) -> str:
    """What stands above the columns of RangeRows."""
    return f"{first:20}{'low':11}{'high':11}{'scale':11}steps (of grid)"


class RangeRow(Row):
    """A hyperparameter: searched or not, from where to where, in which scale, in how many steps."""

    DEFAULT_CSS = """
    RangeRow { layout: horizontal; overflow: hidden; }
    RangeRow Check { width: 20; }
    RangeRow Input, RangeRow Choice { margin-right: 1; }
    RangeRow Input { width: 10; }
    RangeRow Input.steps { width: 6; }
    RangeRow Choice { width: 10; }
    RangeRow .unused { width: 1fr; height: 1; color: $text-muted; }
    RangeRow .problem { padding-left: 4; display: none; }
    RangeRow.-wrong { layout: grid; grid-size: 6; grid-columns: 20 11 11 11 7 1fr; grid-rows: auto; }
    RangeRow.-wrong .problem { display: block; column-span: 6; }
    """

    def __init__(self, name: str, text: str, *, searched: bool, fixed: str = "") -> None:
        """`fixed` says what holds while it is not searched, in 15 characters of an 80-column terminal."""
        given = parse_range(name, text, installed=False)
        low, high = (repr(end).removesuffix(".0") for end in (given.low, given.high))
        super().__init__(
            f"search.{name}", [searched, low, high, "log" if given.scale == "log" else "lin", str(given.steps)]
        )
        self._hyperparameter, self._fixed = name, fixed
        self._check = Check(name, searched)
        self._fields: list[Choice | Input] = []
        """while it is searched; twenty rows of fields that nobody can use would hold the form up by a second"""
        self._unused = Static(classes="unused")

    def compose(self) -> ComposeResult:
        if self._check.value:
            self._make_fields()
        self._unused.update(Text(self._unused_words))
        yield from (self._check, *self._fields, self._unused)
        if self._problem is not None:
            yield self._problem

    def _make_fields(self) -> None:
        _, low, high, scale, steps = self._given
        self._fields = [
            Field(low, placeholder="low", classes="low"),
            Field(high, placeholder="high", classes="high"),
            Choice({"log": "log", "lin": "lin"}, scale),
            Field(steps, placeholder="steps", classes="steps"),
        ]

    @property
    def _unused_words(self) -> str:
        """The range that would be searched, in the columns of the fields, and what holds meanwhile."""
        if self._fields:
            return ""
        _, low, high, scale, steps = self._given
        return f"{low:11}{high:11}{scale:11}{steps:7}{self._fixed}"

    @property
    def parts(self) -> list[Part]:
        return [self._check, *self._fields]

    @property
    def help_words(self) -> str:
        known = hyperparameter(self._hyperparameter, installed=False)
        meaning = f": {known.meaning}. S" if known.meaning else ": s"
        words = f"{title(known.name)}{meaning}earched or not; low, high, scale, steps (of a grid)."
        return f"{words} It takes {known.bounds}."

    def add_to(self, settings: dict[str, Any]) -> None:
        if self._check.value:
            text = ":".join(part.strip() for part in self.typed[1:])
            settings["search"] |= convert_field("search", {self._hyperparameter: text})

    async def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        event.stop()
        if self._check.value and not self._fields:
            self._make_fields()
            await self.mount_all(self._fields, before=self._unused)
        elif not self._check.value and self._fields:
            self._given, fields, self._fields = self.typed, self._fields, []
            await self.remove_children(fields)
        self._unused.update(Text(self._unused_words))
        self.post_message(self.Changed())
