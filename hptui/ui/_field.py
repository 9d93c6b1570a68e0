"""A line of text that keeps the order of its keys."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class Field(Input):
    """Does what its keys are bound to at once.

    Textual inserts a letter where it comes, but a bound key (backspace, delete, arrows) first goes up to the app. Keys
    that a slow line delivers together would change places: five backspaces and "0.05" would leave nothing.
    """

    async def _on_key(self, event: events.Key) -> None:
        bound = self._bindings.key_to_bindings.get(event.key, [])
        if event.is_printable or not bound:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        await self.run_action(bound[0].action)
