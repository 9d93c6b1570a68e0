"""The questions over the dashboard: answers, what is wrong, keys and mouse, and small terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static
from waiting import click, screen_text, until

from hptui.hyperparameters import hyperparameter, hyperparameters
from hptui.space import SearchSpace, parse_range
from hptui.ui.screens.dialogs import ChoiceDialog, NumberDialog
from hptui.ui.screens.ranges_dialog import NOTHING, RangesDialog, grid_words, shortened
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.range_row import RangeRow
from hptui.ui.widgets.row import Check, Row

VALUES = {"lr": 0.001, "weight_decay": 1e-5, "momentum": 0.9, "label_smoothing": 0.0123456, "batch_size": 100.0}
ANSWERS = {"run": "This run, begin the next", "study": "The whole study"}


class Host(App[None]):
    """Asks one question, and keeps what is answered."""

    def __init__(self, dialog: ModalScreen[Any]) -> None:
        super().__init__()
        self.dialog = dialog
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)

    @property
    def text(self) -> str:
        return screen_text(self)

    def row(self, name: str) -> RangeRow:
        (row,) = [row for row in self.dialog.query(RangeRow) if row.setting == f"search.{name}"]
        return row

    def field(self, name: str, part: str) -> Input:
        return self.row(name).query_one(f".{part}", Input)

    def problem(self, name: str) -> str:
        return "".join(str(shown.render()) for shown in self.row(name).query(".problem").results(Static))

    @property
    def grid(self) -> list[str]:
        return str(self.dialog.query_one("#grid", Static).render()).split("\n")

    @property
    def can_apply(self) -> bool:
        return not self.dialog.query_one("#apply", Button).disabled


def ask(
    dialog: ModalScreen[Any], script: Callable[[Host, Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)
) -> list[Any]:
    """The answers after `script`."""
    app = Host(dialog)

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.screen is dialog and dialog.focused is not None)
            await pilot.pause()
            await script(app, pilot)
            await pilot.pause()

    asyncio.run(main())
    return app.answers


def pressing(*keys: str) -> Callable[[Host, Pilot[None]], Awaitable[None]]:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press(*keys)

    return script


def clicking(selector: str) -> Callable[[Host, Pilot[None]], Awaitable[None]]:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await click(pilot, selector)

    return script


# ---- a choice


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (pressing("enter"), "run"),
        (pressing("right", "enter"), "study"),
        (pressing("l", "h", "tab", "enter"), "study"),
        (pressing("tab", "tab", "enter"), None),
        (pressing("escape"), None),
        (clicking("#run"), "run"),
        (clicking("#study"), "study"),
        (clicking("#cancel"), None),
    ],
)
def test_a_choice_is_made_with_keys_or_mouse(script: Any, answer: str | None) -> None:
    assert ask(ChoiceDialog("Stop with a checkpoint?", ANSWERS), script) == [answer]


def test_a_choice_shows_every_answer_literally() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        for words in ("Stop [red]study?", "[bold]yes", ANSWERS["run"], "Cancel"):
            assert words in app.text

    assert ask(ChoiceDialog("Stop [red]study?", {"yes": "[bold]yes", "run": ANSWERS["run"]}), script) == []


def test_answers_beyond_a_small_terminal_are_reached_with_keys() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("right")
        await until(pilot, lambda: "The whole" in app.text)
        await pilot.press("enter")

    assert ask(ChoiceDialog("Stop?", ANSWERS), script, (20, 5)) == ["study"]


# ---- a number


@pytest.mark.parametrize("typed", ["abc", "0", "-3", str(10**9), "2.5", " "])
def test_a_number_that_makes_no_sense_is_told_and_not_taken(typed: str) -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        assert app.dialog.query_one("#number", Input).has_focus
        await pilot.press(*typed)  # instead of the 5 that stands there
        await until(pilot, lambda: "expected a whole number" in app.text)
        assert "How many epochs [more]?" in app.text
        assert app.dialog.query_one("#ok", Button).disabled
        await pilot.press("enter")
        await click(pilot, "#ok")
        await pilot.pause()
        assert app.answers == []
        await pilot.press("ctrl+u", "7")
        await until(pilot, lambda: "expected" not in app.text)
        await pilot.press("enter")

    assert ask(NumberDialog("How many epochs [more]?"), script) == [7]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (pressing("enter"), 5),
        (pressing("1", "2", "enter"), 12),
        (pressing("tab", "enter"), 5),
        (pressing("tab", "tab", "enter"), None),
        (pressing("3", "escape"), None),
        (clicking("#ok"), 5),
        (clicking("#cancel"), None),
    ],
)
def test_a_number_is_given_with_keys_or_mouse(script: Any, answer: int | None) -> None:
    assert ask(NumberDialog("How many epochs?"), script) == [answer]


def test_a_number_is_given_in_a_small_terminal() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("8")
        await until(pilot, lambda: " 8 " in app.text)
        await pilot.press("enter")

    assert ask(NumberDialog("How many epochs?"), script, (20, 5)) == [8]


# ---- ranges


def two() -> SearchSpace:
    """Not in the order in which the form would have them."""
    texts = {"weight_decay": "1e-6:1e-2:log:3", "lr": "1e-4:1e-2:log:5"}
    return {name: parse_range(name, text) for name, text in texts.items()}


def test_every_hyperparameter_has_a_row_and_the_grid_is_shown() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.grid[0] == "3 x 5 = 15 cells")
        assert app.grid[1:] == ["weight_decay 1e-06 0.0001 0.01", "lr 0.0001 0.000316 0.001 0.00316 0.01"]
        for name in hyperparameters():
            assert app.row(name).query_one(Check).value == (name in two())
        fixed = {"momentum": "fixed 0.9", "label_smoothing": "fixed 0.0123", "batch_size": "fixed 100"}
        others = {"dropout": "model's own", "focal_gamma": "not in use", "rotation": "off"}
        for name, words in (fixed | others | {"lr": ""}).items():  # nothing is said of what is searched
            said = str(app.row(name).query_one(".unused", Static).render())
            assert said.endswith(words)
            assert (said == "") == (name == "lr")
        for word in ("low", "high", "scale", "steps", "Apply (ctrl+s)", "Cancel (esc)"):
            assert word in app.text
        await pilot.press("ctrl+s")

    (answer,) = ask(RangesDialog(two(), VALUES), script)
    assert answer == {"weight_decay": "1e-06:0.01:log:3", "lr": "0.0001:0.01:log:5"}
    assert list(answer) == ["weight_decay", "lr"]  # the order of the heatmap's axes


def test_ranges_are_edited_with_keys() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("space")  # weight_decay is fixed from now on
        await until(pilot, lambda: app.grid[0] == "5 cells")
        assert "fixed 1e-05" in app.text
        assert not app.row("weight_decay").query(Input)
        await pilot.press("tab")
        assert app.row("lr").query_one(Check).has_focus
        await pilot.press("tab", *"0.001", "enter", *"0.1", "enter")
        choice = app.row("lr").query_one(Choice)
        assert choice.has_focus
        await pilot.press("enter")
        await until(pilot, lambda: choice.expanded)
        await pilot.press("escape")
        await until(pilot, lambda: not choice.expanded)
        assert app.answers == []
        await pilot.press("enter", "down", "enter", "tab", *"2", "enter")
        await until(pilot, lambda: app.grid == ["2 cells", "lr 0.001 0.1"])
        assert app.row("backbone_lr").query_one(Check).has_focus
        await pilot.press("tab", "space")
        await until(pilot, lambda: app.grid == ["2 x 3 = 6 cells", "lr 0.001 0.1", "momentum 0.5 0.745 0.99"])
        await pilot.press("ctrl+s")

    assert ask(RangesDialog(two(), VALUES), script) == [{"lr": "0.001:0.1:lin:2", "momentum": "0.5:0.99:lin:3"}]


def test_ranges_are_edited_with_the_mouse() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await click(pilot, app.row("augmentation").query_one(Check))
        await until(pilot, lambda: app.grid[0] == "3 x 5 x 3 = 45 cells")
        await click(pilot, app.row("lr").query_one(Check))
        await until(pilot, lambda: app.grid[0] == "3 x 3 = 9 cells")
        await click(pilot, app.field("augmentation", "high"))
        await pilot.press("home", "delete", *"0.5")
        await until(pilot, lambda: app.grid[-1] == "augmentation 0 0.25 0.5")
        await click(pilot, "#apply")

    (answer,) = ask(RangesDialog(two(), VALUES), script)
    assert answer == {"weight_decay": "1e-06:0.01:log:3", "augmentation": "0.0:0.5:lin:3"}


@pytest.mark.parametrize("script", [pressing("escape"), clicking("#cancel"), pressing("space", "tab", "escape")])
def test_ranges_are_left_as_they_were(script: Any) -> None:
    assert ask(RangesDialog(two(), VALUES), script) == [None]


ERRORS = {
    "low is no number": ({"low": "abc"}, "'abc:0.01:log:5': write low:high:scale:steps"),
    "low is empty": ({"low": ""}, "write low:high:scale:steps"),
    "low above high": ({"low": "1"}, "low 1 has to be less than high 0.01."),
    "log with low 0": ({"low": "0"}, "a log scale needs low > 0, not 0"),
    "one step": ({"steps": "1"}, "steps = 1 makes a grid of no cells"),
    "too many steps": ({"steps": "1001"}, "use 2 to 1000"),
    "high is infinite": ({"high": "inf"}, "out of bounds; it takes more than 0."),
    "markup": ({"high": "[red]"}, "'0.0001:[red]:log:5'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_is_wrong_stands_below_its_range_and_cannot_be_applied(case: str) -> None:
    typed, message = ERRORS[case]

    async def script(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.can_apply)
        for part, text in typed.items():
            app.field("lr", part).value = text
        await until(pilot, lambda: not app.can_apply)
        assert message in app.problem("lr")
        assert app.grid == ["to mend: lr"]
        await until(pilot, lambda: message[:14] in app.text)
        await pilot.press("ctrl+s")
        await click(pilot, "#apply")
        await pilot.pause()
        assert app.answers == []
        app.row("lr").query_one(Check).value = False  # a range that is not searched may hold anything
        await until(pilot, lambda: app.can_apply)
        assert app.problem("lr") == ""
        await pilot.press("ctrl+s")

    assert ask(RangesDialog(two(), VALUES), script) == [{"weight_decay": "1e-06:0.01:log:3"}]


def test_without_any_range_there_is_nothing_to_apply() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        for name in two():
            app.row(name).query_one(Check).value = False
        await until(pilot, lambda: app.grid == [NOTHING])
        assert not app.can_apply
        await pilot.press("ctrl+s")

    assert ask(RangesDialog(two(), VALUES), script) == []


def test_what_was_typed_a_moment_ago_is_checked_before_it_is_applied() -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        app.field("lr", "low").value = "x"
        app.dialog.action_apply()  # before the change has been looked at
        await pilot.pause()
        assert app.answers == []

    ask(RangesDialog(two(), VALUES), script)


@pytest.mark.parametrize("wrong", [False, True], ids=["all searched", "all wrong"])
def test_everything_is_reached_in_80_columns_and_24_lines(wrong: bool) -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        if wrong:
            for name in every:
                app.field(name, "steps").value = "0"
        words = "to mend: " if wrong else "5 x 3 x 3 x 4 x 3 x 3 x 5 = 8100 cells"
        await until(pilot, lambda: words in app.text)
        if not wrong:
            for name in every:  # rows and values of all seven at once
                shown = partial(_lines_with, app, f" {name} ")
                await until(pilot, lambda shown=shown: shown() == 2)
        seen = set()
        for _ in range(100):
            focused = app.dialog.focused
            assert focused is not None
            if isinstance(focused, Button):
                break
            row = next(row for row in focused.ancestors_with_self if isinstance(row, Row))
            seen.add(row.setting)
            assert row.parent.region.contains_region(focused.region)  # scrolled to, and whole
            assert str(app.dialog.query_one("#about", Static).render()) == row.help_words
            for part in ("grid", "buttons"):
                assert app.dialog.query_one(f"#{part}").region.bottom <= 23
            assert "Cancel (esc)" in app.text
            await pilot.press("tab")
        assert seen == {f"search.{name}" for name in hyperparameters()}
        assert app.dialog.focused.id == ("cancel" if wrong else "apply")

    names = ("lr", "weight_decay", "momentum", "dropout", "label_smoothing", "focal_gamma", "batch_size")
    every = {name: parse_range(name, hyperparameter(name).suggested) for name in names}
    ask(RangesDialog(every, VALUES), script)


def _lines_with(app: Host, words: str) -> int:
    return sum(words in line for line in app.text.split("\n"))


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (60, 15), (300, 90)])
def test_other_sizes_break_nothing(size: tuple[int, int]) -> None:
    async def script(app: Host, pilot: Pilot[None]) -> None:
        await pilot.resize_terminal(*size)
        await pilot.press("tab", *"0.00001", "enter")
        await until(pilot, lambda: app.grid[0] == "3 x 5 = 15 cells")
        if size == (20, 5):
            assert app.row("weight_decay").query_one(".high").has_focus
            await until(pilot, lambda: "0.01" in app.text.split("\n")[0])  # scrolled to, sideways too
            assert "3 x 5 = 15 cells" in app.text
            assert "Apply" in app.text
        await pilot.press("ctrl+s")

    (answer,) = ask(RangesDialog(two(), VALUES), script)
    assert answer["weight_decay"] == "1e-05:0.01:log:3"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"lr": "1e-4:1e-2:log:5"}, ["5 cells", "lr 0.0001 0.000316 0.001 0.00316 0.01"]),
        (
            {"batch_size": "1000:2048:lin:2", "dropout": "0:0.5:lin:2"},
            ["2 x 2 = 4 cells", "batch_size 1000 2048", "dropout 0 0.5"],
        ),
        ({"batch_size": "1:3:lin:9"}, ["3 cells", "batch_size 1 2 3"]),  # whole numbers do not repeat
        ({"momentum": "0.9999:0.99991:lin:2"}, ["2 cells", "momentum 0.9999 0.99991"]),
        (
            {"lr": "1:1000:lin:1000", "wd": "1:1000:lin:1000"},
            ["1000 x 1000 = 1000000 cells", "lr 1 2 3 4 5 ... 996 997 998 999 1e+03", None],
        ),
    ],
)
def test_the_grid_in_words(texts: dict[str, str], expected: list[str | None]) -> None:
    space = {entry.name: entry for entry in (parse_range(name, text) for name, text in texts.items())}
    found = grid_words(space, 40)
    assert len(found) == len(expected)
    for words, wanted in zip(found, expected, strict=True):
        assert wanted is None or words == wanted


@pytest.mark.parametrize("width", [0, 1, 5, 20, 37, 38, 39, 1000])
def test_words_are_left_out_in_the_middle_and_no_more_than_needed(width: int) -> None:
    words = ["name", *"abcdefghijklmnopq"]  # 38 cells
    line = shortened(words, width)
    if width >= 38:
        assert line == " ".join(words)
        return
    assert line.startswith("name a")
    assert line.endswith(" q")
    assert "..." in line.split()
    if width >= 20:
        assert width - 2 < len(line) <= width
