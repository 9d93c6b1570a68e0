"""A row of a form for a field of the configuration: a text, a choice, or a choice with a text."""

from __future__ import annotations

import re
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from hptui import registry
from hptui.config import (
    FOLDERS,
    PLUG_INS,
    SWITCH,
    StudyConfig,
    choices,
    convert_field,
    description,
    is_switch,
    own_form,
    takes_path,
)
from hptui.errors import ConfigError
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.field import Field
from hptui.ui.widgets.path_suggester import PathSuggester
from hptui.ui.widgets.row import Part, Row

DEFAULTS = StudyConfig()
OWN = ":"
"""the choice of something of the user's own, which is written below it; no plug-in has this name"""
COMPLETES = "The right arrow key completes the path."
OF_NONE = {"schedule": "the strategy's own", "engine": "by parallel"}
"""what stands for a plug-in that nobody has named"""
LINES_BESIDE = 2
"""of a message beside its field; a longer one stands below it, where a line holds three times as much"""
EXAMPLES = {
    "decide_at": "such as 1,2,5,9",
    "set": "such as momentum=0.95",
    "column": "such as image=file_name",
    "group_pattern": "such as (patient[0-9]+)",
}


class SettingRow(Row):
    """One field, as a flag would have it."""

    DEFAULT_CSS = """
    SettingRow { layout: horizontal; }
    SettingRow .label { width: 17; }
    SettingRow > Vertical, SettingRow > Field { width: 30; height: auto; margin-right: 1; }
    SettingRow .problem { width: 1fr; }
    SettingRow Input.-unused { display: none; }
    SettingRow.-long { layout: grid; grid-size: 2; grid-columns: 17 1fr; grid-rows: auto; }
    SettingRow.-long .problem { column-span: 2; padding: 0 1 0 4; }
    """

    def __init__(self, field: str, value: Any) -> None:
        super().__init__(field, [])
        self._options = _options(field)
        self._given = self._split(_as_text(value))
        self._choice: Choice | None = None
        self._field: Field | None = None
        """not there beside a choice that takes no text, until one is chosen that does"""

    def compose(self) -> ComposeResult:
        yield Static(self.setting, classes="label", markup=False)
        if self._options:
            self._choice = Choice(self._options, self._word)
            yield Vertical(self._choice, *self._text_field(self._word))
        else:
            yield from self._text_field("")
        if self._problem is not None:
            yield self._problem

    def _text_field(self, word: str) -> list[Field]:
        """The field for the text that belongs to `word`, made if it is not there; none where there is no text."""
        if self._field is None and self._takes_text(word):
            self._field = Field(self._given[-1], placeholder=self._placeholder(word))
            self._field.suggester = self._suggester(word)
            return [self._field]
        return []

    def _takes_text(self, word: str) -> bool:
        return not self._options or word == OWN or self._takes_path(word)

    @property
    def parts(self) -> list[Part]:
        return [part for part in (self._choice, self._field) if part is not None]

    def _split(self, text: str) -> list[Any]:
        """The value as a choice and the text that belongs to it; as the text alone, where there are no choices."""
        known = self._options
        name, _, argument = text.partition(":")
        if not known:
            return [text]
        if text in known:
            return [text, ""]
        return [name, argument] if self._takes_path(name) and name in known else [OWN, text]

    @property
    def _word(self) -> str:
        """The choice; nothing in a row that is only a text."""
        return str(self.typed[0]) if self._options else ""

    @property
    def text(self) -> str:
        """The value as a flag would have it."""
        typed = str(self.typed[-1]).strip()
        if not self._options or self._word == OWN:
            return typed
        return f"{self._word}:{typed}" if self._takes_path(self._word) else self._word

    def _takes_path(self, word: str) -> bool:
        return self.setting in PLUG_INS and takes_path(PLUG_INS[self.setting], word)

    @property
    def help_words(self) -> str:
        words = f"{self.setting}: {description(self.setting)}"
        return f"{words}. {COMPLETES}" if self._suggester(self._word) is not None else words

    def add_to(self, settings: dict[str, Any]) -> None:
        if self.text.endswith(":"):
            raise ConfigError(f"{self.setting}: write the path of your images.")
        optional = getattr(DEFAULTS, self.setting) is None
        settings[self.setting] = convert_field(self.setting, self.text or (None if optional else ""))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        self._show_input(event.value)
        super().on_choice_changed(event)

    @on(Choice.Made)
    def _go_on_to_path(self, event: Choice.Made) -> None:
        """Put the cursor where the path is typed, if the choice takes one."""
        event.stop()
        if self._field is not None and self._takes_text(self._word):
            self._field.focus()

    def show_problem(self, problem: str, note: str = "") -> None:
        super().show_problem(problem, note)
        self._place_problem()

    def on_resize(self) -> None:
        self._place_problem()

    def _place_problem(self) -> None:
        """Put a message that has no room beside the field below it, in the whole width of the row."""
        if not self.children:
            return
        words = self._words_shown
        room = self.size.width - self.children[1].virtual_region_with_margin.right
        has_room = not words or (room > 0 and Content(words).get_height({}, room) <= LINES_BESIDE)
        self.set_class(not has_room, "-long")

    def _show_input(self, word: str) -> None:
        """Show the field for a text where `word` takes one, and say in it what that is."""
        self.query_one(Vertical).mount_all(self._text_field(word))
        if self._field is not None:
            self._field.set_class(not self._takes_text(word), "-unused")
            self._field.placeholder = self._placeholder(word)
            self._field.suggester = self._suggester(word)

    def _suggester(self, word: str) -> PathSuggester | None:
        """Completion, where a path is typed."""
        if self.setting in FOLDERS:
            return PathSuggester("folder")
        if word == OWN:
            return PathSuggester("own")
        return PathSuggester("file") if self._takes_path(word) else None

    def _placeholder(self, word: str) -> str:
        if word == OWN:
            library = "timm:NAME, " if self.setting == "model" else ""
            return f"({library}{own_form(PLUG_INS[self.setting])})"
        if self._takes_path(word):
            return "(path)"
        default = re.search(r"\(default: (.*)\)", description(self.setting))
        hint = default[1] if default else EXAMPLES.get(self.setting)
        return f"({hint})" if hint else ""  # in brackets, so that it is no value where there is no colour


def _options(field: str) -> dict[str, str]:
    """Words and what is shown of each, of a field that takes one of a few; empty for other fields."""
    if is_switch(field):
        return {word: word for word in SWITCH}
    if choices(field):
        return {word: word for word in choices(field)}
    if field not in PLUG_INS:
        return {}
    folder = PLUG_INS[field]
    first = {"": OF_NONE[field]} if getattr(DEFAULTS, field) is None else {}
    known = {name: f"{name}:" if takes_path(folder, name) else name for name in registry.names(folder)}
    last = {"none": "none"} if field == "baseline" else {}
    other = "a library's, or own file" if folder == "models" else "your own file"
    return first | known | last | {OWN: other}


def _as_text(value: Any) -> str:
    """A value of the configuration as a flag would have it."""
    if isinstance(value, bool):
        return SWITCH[value]
    if isinstance(value, dict):
        return " ".join(f"{name}={entry!r}" for name, entry in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
