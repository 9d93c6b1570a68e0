"""Screens on which Esc closes the help on all keys before it does whatever else it does there."""

from __future__ import annotations

from typing import TypeVar

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import HelpPanel

Result = TypeVar("Result")
CLOSE_HELP = Binding("escape", "close_help", "Close help")


class HelpedScreen(Screen[Result]):
    """A screen that lists CLOSE_HELP as the first of its bindings."""

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
