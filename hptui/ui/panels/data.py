"""What the study is trained on, as it was read at its start."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import Reactive, reactive

from hptui.ui.drawing.data_lines import data_lines
from hptui.ui.panels import Panel, Scene, key_hints

__all__ = ["DataPanel"]


class DataPanel(Panel):
    """Images of each class and split, sizes, intensities, and what was noticed; j and k scroll."""

    heading = "Data"
    order = 80
    alone = True

    DEFAULT_CSS = """
    DataPanel { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_lines(-1)", "Line up", show=False),
        Binding("down,j", "scroll_lines(1)", "Line down", show=False),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False),
    ]

    first: Reactive[int] = reactive(0)
    """the line that is shown first"""

    def change_key(self, scene: Scene) -> object:
        return id(scene.study), scene.palette

    def watch_drawn_from(self) -> None:
        self._name_place()

    def watch_first(self) -> None:
        self._name_place()

    def on_resize(self) -> None:
        self._go(self.first)
        self._name_place()

    def _lines(self) -> list[Text]:
        if self.scene is None:
            return []
        return data_lines(self.scene.study.study, max(self.size.width, 1), self.scene.palette)

    def _name_place(self) -> None:
        """Name on the border which lines are shown, where there are more."""
        total, last = len(self._lines()), self.first + self.size.height
        more = f"lines {self.first + 1} to {min(last, total)} of {total} | j k scroll"
        self.border_subtitle = key_hints(more) if total > self.size.height else ""

    def render(self) -> Text:
        return Text("\n", no_wrap=True).join(self._lines()[self.first : self.first + self.size.height])

    def action_scroll_lines(self, lines: int) -> None:
        self._go(self.first + lines)

    def action_scroll_pages(self, pages: int) -> None:
        self._go(self.first + pages * max(self.size.height - 1, 1))

    def _go(self, first: int) -> None:
        """Show another line first; the last one stays in sight."""
        self.first = max(0, min(first, len(self._lines()) - self.size.height))
