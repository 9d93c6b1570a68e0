"""A choice of one of a few words: one line of a form, and a menu that is made when somebody opens it."""

from __future__ import annotations

from typing import ClassVar

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets._select import SelectOverlay
from textual.widgets.option_list import Option

ARROW_CELLS = 3
"""at the end of the line: the arrow between spaces"""


class Choice(Widget, can_focus=True):
    """One line that looks and is used as Textual's compact Select, and draws itself.

    A Select is six widgets, with the menu that most often nobody opens: twelve of them were a quarter of a form.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Choice { width: 1fr; height: 1; color: $foreground; background: $surface; pointer: pointer; }
    Choice:ansi { color: ansi_default; background: ansi_default; }
    Choice:focus {
        color: $block-cursor-foreground; background: $block-cursor-background; background-tint: $foreground 5%;
        text-style: $block-cursor-text-style;
    }
    Choice > SelectOverlay {
        width: 1fr; height: auto; max-height: 12; overlay: screen; constrain: none inside; offset-y: 1;
        color: $foreground; background: $surface;
    }
    Choice > SelectOverlay:focus { background-tint: $foreground 5%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,down,space,up", "open", "Open menu", show=False)]

    value: var[str] = var("", init=False)
    expanded: var[bool] = var(False, init=False)
    """whether the menu is open"""

    class Changed(Message):
        """Another word is chosen now, by hand or filled in."""

        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    class Made(Message):
        """Somebody has chosen something by hand, maybe what stood there before."""

    def __init__(self, labels: dict[str, str], value: str) -> None:
        """Begin with `value`, one of the words; `labels` say what is shown of each."""
        super().__init__()
        self.labels = labels
        self.set_reactive(Choice.value, value)
        self._menu: SelectOverlay | None = None

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 (there is one line)
        """The word, and at the end of the line the arrow; what lies between has no colour but that behind it."""
        words, behind = self.rich_style, Style(bgcolor=self.rich_style.bgcolor)
        pale = words if self.has_focus else Style(color=self._pale, bgcolor=words.bgcolor)
        arrow = [Segment(" ", behind), Segment("▲" if self.expanded else "▼", pale), Segment(" ", behind)]
        label = Strip([Segment(self.labels[self.value], words)])
        return Strip.join([label.adjust_cell_length(max(0, self.size.width - ARROW_CELLS), behind), Strip(arrow)])

    @property
    def _pale(self) -> Color:
        """Half as strong as the words."""
        return self.background_colors[1].blend(self.colors[3], 0.5).rich_color

    def watch_value(self, value: str) -> None:
        self.refresh()
        self.post_message(self.Changed(value))

    def watch_expanded(self, expanded: bool) -> None:
        if self._menu is not None:
            self._menu.display = expanded
        self.refresh()

    def action_open(self) -> None:
        """Open the menu at the word that is chosen."""
        if self._menu is None:
            self._menu = SelectOverlay()
            self._menu.compact = True
            self._menu.add_options(Option(Text(label)) for label in self.labels.values())
            self.mount(self._menu)
        self.expanded = True
        self._menu.select([*self.labels].index(self.value))
        self._menu.focus(scroll_visible=False)

    def on_click(self, event: events.Click) -> None:
        """Open the menu or close it; clicks within the menu come here too."""
        event.stop()
        if event.widget is not self:
            return
        if self.expanded:
            self.expanded = False
        else:
            self.action_open()

    @on(SelectOverlay.Dismiss)
    def _close(self, event: SelectOverlay.Dismiss) -> None:
        event.stop()
        self.expanded = False
        if not event.lost_focus:
            self.focus()

    @on(SelectOverlay.UpdateSelection)
    def _choose(self, event: SelectOverlay.UpdateSelection) -> None:
        event.stop()
        self.value = [*self.labels][event.option_index]
        self.focus()
        self.expanded = False
        self.call_later(self.post_message, self.Made())  # after what the choice itself brings about
