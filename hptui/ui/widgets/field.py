"""A line of text that keeps the order of its keys."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.binding import BindingsMap
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Checkbox, Input

_ACTIONS = {key: bound[0].action for key, bound in BindingsMap(Input.BINDINGS).key_to_bindings.items()}
"""of an input alone, without those for scrolling that it inherits"""


def make_compact(widget: Input | Checkbox) -> None:
    """Do what `compact=True` does, for which Textual looks at all styles of a widget that nobody can see yet."""
    widget.set_reactive(type(widget).compact, True)
    widget.add_class("-textual-compact", update=False)


class Field(Input):
    """Does what its keys are bound to at once.

    Textual inserts a letter where it comes, but a bound key (backspace, delete, arrows) first goes up to the app. Keys
    that a slow line delivers together would change places: five backspaces and "0.05" would leave nothing.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0))
    """the length of its text; no width comes of that, so the screen need not be arranged anew for every letter"""
    DEFAULT_CSS = """
    Field:nocolor > .input--suggestion, Field:nocolor > .input--placeholder { text-style: dim italic; }
    """

    def __init__(self, value: str | None = None, *, classes: str = "", **options: Any) -> None:
        """Begin with `value`; `options` are those of an Input."""
        super().__init__(value, classes=f"{classes} -valid", **options)  # as Textual finds it in the end
        make_compact(self)

    async def _on_key(self, event: events.Key) -> None:
        action = _ACTIONS.get(event.key)
        if event.is_printable or action is None:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        await self.run_action(action)
