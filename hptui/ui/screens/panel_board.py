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
from hptui.ui.panels import COLUMNS, Panel, Scene, Span
from hptui.ui.screens.arrangement import fill_shelves, rows

PANELS: list[type[Panel]] = [registry.load("ui.panels", name) for name in registry.names("ui.panels")]
PANELS.sort(key=lambda panel: (panel.order, panel.heading))
PLACED = [panel for panel in PANELS if not panel.alone]
NARROW: list[Span] = [panel.span for panel in PLACED]
WIDE: list[Span] = [panel.wide_span or panel.span for panel in PLACED]
WIDE_COLUMNS = 150
LEAST_ROW = 3
"""lines: a border around one"""
STRIP_AND_FOOTER = 3
"""lines"""
ROOM = (120, max(36, LEAST_ROW * rows(NARROW) + STRIP_AND_FOOTER))
"""columns and lines below which panels become tabs: the table of accuracies needs 80, and every row its least"""


def grid_css(board: str, spans: Sequence[Span]) -> str:
    """Rules by which the places of the grid within the selector `board` have these spans."""
    return "\n".join(
        [f"{board} Grid {{ grid-size: {COLUMNS} {rows(spans)}; }}"]
        + [
            f"{board} .{_place(number)} {{ column-span: {span.columns}; row-span: {span.rows}; }}"
            for number, span in enumerate(fill_shelves(spans))
        ]
    )


def _place(number: int) -> str:
    """The class of whichever panel lies at a place of the grid."""
    return f"-place-{number}"


class PanelBoard(Vertical):
    """All panels; in a terminal below ROOM they are tabs. One that stands alone has the whole screen, or none of it."""

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
    PanelBoard Panel.-alone { display: none; }
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
        self._placed = [panel for panel in panels if not panel.alone]
        self._order = list(self._placed)
        """as they lie on the grid"""
        self._zoomed = False
        self._lone = False
        """whether the panel that was gone to last has no place on the grid"""
        self._before_lone = self._placed[0]
        """the panel that had the focus before"""
        self._chosen = False
        """whether somebody said which panel takes the first place, or a small terminal's screen"""

    def compose(self) -> ComposeResult:
        """Know the places of all panels before they are there, so that each is styled once."""
        self.fit(self.app.size, update=False)
        for number, panel in enumerate(self._panels, 1):
            panel.border_title = f"{number} {panel.heading}"
            panel.add_class("-alone" if panel.alone else _place(self._placed.index(panel)), update=False)
        self._panels[0].add_class("-shown", update=False)
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
        self._panels[0].focus_target.focus()

    @property
    def is_small(self) -> bool:
        """Whether one panel has the whole screen because of the terminal's size."""
        return self.has_class("-tabs")

    @property
    def is_zoomed(self) -> bool:
        """Whether one panel has the whole screen because somebody wanted it so."""
        return (self._zoomed or self._lone) and not self.is_small

    @property
    def _focused(self) -> Panel | None:
        return next((panel for panel in self._panels if panel.has_focus or panel.has_focus_within), None)

    def fit(self, screen: Size, *, update: bool = True) -> None:
        """Arrange the panels for a screen of this size; the one that has the focus stays in sight.

        Args:
            screen: of the terminal, in cells.
            update: whether there are panels already, which look different then.
        """
        small = screen.width < ROOM[0] or screen.height < ROOM[1]
        if small and not self.is_small and self._focused is not None:  # before it would be hidden, and lose the focus
            self._mark(self._focused)
        self.set_class(screen.width >= WIDE_COLUMNS, "-wide", update=update)
        self.set_class(small, "-tabs", update=update)
        self._show_one_or_all(update=update)

    def _show_one_or_all(self, *, update: bool = True) -> None:
        self.set_class(self.is_small or self.is_zoomed, "-one", update=update)

    def lead(self, scene: Scene) -> None:
        """Give the first place to the first panel that has anything to show, until somebody chooses another one."""
        if self._chosen:
            return
        first = next((panel for panel in self._placed if not panel.shows_nothing(scene)), self._placed[0])
        before = self._order[0]
        if first is not before:
            self._put_first(first)
            if self.is_small or self._focused is before:
                self._reveal(first)

    def follow(self) -> None:
        """Choose no panel any more."""
        self._chosen = False

    def _put_first(self, first: Panel) -> None:
        """Let a panel change places with the one whose place is the first."""
        order = list(self._placed)
        at = order.index(first)
        order[0], order[at] = order[at], order[0]
        self._order = order
        for panel in order:
            panel.remove_class(*map(_place, range(len(order))), update=False)
            panel.add_class(_place(order.index(panel)))
        everyone = [*order, *(panel for panel in self._panels if panel.alone)]
        self.query_one(Grid).sort_children(key=everyone.index)  # type: ignore[arg-type]

    def go_to(self, number: int) -> None:
        """Show a panel that somebody wants, by its number from 1 on, and give it the focus."""
        panel = self._panels[number - 1]
        if self.is_small or self._zoomed or panel in (self._placed[0], self._order[0]):
            self._chosen = True
            if panel is self._placed[0] and panel is not self._order[0]:
                self._put_first(panel)
        if panel.alone and not self._lone and isinstance(before := self._focused, Panel):
            self._before_lone = before
        self._lone = panel.alone
        self._show_one_or_all()
        self._reveal(panel)

    def _mark(self, panel: Panel) -> None:
        """Show it where one panel is shown."""
        for other in self._panels:
            other.set_class(other is panel, "-shown")
        tabs = self.query_one(Tabs)
        if tabs.query(Tab):
            tabs.active = f"tab-{self._panels.index(panel) + 1}"
        else:  # a window may change its size before they are there
            self.call_after_refresh(self._mark, panel)

    def _reveal(self, panel: Panel) -> None:
        self._mark(panel)
        self.call_after_refresh(self._enter, panel)

    def _enter(self, panel: Panel) -> None:
        panel.focus_target.focus()
        self.post_message(self.Entered(panel))

    def zoom(self) -> None:
        """Show the panel that has the focus alone, or all again."""
        focused = self._focused
        if self._lone:
            focused, self._zoomed = self._before_lone, False
        else:
            self._zoomed = not self._zoomed
        if focused is not None:
            self.go_to(self._panels.index(focused) + 1)
        self._show_one_or_all()

    @on(Tabs.TabActivated)
    def obey_tab(self, event: Tabs.TabActivated) -> None:
        """Go to the panel of a tab."""
        # of two quick keys the first tab is told when the second is on: to obey would go back and forth for ever
        if event.tab.id is None or not self.is_small or event.tab.id != event.tabs.active:
            return
        number = int(event.tab.id.removeprefix("tab-"))
        if not self._panels[number - 1].has_class("-shown"):
            self.go_to(number)
