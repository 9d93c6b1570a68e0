"""The last line of a screen: the keys that do something now."""

from __future__ import annotations

from typing import NamedTuple

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class Key(NamedTuple):
    """A key, as the line tells of it."""

    key: str
    display: str
    description: str
    action: str
    is_enabled: bool
    tooltip: str


class KeysLine(Footer):
    """Textual's footer, changed where what it offers has changed.

    Textual makes all its parts anew at every move of the focus, styles each of them three times, and arranges the whole
    screen three times for it: a tenth of a second in a form, and half of all styling while a dashboard is looked at.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._shown: list[Key] | None = None
        """what it says"""

    @property
    def is_current(self) -> bool:
        """Whether it shows all that can be done now."""
        return self._shown == self._offered()

    def _offered(self) -> list[Key]:
        """What can be done; of several keys for one action the first."""
        offered: dict[str, Key] = {}
        for _, binding, is_enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in offered:
                display = self.app.get_key_display(binding)
                key = Key(binding.key, display, binding.description, binding.action, is_enabled, tooltip)
                offered[binding.action] = key
        return list(offered.values())

    def compose(self) -> ComposeResult:
        self._shown = self._offered() if self._bindings_ready else None
        yield from map(_part, self._shown or ())

    def bindings_changed(self, screen: Screen[object]) -> None:
        self._bindings_ready = True
        if screen.app.app_focus and self.is_attached and screen is self.screen and not self.is_current:
            self.call_after_refresh(self._renew)

    async def _renew(self) -> None:
        """Have each part say what it stands for now, once for however many changes there were."""
        if not self.is_attached or self._pruning:
            return
        offered = self._offered()
        if offered == self._shown:
            return
        parts = list(self.query_children(FooterKey))
        async with self.batch():
            for part, key in zip(parts, offered, strict=False):
                _say(part, key)
            await self.remove_children(parts[len(offered) :])
            await self.mount_all(map(_part, offered[len(parts) :]))
        self._shown = offered


def _part(key: Key) -> FooterKey:
    part = FooterKey(
        key.key, key.display, key.description, key.action, disabled=not key.is_enabled, tooltip=key.tooltip
    )
    part.add_class("-compact", update=False)  # else each would be styled once more when it is mounted
    return part


def _say(part: FooterKey, key: Key) -> None:
    """Put another key in its place."""
    before = part.key_display, part.description
    part.key, part.key_display, part.description, part.action, is_enabled, tooltip = key
    part._disabled = not is_enabled
    part.set_class(not is_enabled, "-disabled")
    if part.tooltip != (tooltip or None):
        part.tooltip = tooltip or None
    if before != (part.key_display, part.description):
        part.refresh(layout=True)
