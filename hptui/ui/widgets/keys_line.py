"""The last line of a screen: the keys that do something now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeysLine(Footer):
    """Textual's footer, made anew when what it offers has changed, not each time the focus moves.

    Textual makes all its parts anew at every move of the focus and arranges the whole screen three times for it,
    a tenth of a second in a form.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._shown: list[tuple[str, str, str, bool]] | None = None
        """what it was made from"""

    @property
    def is_current(self) -> bool:
        """Whether it shows all that can be done now."""
        return self._shown == self._offered()

    def _offered(self) -> list[tuple[str, str, str, bool]]:
        """Key, description and action of what can be done, and whether it can be done now."""
        return [
            (binding.key, binding.description, binding.action, is_enabled)
            for _, binding, is_enabled, _ in self.screen.active_bindings.values()
            if binding.show
        ]

    def compose(self) -> ComposeResult:
        self._shown = self._offered() if self._bindings_ready else None
        for part in super().compose():
            if isinstance(part, FooterKey):
                part.add_class("-compact", update=False)  # else each would be styled once more when it is mounted
            yield part

    def bindings_changed(self, screen: Screen[object]) -> None:
        if not self.is_current:
            super().bindings_changed(screen)
