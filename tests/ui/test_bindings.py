"""Every key that any screen or panel declares, pressed once in its place; the palette, the help and the mouse.

The keys are found by looking for BINDINGS in hptui.ui, so that a new key fails here until somebody has written
down what it does.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fabricate import (
    PATIENCE_SECONDS,
    candidate_scored,
    chosen,
    decision_started,
    make_study,
    run_started,
    trained_epoch,
    values,
    whole_run,
    write_run,
)
from textual.app import App
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Input, OptionList, RichLog
from textual.widgets._footer import FooterKey
from waiting import click, screen_text, until

import hptui.ui
from hptui.config import StudyConfig
from hptui.planning import Refused
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import (
    AddEpochs,
    ChangeRanges,
    Pause,
    StepEpoch,
    StopStudy,
    UseValues,
)
from hptui.record.events import Axis
from hptui.record.presence import Presence
from hptui.record.study_directory import Study, open_study
from hptui.record.study_folders import studies_folder
from hptui.ui.app import HptuiApp
from hptui.ui.exporting import ExportOutcome
from hptui.ui.panels import Panel
from hptui.ui.panels.heatmap import HeatmapPanel
from hptui.ui.screens.comparison import ComparisonScreen
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.dialogs import ChoiceDialog, FullTextDialog, NumberDialog
from hptui.ui.screens.helped import NOT_NOW
from hptui.ui.screens.new_study import NewStudyScreen
from hptui.ui.screens.panel_board import PanelBoard
from hptui.ui.screens.preparing import Preparing
from hptui.ui.screens.ranges_dialog import RangesDialog
from hptui.ui.screens.study_list import StudyListScreen
from hptui.ui.screens.text_dialog import TextDialog
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.keys_line import KeysLine
from hptui.ui.widgets.row import Check, Row

LR = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.01, 0.1])
DROPOUT = Axis(name="dropout", low=0.0, high=0.5, scale="linear", values=[0.0, 0.5])
MOMENTUM = Axis(name="momentum", low=0.5, high=0.99, scale="linear", values=[0.5, 0.99])
SMALL, LARGE = (80, 24), (120, 40)


# ---- which keys there are


def declared() -> dict[tuple[str, str], Binding]:
    """(class, key) -> what is bound to it; of several, which take turns, the first."""
    found = {}
    for module in pkgutil.walk_packages(hptui.ui.__path__, "hptui.ui."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and issubclass(kind, DOMNode) and kind.__module__ == module.name:
                for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ())):
                    found.setdefault((kind.__name__, binding.key), binding)
    return found


DECLARED = declared()


# ---- the places where they are pressed


class FakeTraining:
    """It prepares for ever."""

    doing = ""
    study: Path | None = None
    error: str | None = None
    alive = True

    def stop(self, reason: str) -> None:
        self.alive = False


class At:
    """The app that runs, with what a scenario presses and waits for."""

    def __init__(self, app: HptuiApp, pilot: Pilot[None], study: Study | None) -> None:
        self.app, self.pilot = app, pilot
        self.inbox = CommandInbox(study.directory) if study else None

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return screen_text(self.app)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        await until(self.pilot, condition, what)

    async def until_it_is(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not await condition():
            assert time.monotonic() < end, f"waited too long for {what}; the screen shows:\n{self.text}"

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.text, repr(words))

    async def sees_no(self, words: str) -> None:
        await self.until(lambda: words not in self.text, f"{words!r} to go")

    async def on(self, kind: type[Screen[Any]]) -> None:
        await self.until(lambda: isinstance(self.app.screen, kind), kind.__name__)

    async def gets(self, kind: type[Any]) -> Any:
        """What whoever trains is asked next."""
        assert self.inbox is not None
        received: list[Any] = []
        await self.until(lambda: received.extend(self.inbox.receive()) or received, kind.__name__)
        assert [type(command) for command in received] == [kind]
        return received[0]

    async def goes_to(self, condition: Callable[[Widget], object], what: str) -> None:
        """The focus does."""
        await self.until(lambda: self.app.focused is not None and condition(self.app.focused), f"the focus on {what}")

    def only(self, kind: type[Any]) -> Any:
        """The widget of this kind."""
        return self.app.screen.query_one(kind)

    async def panel(self, number: int) -> Panel:
        """Go to a panel of the dashboard."""
        await self.press(str(number))
        panel = self.app.screen._panels[number - 1]
        await self.until(lambda: panel.has_focus or panel.has_focus_within, panel.heading)
        return panel


Scenario = Callable[[At, str], Awaitable[None]]
Start = Callable[[ExitStack], tuple[HptuiApp, Study | None]]
exported: list[tuple[Path, str]] = []
begun: list[tuple[StudyConfig, bool]] = []
resumed: list[str] = []
"""what the app was asked for since the test began"""


def write_study(directory: Path) -> Study:
    """One pair; the optimized run has made two of three decisions, and stands within the third."""
    study = make_study(directory, epochs=3)
    write_run(study, "baseline", 0, [run_started(arm="baseline", epochs=3, searched=[]), *trained_epoch(1)])
    grid = [(lr, rate) for lr in LR.values for rate in DROPOUT.values]
    events: list[Any] = [run_started(searched=[LR, DROPOUT, MOMENTUM], epochs=3)]
    for decision in range(3):
        scored = [
            candidate_scored(decision, n, values=values(lr) | {"dropout": rate}, score=0.5 - n / 100 - decision / 10)
            for n, (lr, rate) in enumerate(grid)
        ]
        events += [decision_started(decision, decision + 1, axes=[LR, DROPOUT]), *scored[: 4 if decision == 2 else 6]]
        if decision < 2:
            winner = values(0.1) | {"dropout": 0.5}
            events += [chosen(decision, decision + 1, candidate=5, values=winner), *trained_epoch(decision + 1)]
    write_run(study, "optimized", 0, events)
    return study


def trained(stack: ExitStack) -> tuple[HptuiApp, Study]:
    """The dashboard of a study that somebody trains."""
    study = write_study(studies_folder() / "study")
    stack.enter_context(Presence(study.directory))
    stack.enter_context(Presence(study.directory / "optimized-0"))

    def export(directory: Path, formats: str, progress: object, stopped: object) -> ExportOutcome:
        exported.append((directory, formats))
        return ExportOutcome([])

    return HptuiApp(watch=study.directory, export=export), study


def lost(stack: ExitStack) -> tuple[HptuiApp, Study]:
    """The dashboard of a study whose process has gone, in a window that could train."""
    study = write_study(studies_folder() / "study")

    def resume(directory: Path) -> FakeTraining:
        resumed.append(directory.name)
        return FakeTraining()

    return HptuiApp(watch=study.directory, start=lambda config: FakeTraining(), resume=resume), study


def listed(stack: ExitStack) -> tuple[HptuiApp, None]:
    """The list of three studies; the newest stands above."""
    for name in ("one", "two", "three"):
        make_study(studies_folder() / name)

    def compare(directories: Sequence[Path]) -> str:
        return "\n".join(f"compared {path.name} {'=' * 9}" for path in directories for _ in range(30))

    def start(config: StudyConfig, *, detached: bool = False) -> FakeTraining:
        begun.append((config, detached))
        return FakeTraining()

    def resume(directory: Path) -> FakeTraining:
        resumed.append(directory.name)
        return FakeTraining()

    app = HptuiApp(
        start=start,
        resume=resume,
        detach=partial(start, detached=True),
        compare=compare,
        measure=lambda config, should_stop: Refused("data_dir", "no such file"),
    )
    return app, None


@dataclass(frozen=True)
class Case:
    start: Start
    size: tuple[int, int]
    play: Scenario
    in_form: bool
    """whether it begins in a form, and leaves it as it was"""


SCENARIOS: dict[tuple[str, str], Case] = {}
ELSEWHERE = {"WrongPanel": "test_wrong_panel.py", "DataPanel": "test_data_panel.py"}
"""classes whose keys are all pressed in one app of a test of their own"""


def scenario(
    kind: str, *keys: str, start: Start = trained, size: tuple[int, int] = SMALL, in_form: bool = False
) -> Callable[[Scenario], Scenario]:
    """What these keys of a class do; it is played once for each of them."""

    def add(play: Scenario) -> Scenario:
        SCENARIOS.update({(kind, key): Case(start, size, play, in_form) for key in keys})
        return play

    return add


def play(start: Start, size: tuple[int, int], script: Callable[[At], Awaitable[None]]) -> None:
    async def main() -> None:
        with ExitStack() as stack:
            app, study = start(stack)
            async with app.run_test(size=size) as pilot:
                at = At(app, pilot, study)
                await at.sees("decision 3/3" if study else "three")
                await script(at)

    asyncio.run(main())


class OpenForm:
    """A form that stands open for one scenario after another: to open it is more work than a key in it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._end = AsyncExitStack()
        self._at: At | None = None

    def play(self, script: Callable[[At], Awaitable[None]]) -> None:
        """As `play` does, with the cursor in the first field; after a failure the next one gets another form."""
        try:
            self._runner.run(self._play(script))
        except BaseException:
            self._at = None
            raise

    async def _play(self, script: Callable[[At], Awaitable[None]]) -> None:
        if self._at is None:
            await self._end.aclose()
            app, _ = listed(self._end.enter_context(ExitStack()))
            pilot = await self._end.enter_async_context(app.run_test(size=SMALL))
            self._at = At(app, pilot, None)
            await self._at.sees("three")
            await form(self._at)
            self._begun_with = self._typed(self._at)
        at = self._at
        first = at.app.screen.query(Row).first()
        first.focus_first()
        await at.goes_to(lambda widget: first in widget.ancestors, "the first field")
        await script(at)
        assert self._typed(at) == self._begun_with
        assert not at.app.screen.query_one("#more").display

    def _typed(self, at: At) -> dict[str, list[Any]]:
        assert isinstance(at.app.screen, NewStudyScreen)
        return at.app.screen.typed

    def close(self) -> None:
        self._runner.run(self._end.aclose())
        self._runner.close()


@pytest.fixture(scope="module")
def open_form() -> Iterator[OpenForm]:
    one = OpenForm()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is read again only when asked: else a test might wait until that happens anyway."""
    monkeypatch.setattr("hptui.ui.screens.study_list.REFRESH_SECONDS", 3600.0)
    monkeypatch.delenv("NO_COLOR", raising=False)
    exported.clear()
    begun.clear()
    resumed.clear()


# ---- the app


@scenario("HptuiApp", "q", "ctrl+c", "ctrl+q")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.until(lambda: at.app._exit, "the end")


@scenario("HptuiApp", "question_mark")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.until(lambda: at.app.screen.query("HelpPanel"), "help")
    await at.press(key)
    await at.until(lambda: not at.app.screen.query("HelpPanel"), "no help")


@scenario("HptuiApp", "C")
async def _(at: At, key: str) -> None:
    def colours() -> set[Any]:
        lines = at.only(HeatmapPanel)._lines
        return {segment.style.bgcolor for line in lines for segment in line if segment.style}

    before = colours()
    await at.press(key)
    await at.until(lambda: len(colours()) > 3 and colours() != before, "other colours")


@scenario("HptuiApp", "A")
async def _(at: At, key: str) -> None:
    assert not at.text.isascii()
    await at.press(key)
    await at.until(lambda: all(map(str.isascii, at.text)), "ASCII")


@scenario("HptuiApp", "backspace")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(StudyListScreen)


# ---- asking whoever trains


@scenario("Dashboard", "space")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.gets(Pause)


@scenario("Dashboard", "R", start=lost, size=LARGE)
async def _(at: At, key: str) -> None:
    await at.sees("R Resume")
    await at.press(key)
    await at.on(Preparing)
    assert resumed == ["study"]


@scenario("Dashboard", "s")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.gets(StepEpoch)


@scenario("Dashboard", "u")
async def _(at: At, key: str) -> None:
    await at.press(key)
    assert (await at.gets(UseValues)).values == {}


@scenario("Dashboard", "r")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(RangesDialog)
    await at.sees("Apply")
    await at.press("ctrl+s")
    await at.gets(ChangeRanges)


@scenario("Dashboard", "plus")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(NumberDialog)
    await at.press("7", "enter")
    assert (await at.gets(AddEpochs)).epochs == 7


@scenario("Dashboard", "x")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(ChoiceDialog)
    await at.press("right", "enter")
    await at.gets(StopStudy)


# ---- the dashboard


@scenario("Dashboard", "e")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.until(lambda: exported, "the pictures")
    assert exported == [(at.app.screen.followed.study.directory, "png")]


@scenario("Dashboard", "E")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(ChoiceDialog)
    await at.press("right", "right", "right", "enter")
    await at.until(lambda: exported, "the tables")
    assert exported == [(at.app.screen.followed.study.directory, "csv")]


@scenario("Dashboard", "z", size=LARGE)
async def _(at: At, key: str) -> None:
    before = at.only(HeatmapPanel).size
    await at.press(key)
    await at.until(lambda: at.only(HeatmapPanel).size.width > 1.5 * before.width, "a larger panel")
    await at.press(key)
    await at.until(lambda: at.only(HeatmapPanel).size == before, "all panels")


@scenario("Dashboard", "left_square_bracket")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.sees("run 1/2 baseline-0")


@scenario("Dashboard", "right_square_bracket")
async def _(at: At, key: str) -> None:
    await at.press("left_square_bracket")
    await at.sees("run 1/2 baseline-0")
    await at.press(key)
    await at.sees("decision 3/3")


@scenario("Dashboard", "escape")
async def _(at: At, key: str) -> None:
    """Closes what was opened last, then leads to the list."""
    await at.press("question_mark")
    await at.until(lambda: at.app.screen.query("HelpPanel"), "help")
    await at.press(key)
    await at.until(lambda: not at.app.screen.query("HelpPanel"), "no help")
    await at.pilot.resize_terminal(*LARGE)
    await at.sees("1 Epoch heatmap")
    alone = at.only(PanelBoard)
    await at.press("z")
    await at.until(lambda: alone.has_class("-one"), "one panel")
    await at.sees("esc All panels")
    await at.press(key)
    await at.until(lambda: not alone.has_class("-one"), "all panels")
    await at.sees("esc List")
    await at.press(key)
    await at.on(StudyListScreen)


@scenario("Dashboard", "i")
async def _(at: At, key: str) -> None:
    await at.sees("i Advice")
    await at.press(key)
    await at.on(FullTextDialog)
    await at.sees("esc closes")


@scenario("Dashboard", *"12345678", size=LARGE)
async def _(at: At, key: str) -> None:
    wanted = at.app.screen._panels[int(key) - 1]
    await at.press("2" if key == "1" else "1")
    await at.until(lambda: not wanted.has_focus and not wanted.has_focus_within, "another panel")
    await at.press(key)
    await at.goes_to(lambda widget: wanted in widget.ancestors_with_self, wanted.heading)


# ---- the heatmap


@scenario("HeatmapPanel", "left", "h")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.sees("decision 2/3")
    await at.press("c")  # on the chosen cell, above on the right
    await at.sees("lr 0.1, dropout 0.5")
    await at.press(key)
    await at.sees("lr 0.1, dropout 0 ")


@scenario("HeatmapPanel", "right", "l")
async def _(at: At, key: str) -> None:
    await at.press("h", "h")
    await at.sees("decision 1/3")
    await at.press(key)
    await at.sees("decision 2/3")
    await at.press("c", "h")
    await at.sees("lr 0.1, dropout 0 ")
    await at.press(key)
    await at.sees("lr 0.1, dropout 0.5")


@scenario("HeatmapPanel", "up", "k")
async def _(at: At, key: str) -> None:
    await at.press("h", "c", "j")
    await at.sees("lr 0.01, dropout 0.5")
    await at.press(key)
    await at.sees("lr 0.1, dropout 0.5")


@scenario("HeatmapPanel", "down", "j")
async def _(at: At, key: str) -> None:
    await at.press("h", "c")
    await at.sees("lr 0.1, dropout 0.5")
    await at.press(key)
    await at.sees("lr 0.01, dropout 0.5")


@scenario("HeatmapPanel", "f")
async def _(at: At, key: str) -> None:
    await at.press("h", "h")
    await at.sees("decision 1/3")
    await at.press(key)
    await at.sees("decision 3/3")


@scenario("HeatmapPanel", "c")
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.sees("enter uses it")
    await at.press(key)
    await at.sees_no("enter uses it")


@scenario("HeatmapPanel", "escape")
async def _(at: At, key: str) -> None:
    await at.press("c")
    await at.sees("enter uses it")
    await at.press(key)
    await at.sees_no("enter uses it")


@scenario("HeatmapPanel", "enter")
async def _(at: At, key: str) -> None:
    await at.press("h", "c", "j")
    await at.sees("lr 0.01, dropout 0.5")
    await at.press(key)
    assert (await at.gets(UseValues)).values == {"lr": 0.01, "dropout": 0.5}


@scenario("HeatmapPanel", "a")
async def _(at: At, key: str) -> None:
    await at.sees("dropout (linear)   ↑ lr (log)")
    await at.press(key)
    await at.sees("lr (log)   ↑ dropout (linear)")


@scenario("HeatmapPanel", "v")
async def _(at: At, key: str) -> None:
    await at.sees("| score")
    await at.press(key)
    await at.sees("| loss")


# ---- the other panels


@scenario("TrajectoryPanel", "n")
async def _(at: At, key: str) -> None:
    await at.panel(2)
    await at.sees("learning rate 0.1 chosen for epoch 2")
    assert "0.9 in epoch 2" not in at.text  # the momentum
    await at.press(key)
    await at.sees("0.9 in epoch 2")
    await at.sees_no("learning rate")


@scenario("CurvesPanel", "m")
async def _(at: At, key: str) -> None:
    await at.panel(3)
    await at.sees("validation accuracy")
    await at.press(key)
    await at.sees("validation loss")


@scenario("CurvesPanel", "t")
async def _(at: At, key: str) -> None:
    await at.panel(3)
    await at.sees("validation accuracy")
    await at.press(key)
    await at.sees("test accuracy")


@scenario("TablePanel", "j")
async def _(at: At, key: str) -> None:
    table = (await at.panel(4)).table
    await at.sees("optimized-0")
    await at.press(key)
    await at.until(lambda: table.cursor_row == 1, "the second row")


@scenario("TablePanel", "k")
async def _(at: At, key: str) -> None:
    table = (await at.panel(4)).table
    await at.sees("optimized-0")
    await at.press("down")
    await at.until(lambda: table.cursor_row == 1, "the second row")
    await at.press(key)
    await at.until(lambda: table.cursor_row == 0, "the first row")


@scenario("LogPanel", "slash")
async def _(at: At, key: str) -> None:
    await at.panel(5)
    await at.sees("checkpoints/5.pt")
    await at.press(key, *"lr")
    await at.sees("only lr")
    await at.sees_no("checkpoints/5.pt")


@scenario("LogPanel", "escape")
async def _(at: At, key: str) -> None:
    await at.panel(5)
    await at.press("slash", *"lr")
    await at.sees_no("checkpoints/5.pt")
    await at.press(key)
    await at.sees("checkpoints/5.pt")
    await at.goes_to(lambda widget: not isinstance(widget, Input), "the panel")


async def scrolled_log(at: At, *, to_end: bool) -> RichLog:
    """A log longer than its panel, at one of its ends."""
    await at.panel(5)
    log = at.only(RichLog)
    await at.until(lambda: log.max_scroll_y > log.size.height, "a long log")
    (log.scroll_end if to_end else log.scroll_home)(animate=False, immediate=True)  # not after the key to come
    await at.until(lambda: log.scroll_y == (log.max_scroll_y if to_end else 0), "its end")
    return log


@scenario("LogPanel", "up", "k", "pageup", "home", "g", size=(80, 12))
async def _(at: At, key: str) -> None:
    log = await scrolled_log(at, to_end=True)
    lines = {"pageup": log.size.height, "home": log.max_scroll_y, "g": log.max_scroll_y}.get(key, 1)
    await at.press(key)
    await at.until(lambda: log.scroll_y == log.max_scroll_y - lines, f"{lines} lines up")


@scenario("LogPanel", "down", "j", "pagedown", "end", "G", size=(80, 12))
async def _(at: At, key: str) -> None:
    log = await scrolled_log(at, to_end=False)
    lines = {"pagedown": log.size.height, "end": log.max_scroll_y, "G": log.max_scroll_y}.get(key, 1)
    await at.press(key)
    await at.until(lambda: log.scroll_y == lines, f"{lines} lines down")


# ---- the list


def names(at: At) -> list[str]:
    return [Path(str(row.key.value)).name for row in at.only(DataTable).ordered_rows]


def current(at: At) -> str:
    return names(at)[at.only(DataTable).cursor_row]


async def moves(at: At, *keys: str, to: str) -> None:
    await at.press(*keys)
    await at.until(lambda: current(at) == to, to)


@scenario("StudyListScreen", "n", start=listed)
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(NewStudyScreen)


@scenario("StudyListScreen", "slash", start=listed)
async def _(at: At, key: str) -> None:
    await at.press(key, *"tw")
    await at.sees_no("three ")
    await at.sees("two ")


@scenario("StudyListScreen", "escape", start=listed)
async def _(at: At, key: str) -> None:
    """Closes the help; without it takes the filter away."""
    await at.press("question_mark")
    await at.sees("esc Close help")
    await at.press(key)
    await at.until(lambda: not at.app.screen.query("HelpPanel"), "no help")
    await at.sees_no("esc Close help")
    await at.press("slash", *"tw")
    await at.sees_no("three ")
    await at.press(key)
    await at.sees("three ")


@scenario("StudyListScreen", "r", "f5", start=listed)
async def _(at: At, key: str) -> None:
    make_study(studies_folder() / "fourth")
    await at.press(key)
    await at.sees("fourth ")


@scenario("StudyListScreen", "c", start=listed)
async def _(at: At, key: str) -> None:
    await at.press("space", "down", "space", key)  # the cursor goes on by itself: three and one
    await at.on(ComparisonScreen)
    await at.sees("compared three")
    await at.press("end")
    await at.sees("compared one")


@scenario("StudyListScreen", "i", start=listed)
async def _(at: At, key: str) -> None:
    await at.sees("waiting")  # until a study has been read there is nothing to be said of it
    await at.press(key)
    await at.on(FullTextDialog)
    await at.sees("waiting: baseline-0, optimized-0")


@scenario("StudyListScreen", "N", start=listed)
async def _(at: At, key: str) -> None:
    make_study(studies_folder() / "four", epochs=77, dataset="mnist")
    await at.press("r")
    await at.sees("four ")
    await moves(at, "g", to="four")
    await at.press(key)
    await at.on(NewStudyScreen)
    await at.until(lambda: at.app.screen._config.epochs == 77, "its settings")
    assert at.app.screen._config.dataset == "mnist"


@scenario("StudyListScreen", "R", start=listed)
async def _(at: At, key: str) -> None:
    await moves(at, "down", to="two")
    await at.press(key)
    await at.on(Preparing)
    await at.until(lambda: resumed == ["two"], "the training")


@scenario("StudyListScreen", "s", start=listed)
async def _(at: At, key: str) -> None:
    await at.sees("age ▼")
    for column in ("data", "model", "strategy", "study"):
        await at.press(key)
        await at.until(lambda column=column: at.app.screen.order.column.heading == column, column)
    await at.sees("study ▼")
    await at.until(lambda: names(at) == ["one", "three", "two"], "another order")


@scenario("StudyListScreen", "S", start=listed)
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.sees("age ▲")
    await at.until(lambda: names(at) == ["one", "two", "three"], "the other order")


@scenario("StudyListScreen", "e", start=listed)
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(TextDialog)
    await at.press("end", *"/x", "enter")
    await at.sees("cannot be a study's name")
    await at.press("backspace", "backspace", *"-b", "enter")
    await at.sees("three-b ")
    assert (studies_folder() / "three-b").is_dir()


@scenario("StudyListScreen", "t", start=listed)
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.on(TextDialog)
    await at.press(*"warm", "space", *"up", "enter")
    await at.sees("note: warm up")


@scenario("StudyListScreen", "X", start=listed)
async def _(at: At, key: str) -> None:
    write_run(open_study(studies_folder() / "three"), "optimized", 0, whole_run())
    checkpoint = studies_folder() / "three" / "optimized-0" / "checkpoints" / "step-000000010.pt"
    checkpoint.write_bytes(b"x" * 5_000_000)
    await at.press(key)
    await at.on(ChoiceDialog)
    await at.sees("5.0 MB")
    await at.press("left", "enter")
    await at.until(lambda: not checkpoint.exists(), "its end")


@scenario("StudyListScreen", "D", start=listed)
async def _(at: At, key: str) -> None:
    await at.press("down", key)
    await at.on(ChoiceDialog)
    await at.sees("two: 0 runs")
    await at.press("enter")  # too quick: nothing is gone
    await at.on(StudyListScreen)
    await at.press(key)
    await at.on(ChoiceDialog)
    await at.press("left", "enter")
    await at.sees_no("two ")
    assert not (studies_folder() / "two").exists()


@scenario("StudyTable", "space", start=listed)
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.sees("* three")
    await at.until(lambda: current(at) == "two", "the next study")
    await at.sees("1 marked")
    await at.press("escape")
    await at.sees_no("* three")


async def compared(at: At) -> None:
    await at.press("c")
    await at.on(ComparisonScreen)
    await at.sees("compared three")


@scenario("ComparisonScreen", "escape", "backspace", "q", "c", start=listed)
async def _(at: At, key: str) -> None:
    await compared(at)
    await at.press(key)
    await at.on(StudyListScreen)


@scenario("ComparisonScreen", "j", "k", start=listed)
async def _(at: At, key: str) -> None:
    await compared(at)
    scroll = at.only(VerticalScroll)
    await at.until(lambda: scroll.max_scroll_y > 3, "its height")
    scroll.scroll_to(y=2, animate=False)
    await at.until(lambda: scroll.scroll_y == 2, "its place")
    await at.press(key)
    await at.until(lambda: (scroll.scroll_y > 2) if key == "j" else (scroll.scroll_y < 2), "another place")


@scenario("TextDialog", "escape", start=listed)
async def _(at: At, key: str) -> None:
    await at.press("t", *"note")
    await at.on(TextDialog)
    await at.press(key)
    await at.on(StudyListScreen)
    assert not (studies_folder() / "three" / "note.txt").exists()


@scenario("StudyTable", "enter", start=listed)
async def _(at: At, key: str) -> None:
    await moves(at, "down", to="two")
    await at.press(key)
    await at.on(Dashboard)
    assert at.app.screen.followed.study.name == "two"


@scenario("StudyTable", "j", start=listed)
async def _(at: At, key: str) -> None:
    assert current(at) == "three"
    await moves(at, key, to="two")


@scenario("StudyTable", "k", start=listed)
async def _(at: At, key: str) -> None:
    await moves(at, "down", to="two")
    await moves(at, key, to="three")


@scenario("StudyTable", "G", start=listed)
async def _(at: At, key: str) -> None:
    assert current(at) == "three"
    await moves(at, key, to="one")


@scenario("StudyTable", "g", start=listed)
async def _(at: At, key: str) -> None:
    await moves(at, "down", "down", to="one")
    await moves(at, key, to="three")


@scenario("StudyTable", "h", "l", start=listed, size=(16, 24))
async def _(at: At, key: str) -> None:
    table = at.only(DataTable)
    await at.until(lambda: table.max_scroll_x > 3, "columns that there is no room for")

    def is_there() -> bool:
        """Columns become wider while studies are read."""
        end = 0 if key == "l" else table.max_scroll_x
        table.scroll_to(x=end, animate=False)
        return table.scroll_x == end

    await at.until(is_there, "its place")
    start = table.scroll_x

    async def moved() -> bool:
        """A list that is just then written anew has no width that could be scrolled."""
        await at.press(key)
        return (table.scroll_x > start) if key == "l" else (table.scroll_x < start)

    await at.until_it_is(moved, "another place")


# ---- the form


async def form(at: At) -> None:
    await at.press("n")
    await at.sees("cost about")


def row(at: At, setting: str) -> Row:
    (found,) = [row for row in at.app.screen.query(Row) if row.setting == setting]
    return found


@scenario("NewStudyScreen", "ctrl+s", start=listed)
async def _(at: At, key: str) -> None:
    await form(at)
    await at.press(key)
    await at.on(Preparing)
    await at.until(lambda: begun, "the start")
    assert not begun[0][1]


@scenario("NewStudyScreen", "ctrl+t", start=listed)
async def _(at: At, key: str) -> None:
    await form(at)
    await at.press(key)
    await at.on(Preparing)
    await at.until(lambda: begun, "the start")
    assert begun[0][1]


@scenario("NewStudyScreen", "ctrl+g", start=listed)
async def _(at: At, key: str) -> None:
    await form(at)
    await at.press(key)
    await at.sees("no such file")


@scenario("NewStudyScreen", "ctrl+o", in_form=True)
async def _(at: At, key: str) -> None:
    await at.press(key)
    await at.sees("image_size")
    await at.press(key)
    await at.sees_no("image_size")


@scenario("NewStudyScreen", "ctrl+r", in_form=True)
async def _(at: At, key: str) -> None:
    epochs = row(at, "epochs").query_one(Input)
    epochs.value = "7"
    await at.sees("runs of 7 epochs")
    await at.press(key)
    await at.sees("runs of 10 epochs")


@scenario("NewStudyScreen", "escape", start=listed)
async def _(at: At, key: str) -> None:
    """Closes the help; without it leaves the form."""
    await form(at)
    await at.press("question_mark")
    await at.until(lambda: at.app.screen.query("HelpPanel"), "help")
    await at.press(key)
    await at.until(lambda: not at.app.screen.query("HelpPanel"), "no help")
    await at.on(NewStudyScreen)
    await at.press(key)
    await at.on(StudyListScreen)


@scenario("NewStudyScreen", "q", "backspace", start=listed)
async def _(at: At, key: str) -> None:
    """A letter that was meant for a path neither ends the app nor leaves the form."""
    await form(at)
    assert "q Quit" not in at.text
    await at.press(key)
    told = "esc: back, ctrl+q: quit"
    await at.until(lambda: [notice.message for notice in at.app._notifications] == [told], told)
    assert not at.app._exit
    await at.on(NewStudyScreen)
    await at.press("ctrl+q")
    await at.until(lambda: at.app._exit, "the end")


@scenario("Row", "down", "up", in_form=True)
async def _(at: At, key: str) -> None:
    row(at, "runs").focus_first()
    await at.goes_to(lambda widget: row(at, "runs") in widget.ancestors, "runs")
    await at.press(key)
    beside = row(at, "seed" if key == "down" else "epochs")
    await at.goes_to(lambda widget: beside in widget.ancestors, beside.setting)


@scenario("Row", "j", "k", in_form=True)
async def _(at: At, key: str) -> None:
    """Where no letter can be typed."""
    row(at, "search.dropout").query_one(Check).focus()
    await at.goes_to(lambda widget: row(at, "search.dropout") in widget.ancestors, "dropout")
    await at.press(key)
    # what is not searched has no fields to type in, so the next row is the next field
    beside = row(at, "search.label_smoothing" if key == "j" else "search.momentum")
    await at.goes_to(lambda widget: beside in widget.ancestors, beside.setting)


@scenario("Choice", "enter", "down", "space", "up", in_form=True)
async def _(at: At, key: str) -> None:
    choice = row(at, "optimizer").query_one(Choice)
    choice.focus()
    await at.goes_to(lambda widget: widget is choice, "the optimizer")
    await at.press(key)
    await at.goes_to(lambda widget: choice in widget.ancestors and widget.region.height > 3, "its menu")
    await at.press("escape")
    await at.goes_to(lambda widget: widget is choice and not choice.expanded, "the optimizer, without a menu")


# ---- dialogs


@scenario("ChoiceDialog", "escape")
async def _(at: At, key: str) -> None:
    await at.press("x")
    await at.on(ChoiceDialog)
    await at.press(key)
    await at.on(Dashboard)


@scenario("ChoiceDialog", "left", "h", "right", "l")
async def _(at: At, key: str) -> None:
    await at.press("x")
    await at.on(ChoiceDialog)
    await at.goes_to(lambda widget: widget.id == "run", "the first answer")
    await at.press(key)
    wanted = "cancel" if key in ("left", "h") else "study"
    await at.goes_to(lambda widget: widget.id == wanted, wanted)


@scenario("FullTextDialog", "escape", "i", "enter")
async def _(at: At, key: str) -> None:
    await at.sees("i Advice")
    await at.press("i")
    await at.on(FullTextDialog)
    await at.press(key)
    await at.on(Dashboard)


@scenario("FullTextDialog", "down", "j", "up", "k")
async def _(at: At, key: str) -> None:
    await at.sees("i Advice")
    await at.press("i")
    await at.on(FullTextDialog)
    await at.pilot.resize_terminal(20, 6)
    box = at.only(VerticalScroll)
    await at.until(lambda: box.max_scroll_y > 2, "more than there is room for")
    box.scroll_to(y=1, animate=False)
    await at.until(lambda: box.scroll_y == 1, "its place")
    await at.press(key)
    await at.until(lambda: box.scroll_y == (2 if key in ("down", "j") else 0), "the line beside")


@scenario("NumberDialog", "escape")
async def _(at: At, key: str) -> None:
    await at.press("plus")
    await at.on(NumberDialog)
    await at.press(key)
    await at.on(Dashboard)


@scenario("RangesDialog", "escape")
async def _(at: At, key: str) -> None:
    await at.press("r")
    await at.on(RangesDialog)
    await at.press(key)
    await at.on(Dashboard)


@scenario("RangesDialog", "ctrl+s")
async def _(at: At, key: str) -> None:
    await at.press("r")
    await at.on(RangesDialog)
    await at.sees("3 cells")
    await at.press("tab", "tab", "tab", "tab", "5")
    await at.sees("5 cells")
    await at.press(key)
    assert (await at.gets(ChangeRanges)).search == {"lr": "0.001:0.1:log:5"}


# ---- the tests


@pytest.mark.parametrize(("kind", "key"), [one for one in DECLARED if one[0] not in ELSEWHERE], ids=str)
def test_every_key_does_what_it_says(kind: str, key: str, open_form: OpenForm) -> None:
    case = SCENARIOS.get((kind, key))
    words = DECLARED[kind, key].description
    assert case is not None, f"add a scenario for {key} ({words!r}) of {kind}, in {Path(__file__).name}"
    if case.in_form:
        open_form.play(lambda at: case.play(at, key))
    else:
        play(case.start, case.size, lambda at: case.play(at, key))


def test_no_scenario_is_of_a_key_that_is_gone() -> None:
    assert SCENARIOS.keys() <= DECLARED.keys()
    assert len({kind for kind, _ in DECLARED}) > 10  # they are found at all


def reachable(at: At) -> dict[str, str]:
    """Action -> description of the keys that hold where the focus is, by the declarations and what is offered now."""
    chain = [*(at.app.focused or at.app.screen).ancestors_with_self]
    kinds = {kind.__name__: node for node in chain for kind in type(node).__mro__}
    found = {
        binding.action: binding.description
        for (kind, _), binding in DECLARED.items()
        if kind in kinds and at.app._check_action_state(binding.action, kinds[kind]) is not False
    }
    assert len(found) > 8
    return found


async def missing_in_palette(at: At) -> list[str]:
    """Actions that a key has here and the palette has not, or has in vain."""
    theirs = {(command.title, command.help) for command in App.get_system_commands(at.app, at.app.screen)}
    ours = [command for command in at.app.get_system_commands(at.app.screen) if command[:2] not in theirs]
    asked: list[tuple[str, DOMNode]] = []

    async def run_action(action: str, default_namespace: DOMNode) -> bool:
        asked.append((action, default_namespace))
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at.app, "run_action", run_action)
        for command in ours:
            command.callback()
        await at.until(lambda: len(asked) >= len(ours), "all actions")
    done = set()
    for action, namespace in asked:
        place, name, _ = at.app._parse_action(action, namespace)
        if hasattr(place, f"action_{name}"):
            done.add(action)
    titles = {command.title for command in ours}
    return [action for action, words in reachable(at).items() if words not in titles or action not in done]


def test_the_palette_has_every_action_of_the_dashboard_that_a_key_has() -> None:
    async def script(at: At) -> None:
        missing = {}
        for number, panel in enumerate(at.app.screen._panels, 1):
            await at.panel(number)
            missing[panel.heading] = await missing_in_palette(at)
        assert {heading: actions for heading, actions in missing.items() if actions} == {}

    play(trained, SMALL, script)


def test_the_palette_has_every_action_of_the_list_that_a_key_has() -> None:
    async def script(at: At) -> None:
        await at.press("slash", "t", "enter")  # with a filter there is a way back to all studies
        await at.goes_to(lambda widget: isinstance(widget, DataTable), "the rows")
        assert await missing_in_palette(at) == []

    play(listed, SMALL, script)


def test_an_action_with_two_keys_is_in_the_palette_once_with_both_as_they_are_typed() -> None:
    async def script(at: At) -> None:
        commands = at.app.get_system_commands(at.app.screen)
        title = "Earlier round or decision, cell to the left"
        assert [command.help for command in commands if command.title == title] == ["key ← or h"]

    play(trained, SMALL, script)


def test_an_action_is_taken_from_the_palette() -> None:
    async def script(at: At) -> None:
        def highlighted() -> str:
            found = at.app.screen.query(OptionList)
            option = found.first().highlighted_option if found else None
            return str(option.prompt) if option is not None else ""

        for typed, title in (("other val", "Other value"), ("pause", "Pause")):
            await at.press("ctrl+p")
            await at.until(lambda: at.app.screen.query(OptionList), "the palette")
            at.only(Input).value = typed
            await at.until(lambda title=title: highlighted().startswith(title), title)
            await at.press("enter")
        await at.sees("| loss")
        await at.gets(Pause)

    play(trained, SMALL, script)


def test_help_has_the_keys_of_the_panel_with_the_focus() -> None:
    async def script(at: At) -> None:
        await at.press("question_mark")
        for number in range(1, 6):
            panel = await at.panel(number)
            kind = type(panel).__name__
            wanted = {
                binding.description
                for (name, _), binding in DECLARED.items()
                if name == kind and panel.check_action(binding.action, ()) is not False
            }
            assert wanted
            await at.until(lambda wanted=wanted: all(words in help_words(at) for words in wanted), f"help on {wanted}")

    play(trained, (120, 70), script)


def test_help_marks_the_keys_that_do_nothing_now() -> None:
    async def of_a_study_that_nobody_trains(at: At) -> None:
        await at.press("question_mark")
        for words in ("Pause", "Step", "Ranges", "Epochs", "Stop", "Search"):
            await at.until(lambda words=words: f"{words} {NOT_NOW}" in help_words(at), f"{words}, marked")

    async def of_a_form(at: At) -> None:
        await at.press("n")
        await at.on(NewStudyScreen)
        await at.until(lambda: at.app.screen.query("#start:enabled"), "a form that can be started")
        await at.press("question_mark")
        await at.until(lambda: "Start" in help_words(at), "help")
        assert NOT_NOW not in help_words(at)
        for row in at.app.screen.query(Row):
            if row.setting == "epochs":
                row.query_one(Input).value = "many"
        await at.until(lambda: f"Start {NOT_NOW}" in help_words(at), "a mark")

    play(lost, (120, 70), of_a_study_that_nobody_trains)
    play(listed, (120, 70), of_a_form)


def help_words(at: At) -> str:
    """Without the line ends of a narrow column."""
    for table in at.app.screen.query("BindingsTable"):
        lines = at.text.split("\n")[table.region.y : table.region.bottom]
        return " ".join(" ".join(line[table.region.x : table.region.right] for line in lines).split())
    return ""


# ---- the mouse


def test_a_click_on_a_cell_puts_the_cursor_there() -> None:
    async def script(at: At) -> None:
        await at.press("h")
        await at.sees("decision 2/3")
        (place,) = [
            Offset(line.index("0.38"), y) for y, line in enumerate(at.text.split("\n")) if "0.38" in line
        ]  # the score at lr 0.01, dropout 0
        await at.pilot.click(offset=place)
        await at.sees("lr 0.01, dropout 0 ")
        await at.sees("enter uses it")

    play(trained, SMALL, script)


def test_a_click_on_a_tab_goes_to_its_panel() -> None:
    async def script(at: At) -> None:
        await click(at.pilot, "#tab-3")
        await at.sees("validation accuracy")
        await at.goes_to(lambda widget: widget is at.app.screen._panels[2], "the curves")

    play(trained, SMALL, script)


def test_a_click_on_an_entry_of_the_footer_does_what_its_key_does() -> None:
    async def script(at: At) -> None:
        def entries() -> list[FooterKey]:
            keys = at.app.screen.query(FooterKey)
            return [entry for entry in keys if entry.description == "Pause" and entry.region]

        await at.until(lambda: at.app.screen.query_one(KeysLine).is_current and entries(), "a footer that stays")
        await click(at.pilot, entries()[0])
        await at.gets(Pause)

    play(trained, SMALL, script)


def test_a_click_on_a_run_looks_at_it() -> None:
    async def script(at: At) -> None:
        await at.panel(4)
        await at.sees("baseline-0")
        (y,) = [y for y, line in enumerate(at.text.split("\n")) if " baseline-0 " in line]
        await at.pilot.click(offset=(10, y))
        await at.sees(">baseline-0")

    play(trained, SMALL, script)


def test_a_click_on_a_study_opens_it() -> None:
    async def script(at: At) -> None:
        (y,) = [y for y, line in enumerate(at.text.split("\n")) if line.startswith("  one ")]
        await at.pilot.click(offset=(10, y))
        await at.on(Dashboard)
        assert at.app.screen.followed.study.name == "one"

    play(listed, SMALL, script)
