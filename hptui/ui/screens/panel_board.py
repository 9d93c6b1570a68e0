"""The panels of the dashboard: side by side on a grid that is computed from what each says, or one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Tab, Tabs

from hptui import registry
from hptui.ui.panels import COLUMNS, Panel, Span
from hptui.ui.screens.arrangement import fill_shelves, rows

PANELS: list[type[Panel]] = [registry.load("ui.panels", name) for name in registry.names("ui.panels")]
PANELS.sort(key=lambda panel: (panel.order, panel.heading))
NARROW: list[Span] = [panel.span for panel in PANELS]
WIDE: list[Span] = [panel.wide_span or panel.span for panel in PANELS]
WIDE_COLUMNS = 150
LEAST_ROW = 3
"""lines: a border around one"""
STRIP_AND_FOOTER = 3
"""lines"""
ROOM = (120, max(36, LEAST_ROW * rows(NARROW) + STRIP_AND_FOOTER))
"""columns and lines below which panels become tabs: the table of accuracies needs 80, and every row its least"""


def grid_css(board: str, spans: Sequence[Span]) -> str:
    """Rules by which the PANELS have these spans on the grid of what the selector `board` finds."""
    return "\n".join(
        [f"{board} Grid {{ grid-size: {COLUMNS} {rows(spans)}; }}"]
        + [
            f"{board} {panel.__name__} {{ column-span: {span.columns}; row-span: {span.rows}; }}"
            for panel, span in zip(PANELS, fill_shelves(spans), strict=True)
        ]
    )


class PanelBoard(Vertical):
    """All panels; in a terminal below ROOM they are tabs."""

    DEFAULT_CSS = (
        grid_css("PanelBoard", NARROW)
        + grid_css("PanelBoard.-wide", WIDE)
        + """
    PanelBoard { height: 1fr; }
    PanelBoard Grid { grid-gutter: 0; height: 1fr; }
    PanelBoard Panel {
        border: round $foreground 40%; border-title-color: $foreground; border-subtitle-color: $foreground 70%;
    }
    PanelBoard Panel:focus-within, PanelBoard Panel:focus { border: heavy $primary; border-title-style: bold reverse; }
    PanelBoard Tabs { display: none; height: 1; }
    PanelBoard Tabs Underline { display: none; }
    PanelBoard Tabs Tab.-active { text-style: bold reverse; }
    PanelBoard.-one Grid { grid-size: 1 1; }
    PanelBoard.-one Panel { column-span: 1; row-span: 1; display: none; }
    PanelBoard.-one Panel.-shown { display: block; }
    PanelBoard.-tabs Tabs { display: block; }
    """
    )

    class Entered(Message):
        """A panel was gone to; it may have been hidden before."""

        def __init__(self, panel: Panel) -> None:
            self.panel = panel
            super().__init__()

    def __init__(self, panels: Sequence[Panel]) -> None:
        super().__init__()
        self._panels = panels
        self._zoomed = False

    def compose(self) -> ComposeResult:
        yield Tabs(
            *(
                Tab(f"{n} {panel.short_heading or panel.heading}", id=f"tab-{n}")
                for n, panel in enumerate(self._panels, 1)
            )
        )
        with Grid():
            yield from self._panels

    def on_mount(self) -> None:
        """Begin with the first panel."""
        self._panels[0].add_class("-shown")
        self._panels[0].focus_target.focus()

    @property
    def is_small(self) -> bool:
        """Whether one panel has the whole screen because of the terminal's size."""
        return self.has_class("-tabs")

    def fit(self, screen: Size) -> None:
        """Arrange the panels for a screen of this size."""
        small = screen.width < ROOM[0] or screen.height < ROOM[1]
        self.set_class(screen.width >= WIDE_COLUMNS, "-wide")
        self.set_class(small, "-tabs")
        self.set_class(small or self._zoomed, "-one")

    def go_to(self, number: int) -> None:
        """Show a panel, by its number from 1 on, and give it the focus."""
        panel = self._panels[number - 1]
        for other in self._panels:
            other.set_class(other is panel, "-shown")
        self.query_one(Tabs).active = f"tab-{number}"
        panel.focus_target.focus()
        self.post_message(self.Entered(panel))

    def zoom(self) -> None:
        """Show the panel that has the focus alone, or all again."""
        focused = next((panel for panel in self._panels if panel.has_focus or panel.has_focus_within), None)
        self._zoomed = not self._zoomed
        if focused is not None:
            self.go_to(self._panels.index(focused) + 1)
        self.set_class(self._zoomed, "-one")

    @on(Tabs.TabActivated)
    def obey_tab(self, event: Tabs.TabActivated) -> None:
        """Go to the panel of a tab."""
        # of two quick keys the first tab is told when the second is on: to obey would go back and forth for ever
        if event.tab.id is not None and self.is_small and event.tab.id == event.tabs.active:
            self.go_to(int(event.tab.id.removeprefix("tab-")))
