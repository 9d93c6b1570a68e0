"""The form for a new study; what it accepts is decided by hptui.config and by the strategies, as one types."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import msgspec
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from hptui.config import FIELDS, StudyConfig
from hptui.hyperparameters import hyperparameters
from hptui.planning import Refused
from hptui.ui.form_check import Measure, first_settings, look_at_form, setting_of
from hptui.ui.messages import Draft, LeaveForm, StartStudy
from hptui.ui.screens.helped import CLOSE_HELP, HelpedScreen
from hptui.ui.widgets.estimate import EstimateButton
from hptui.ui.widgets.form_scroll import FormScroll
from hptui.ui.widgets.keys_line import KeysLine
from hptui.ui.widgets.range_row import RangeRow, column_headings
from hptui.ui.widgets.row import Row
from hptui.ui.widgets.setting_row import SettingRow
from hptui.ui.widgets.words import Words

FORM = {
    "data and network": ("dataset", "data_dir", "class_weights", "model", "optimizer", "loss", "schedule"),
    "study": ("strategy", "baseline", "epochs", "runs", "seed", "out"),
    "decisions": ("decide_every", "decide_at", "horizon", "budget", "score", "set"),
    "machine": ("device", "threads", "parallel"),
}
DETACH = "train in a process of its own, which goes on when this window is closed"
SHOWN = [field for fields in FORM.values() for field in fields]
MORE = [field for field in FIELDS if field not in (*SHOWN, "search")]
"""settings that are rarely changed; a new one of the configuration is here by itself"""
FOLDED, OPEN = f"[+] {len(MORE)} more settings", "[-] more settings"
WIDE, VERY_TALL = 130, 44
"""columns from which the ranges stand beside the settings; lines from which the plan has room for all of its stages"""
ROOM_FOR_ALL = 84
"""lines, for the settings that are rarely changed to stand unfolded beside all others"""
Part = TypeVar("Part", bound=Widget)
WAYS_OUT = "esc: back, ctrl+q: quit"
MEASURING = "measuring: reads the data, trains for a second ..."


def _section(heading: str, id: str | None = None) -> Container:
    """Some fields, with the heading on its border where there is room for one."""
    return _titled(Container(id=id, classes="section"), heading)


def _titled(widget: Part, heading: str) -> Part:
    widget.border_title = heading
    return widget


class NewStudyScreen(HelpedScreen[None]):
    """Settings, searched ranges, what they will cost, and Start."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 (as the base class declares it)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (12, "-tall"), (VERY_TALL, "-very-tall")]  # noqa: RUF012
    DEFAULT_CSS = """
    NewStudyScreen #title { height: 1; padding: 0 1; text-style: bold; }
    NewStudyScreen #form { height: 1fr; }
    NewStudyScreen #form Container { height: auto; }
    NewStudyScreen #form .column { padding: 0 1; }
    NewStudyScreen #form #more { display: none; }
    NewStudyScreen #form #more.-open { display: block; }
    NewStudyScreen #fold { margin-top: 1; }
    NewStudyScreen.-wide #form { layout: horizontal; }
    NewStudyScreen.-wide #form .column { width: 1fr; padding: 0; }
    NewStudyScreen .heading { height: 1; margin-top: 1; text-style: bold; color: $text-primary; }
    NewStudyScreen .first { margin-top: 0; }
    NewStudyScreen.-wide .heading { margin-top: 0; }
    NewStudyScreen.-wide .titled { display: none; }
    NewStudyScreen.-wide #fold { margin: 0 1; }
    NewStudyScreen #about { height: 2; padding: 0 1; color: $text-muted; }
    NewStudyScreen #start-row { height: 1; padding: 0 1; }
    NewStudyScreen #start-row Button { margin-right: 1; min-width: 9; }
    NewStudyScreen.-short #title, NewStudyScreen.-short #about { display: none; }
    NewStudyScreen #plan { height: auto; max-height: 6; padding: 0 1; }
    NewStudyScreen.-very-tall #plan { max-height: 10; }
    NewStudyScreen.-short #plan { max-height: 1; }
    NewStudyScreen #plan.-wrong { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE_HELP,
        Binding("ctrl+s", "start", "Start"),
        Binding("ctrl+t", "detach", "Detach"),
        Binding("ctrl+g", "estimate", "Estimate"),
        Binding("ctrl+o", "more", "More"),
        Binding("ctrl+r", "defaults", "Defaults"),
        Binding("escape", "cancel", "Back"),
        Binding("q,backspace", "tell_ways_out", "Ways out", show=False, system=True),
    ]

    def __init__(
        self,
        config: StudyConfig | None = None,
        *,
        draft: Draft | None = None,
        problem: str = "",
        measure: Measure | None = None,
    ) -> None:
        """Begin with the settings of `config`; without one with the defaults and what the environment says.

        Args:
            config: what is filled in.
            draft: what was typed when the form was left, to go on with.
            problem: why a study with these settings did not start.
            measure: finds how fast this machine trains.
        """
        super().__init__()
        self._config, self._warning = first_settings() if config is None else (config, "")
        self._draft = draft
        self._untouched: Draft = {}
        self._estimate = EstimateButton(measure)
        if problem:
            self._estimate.remember(self._config, Refused(setting_of(problem, self._config), problem))
        plain = msgspec.to_builtins(self._config)
        self._settings = {field: SettingRow(field, plain[field]) for field in (*SHOWN, *MORE)}
        self._ranges = [
            RangeRow(name, self._config.search.get(name, known.suggested), searched=name in self._config.search)
            for name, known in hyperparameters().items()
        ]
        self._rarely_changed = [self._settings[field] for field in MORE]
        """mounted when they are unfolded: most often nobody waits for them"""
        self._rows: list[Row] = [
            *(self._settings[field] for field in SHOWN),
            *self._ranges,
            *self._rarely_changed,
        ]
        """in their order on the screen"""
        self._starting = (
            Button("Start", id="start", variant="primary", compact=True, disabled=True),
            Button("Detach", id="detach", compact=True, disabled=True, tooltip=DETACH),
        )
        self._sections: list[Widget] = []
        self._check_is_due = False
        self._goes_to_problem = bool(problem)
        """until the field that is to be mended has got the cursor"""
        self._ready = False

    def compose(self) -> ComposeResult:
        yield Static("new study", id="title")
        with FormScroll(id="form"):
            with Container(classes="column"):
                for number, (heading, fields) in enumerate(FORM.items()):
                    with _section(heading):
                        yield Static(heading, classes="heading titled" if number else "heading titled first")
                        yield from (self._settings[field] for field in fields)
            with Container(classes="column"):
                with _section("searched ranges"):
                    yield Static(column_headings("[X] searched"), classes="heading", markup=False)
                    yield from self._ranges
                yield Button(Text(FOLDED), id="fold", compact=True)
                yield _section("more settings", id="more")
        yield _titled(Words(id="about", markup=False), "about this field")
        with Horizontal(id="start-row"):
            yield from self._starting
            yield self._estimate
            yield Button("Back", id="back", compact=True)
        yield _titled(Words(id="plan", markup=False), "plan and cost")
        yield KeysLine()

    async def on_mount(self) -> None:
        if self._warning:
            self.notify(self._warning, title="settings of the environment", severity="warning", markup=False)
        self._sections = list(self.query(".section"))
        self._untouched = self.typed
        if self._draft:
            self._restore(self._draft)
        is_changed = any(getattr(self._config, field) != getattr(StudyConfig(), field) for field in MORE)
        has_room = self.app.size.width >= WIDE and self.app.size.height >= ROOM_FOR_ALL
        await self._fold(is_open=is_changed or has_room)
        self._rows[0].focus_first()
        self._check_soon()

    @property
    def typed(self) -> Draft:
        """What stands in all fields, right or wrong."""
        return {row.setting: row.typed for row in self._rows}

    def _restore(self, typed: Draft) -> None:
        for row in self._rows:
            if row.setting in typed:
                row.restore(typed[row.setting])

    def on_row_changed(self, message: Row.Changed) -> None:
        """Look at the form once for all that was changed together."""
        message.stop()
        self._check_soon()

    def _check_soon(self) -> None:
        if not self._check_is_due:
            self._check_is_due = True
            self.call_later(self._check)

    def _check(self) -> StudyConfig | None:
        """Show what is wrong beside its field, and what the study will cost; None if anything is wrong."""
        self._check_is_due = False
        found = look_at_form(self._rows, self._config, self._estimate.answer, self._typed_into())
        config, problems, lines = found.config, dict(found.problems), found.lines
        for row in self._rows:
            row.show_problem(problems.pop(row.setting, ""), found.notes.get(row.setting, ""))
        wrong = [row.setting for row in self._rows if row.has_class("-wrong")]
        if config is None:
            lines = ["to mend: " + ", ".join(wrong)] if wrong else []
        self._show(config, [*problems.values(), *[MEASURING] * self._estimate.measuring, *lines])
        if wrong:
            self.call_later(self._lead_to, wrong)
        return config

    def _typed_into(self) -> set[str]:
        """The setting whose field has the cursor, where something is typed into that."""
        if not isinstance(self.focused, Input):
            return set()
        return {row.setting for row in self.focused.ancestors if isinstance(row, Row)}

    async def _lead_to(self, wrong: list[str]) -> None:
        """Unfold what is wrong; put the cursor, once, into the field that kept a study from starting."""
        if any(setting in MORE for setting in wrong):
            await self._fold(is_open=True)
        if self._goes_to_problem:
            self._goes_to_problem = False
            next(row for row in self._rows if row.setting == wrong[0]).focus_last()

    def _show(self, config: StudyConfig | None, lines: list[str]) -> None:
        """Plan and cost, or what is wrong; and whether it can be started."""
        shown = self.query_one("#plan", Words)
        shown.update(Text("\n".join(lines)))
        shown.set_class(config is None, "-wrong")
        for button in self._starting:
            button.disabled = config is None
        self._estimate.disabled = config is None or self._estimate.measuring
        if self._ready != (config is not None):
            self._ready = config is not None
            self.refresh_bindings()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Look for what was typed into a field once it is left."""
        if isinstance(event.widget, Input):
            self._check_soon()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field is for, and mark the section that it is in."""
        rows = [row for row in event.widget.ancestors_with_self if isinstance(row, Row)]
        around = event.widget.ancestors
        changed = [section for section in self._sections if section.has_class("-focused") != (section in around)]
        for section in changed:
            section.set_class(section in around, "-focused", update=False)
        # alone: with `update`, or with :focus-within, the dozens of widgets within would be looked at as well
        self.app.stylesheet.update_nodes(changed)
        self.query_one("#about", Words).update(Text(rows[0].help_words if rows else ""), layout=False)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        match event.button.id:
            case "start":
                self.action_start()
            case "detach":
                self.action_detach()
            case "estimate":
                self.action_estimate()
            case "fold":
                await self.action_more()
            case _:
                self.action_cancel()

    def action_start(self) -> None:
        self._ask_for_start()

    def action_detach(self) -> None:
        self._ask_for_start(detached=True)

    def _ask_for_start(self, *, detached: bool = False) -> None:
        """Look once more, for what was typed a moment ago."""
        config = self._check()
        if config is not None:
            self._estimate.cancel()  # no measurement beside a training
            self.post_message(StartStudy(config, detached=detached))

    def action_cancel(self) -> None:
        """Leave; what was typed is there when the form is opened again."""
        self._estimate.cancel()
        typed = self.typed
        self.post_message(LeaveForm(typed if typed != self._untouched or self._draft else None))

    def action_tell_ways_out(self) -> None:
        """Say how to leave, and stay: letters that were meant for a path must not end the app, nor drop the form."""
        self.notify(WAYS_OUT, markup=False)

    async def action_more(self) -> None:
        """Unfold the settings that are rarely changed, or fold them."""
        is_open = not self.query_one("#more").has_class("-open")
        await self._fold(is_open=is_open)
        if is_open:
            self._rarely_changed[0].focus_first()
        else:
            self.query_one("#fold").focus()

    async def _fold(self, *, is_open: bool) -> None:
        more = self.query_one("#more")
        if is_open and not self._rarely_changed[0].is_attached:
            await more.mount_all(self._rarely_changed)
        more.set_class(is_open, "-open")
        self.query_one("#fold", Button).label = Text(OPEN if is_open else FOLDED)

    def action_defaults(self) -> None:
        """Put back what the form began with."""
        self._restore(self._untouched)

    def action_estimate(self) -> None:
        """Find how long the study will take, and whether data and network fit."""
        config = self._check()
        if config is not None:
            self._estimate.ask(config)
            self._check()

    @on(EstimateButton.Answered)
    def _show_answer(self, message: EstimateButton.Answered) -> None:
        message.stop()
        self._check()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Start is greyed in the footer while anything is wrong."""
        if action == "estimate" and not self._estimate.display:
            return False
        return (self._ready or None) if action in ("start", "detach") else super().check_action(action, parameters)
