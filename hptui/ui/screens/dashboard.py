"""The dashboard: a pure reader of one study's folder, and the sender of commands to whoever trains it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.reactive import Reactive, reactive

from hptui.reading.studies import RESUMABLE, FollowedStudy, Status
from hptui.ui.catching_up import CatchingUp
from hptui.ui.drawing.colours import Palette
from hptui.ui.exporting import ALL, FORMATS, USUAL, Exporter
from hptui.ui.messages import ResumeStudy
from hptui.ui.pace import ALONE, Pace
from hptui.ui.panels import LookAtDecision, LookAtRun, Scene, UseCell
from hptui.ui.screens.advice import Advice
from hptui.ui.screens.command_keys import KEYS as COMMAND_KEYS
from hptui.ui.screens.command_keys import CommandKeys
from hptui.ui.screens.dialogs import ChoiceDialog, Questions
from hptui.ui.screens.helped import CLOSE_HELP, HelpedScreen
from hptui.ui.screens.notices import Notices
from hptui.ui.screens.panel_board import PANELS, PanelBoard
from hptui.ui.viewer import Viewer
from hptui.ui.widgets.export_line import ExportLine
from hptui.ui.widgets.keys_line import KeysLine
from hptui.ui.widgets.strip import StatusStrip

SIGNS_SECONDS = 0.8
"""between two looks at heartbeats and machine load"""


class Dashboard(HelpedScreen[None]):
    """All panels of one study."""

    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE_HELP,
        Binding("escape", "unzoom", "All panels"),
        Binding("escape", "studies", "List"),
        *COMMAND_KEYS,
        Binding("R", "resume", "Resume"),
        Binding("i", "advice", "Advice"),
        Binding("e", "export", "Export"),
        Binding("E", "export_as", "Export as", show=False),
        Binding("z", "zoom", "Zoom"),
        Binding("left_square_bracket", "look(-1)", "Earlier run", show=False),
        Binding("right_square_bracket", "look(1)", "Later run", show=False),
        *(
            Binding(str(number), f"panel({number})", panel.heading, show=panel.alone)
            for number, panel in enumerate(PANELS[:9], 1)
        ),
    ]

    palette: Reactive[Palette] = reactive(Palette, init=False)
    """how the panels draw"""

    def __init__(
        self,
        directory: Path,
        export: Exporter | None = None,
        *,
        share: float = ALONE,
        may_train: Callable[[], bool] = lambda: False,
        awaited: bool = False,
    ) -> None:
        """Show a study.

        Args:
            directory: of the study.
            export: writes its pictures.
            share: of one processor that drawing takes at most.
            may_train: whether a study that nobody trains could be trained in this process now.
            awaited: its training has begun just now; it may have ended before the first look at it.
        """
        super().__init__()
        self.viewer = Viewer(directory)
        self._notices = Notices(self, self.viewer, awaited=awaited)
        self._questions = Questions(self)
        self._command_keys = CommandKeys(self, self.viewer, self._questions)
        self._export_line = ExportLine(self.followed.study.directory, export)
        self._panels = [panel() for panel in PANELS]
        self._pace = Pace(share)
        self._catching_up = CatchingUp()
        self._looked_for_signs = self._shown = 0.0
        self._status: Status = "running"
        """of the study, when it was looked at last"""
        self._board = PanelBoard(self._panels)
        self._advice = Advice(self.viewer, self._panels, self._questions)
        self._sometimes: dict[str, Callable[[], object]] = {
            "advice": lambda: self._advice.was_given,
            "export": lambda: export,
            "export_as": lambda: export,
            "zoom": lambda: not self._board.is_small,  # there every panel has the whole screen
            "unzoom": lambda: self._board.is_zoomed,
            "resume": lambda: self._status in RESUMABLE and may_train(),
        }
        """actions that are offered only while this says so"""
        self._offered: object = None
        """what the footer was made for"""

    def compose(self) -> ComposeResult:
        yield StatusStrip()
        yield self._board
        yield self._export_line
        yield KeysLine()

    @property
    def followed(self) -> FollowedStudy:
        return self.viewer.followed

    def on_mount(self) -> None:
        self.call_after_refresh(self._look_again)

    def watch_palette(self) -> None:
        if self._shown:
            self.show_scene()

    def _look_again(self) -> None:
        """Read what is new and show it, then wait; while a long log is read, go on at once and show it now and then."""
        behind = self._catching_up.read(self.viewer)
        self._notices.show_new(behind=behind)
        if not behind or self._catching_up.is_picture_due(self._shown):
            if self._catching_up.is_behind and not behind:  # the strip belongs to the same picture as the panels
                self._looked_for_signs = 0.0
            self._catching_up.begin_picture(behind=behind)
            self.show_scene(reading=behind)
        self.set_timer(0.001 if behind else self._pace.seconds(), self._look_again)

    def show_scene(self, *, reading: bool = False) -> None:
        """Bring strip and panels up to date."""
        with self.followed.held():
            self._shown = time.monotonic()
            scene = self.viewer.scene(self.palette)
            if not reading:
                self._board.lead(scene)
            if self._shown - self._looked_for_signs >= SIGNS_SECONDS:
                self._looked_for_signs = self._shown
                self._show_signs(scene, reading=reading)
            for panel in self._panels:
                if panel.display:
                    panel.show(scene)

    def _show_signs(self, scene: Scene, *, reading: bool) -> None:
        """Bring up to date what heartbeats and load have to do with: strip, alerts, and keys that make sense now."""
        strip, self._status = self.query_one(StatusStrip), self.followed.status
        strip.show(self.followed, scene.run, self._status, palette=self.palette, reading=reading)
        if not reading:  # half a log gives advice that the other half takes back
            self._advice.look_for(scene)
            self._notices.show_alerts(self._status)
        self._update_footer()

    def _update_footer(self) -> None:
        """Offer what can be done now; nothing is drawn where that is what it was."""
        offers = tuple(self.check_action(action, ()) for action in self._sometimes)
        if (now := (offers, self._command_keys.offered)) != self._offered:
            self._offered = now
            self.refresh_bindings()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """What keys do; the footer names panels that have no place on the grid, where no tabs do so."""
        known = super().active_bindings
        if not self._board.is_small:
            return known
        return {
            key: active._replace(binding=replace(active.binding, show=False)) if _shows_panel(active) else active
            for key, active in known.items()
        }

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make sense only now and then; Esc closes what was opened last, then leads to the list."""
        if action == "steer":
            return parameters[0] in self._command_keys.offered
        sometimes = self._sometimes.get(action)
        return super().check_action(action, parameters) if sometimes is None else bool(sometimes())

    def on_resize(self, event: events.Resize) -> None:
        self._board.fit(event.size)

    def action_panel(self, number: int) -> None:
        self._board.go_to(number)

    @on(PanelBoard.Entered)
    def _show_panel(self, message: PanelBoard.Entered) -> None:
        message.panel.show(self.viewer.scene(self.palette))

    def action_zoom(self) -> None:
        """The focused panel on the whole screen, and back."""
        self._board.zoom()
        self._update_footer()

    action_unzoom = action_zoom

    async def action_studies(self) -> None:
        """Back to the list; a training in this process goes on."""
        await self.run_action("app.list")

    def action_resume(self) -> None:
        """Go on with a study that nobody trains, as the list of studies does."""
        self.post_message(ResumeStudy(self.followed.study.directory))

    def action_look(self, step: int) -> None:
        self.viewer.look(step)
        self.show_scene()

    @on(LookAtRun)
    def _look_at_run(self, message: LookAtRun) -> None:
        if not self.viewer.look_at(message.run):
            self.notify(f"{message.run} has not begun", markup=False)
        self.show_scene()

    @on(LookAtDecision)
    def _look_at_decision(self, message: LookAtDecision) -> None:
        if message.step is None:
            self.viewer.follow()
            self._board.follow()
        else:
            self.viewer.go(message.step)
        self.show_scene()

    @on(UseCell)
    def _use_cell(self, message: UseCell) -> None:
        self._command_keys.use(message.values)

    @work
    async def action_steer(self, command: str) -> None:
        """Ask whoever trains this study."""
        await self._command_keys.commands[command]()

    def action_ask(self, command: str) -> None:
        """Ask for what is not offered: maybe it makes sense since a moment ago, else there is a notice."""
        self.action_steer(command)

    @work
    async def action_advice(self) -> None:
        """Show all advice in full."""
        await self._advice.show(self.viewer.scene(self.palette))

    def action_export(self) -> None:
        """Write the pictures in the background, once at a time."""
        self._export_line.begin(USUAL)

    @work
    async def action_export_as(self) -> None:
        """Ask for the format."""
        answer = await self._questions.ask(ChoiceDialog("Export as", FORMATS))
        if answer is not None:
            self._export_line.begin(ALL if answer == "all" else answer)


def _shows_panel(active: ActiveBinding) -> bool:
    return active.binding.action.startswith("panel(")
