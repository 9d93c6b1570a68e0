"""What happened, line by line, with a filter."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.widgets import Input, RichLog

from hptui.reading.studies import FollowedRun
from hptui.record.events import (
    AnyEvent,
    CandidateScored,
    CommandRefused,
    EndMoved,
    HyperparametersChosen,
    RunCompleted,
    RunFailed,
    RunStopped,
)
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.event_words import event_words
from hptui.ui.drawing.literal import literal
from hptui.ui.panels import Panel, Scene, Span, key_hints
from hptui.ui.widgets.field import Field

__all__ = ["LogPanel"]

KEYS = "/ filter, j k scroll"
STYLES: tuple[tuple[tuple[type[AnyEvent], ...], str], ...] = (
    ((RunFailed,), "log--failed"),
    ((CandidateScored, CommandRefused, RunStopped), "log--refused"),
    ((HyperparametersChosen, EndMoved, RunCompleted), "log--chosen"),
)
"""kinds of events that stand out"""


class Lines(RichLog):
    """Lines that stay at their end when their height changes: Textual keeps the first line that is seen."""

    _height = 0

    def on_resize(self, event: Resize) -> None:
        followed = self.scroll_offset.y + max(self._height, event.size.height) >= self.virtual_size.height
        self._height = event.size.height
        if followed:
            self.scroll_end(animate=False, immediate=True, x_axis=False)


class LogPanel(Panel):
    """The notable events of the run that is looked at; / filters by words."""

    heading = "Log"
    order = 50
    span = Span(columns=3, rows=1)
    wide_span = Span(columns=3, rows=2)

    DEFAULT_CSS = """
    LogPanel { layout: vertical; height: 1fr; }
    LogPanel RichLog { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    LogPanel Input { display: none; height: 1; border: none; }
    LogPanel.filtering Input { display: block; }
    LogPanel RichLog, LogPanel RichLog:focus { background: transparent; background-tint: transparent; }
    LogPanel .log--failed { color: $text-error; text-style: bold; }
    LogPanel .log--refused { color: $text-warning; }
    LogPanel .log--chosen { text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {name for _, name in STYLES}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", show=False),
        Binding("escape", "all", "All", show=False),
        Binding("up,k", "scroll('scroll_up')", "Line up", show=False),
        Binding("down,j", "scroll('scroll_down')", "Line down", show=False),
        Binding("pageup", "scroll('scroll_page_up')", "Page up", show=False),
        Binding("pagedown", "scroll('scroll_page_down')", "Page down", show=False),
        Binding("home,g", "scroll('scroll_home')", "To the first line", show=False),
        Binding("end,G", "scroll('scroll_end')", "To the newest line", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._written = 0
        """events so far, whether they pass the filter or not"""

    def compose(self) -> ComposeResult:
        log = Lines(max_lines=2000, wrap=True, markup=False, min_width=1)
        log.can_focus = False
        yield log
        yield Field(placeholder="filter, Esc for all")

    def show(self, scene: Scene) -> None:
        if self._width < 1:  # hidden: what is written now would be wrapped to nothing
            self.scene = scene
            return
        super().show(scene)
        self._write_news(scene.run, scene.palette)

    @property
    def _width(self) -> int:
        return self.query_one(RichLog).scrollable_content_region.width

    @property
    def _wanted(self) -> str:
        return self.query_one(Input).value.lower()

    def change_key(self, scene: Scene) -> object:
        """What all lines depend on: one stays wrapped as it was written, so another width needs all of them anew."""
        return scene.run.name, self._wanted, self._width, scene.palette.ascii

    def watch_drawn_from(self) -> None:
        self._written = 0
        self.query_one(RichLog).clear()
        self._name_run()

    def _name_run(self) -> None:
        """Name the run, and the keys or the filter, on the border."""
        run = f"{self.scene.run.name} | " if self.scene is not None else ""
        wanted = self.query_one(Input).value
        filtered = Text(f"{run}only {literal(wanted)} | Esc for all")
        self.border_subtitle = filtered if wanted else key_hints(f"{run}{KEYS}")

    def _write_news(self, run: FollowedRun, palette: Palette) -> None:
        """Add a line for each event since the last time."""
        log, wanted, width = self.query_one(RichLog), self._wanted, self._width
        follow = log.is_vertical_scroll_end or self._written == 0  # who reads an earlier line goes on reading it
        new = min(run.notable_total - self._written, len(run.notable))
        for event in list(run.notable)[len(run.notable) - new :] if new else ():
            words = event_words(event, palette)
            if wanted in words.lower():
                log.write(self._line(event, words), width=width, scroll_end=False)
        if new and follow:  # at once: a key that is pressed meanwhile must not be undone
            log.scroll_end(animate=False, immediate=True, x_axis=False)
        self._written = run.notable_total

    def _line(self, event: AnyEvent, words: str) -> Text:
        """The time stands back; what went wrong and what was chosen stand out."""
        style = next((name for kinds, name in STYLES if isinstance(event, kinds)), "")
        clock, _, what = words.partition(" ")
        shown = self.get_component_rich_style(style, partial=True) if style else Style()
        return Text.assemble((clock, "dim"), " ", (what, shown))

    def on_input_changed(self) -> None:
        if self.scene is not None:
            self.show(self.scene)
        self._name_run()

    def on_input_submitted(self) -> None:
        self.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc means something here only while there is a filter."""
        return self.has_class("filtering") if action == "all" else super().check_action(action, parameters)

    def action_filter(self) -> None:
        self.add_class("filtering")
        self.query_one(Input).focus()
        self.refresh_bindings()  # Esc means something else from now on

    def action_scroll(self, how: str) -> None:
        """Scroll by a method of Textual's widgets."""
        getattr(self.query_one(RichLog), how)(animate=False)

    def action_all(self) -> None:
        self.query_one(Input).value = ""
        self.remove_class("filtering")
        self.focus()
        self.refresh_bindings()
