"""The app: a list of studies, a form for a new one, and the dashboard. It draws and asks; it never trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual._context import active_message_pump
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.reactive import Reactive, reactive
from textual.screen import ModalScreen, Screen
from textual.worker import WorkerFailed

from hptui.errors import HptuiError, told
from hptui.record.study_folders import studies_folder
from hptui.ui.appearance import Appearance
from hptui.ui.attention import Attention
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.plain_lines import PlainLines
from hptui.ui.keys_in_turn import KeysInTurn
from hptui.ui.messages import Alerted, Draft, LeaveForm, NewStudy, OpenStudy, ResumeStudy, StartStudy, Warned
from hptui.ui.own_training import OwnTraining, Training
from hptui.ui.pace import ALONE, BESIDE_TRAINING
from hptui.ui.palette_commands import commands_of_keys
from hptui.ui.screens.preparing import Preparing
from hptui.ui.themes import LOOKS, begin_with_theme
from hptui.ui.widgets.folder_line import FolderLine

if TYPE_CHECKING:
    from hptui.config import StudyConfig
    from hptui.ui.exporting import Exporter
    from hptui.ui.form_check import Measure
    from hptui.ui.screens.comparison import Comparer

POLL_SECONDS = 0.1
FIRST_PICTURE_SECONDS = 0.02
"""Textual draws every 1/60 s: a little later the first line is on the screen, and the rest may be imported"""
ERROR_SECONDS = 20
"""that the cause of a failure stays on the screen"""
OCCUPIED = "this window trains a study already; start another one in another terminal"
LEAVE = {"stop": "Stop before it has begun"}
LEAVE_BEGUN = {"stop": "Stop with a checkpoint", "detach": "Go on in the background"}
"""what may become of the training of a window that is left; once it has begun, it may go on in a process of its own"""


class HptuiApp(App[None]):
    """Everything that hptui shows."""

    TITLE = "hptui"
    CSS = (
        LOOKS
        + """
    OptionList:nocolor > .option-list--option-highlighted { text-style: reverse; }
    DataTable:nocolor > .datatable--cursor { text-style: reverse; }
    .error:nocolor { text-style: bold; }
    """
    )
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

    palette: Reactive[Palette] = reactive(Palette, init=False)
    """how panels draw; a dashboard is bound to it"""

    def __init__(  # noqa: PLR0913 (what a window can do, each by its name; the command line gives it)
        self,
        *,
        watch: Path | None = None,
        begin: Callable[[], Training] | None = None,
        start: Callable[[StudyConfig], Training] | None = None,
        resume: Callable[[Path], Training] | None = None,
        detach: Callable[[StudyConfig], Training] | None = None,
        export: Exporter | None = None,
        compare: Comparer | None = None,
        bell: bool = True,
        measure: Measure | None = None,
    ) -> None:
        super().__init__()
        self._attention = Attention(self, bell=bell)
        self._watch = watch
        self._training = OwnTraining(begin, start, resume, detach)
        self._export, self._compare = export, compare
        self._measure = measure
        self._draft: Draft | None = None
        """what was typed into the form when it was left"""
        self._appearance = Appearance()
        self._keys = KeysInTurn(self, super().on_event)
        self.set_reactive(HptuiApp.palette, self._appearance.palette)
        begin_with_theme(self, self._appearance.theme)
        self.hang_up = False
        """set by a signal handler: leave without asking, as soon as the checkpoint is written"""
        self.opened: list[Path] = []
        """the studies that were looked at"""
        self.goes_on_detached = False
        """whether the training is to go on from that checkpoint, when this window is closed"""
        self.failure: Exception | None = None
        """what ended the app, if that was an error"""

    def _handle_exception(self, error: Exception) -> None:
        """Leave, and keep the error: whoever runs the app tells it in one line, as that of any command.

        What a widget misses that is on its way out is passed over: Textual mounts no children in it any more.
        """
        pump = active_message_pump.get(None)
        is_leaving = self._exit or (isinstance(pump, DOMNode) and pump._pruning)
        if is_leaving and isinstance(error, NoMatches):
            return
        super()._handle_exception(error)
        cause = error.error if isinstance(error, WorkerFailed) else error
        self.failure = self.failure or (cause if isinstance(cause, Exception) else error)
        self._exit_renderables.clear()  # a traceback with all that its variables hold

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every widget draws goes through these."""
        return [*super().get_line_filters(), PlainLines(ascii=self._appearance.ascii)]

    async def on_event(self, event: events.Event) -> None:
        """Take keys and pasted text in turn; all other events at once."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._keys.put(event)
        else:
            await super().on_event(event)

    def compose(self) -> ComposeResult:
        """The first line of the list of studies: painted before the widgets of the rest are imported."""
        if self._watch is None and not self._training.asked_for:
            yield FolderLine(studies_folder())

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: self._appearance.choose_theme(theme.name))
        if self._watch is not None:
            self.open_study(self._watch)
        elif self._training.asked_for:
            self._prepare()
        else:
            self.set_timer(FIRST_PICTURE_SECONDS, self.action_list)
        self.set_interval(POLL_SECONDS, self._look_at_training)

    def _prepare(self) -> None:
        def begin() -> None:
            import hptui.ui.screens.dashboard  # noqa: F401 (while nothing else is imported: two imports at once wait for each other)

            self._training.begin()

        self.push_screen(Preparing())
        self.call_after_refresh(begin)  # once this is on the screen

    def _look_at_training(self) -> None:
        """Look at the training in this process and at the signal handler's flag."""
        training = self._training
        if self.hang_up and not training.alive:
            self.exit()
        if not self.screen_stack:
            return  # the app is closing
        error = training.new_error()
        in_form = isinstance(self.screen, Preparing) and training.study is None and training.config is not None
        if error is not None and not in_form:  # there it stands beside its field
            self.notify(error, severity="error", timeout=ERROR_SECONDS, markup=False)
        if isinstance(self.screen, Preparing):  # a dialog may lie over it; then at a later look
            self._look_at_preparing(self.screen, training)
        if training.newly_ended() and not self._is_shown(training.study):
            self._attention.ring(error or "the training of this window has ended")

    def _look_at_preparing(self, screen: Preparing, training: OwnTraining) -> None:
        """Show what is prepared, or the study once it has begun, or what kept it from that."""
        screen.say(training.doing)
        if training.study is not None:
            self.pop_screen()
            self.open_study(training.study, awaited=True)
            from hptui.record.housekeeping_words import disk_notice  # it need not hold up the first frame

            if words := disk_notice(training.study):
                self.notify(words, title="on the disk", severity="warning", markup=False)
        elif training.error is not None:
            self.pop_screen()
            if training.config is not None or len(self.screen_stack) == 1:
                self.action_list()
            if training.config is not None:  # what was typed is not lost
                self._open_form(training.config, training.error)

    def _is_shown(self, study: Path | None) -> bool:
        """Whether a dashboard looks at this study, and so sees how it ends."""
        from hptui.ui.screens.dashboard import Dashboard

        shown = [screen for screen in self.screen_stack if isinstance(screen, Dashboard)]
        return any(screen.followed.study.directory == study for screen in shown)

    def open_study(self, directory: Path, *, awaited: bool = False) -> None:
        """Show a study; where a folder cannot be read there is a notice, and the screen stays.

        `awaited`: its training has begun just now.
        """
        from hptui.ui.screens.dashboard import Dashboard  # a third of the time to the first frame, if it came before

        share = BESIDE_TRAINING if self._training.alive else ALONE
        training = self._training
        try:
            dashboard = Dashboard(
                directory, self._export, share=share, may_train=lambda: training.may_resume, awaited=awaited
            )
        except (HptuiError, OSError) as error:
            self.notify(told(error), severity="error", markup=False)
        else:
            self.opened.append(dashboard.followed.study.directory)
            if isinstance(self.screen, Dashboard):  # it goes on from there
                self.pop_screen()
            self.push_screen(dashboard.data_bind(HptuiApp.palette))

    def warn(self, words: str) -> None:
        """Show a warning; from any thread, which does not wait for it."""
        self.post_message(Warned(words))

    @on(Warned)
    def _show_warning(self, message: Warned) -> None:
        self.notify(message.words, severity="warning", markup=False)

    @on(Alerted)
    def _call_attention(self, message: Alerted) -> None:
        self._attention.call(message.alert, told=message.alert.kind == "failed" and bool(self._training.error))

    @on(OpenStudy)
    def _open_listed(self, message: OpenStudy) -> None:
        self.open_study(message.directory)

    def action_list(self) -> None:
        """Show the studies of this user."""
        from hptui.ui.screens.study_list import StudyListScreen

        if not self.screen_stack:
            return  # the app is closing
        if isinstance(self.screen, Preparing) and self._training.alive:
            return  # the dashboard is about to come
        while len(self.screen_stack) > 1 and not isinstance(self.screen, StudyListScreen):
            self.pop_screen()
        if not isinstance(self.screen, StudyListScreen):
            self.push_screen(StudyListScreen(compare=self._compare, beside=self.opened))

    @on(NewStudy)
    def _open_asked_form(self, message: NewStudy) -> None:
        """The form, unless a training goes on in this process already."""
        if self._training.may_start:
            self._open_form(message.config)
        else:
            self.notify(OCCUPIED, severity="warning")

    @on(ResumeStudy)
    def _resume_study(self, message: ResumeStudy) -> None:
        """Go on with a study, from the list or its dashboard, unless a training goes on in this process already."""
        if self._training.ask_to_resume(message.directory):
            self._prepare()
        else:
            self.notify(OCCUPIED, severity="warning")

    def _open_form(self, config: StudyConfig | None = None, problem: str = "") -> None:
        """The form: with these settings, else with what was typed when it was left, else with the defaults."""
        from hptui.ui.screens.new_study import NewStudyScreen

        draft = self._draft if config is None else None
        self.push_screen(NewStudyScreen(config, draft=draft, problem=problem, measure=self._measure))

    @on(StartStudy)
    def _start_study(self, message: StartStudy) -> None:
        if not self._training.ask_for(message.config, detached=message.detached):
            self.notify(OCCUPIED, severity="warning")
            return
        self.clear_notifications()  # what they say was about an attempt before
        self.pop_screen()
        self._draft = None
        self._prepare()

    @on(LeaveForm)
    def _close_form(self, message: LeaveForm) -> None:
        from hptui.ui.screens.new_study import NewStudyScreen

        self._draft = message.draft
        if isinstance(self.screen, NewStudyScreen):  # it may have been left by another way meanwhile
            self.pop_screen()

    @work
    async def action_leave(self) -> None:
        """Ask whether to stop with a checkpoint while this process trains; else just go."""
        if not self._training.alive:
            self.exit()
            return
        from hptui.ui.screens.dialogs import ChoiceDialog  # its fields and buttons would hold up the first frame

        if isinstance(self.screen, ChoiceDialog) and self.screen.answers in (LEAVE, LEAVE_BEGUN):  # Ctrl+C twice
            self.screen.dismiss("stop")
            return
        if isinstance(self.screen, ModalScreen):
            return
        answers = LEAVE if self._training.study is None else LEAVE_BEGUN
        answer = await self.push_screen_wait(ChoiceDialog("This window trains a study.", answers))
        if answer is not None:
            self.goes_on_detached = answer == "detach"
            self._training.stop("detached" if self.goes_on_detached else "quit")
            self.hang_up = True
            self.notify("stopping ..." if answers is LEAVE else "writing a checkpoint ...")

    async def action_quit(self) -> None:
        """Textual's own way out, in the palette too: ask as q does."""
        self.action_leave()

    async def action_help(self) -> None:
        """Keys of what is on the screen, made from the bindings; Esc closes it, or does what it did before."""
        if panels := self.screen.query("HelpPanel"):
            await panels.remove()
        else:
            self.action_show_help_panel()
        self.call_after_refresh(self.screen.refresh_bindings)

    def action_next_colours(self) -> None:
        self._look_anew(self._appearance.next_colours())

    def action_toggle_ascii(self) -> None:
        self._look_anew(self._appearance.toggle_ascii())

    def _look_anew(self, problem: str) -> None:
        """Draw everything as it looks from now on; where it cannot, `problem` is the notice."""
        if problem:
            self.notify(problem, severity="warning")
            return
        self.palette = self._appearance.palette
        for screen in self.screen_stack:
            for widget in screen.walk_children():
                widget.refresh()  # its lines are kept as they were filtered

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette has every action that a key has."""
        yield from super().get_system_commands(screen)
        yield from commands_of_keys(self, screen)
