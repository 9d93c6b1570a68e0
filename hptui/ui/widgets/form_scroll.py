"""A form that is longer than the terminal: the row that has the cursor stays in view, with the message about it."""

from __future__ import annotations

from typing import Any

from textual.containers import ScrollableContainer
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.widget import Widget

from hptui.ui.widgets.row import Row


class FormScroll(ScrollableContainer, can_focus=False):
    """Scrolls when the focus moves and after every change of the layout, and at once.

    Textual scrolls when the focus moves, with an animation, to where the widget was. What comes after that (a message
    below a row, rows that fold, a terminal that gets smaller) moves the row out of view again.
    """

    DEFAULT_CSS = "FormScroll { overflow-x: hidden; scrollbar-size-vertical: 1; }"

    def __init__(self, *children: Widget, id: str | None = None) -> None:
        super().__init__(*children, id=id)
        self._seen: object = None

    def on_mount(self) -> None:
        self.screen.screen_layout_refresh_signal.subscribe(self, self._follow, immediate=True)

    def on_descendant_focus(self) -> None:
        """Follow now: a layout may not come before somebody scrolls by hand, who would be taken back."""
        self._follow(self.screen)

    def _follow(self, screen: Screen[Any]) -> None:
        """Keep the focused row in view where the layout is another than before; who scrolls by hand is left alone."""
        focused = screen.focused
        if focused is None or self not in focused.ancestors:
            return
        row = next((one for one in focused.ancestors_with_self if isinstance(one, Row)), focused)
        places = [one.virtual_region for one in row.ancestors_with_self if isinstance(one, Widget)]
        seen = (focused, self.size, self.virtual_size, places)
        if seen == self._seen:
            return
        self._seen = seen
        for widget in (row, focused):  # a message may be longer than the terminal, and a row wider
            self.scroll_to_widget(widget, animate=False, immediate=True)

    def scroll_to_region(self, region: Region, **options: Any) -> Offset:
        """Scroll at once: what is typed meanwhile would be out of view."""
        return super().scroll_to_region(region, **options | {"animate": False})
