"""The dashboard: a pure reader of one study's folder, and the sender of commands to whoever trains it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widgets import Footer, Tab, Tabs

from hptui import registry
from hptui.reading.studies import FollowedStudy
from hptui.ui.drawing.colours import Palette
from hptui.ui.pace import ALONE, Pace
from hptui.ui.panels import Panel
from hptui.ui.panels.heatmap import HeatmapPanel
from hptui.ui.panels.table import TablePanel
from hptui.ui.screens.exporting import Exporter, ExportingScreen, ExportLine
from hptui.ui.viewer import Viewer
from hptui.ui.widgets.strip import StatusStrip

READ_SECONDS = 0.05
"""of a long log at a time: keys are answered in between"""
BEHIND_SECONDS = 1.0
"""between two pictures of a log that is still being read: drawing takes longer than reading"""
SIGNS_SECONDS = 0.8
"""between two looks at heartbeats and machine load"""
ROOM = (120, 36)
"""columns and lines below which panels become tabs: the table of accuracies needs 80"""

PANELS: list[type[Panel]] = [registry.load("ui.panels", name) for name in registry.names("ui.panels")]
PANELS.sort(key=lambda panel: panel.place)


class Dashboard(ExportingScreen):
    """All panels of one study; in a terminal below ROOM they are tabs."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]  # noqa: RUF012 (as the base class declares it)

    DEFAULT_CSS = """
    Dashboard Grid { grid-size: 6 8; grid-gutter: 0; height: 1fr; }
    Dashboard Panel {
        border: round $foreground 40%; border-title-color: $foreground; border-subtitle-color: $foreground 70%;
    }
    Dashboard Panel:focus-within, Dashboard Panel:focus { border: heavy $primary; border-title-style: bold reverse; }
    Dashboard HeatmapPanel, Dashboard TrajectoryPanel { column-span: 3; row-span: 4; }
    Dashboard CurvesPanel { column-span: 2; row-span: 3; }
    Dashboard TablePanel { column-span: 4; row-span: 3; }
    Dashboard.-wide CurvesPanel, Dashboard.-wide TablePanel { column-span: 3; }
    Dashboard LogPanel { column-span: 6; row-span: 1; }
    Dashboard Tabs { display: none; height: 1; }
    Dashboard Tabs Underline { display: none; }
    Dashboard Tabs Tab.-active { text-style: bold reverse; }
    Dashboard.one Grid { grid-size: 1 1; }
    Dashboard.one Panel { column-span: 1; row-span: 1; display: none; }
    Dashboard.one Panel.shown { display: block; }
    Dashboard.tabs Tabs { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z", "zoom", "Zoom"),
        Binding("left_square_bracket", "look(-1)", "Earlier run", show=False),
        Binding("right_square_bracket", "look(1)", "Later run", show=False),
        *(
            Binding(str(number), f"panel({number})", panel.heading, show=False)
            for number, panel in enumerate(PANELS, 1)
        ),
    ]

    def __init__(
        self, directory: Path, palette: Palette, export: Exporter | None = None, *, share: float = ALONE
    ) -> None:
        """Show the study in `directory`; drawing it takes `share` of one processor at most."""
        super().__init__(Viewer(directory), export)
        self.palette = palette
        self._panels = [panel() for panel in PANELS]
        self._pace = Pace(share)
        self._looked_for_signs = self._shown = 0.0
        self._told: set[str] = set()
        """runs of which it was said that they cannot be read"""
        self._refused: int | None = None
        """how many refusals were there; None until all logs are read"""
        self._behind = True
        """old lines of a log are still to be read"""
        self._zoomed = False

    def compose(self) -> ComposeResult:
        yield StatusStrip()
        yield Tabs(*(Tab(f"{n} {panel.heading}", id=f"tab-{n}") for n, panel in enumerate(self._panels, 1)))
        with Grid():
            yield from self._panels
        yield ExportLine(markup=False)
        yield Footer(compact=True, show_command_palette=False)

    @property
    def followed(self) -> FollowedStudy:
        return self.viewer.followed

    def on_mount(self) -> None:
        """Begin with the heatmap."""
        self._panels[0].add_class("shown")
        self._panels[0].focus()
        self.call_after_refresh(self._look_again)

    def _look_again(self) -> None:
        """Read what is new and show it, then wait; while a long log is read, go on at once and show it now and then."""
        behind = self.viewer.read_on(READ_SECONDS)
        self._tell_problems()
        self._tell_refusals(behind)
        if not behind or time.monotonic() - self._shown >= BEHIND_SECONDS:
            if self._behind and not behind:  # the strip belongs to the same picture as the panels
                self._looked_for_signs = 0.0
            self._behind = behind
            self.show_scene(reading=behind)
        self.set_timer(0.001 if behind else self._pace.seconds(), self._look_again)

    def _tell_problems(self) -> None:
        for run in self.viewer.problems.keys() - self._told:
            self._told.add(run)
            title = f"{run} is shown as far as it can be read"
            self.notify(self.viewer.problems[run], title=title, severity="error", timeout=60, markup=False)

    def _tell_refusals(self, behind: bool) -> None:
        """What was refused since the screen was opened; the log panel has them all."""
        refused = [event for run in self.followed.runs for event in run.state.refused]
        for event in refused[self._refused :] if self._refused is not None else ():
            self.notify(event.reason, title="refused", severity="warning", timeout=15, markup=False)
        if self._refused is not None or not behind:
            self._refused = len(refused)

    def show_scene(self, *, reading: bool = False) -> None:
        """Bring strip and panels up to date."""
        self._shown = time.monotonic()
        scene = self.viewer.scene(self.palette)
        if self._shown - self._looked_for_signs >= SIGNS_SECONDS:
            self._looked_for_signs = self._shown
            strip = self.query_one(StatusStrip)
            strip.show(self.followed, scene.run, self.followed.status, reading=reading)
        for panel in self._panels:
            if panel.display:
                panel.show(scene)

    def on_resize(self, event: events.Resize) -> None:
        """A small terminal shows one panel at a time."""
        small = event.size.width < ROOM[0] or event.size.height < ROOM[1]
        self.set_class(small, "tabs")
        self.set_class(small or self._zoomed, "one")

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        # of two quick keys the first tab is told when the second is on: to obey would go back and forth for ever
        if event.tab.id is not None and self.has_class("tabs") and event.tab.id == event.tabs.active:
            self.action_panel(int(event.tab.id.removeprefix("tab-")))

    def action_panel(self, number: int) -> None:
        """Go to a panel."""
        panel = self._panels[number - 1]
        for other in self._panels:
            other.set_class(other is panel, "shown")
        self.query_one(Tabs).active = f"tab-{number}"
        self.call_after_refresh(self._focus, panel)

    def _focus(self, panel: Panel) -> None:
        (panel.table if isinstance(panel, TablePanel) else panel).focus()
        panel.show(self.viewer.scene(self.palette))

    def action_zoom(self) -> None:
        """The focused panel on the whole screen, and back."""
        if self.has_class("tabs"):
            self.notify("in a terminal of this size every panel has the whole screen")
            return
        focused = next((panel for panel in self._panels if panel.has_focus or panel.has_focus_within), None)
        self._zoomed = not self._zoomed
        if focused is not None:
            self.action_panel(self._panels.index(focused) + 1)
        self.set_class(self._zoomed, "one")

    def action_look(self, step: int) -> None:
        self.viewer.look(step)
        self.show_scene()

    def on_table_panel_look(self, message: TablePanel.Look) -> None:
        if not self.viewer.look_at(message.run):
            self.notify(f"{message.run} has not begun", markup=False)
        self.show_scene()

    def on_heatmap_panel_history(self, message: HeatmapPanel.History) -> None:
        if message.step is None:
            self.viewer.follow()
        else:
            self.viewer.go(message.step)
        self.show_scene()

    def on_heatmap_panel_use_cell(self, message: HeatmapPanel.UseCell) -> None:
        self.use(message.values)
