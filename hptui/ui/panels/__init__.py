"""Panels of the dashboard: one file each, with its own CSS and keys; `__all__` names the one Panel class.

A panel says where it stands and how large it is. It only reads the scene it is shown; it asks for changes by posting
messages, which the dashboard answers.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.widget import Widget

from hptui.hyperparameters import Values
from hptui.reading.run_state import Decision, RunState
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.ui.drawing.colours import Palette

COLUMNS = 6
"""of the dashboard's grid"""


class Span(NamedTuple):
    """Size on the dashboard's grid, which is COLUMNS wide and as many rows high as all panels together take."""

    columns: int
    rows: int


class LookAtRun(Message):
    """Somebody wants to look at a run."""

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__()


class LookAtDecision(Message):
    """Somebody wants to look at another decision: so many later, or the newest (None)."""

    def __init__(self, step: int | None) -> None:
        self.step = step
        super().__init__()


class UseCell(Message):
    """Somebody wants to train with the values of a cell."""

    def __init__(self, values: Values) -> None:
        self.values = values
        super().__init__()


@dataclass(frozen=True)
class Scene:
    """What the dashboard shows at one moment."""

    study: FollowedStudy
    run: FollowedRun
    """the run that is looked at"""
    decision: Decision | None
    """the decision that is looked at; None: the run has made none yet"""
    following: bool
    """the newest decision is shown as it comes; False: somebody went back to an earlier one"""
    palette: Palette

    @property
    def partner(self) -> RunState | None:
        """The baseline run of the same seed, for overlays; None if the run looked at is a baseline, or has none."""
        if self.run.arm == "baseline":
            return None
        same = (run.state for run in self.study.runs if run.arm == "baseline" and run.seed == self.run.seed)
        return next(same, None)

    @property
    def optimized(self) -> FollowedRun | None:
        """The optimized run of the same seed."""
        same = (run for run in self.study.runs if run.arm == "optimized" and run.seed == self.run.seed)
        return next(same, None)

    def nothing_yet(self, what: str) -> str:
        """Why there is no decision to show `what` of, and when there will be one."""
        name, started = self.run.name, self.run.state.started
        if self.run.arm == "baseline":
            words, later = f"{name} is a baseline: nothing is searched in it", self.optimized
            if later is None:
                return f"{words}."
            there = "is there, with the key ]" if later.state.decisions else "will stand here"
            return f"{words}. {what.capitalize()} of {later.name} {there}."
        if started is None:
            return f"{name} has not begun. {what.capitalize()} will stand here with its first decision."
        if not started.searched:
            return f"{started.strategy} makes no decisions, so there is no {what.removeprefix('the ')} of {name}."
        return f"{name} has made no decision yet. {what.capitalize()} will stand here with the first one."

    def arm(self, name: str) -> list[RunState]:
        """States of the begun runs of one arm."""
        return [run.state for run in self.study.runs if run.arm == name and run.state.started is not None]


KEYS = frozenset({"enter", "esc", "hjkl"})
"""words that are keys, beside single letters and signs"""


def key_hints(words: str) -> Text:
    """Hints such as "h l decision, f follow", with the keys told from what they do."""
    shown = Text()
    for number, piece in enumerate(re.split(r"(, | \| )", words)):
        hint = piece.split(" ") if number % 2 == 0 else []  # every second one is what stands between two hints
        keys = " ".join(itertools.takewhile(lambda word: len(word) == 1 or word in KEYS, hint))
        shown.append(keys, "bold").append(piece[len(keys) :])
    return shown


class Panel(Widget, can_focus=True):
    """One part of the dashboard; it can be shown full screen."""

    heading: ClassVar[str] = ""
    """on its border, and on its tab in a small terminal"""
    short_heading: ClassVar[str] = ""
    """on its tab, where that is another: all tabs together have 80 columns"""
    order: ClassVar[int] = 100
    """on the screen, from the smallest"""
    span: ClassVar[Span] = Span(columns=COLUMNS, rows=2)
    """on a screen that shows several panels"""
    wide_span: ClassVar[Span | None] = None
    """on a wide one, where that is another"""
    alone: ClassVar[bool] = False
    """whether it has no place on that screen, and takes the whole of it when its key is pressed"""

    scene: Scene | None = None
    """the newest; None: nothing was shown yet"""
    drawn_from: Reactive[object] = reactive(None, init=False)
    """the change key of the scene: when it is another, the panel is drawn anew"""

    @property
    def focus_target(self) -> Widget:
        """What takes the focus when somebody goes to the panel."""
        return self

    def on_mount(self) -> None:
        """Name the panel on its border; who shows several of them adds their numbers."""
        self.border_title = self.border_title or self.heading

    def show(self, scene: Scene) -> None:
        """Show a new scene; called up to ten times a second, so nothing is drawn where nothing has changed."""
        self.scene = scene
        self.drawn_from = self.change_key(scene)

    def shows_nothing(self, scene: Scene) -> bool:  # noqa: ARG002 (what a panel may look at)
        """Whether it has nothing to show but what will appear; then another panel may take the first place."""
        return False

    def advice(self, scene: Scene) -> tuple[str, ...]:  # noqa: ARG002
        """Whole sentences that its picture may have no room for; a key of the dashboard opens them."""
        return ()

    def change_key(self, scene: Scene) -> object:
        """Whatever of the scene the picture depends on; it must be cheap to compute and to compare."""
        raise NotImplementedError(f"{type(self).__name__} shows nothing")
