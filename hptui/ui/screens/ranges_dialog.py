"""The ranges of a study that is trained: changed from the next decision on, with the resulting grid shown before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from hptui.errors import ConfigError
from hptui.hyperparameters import Values, hyperparameter, hyperparameters
from hptui.space import Range, SearchSpace, check_cells, parse_range
from hptui.ui.widgets.form_scroll import FormScroll
from hptui.ui.widgets.range_row import RangeRow, column_headings
from hptui.ui.widgets.row import Row
from hptui.ui.widgets.words import Words

HEADING = column_headings("[X] searched")
NOTHING = "no range: there would be nothing to decide"


class RangesDialog(ModalScreen[dict[str, str] | None]):
    """All hyperparameters, the searched ones first; answers name -> low:high:scale:steps, or None."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (12, "-middle"), (22, "-tall")]  # noqa: RUF012 (as the base class has it)
    DEFAULT_CSS = """
    RangesDialog { align: center middle; }
    RangesDialog > Vertical {
        width: 80; max-width: 100%; height: 24; max-height: 100%; padding: 0 1;
        border: round $primary; background: $surface;
    }
    RangesDialog #heading { height: 1; text-style: bold; }
    RangesDialog FormScroll { height: 1fr; scrollbar-size: 0 1; overflow-x: auto; }
    RangesDialog RangeRow { min-width: 59; }
    RangesDialog #about { height: 2; color: $text-muted; }
    RangesDialog #grid { height: auto; max-height: 8; }
    RangesDialog #grid.-wrong { color: $text-error; }
    RangesDialog #buttons { height: 1; }
    RangesDialog Button { margin-right: 1; }
    RangesDialog.-middle #about, RangesDialog.-short #about, RangesDialog.-short #heading { display: none; }
    RangesDialog.-middle #grid { max-height: 3; }
    RangesDialog.-short #grid { max-height: 1; }
    RangesDialog.-short > Vertical { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "apply", "Apply"),
    ]

    def __init__(self, space: SearchSpace, values: Values) -> None:
        """Begin with `space`; `values` are in force, and stay where nothing is searched."""
        super().__init__()
        self._space, self._values = space, values
        self._check_is_due = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Ranges from the next decision on"
            yield Static(HEADING, id="heading", markup=False)
            with FormScroll():
                # in the order in which they are searched: it is also the order of the heatmap's axes
                for name in dict.fromkeys([*self._space, *hyperparameters()]):
                    text = str(self._space[name]) if name in self._space else hyperparameter(name).suggested
                    yield RangeRow(name, text, searched=name in self._space, fixed=self._fixed(name))
            yield Words(id="about", markup=False)
            yield Words(id="grid", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Apply (ctrl+s)", id="apply", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def _fixed(self, name: str) -> str:
        """What holds where it is not searched."""
        known = hyperparameter(name, installed=False)
        value = self._values.get(name, known.default if known.if_named else None)
        if value is None:
            return "model's own" if known.default is None else "not in use"
        return "off" if known.can_be_off and value == known.low else f"fixed {value:.3g}"

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)  # the width is known then

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        """Look at the rows, and give the grid its lines; while many rows come, Textual leaves it at one."""
        self._check()
        self.call_after_refresh(lambda: self.query_one("#grid").refresh(layout=True))

    def on_row_changed(self, message: Row.Changed) -> None:
        """Look once for all that was changed together."""
        message.stop()
        if not self._check_is_due:
            self._check_is_due = True
            self.call_later(self._check)

    def _check(self) -> SearchSpace | None:
        """Show what is wrong below its row, and the grid that would result; None if anything is wrong."""
        self._check_is_due = False
        settings: dict[str, Any] = {"search": {}}
        wrong = []
        for row in self.query(RangeRow):
            problem = ""
            try:
                row.add_to(settings)
            except ConfigError as error:
                problem = str(error)
                wrong.append(row.setting.removeprefix("search."))
            row.show_problem(problem)
        space = {name: parse_range(name, text, installed=False) for name, text in settings["search"].items()}
        problem = f"to mend: {', '.join(wrong)}" if wrong else _problem_of(space)
        shown = self.query_one("#grid", Words)
        shown.set_class(bool(problem), "-wrong")
        shown.update(Text(problem or "\n".join(grid_words(space, shown.size.width)), no_wrap=not problem))
        self.query_one("#apply", Button).disabled = bool(problem)
        return None if problem else space

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field takes."""
        rows = [row for row in event.widget.ancestors_with_self if isinstance(row, Row)]
        self.query_one("#about", Words).update(Text(rows[0].help_words if rows else ""), layout=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "apply":
            self.action_apply()
        else:
            self.dismiss(None)

    def action_apply(self) -> None:
        """Look once more, for what was typed a moment ago."""
        space = self._check()
        if space is not None:
            self.dismiss({name: str(searched) for name, searched in space.items()})


def _problem_of(space: SearchSpace) -> str:
    try:
        check_cells(space)
    except ConfigError as error:
        return str(error)
    return "" if space else NOTHING


def grid_words(space: SearchSpace, width: int) -> list[str]:
    """How many cells, and a line with the values of each searched hyperparameter."""
    sizes = [len(searched.values()) for searched in space.values()]
    product = f"{' x '.join(map(str, sizes))} = " if len(sizes) > 1 else ""
    return [f"{product}{math.prod(sizes)} cells", *(shortened(_line(entry), width) for entry in space.values())]


def _line(searched: Range) -> list[str]:
    """The name and the values, with three digits where these tell them apart."""
    values = searched.values()
    if hyperparameter(searched.name, installed=False).whole:
        return [searched.name, *(f"{value:.0f}" for value in values)]
    short = [f"{value:.3g}" for value in values]
    return [searched.name, *(short if len(set(short)) == len(short) else [f"{value:.12g}" for value in values])]


def shortened(words: Sequence[str], width: int) -> str:
    """All words, or as many from both ends as find room in `width` cells."""
    line = " ".join(words)
    kept = min(len(words), max(width, 4))
    while len(line) > width and kept > 3:
        kept -= 1
        line = " ".join([*words[: (kept + 1) // 2], "...", *words[-(kept // 2) :]])
    return line
