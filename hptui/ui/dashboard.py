"""The dashboard: a pure reader of one study's folder, and the sender of commands to whoever trains it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.screen import Screen
from textual.widgets import Footer, Tab, Tabs

from hptui import registry
from hptui.commands import (
    AddEpochs,
    AnyCommand,
    ChangeRanges,
    CommandSender,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
)
from hptui.errors import HptuiError
from hptui.presence import is_written
from hptui.space import describe
from hptui.studies import FollowedRun, FollowedStudy, Status
from hptui.study_directory import open_study
from hptui.ui._dialogs import ChoiceDialog, NumberDialog, RangesDialog
from hptui.ui._strip import StatusStrip
from hptui.ui.colours import Palette
from hptui.ui.panels import Panel, Scene
from hptui.ui.panels.heatmap import HeatmapPanel
from hptui.ui.panels.table import TablePanel

REFRESH_SECONDS = 0.2
"""faster than one reads, and slow enough for the training; keys are answered at once"""
READ_SECONDS = 0.05
STATUS_EVERY = 4
"""refreshes between two looks at heartbeats and machine load"""
ROOM = (100, 30)
"""columns and lines below which panels become tabs"""

Exporter = Callable[[Path], list[Path]]
"""writes the pictures of a study (its folder), and names the files"""


class Dashboard(Screen[None]):
    """All panels of one study; below 100x30 they are tabs."""

    DEFAULT_CSS = """
    Dashboard Grid { grid-size: 6 4; grid-gutter: 0; height: 1fr; }
    Dashboard Panel { border: round $panel-lighten-2; }
    Dashboard Panel:focus-within, Dashboard Panel:focus { border: round $accent; }
    Dashboard HeatmapPanel { column-span: 3; row-span: 2; }
    Dashboard TrajectoryPanel { column-span: 3; row-span: 2; }
    Dashboard CurvesPanel { column-span: 2; row-span: 2; }
    Dashboard TablePanel { column-span: 3; row-span: 2; }
    Dashboard LogPanel { column-span: 1; row-span: 2; }
    Dashboard.ascii Panel, Dashboard.ascii Panel:focus, Dashboard.ascii Panel:focus-within { border: ascii $accent; }
    Dashboard Tabs { display: none; height: 1; }
    Dashboard Tabs Underline { display: none; }
    Dashboard.one Grid { grid-size: 1 1; }
    Dashboard.one Panel { column-span: 1; row-span: 1; display: none; }
    Dashboard.one Panel.shown { display: block; }
    Dashboard.tabs Tabs { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause"),
        Binding("s", "step", "Step"),
        Binding("r", "ranges", "Ranges"),
        Binding("plus", "add_epochs", "Epochs+", key_display="+"),
        Binding("x", "stop", "Stop"),
        Binding("e", "export", "Export"),
        Binding("u", "release", "Strategy decides", show=False),
        Binding("z", "zoom", "Zoom"),
        Binding("left_square_bracket", "look(-1)", "Earlier run", show=False),
        Binding("right_square_bracket", "look(1)", "Later run", show=False),
        *(Binding(str(number), f"panel({number})", f"Panel {number}", show=False) for number in range(1, 10)),
    ]

    def __init__(self, directory: Path, palette: Palette, export: Exporter | None = None) -> None:
        super().__init__()
        self.followed = FollowedStudy(open_study(directory))
        self.palette = palette
        self._export = export
        self._sender = CommandSender(directory)
        self._panels = [registry.load("ui.panels", name)() for name in registry.names("ui.panels")]
        self._panels.sort(key=lambda panel: panel.place)
        self._chosen_run: FollowedRun | None = None
        self._chosen_decision: int | None = None
        self._status: Status = "waiting"
        self._ticks = 0
        self._zoomed = False

    def compose(self) -> ComposeResult:
        yield StatusStrip()
        yield Tabs(*(Tab(f"{n} {panel.heading}", id=f"tab-{n}") for n, panel in enumerate(self._panels, 1)))
        with Grid():
            yield from self._panels
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin with the heatmap."""
        self._panels[0].add_class("shown")
        self._panels[0].focus()
        self.set_interval(REFRESH_SECONDS, self.refresh_scene)
        self.call_after_refresh(self.refresh_scene)

    @property
    def run(self) -> FollowedRun:
        """The run that is looked at: the chosen one, else the newest that has begun."""
        begun = [run for run in self.followed.runs if run.state.started is not None]
        newest = max(begun, key=lambda run: run.state.time, default=self.followed.runs[0])
        return self._chosen_run or newest

    @property
    def scene(self) -> Scene:
        run = self.run
        decisions = run.state.decisions
        following = self._chosen_decision is None or not decisions
        index = len(decisions) - 1 if self._chosen_decision is None else min(self._chosen_decision, len(decisions) - 1)
        return Scene(self.followed, run, decisions[index] if decisions else None, following, self.palette)

    @property
    def status(self) -> Status:
        """Of the study, as of the last look."""
        return self._status

    def refresh_scene(self) -> None:
        """Read what is new, show it; at most one such call is under way."""
        self._read_on()
        self.set_class(self.palette.ascii, "ascii")
        scene = self.scene
        if self._ticks % STATUS_EVERY == 0:
            self._status = self.followed.status
            self.query_one(StatusStrip).show(self.followed, scene.run, self._status)
        for panel in self._panels:
            if panel.display:
                panel.show(scene)
        self._ticks += 1

    def _read_on(self) -> None:
        """Read what is new, the run that is looked at first, for a bounded time: a huge log must not block keys."""
        until = time.monotonic() + READ_SECONDS
        for run in sorted(self.followed.runs, key=lambda run: run is not self.run):
            if run.state.completed is None or self._ticks % STATUS_EVERY == 0:
                run.refresh(until - time.monotonic())
            if time.monotonic() > until:
                break

    def on_resize(self, event: events.Resize) -> None:
        """A small terminal shows one panel at a time."""
        small = event.size.width < ROOM[0] or event.size.height < ROOM[1]
        self.set_class(small, "tabs")
        self.set_class(small or self._zoomed, "one")

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        if event.tab.id is not None and self.has_class("tabs"):
            self.action_panel(int(event.tab.id.removeprefix("tab-")))

    def action_panel(self, number: int) -> None:
        """Go to a panel."""
        if not 1 <= number <= len(self._panels):
            return
        panel = self._panels[number - 1]
        for other in self._panels:
            other.set_class(other is panel, "shown")
        self.query_one(Tabs).active = f"tab-{number}"
        self.call_after_refresh(self._focus, panel)

    def _focus(self, panel: Panel) -> None:
        (panel.table if isinstance(panel, TablePanel) else panel).focus()
        panel.show(self.scene)

    def action_zoom(self) -> None:
        """The focused panel on the whole screen, and back."""
        focused = next((panel for panel in self._panels if panel.has_focus or panel.has_focus_within), None)
        self._zoomed = not self._zoomed
        if focused is not None:
            self.action_panel(self._panels.index(focused) + 1)
        self.set_class(self._zoomed or self.has_class("tabs"), "one")

    def action_look(self, step: int) -> None:
        """Look at another run; beyond the last one, at whichever is trained."""
        runs = [run for run in self.followed.runs if run.state.started is not None]
        if not runs:
            return
        index = runs.index(self.run) + step
        self._chosen_run = runs[index] if 0 <= index < len(runs) else None
        self._chosen_decision = None
        self.refresh_scene()

    def on_table_panel_look(self, message: TablePanel.Look) -> None:
        run = next(run for run in self.followed.runs if run.name == message.run)
        if run.state.started is not None:
            self._chosen_run, self._chosen_decision = run, None
            self.refresh_scene()

    def on_heatmap_panel_history(self, message: HeatmapPanel.History) -> None:
        decisions = self.run.state.decisions
        if message.step is None or not decisions:
            self._chosen_decision = None
        else:
            now = len(decisions) - 1 if self._chosen_decision is None else self._chosen_decision
            self._chosen_decision = min(max(now + message.step, 0), len(decisions) - 1)
        self.refresh_scene()

    def on_heatmap_panel_use_cell(self, message: HeatmapPanel.UseCell) -> None:
        self.send(UseValues(values=message.values), f"from the next decision on: {describe(message.values)}")

    def send(self, command: AnyCommand, words: str) -> bool:
        """Ask whoever trains this study; False with a notice if nobody does, or the folder cannot be written."""
        if not is_written(self.followed.study.directory):
            self.notify("nobody trains this study now; hptui resume goes on with it", severity="warning", markup=False)
            return False
        try:
            self._sender.send(command)
        except HptuiError as error:
            self.notify(str(error), severity="error", markup=False)
            return False
        self.notify(words, markup=False)
        return True

    def action_pause(self) -> None:
        paused = any(run.state.paused is not None and run.state.completed is None for run in self.followed.runs)
        self.send(Continue() if paused else Pause(), "going on" if paused else "pausing")

    def action_step(self) -> None:
        self.send(StepEpoch(), "one epoch, then pause")

    def action_release(self) -> None:
        self.send(UseValues(values={}), "the strategy chooses again from the next decision on")

    @work
    async def action_ranges(self) -> None:
        """Edit the ranges, with the resulting grid shown before it is applied."""
        config = open_study(self.followed.study.directory).config
        search = await self.app.push_screen_wait(RangesDialog(config.space, self.run.state.values))
        if search is not None:
            self.send(ChangeRanges(search=search), "new ranges from the next decision on")

    @work
    async def action_add_epochs(self) -> None:
        number = await self.app.push_screen_wait(NumberDialog("How many epochs more, for every run?"))
        if number is not None:
            self.send(AddEpochs(epochs=number), f"{number} epochs more")

    @work
    async def action_stop(self) -> None:
        answers = {"run": "This run, begin the next", "study": "The whole study"}
        answer = await self.app.push_screen_wait(ChoiceDialog("Stop with a checkpoint?", answers))
        if answer is not None:
            self.send(StopRun() if answer == "run" else StopStudy(), f"stopping the {answer} with a checkpoint")

    @work(thread=True, exclusive=True)
    def action_export(self) -> None:
        """Write the pictures in the background."""
        if self._export is None:
            self.app.call_from_thread(self.notify, "export is not available here", severity="warning")
            return
        self.app.call_from_thread(self.notify, "writing pictures ...")
        try:
            files = self._export(self.followed.study.directory)
        except HptuiError as error:
            self.app.call_from_thread(self.notify, str(error), severity="error", markup=False)
            return
        where = files[0].parent if files else "nowhere: there is nothing to draw yet"
        self.app.call_from_thread(self.notify, f"{len(files)} pictures in {where}", markup=False)
