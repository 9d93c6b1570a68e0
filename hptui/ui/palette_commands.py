"""What keys do now, as commands of the palette."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen


def commands_of_keys(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """A command for every action that a key has on this screen, with all of its keys."""
    bound: dict[tuple[DOMNode, str], tuple[str, list[str]]] = {}
    for owner, binding, enabled, _ in screen.active_bindings.values():
        if enabled and binding.description and not binding.system:
            _, keys = bound.setdefault((owner, binding.action), (binding.description, []))
            keys += [shown] if (shown := app.get_key_display(binding)) not in keys else []
    for (owner, action), (description, keys) in bound.items():
        yield SystemCommand(
            description,
            f"key {' or '.join(keys)}",
            lambda action=action, owner=owner: app.call_later(app.run_action, action, owner),
        )
