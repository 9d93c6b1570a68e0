"""Screens with help on all keys: it marks those that do nothing now, and Esc closes it before it does anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from textual import events, on
from textual.binding import ActiveBinding, Binding
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import HelpPanel

Result = TypeVar("Result")
NOT_NOW = "(not now)"
"""behind what a key does, in the help"""
CLOSE_HELP = Binding("escape", "close_help", "Close help")


class HelpedScreen(Screen[Result]):
    """A screen that lists CLOSE_HELP as the first of its bindings.

    Its parts are styled once when it opens, as they are mounted. Textual alone would do so two times more, for the
    classes that tell the terminal's size and for the screen that comes into sight: a fifth of the work of opening a
    form.
    """

    _was_styled = False

    @on(events.Compose)
    def _know_size(self) -> None:
        """Know the size of the terminal before there are parts."""
        self.add_class(*self._fitting(self.app.size), update=False)

    def _fitting(self, size: Size) -> list[str]:
        """Classes that tell this size."""
        places = (self.HORIZONTAL_BREAKPOINTS, size.width), (self.VERTICAL_BREAKPOINTS, size.height)
        return [
            name
            for named, length in places
            for name in [one for least, one in sorted(named or []) if length >= least][-1:]
        ]

    @on(events.ScreenResume)
    def _style_once(self, event: events.ScreenResume) -> None:
        """Look at the styles of all parts again when the screen comes back, not when it is new."""
        if not self._was_styled:
            self._was_styled = True
            event.refresh_styles = False
            self.app.stylesheet.update_nodes([self])

    @on(events.Resize)
    def _arrange_once(self, event: events.Resize) -> None:
        """Arrange all for a size once, with the classes that tell it.

        Textual tells a screen the size for which it has just arranged it, and the app the one with which it began: each
        time all was arranged again, a fifth of the work of opening the first screen. And of a terminal that changes its
        size it arranges all, before it looks for the classes, and all again for these.
        """
        if self.outer_size:  # else it was not arranged yet
            fitting = self._fitting(event.size)
            named = [name for _, name in (*(self.HORIZONTAL_BREAKPOINTS or ()), *(self.VERTICAL_BREAKPOINTS or ()))]
            self.update_classes({name: name in fitting for name in named}, animate=False)
            if event.size == self.outer_size:
                event.prevent_default()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """What keys do; those that the footer greys are marked in words for the help, which has no grey."""
        return {
            key: active if active.enabled else active._replace(binding=replace(active.binding, tooltip=NOT_NOW))
            for key, active in super().active_bindings.items()
        }

    async def action_close_help(self) -> None:
        """Take it away; Esc means something else from then on."""
        await self.query("HelpPanel").remove()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to close where there is no help."""
        return self._has_help if action == "close_help" else super().check_action(action, parameters)

    @property
    def _has_help(self) -> bool:
        """Whether the help is open; it stands beside the parts of the screen, so nobody need look into these."""
        return any(isinstance(child, HelpPanel) for child in self.children)
