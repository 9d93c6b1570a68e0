"""Screens with help on all keys: it marks those that do nothing now, and Esc closes it before it does anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from textual.binding import ActiveBinding, Binding
from textual.screen import Screen
from textual.widgets import HelpPanel

Result = TypeVar("Result")
NOT_NOW = "(not now)"
"""behind what a key does, in the help"""
CLOSE_HELP = Binding("escape", "close_help", "Close help")


class HelpedScreen(Screen[Result]):
    """A screen that lists CLOSE_HELP as the first of its bindings."""

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
