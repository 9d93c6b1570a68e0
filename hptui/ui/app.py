"""The app: a list of studies, a form for a new one, and the dashboard. It draws and asks; it never trains."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec
import platformdirs
from textual import work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import ModalScreen, Screen
from textual.widgets import LoadingIndicator, Static

from hptui.config import StudyConfig
from hptui.errors import HptuiError
from hptui.record.presence import replace_file
from hptui.record.study_directory import studies_folder
from hptui.ui.drawing.colours import MAPS, MapName, Palette
from hptui.ui.drawing.plain_lines import PlainLines
from hptui.ui.pace import ALONE, BESIDE_TRAINING
from hptui.ui.widgets.folder_line import FolderLine

if TYPE_CHECKING:
    from hptui.ui.exporting import Exporter

POLL_SECONDS = 0.1
FIRST_PICTURE_SECONDS = 0.02
"""Textual draws every 1/60 s: a little later the first line is on the screen, and the rest may be imported"""
SETTINGS = "screen.json"
LEAVE = {"stop": "Stop with a checkpoint and quit"}


class Training(Protocol):
    """A training in this process, as the app sees it; all members may be used from any thread."""

    @property
    def study(self) -> Path | None:
        """The study's folder, once data and model have been checked."""

    @property
    def error(self) -> str | None:
        """What went wrong, in one line."""

    @property
    def alive(self) -> bool:
        """Whether it still trains, or prepares to."""

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end."""


class Settings(msgspec.Struct):
    """How the screen looks; remembered between sessions."""

    theme: str = "textual-dark"
    colours: MapName = "viridis"
    ascii: bool = False


class Preparing(Screen[None]):
    """Shown while torch is imported and the data are read."""

    DEFAULT_CSS = """
    Preparing { align: center middle; }
    Preparing Static { width: 100%; height: 1; text-align: center; }
    Preparing LoadingIndicator { height: 3; }
    """

    def compose(self) -> ComposeResult:
        yield Static("reading data and building the network ...", markup=False)
        yield LoadingIndicator()


class HptuiApp(App[None]):
    """Everything that hptui shows."""

    TITLE = "hptui"
    CSS = """
    OptionList:nocolor > .option-list--option-highlighted { text-style: reverse; }
    DataTable:nocolor > .datatable--cursor { text-style: reverse; }
    .error:nocolor { text-style: bold; }
    """
    """without colour a slightly lighter grey is all that Textual leaves of these"""
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Quit"),
        Binding("ctrl+c,ctrl+q", "leave", "Quit", show=False, priority=True),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("C", "next_colours", "Colour map", show=False),
        Binding("A", "toggle_ascii", "ASCII", show=False),
        Binding("backspace", "list", "Studies", show=False),
    ]

    def __init__(
        self,
        *,
        watch: Path | None = None,
        begin: Callable[[], Training] | None = None,
        start: Callable[[StudyConfig], Training] | None = None,
        export: Exporter | None = None,
    ) -> None:
        super().__init__()
        self._watch = watch
        self._begin = begin
        self._training: Training | None = None
        self._start = start
        self._export = export
        self._told_error = False
        self._wanted: StudyConfig | None = None
        """what was asked for in the form"""
        self._settings = load_settings()
        self.hang_up = False
        """set by a signal handler: leave without asking, as soon as the checkpoint is written"""

    @property
    def palette(self) -> Palette:
        return Palette(self._settings.colours, colour="NO_COLOR" not in os.environ, ascii=self._plain)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every widget draws goes through these."""
        return [*super().get_line_filters(), PlainLines(ascii=self._plain)]

    @property
    def _plain(self) -> bool:
        return self._settings.ascii or self._only_ascii()

    @staticmethod
    def _only_ascii() -> bool:
        """Whether the environment asks for ASCII, or the terminal takes nothing else that Textual writes."""
        encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
        return os.environ.get("HPTUI_ASCII", "") not in ("", "0") or codecs.lookup(encoding).name != "utf-8"

    def compose(self) -> ComposeResult:
        """The first line of the list of studies: painted before the widgets of the rest are imported."""
        if self._watch is None and self._begin is None:
            yield FolderLine(studies_folder())

    def on_mount(self) -> None:
        if self._settings.theme in self.available_themes:
            self.theme = self._settings.theme
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember(theme=theme.name))
        if self._watch is not None:
            self.open_study(self._watch)
        elif self._begin is not None:
            self.push_screen(Preparing())
            self.call_after_refresh(self._begin_training)  # once this is on the screen
        else:
            self.set_timer(FIRST_PICTURE_SECONDS, self.action_list)
        self.set_interval(POLL_SECONDS, self._poll)

    def _begin_training(self) -> None:
        import hptui.ui.screens.dashboard  # noqa: F401 (while nothing else is imported: two imports at once wait for each other)

        assert self._begin is not None
        self._training = self._begin()

    def _poll(self) -> None:
        """Look at the training in this process and at the signal handler's flag."""
        training = self._training
        if self.hang_up and (training is None or not training.alive):
            self.exit()
        if training is None:
            return
        if training.error is not None and not self._told_error:
            self._told_error = True
            self.notify(training.error, title="the training failed", severity="error", timeout=60, markup=False)
        if not isinstance(self.screen, Preparing):  # or a dialog lies over it; then at a later look
            return
        if training.study is not None:
            self.pop_screen()
            self.open_study(training.study)
        elif training.error is not None:
            self.pop_screen()
            self.action_list()
            if self._wanted is not None:  # what was typed is not lost
                self._open_form(self._wanted)

    def open_study(self, directory: Path) -> None:
        """Show a study; a folder that cannot be read is told, and the screen stays."""
        from hptui.ui.screens.dashboard import Dashboard  # a third of the time to the first frame, if it came before

        trains = self._training is not None and self._training.alive
        share = BESIDE_TRAINING if trains else ALONE
        try:
            self.push_screen(Dashboard(directory, self.palette, self._export, share=share))
        except (HptuiError, OSError) as error:
            self.notify(str(error), severity="error", markup=False)

    def action_list(self) -> None:
        """Show the studies of this user."""
        from hptui.ui.screens.study_list import StudyListScreen

        if isinstance(self.screen, Preparing) and self._training is not None and self._training.alive:
            return  # the dashboard is about to come
        while len(self.screen_stack) > 1 and not isinstance(self.screen, StudyListScreen):
            self.pop_screen()
        if not isinstance(self.screen, StudyListScreen):
            self.push_screen(StudyListScreen())

    def on_study_list_screen_open(self, message: object) -> None:
        directory = getattr(message, "directory", None)
        if isinstance(directory, Path):
            self.open_study(directory)

    def on_study_list_screen_new(self) -> None:
        """The form, unless a training goes on in this process already."""
        if self._start is None or (self._training is not None and self._training.alive):
            self.notify("this window trains a study already; start another one in another terminal", severity="warning")
            return
        self._open_form()

    def _open_form(self, config: StudyConfig | None = None) -> None:
        from hptui.ui.screens.new_study import NewStudyScreen

        self.push_screen(NewStudyScreen(config))

    def on_new_study_screen_start(self, message: object) -> None:
        config = getattr(message, "config", None)
        if isinstance(config, StudyConfig) and self._start is not None:
            self.pop_screen()
            self._told_error, self._wanted = False, config
            self._begin = partial(self._start, config)
            self.push_screen(Preparing())
            self.call_after_refresh(self._begin_training)

    def on_new_study_screen_cancelled(self) -> None:
        self.pop_screen()

    @work
    async def action_leave(self) -> None:
        """Ask whether to stop with a checkpoint while this process trains; else just go."""
        training = self._training
        if training is None or not training.alive:
            self.exit()
            return
        from hptui.ui.screens.dialogs import ChoiceDialog  # its fields and buttons would hold up the first frame

        if isinstance(self.screen, ChoiceDialog) and self.screen.answers == LEAVE:  # Ctrl+C twice
            self.screen.dismiss("stop")
            return
        if isinstance(self.screen, ModalScreen):
            return
        if await self.push_screen_wait(ChoiceDialog("This window trains a study.", LEAVE)) == "stop":
            training.stop("quit")
            self.hang_up = True
            self.notify("writing a checkpoint ...")

    async def action_quit(self) -> None:
        """Textual's own way out, in the palette too: ask as q does."""
        self.action_leave()

    def action_help(self) -> None:
        """Keys of what is on the screen, made from the bindings."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def action_next_colours(self) -> None:
        if not self.palette.colour:
            self.notify("NO_COLOR is set, so no colour map is used", severity="warning")
            return
        index = MAPS.index(self._settings.colours)
        self._remember(colours=MAPS[(index + 1) % len(MAPS)])

    def action_toggle_ascii(self) -> None:
        if self._only_ascii():
            self.notify("HPTUI_ASCII is set, or this terminal is no UTF-8 one: ASCII stays", severity="warning")
            return
        self._remember(ascii=not self._settings.ascii)

    def _remember(self, **changes: object) -> None:
        self._settings = msgspec.structs.replace(self._settings, **changes)
        from hptui.ui.screens.dashboard import Dashboard

        for screen in self.screen_stack:
            if isinstance(screen, Dashboard):
                screen.palette = self.palette
                screen.show_scene()
            for widget in screen.walk_children():
                widget.refresh()  # its lines are kept as they were filtered
        save_settings(self._settings)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette has every action that a key has."""
        yield from super().get_system_commands(screen)
        bound: dict[tuple[DOMNode, str], tuple[str, list[str]]] = {}
        for owner, binding, enabled, _ in screen.active_bindings.values():
            if enabled and binding.description and not binding.system:
                _, keys = bound.setdefault((owner, binding.action), (binding.description, []))
                keys += [shown] if (shown := self.get_key_display(binding)) not in keys else []
        for (owner, action), (description, keys) in bound.items():
            yield SystemCommand(
                description,
                f"key {' or '.join(keys)}",
                lambda action=action, owner=owner: self.call_later(self.run_action, action, owner),
            )


def load_settings() -> Settings:
    """Remembered looks; defaults if there are none or they cannot be read."""
    try:
        return msgspec.json.decode((platformdirs.user_config_path("hptui") / SETTINGS).read_bytes(), type=Settings)
    except (OSError, msgspec.DecodeError):
        return Settings()


def save_settings(settings: Settings) -> None:
    """Remember; a read-only home is no reason to complain."""
    folder = platformdirs.user_config_path("hptui")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / SETTINGS, msgspec.json.encode(settings))
    except OSError:
        return
