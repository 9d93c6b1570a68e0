"""The form for a new study; what it accepts is decided by hptui.config alone, as one types."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import Screen
from textual.widgets import Button, Footer, Static

from hptui import registry
from hptui.config import Layer, StudyConfig, environment_layer, resolve
from hptui.errors import ConfigError, HptuiError, RunDirectoryError
from hptui.hyperparameters import hyperparameters
from hptui.record.study_directory import new_directory
from hptui.ui.messages import LeaveForm, StartStudy
from hptui.ui.widgets.form import Row, SettingRow
from hptui.ui.widgets.form_scroll import FormScroll
from hptui.ui.widgets.range_row import RangeRow

FORM = {
    "data and network": ("dataset", "data_dir", "class_weights", "model", "optimizer", "loss", "schedule"),
    "study": ("strategy", "baseline", "epochs", "runs", "seed", "out"),
    "decisions": ("decide_every", "decide_at", "horizon", "budget", "score", "set"),
    "machine": ("device", "threads"),
}
MOST_CELLS = 10_000
"""a grid with more is not laid out to plan its cost"""


class NewStudyScreen(Screen[None]):
    """Settings, searched ranges, what they will cost, and Start."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (130, "-wide")]  # noqa: RUF012 (as the base class declares it)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (12, "-tall")]  # noqa: RUF012
    DEFAULT_CSS = """
    NewStudyScreen #title { height: 1; padding: 0 1; text-style: bold; }
    NewStudyScreen #form { height: 1fr; }
    NewStudyScreen #form Container { height: auto; padding: 0 1; }
    NewStudyScreen.-wide #form { layout: horizontal; }
    NewStudyScreen.-wide #form Container { width: 1fr; }
    NewStudyScreen .heading { height: 1; margin-top: 1; text-style: bold; color: $text-primary; }
    NewStudyScreen .first { margin-top: 0; }
    NewStudyScreen.-wide .second { margin-top: 0; }
    NewStudyScreen #about { height: 2; padding: 0 1; color: $text-muted; }
    NewStudyScreen #start-row { height: auto; min-height: 2; max-height: 3; padding: 0 1; }
    NewStudyScreen #start-row Button { margin-right: 1; min-width: 9; width: 9; }
    NewStudyScreen.-short #title, NewStudyScreen.-short #about { display: none; }
    NewStudyScreen.-short #start-row { min-height: 1; max-height: 1; }
    NewStudyScreen #plan { width: 1fr; height: auto; }
    NewStudyScreen #plan.-wrong { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start"),
        Binding("escape", "cancel", "Back"),
    ]

    def __init__(self, config: StudyConfig | None = None) -> None:
        """Begin with the settings of `config`; without one with the defaults and what the environment says."""
        super().__init__()
        self._config, self._problem = _first_settings() if config is None else (config, "")
        self._check_is_due = False
        self._ready = False

    def compose(self) -> ComposeResult:
        plain = msgspec.to_builtins(self._config)
        yield Static("new study", id="title")
        with FormScroll(id="form"):
            with Container():
                for number, (heading, fields) in enumerate(FORM.items()):
                    yield Static(heading, classes="heading" if number else "heading first")
                    yield from (SettingRow(field, plain[field]) for field in fields)
            with Container():
                yield Static("searched ranges", classes="heading second")
                for name, known in hyperparameters().items():
                    text = self._config.search.get(name)
                    yield RangeRow(name, text or known.suggested, searched=text is not None)
        yield Static(id="about", markup=False)
        with Horizontal(id="start-row"):
            yield Button("Start", id="start", variant="primary", compact=True, disabled=True)
            yield Button("Back", id="back", compact=True)
            yield Static(id="plan", markup=False)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        if self._problem:
            self.notify(self._problem, title="settings of the environment", severity="warning", markup=False)
        self.query(Row).first().focus_first()

    def on_row_changed(self, message: Row.Changed) -> None:
        """Look at the form once for all that was changed together."""
        message.stop()
        if not self._check_is_due:
            self._check_is_due = True
            self.call_later(self._check)

    def _check(self) -> StudyConfig | None:
        """Show what is wrong beside its field, and what the study will cost; None if anything is wrong."""
        self._check_is_due = False
        config, errors = self._read()
        for row in self.query(Row):
            row.show_problem(errors.pop(row.setting, ""))
        wrong = [row.setting for row in self.query(Row) if row.has_class("-wrong")]
        words = "to mend: " + ", ".join(wrong) if wrong else "".join(errors.values())
        if config is not None:
            words = plan(config)
        shown = self.query_one("#plan", Static)
        shown.update(Text(words))
        shown.set_class(config is None, "-wrong")
        self.query_one("#start", Button).disabled = config is None
        if self._ready != (config is not None):
            self._ready = config is not None
            self.refresh_bindings()
        return config

    def _read(self) -> tuple[StudyConfig | None, dict[str, str]]:
        """The form as a checked configuration, or messages by the field that each belongs to."""
        settings: dict[str, Any] = msgspec.to_builtins(self._config) | {"search": {}}
        errors: dict[str, str] = {}
        for row in self.query(Row):
            try:
                row.add_to(settings)
            except ConfigError as error:
                errors[row.setting] = str(error)
        if errors:
            return None, errors
        try:
            config = resolve([Layer("form", settings)]).config
            if config.out is not None:
                new_directory(config)
        except RunDirectoryError as error:
            return None, {"out": str(error)}
        except HptuiError as error:
            return None, {str(error).split(maxsplit=1)[0]: str(error)}
        return config, {}

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field is for."""
        rows = [row for row in event.widget.ancestors_with_self if isinstance(row, Row)]
        self.query_one("#about", Static).update(Text(rows[0].help_words if rows else ""))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "start":
            self.action_start()
        else:
            self.action_cancel()

    def action_start(self) -> None:
        """Look once more, for what was typed a moment ago."""
        config = self._check()
        if config is not None:
            self.post_message(StartStudy(config))

    def action_cancel(self) -> None:
        self.post_message(LeaveForm())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Start is greyed in the footer while anything is wrong."""
        return (self._ready or None) if action == "start" else super().check_action(action, parameters)


def _first_settings() -> tuple[StudyConfig, str]:
    """The defaults with what the environment says; and what is wrong with the environment, if anything is."""
    try:
        return resolve([environment_layer()]).config, ""
    except ConfigError as error:
        return resolve([]).config, str(error)


def plan(config: StudyConfig) -> str:
    """The grid of one decision, and what an optimized run will cost."""
    runs = f"{' + '.join([str(config.runs)] * len(config.arms))} runs"
    if registry.is_own(config.strategy):
        return f"{runs}; the cost depends on {config.strategy}"
    sizes = [len(searched.values()) for searched in config.space.values()]
    cells = math.prod(sizes)
    factory = registry.load("strategies", config.strategy)
    grid = ""
    if factory.searches:
        grid = f"{' x '.join(map(str, sizes))} = {cells} cells, " if len(sizes) > 1 else f"{cells} cells, "
        if cells > MOST_CELLS:
            return f"{grid}too many to plan the cost; {runs}"
    strategy = factory(config.epochs, config.decision_epochs(), config.seed)
    strategy.budget = config.budget
    return f"{grid}cost about {strategy.planned_cost(config.space, config.horizon):.1f} plain trainings; {runs}"
