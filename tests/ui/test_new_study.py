"""The form for a new study: defaults, every kind of error beside its field, and the configuration it starts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from fabricate import configuration, make_study
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.geometry import Size
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from waiting import click, screen_text, until

from hptui.config import Layer, StudyConfig, resolve
from hptui.hyperparameters import hyperparameter, hyperparameters
from hptui.planning import Refused, Speed
from hptui.ui.app import HptuiApp
from hptui.ui.form_check import missing_paths, plan_words, planned, unused_notes
from hptui.ui.messages import LeaveForm, StartStudy
from hptui.ui.screens.new_study import FORM, MORE, SHOWN, NewStudyScreen
from hptui.ui.screens.study_list import StudyListScreen
from hptui.ui.themes import LOOKS
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.form_scroll import FormScroll
from hptui.ui.widgets.range_row import RangeRow
from hptui.ui.widgets.row import Check, Row
from hptui.ui.widgets.setting_row import OWN

SIZES = [(80, 24), (160, 48)]
DEFAULT = resolve([]).config
GRID = resolve([Layer("test", {"strategy": "grid"})]).config

STILL_LOOKS = 20
"""in a row at which a widget that stands still was in one place"""


class Host(App[None]):
    """Shows the form, and keeps what it answers."""

    def __init__(self, form: NewStudyScreen) -> None:
        super().__init__()
        self.form = form
        self.answers: list[Message] = []

    def on_mount(self) -> None:
        self.push_screen(self.form)

    def on_start_study(self, message: StartStudy) -> None:
        self.answers.append(message)

    def on_leave_form(self, message: LeaveForm) -> None:
        self.answers.append(message)

    def row(self, setting: str) -> Row:
        (row,) = [row for row in self.form._rows if row.setting == setting]
        return row

    async def unfold(self) -> None:
        """Unfold the settings that are rarely changed, which are not there before."""
        if not self.form.query_one("#more").display:
            await self.form.action_more()

    def field(self, setting: str, part: str = "") -> Input:
        return self.row(setting).query_one(f".{part}" if part else "Input", Input)

    def shows_field(self, setting: str) -> bool:
        """Whether a text can be typed there; not beside a choice that takes none."""
        return any(field.display for field in self.row(setting).query(Input))

    def problem(self, setting: str) -> str:
        """The message beside it, if there is one."""
        return "".join(str(shown.render()) for shown in self.row(setting).query(".problem").results(Static))

    @property
    def planned(self) -> str:
        """Cost and plan, or what is to be mended."""
        return str(self.form.query_one("#plan", Static).render())

    @property
    def cost(self) -> str:
        return self.planned.partition("\n")[0]

    @property
    def can_start(self) -> bool:
        return not self.form.query_one("#start", Button).disabled

    @property
    def text(self) -> str:
        return screen_text(self)


def show(
    test: Callable[[Host, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    config: StudyConfig | None = None,
) -> None:
    async def run() -> None:
        app = Host(NewStudyScreen(config))
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.planned)
            await test(app, pilot)

    asyncio.run(run())


class KeptForm:
    """A form that one test after another fills in: to build it takes longer than most of what is tested."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._end = AsyncExitStack()
        self._app: Host | None = None

    def show(self, test: Callable[[Host, Pilot[None]], Awaitable[None]]) -> None:
        """As `show` does, and leave the form as it was before; after a failure the next test gets a new one."""
        try:
            self._runner.run(self._show(test))
        except BaseException:
            self._app = None
            raise

    async def _show(self, test: Callable[[Host, Pilot[None]], Awaitable[None]]) -> None:
        if self._app is None:
            await self._end.aclose()
            self._app = Host(NewStudyScreen())
            self._pilot = await self._end.enter_async_context(self._app.run_test())
            await until(self._pilot, lambda: self._app.planned)
            self._planned = self._app.planned
        await test(self._app, self._pilot)
        await self._restore(self._app)

    async def _restore(self, app: Host) -> None:
        app.form.action_defaults()
        app.form._rows[0].focus_first()
        if app.form.query_one("#more").display:  # with half of all rows, which would be arranged with the others
            await app.form._fold(is_open=False)
        await self._pilot.wait_for_scheduled_animations()  # else the form may scroll under the next test
        await until(self._pilot, lambda: app.can_start and app.planned == self._planned)
        assert [row.setting for row in app.form._rows if row.has_class("-wrong")] == []
        assert app._exception is None
        app.answers.clear()

    def close(self) -> None:
        self._runner.run(self._end.aclose())
        self._runner.close()


@pytest.fixture(scope="module")
def kept_form() -> Iterator[KeptForm]:
    form = KeptForm()
    yield form
    form.close()


def show_of_size(
    test: Callable[[Host, Pilot[None]], Awaitable[None]], size: tuple[int, int], kept_form: KeptForm
) -> None:
    """Do it with the kept form where that has the size."""
    if size == SIZES[0]:
        kept_form.show(test)
    else:
        show(test, size)


def started(
    change: Callable[[Host, Pilot[None]], Awaitable[None]],
    config: StudyConfig | None = None,
    kept: KeptForm | None = None,
) -> StudyConfig:
    """What Start posts after `change`; of a form that is `kept`, if one is given."""
    posted: list[StudyConfig] = []
    test = starting(change, posted)
    if kept is None:
        show(test, config=config)
    else:
        kept.show(test)
    return posted[0]


def starting(
    change: Callable[[Host, Pilot[None]], Awaitable[None]], posted: list[StudyConfig]
) -> Callable[[Host, Pilot[None]], Awaitable[None]]:
    """A test that presses Start after `change`, and adds what is posted."""

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await change(app, pilot)
        await pilot.pause()  # fields that come and go have all been looked at
        await until(pilot, lambda: app.can_start)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.answers)
        (answer,) = app.answers
        assert isinstance(answer, StartStudy)
        posted.append(answer.config)

    return test


def fill(**texts: str) -> Callable[[Host, Pilot[None]], Awaitable[None]]:
    async def change(app: Host, pilot: Pilot[None]) -> None:
        if texts.keys() & {*MORE}:
            await app.unfold()
        for setting, text in texts.items():
            app.field(setting).value = text

    return change


async def nothing(app: Host, pilot: Pilot[None]) -> None:
    """Leave the form as it comes."""


@pytest.mark.parametrize("size", SIZES)
def test_the_defaults_can_be_started_as_they_are(size: tuple[int, int]) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert app.can_start
        cost, budget, survey, screen, otherwise = app.planned.splitlines()
        assert cost == "cost about 1.49 plain trainings; 10 + 10 runs of 10 epochs"
        assert budget.startswith("budget auto: 1.5 plain trainings, or more")
        assert survey.startswith("before epoch 1: survey of lr, 7 candidates for ")
        assert screen.startswith("before epoch 3: screen of weight_decay, augmentation, ")
        assert otherwise.startswith("an epoch that goes wrong")
        await until(pilot, lambda: app.cost in app.text and "before epoch 1: survey of lr" in app.text)
        await until(pilot, lambda: "Start" in app.text.splitlines()[-1])  # its key, in the footer
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.answers)
        (answer,) = app.answers
        assert isinstance(answer, StartStudy)
        assert answer.config == DEFAULT

    show(test, size)


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the user's own in the current folder, as far as a form looks at them."""
    monkeypatch.chdir(tmp_path)
    for name in ("my/net.py", "my/data.py", "losses.py", "path/file.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()


@pytest.mark.usefixtures("own_files")
def test_every_setting_comes_back_as_it_was() -> None:
    given = configuration(
        dataset="medmnist:here/pneumonia.npz",
        data_dir="/data",
        class_weights="balanced",
        model="my/net.py:Net",
        optimizer="sgd",
        strategy="grid",
        baseline="none",
        epochs=7,
        runs=3,
        seed=11,
        out="somewhere/new",
        decide_at=[1, 4],
        horizon=0.125,
        budget=2.5,
        deliver="last",
        stop="never",
        score="accuracy",
        loss="losses.py:Focal",
        schedule="cosine",
        set={"momentum": 0.5, "lr": 0.0123456789},
        device="cuda:1",
        threads=4,
        parallel="2",
        engine="slurm",
        engine_args={"partition": "gpu", "gpus": 1, "setup": ["module load cuda"]},
        search={"dropout": "0.1:0.7:lin:4", "lr": "1.23456789e-5:0.1:log:3"},
        test_size=60,
        column={"image": "Image Index", "label": "dx"},
        group_column="patient",
        allow_overlap=True,
        image_size=32,
        train_size=500,
        validation_size=100,
        split_seed=3,
        intensity="percentile:1:99",
        resize="pad",
        pages="6",
        keep_decoded="never",
        images_on="host",
        greed_check=2,
        score_weights="last",
        average_window=0.25,
        batchnorm="running",
        precision="bfloat16",
        replicas="stacked",
        model_args={"depth": 3, "norm": "batch", "wide": True},
        weights="weights.pt",
        normalisation="imagenet",
        freeze=["conv1", "layer1.*"],
        log_every=7,
        wrong_images=0,
        checkpoint_every="90s",
    )
    posted = started(nothing, given)
    assert posted == given
    changed = {name for name in given.__struct_fields__ if getattr(given, name) != getattr(StudyConfig(), name)}
    assert {*StudyConfig.__struct_fields__} - changed == {"decide_every", "group_pattern", "longest"}  # those follow
    assert {*SHOWN, *MORE, "search"} == {*StudyConfig.__struct_fields__}


def test_a_pattern_of_groups(kept_form: KeptForm) -> None:
    pattern = r"(patient[0-9]+)_"
    assert (
        started(fill(group_pattern=pattern), kept=kept_form)
        == resolve([Layer("test", {"group_pattern": pattern})]).config
    )


def test_a_decision_every_so_many_epochs(kept_form: KeptForm) -> None:
    assert started(fill(decide_every="3"), kept=kept_form) == resolve([Layer("test", {"decide_every": 3})]).config


def test_a_run_that_may_go_on(kept_form: KeptForm) -> None:
    assert started(fill(longest="1.5"), kept=kept_form) == resolve([Layer("test", {"longest": 1.5})]).config


def test_what_one_types_is_what_is_started(kept_form: KeptForm) -> None:
    chosen = {"model": "lenet", "optimizer": "sgd", "strategy": "grid", "baseline": "none", "score": "accuracy"}

    async def change(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("tab", *"/data")  # data_dir comes after the data set
        for setting, word in chosen.items():
            app.row(setting).query_one(Choice).value = word
        await fill(
            epochs="4", runs="2", seed="5", decide_at="1, 3", horizon="0.5", device="cpu", threads="2", set="wd=0.1"
        )(app, pilot)
        app.row("search.weight_decay").query_one(Check).value = False
        app.row("search.augmentation").query_one(Check).value = False
        app.row("search.batch_size").query_one(Check).value = True
        batch_size = app.row("search.batch_size")
        await until(pilot, lambda: len(batch_size.parts) > 1 and all(part.is_mounted for part in batch_size.parts))
        app.field("search.batch_size", "low").value = "50"
        app.field("search.batch_size", "high").value = "200"
        app.field("search.batch_size", "steps").value = "2"
        app.row("search.batch_size").query_one(Choice).value = "lin"

    expected = {**chosen, "epochs": 4, "runs": 2}
    expected |= {"seed": 5, "decide_at": [1, 3], "horizon": 0.5, "device": "cpu", "threads": 2, "data_dir": "/data"}
    expected |= {"set": {"weight_decay": 0.1}, "search": {"lr": "1e-4:1e-2:log:5", "batch_size": "50:200:lin:2"}}
    assert started(change, kept=kept_form) == resolve([Layer("test", expected)]).config


@pytest.mark.usefixtures("own_files")
@pytest.mark.parametrize(
    ("word", "typed", "expected"),
    [
        ("digits", "", "digits"),
        ("medmnist", "pneumonia.npz", "medmnist:pneumonia.npz"),
        ("folder", "~/images", "folder:~/images"),
        (OWN, "my/data.py:load", "my/data.py:load"),
    ],
)
def test_the_data_set_is_built_in_a_path_or_ones_own(word: str, typed: str, expected: str, kept_form: KeptForm) -> None:
    async def change(app: Host, pilot: Pilot[None]) -> None:
        app.row("dataset").query_one(Choice).value = word
        await until(pilot, lambda: app.shows_field("dataset") == bool(typed))
        if typed:
            app.field("dataset").focus()
            await pilot.press(*typed)

    assert started(change, kept=kept_form).dataset == expected


async def type_path(app: Host, pilot: Pilot[None], word: str, path: str) -> None:
    app.row("dataset").query_one(Choice).value = word
    await until(pilot, lambda: app.shows_field("dataset"))
    await pilot.pause()  # who had the cursor before has lost it by then
    app.field("dataset").focus()
    await until(pilot, lambda: app.screen.focused is app.field("dataset"))
    app.field("dataset").value = path


@pytest.mark.parametrize("size", SIZES)
def test_a_path_that_is_not_there_is_marked_once_its_field_is_left(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_form: KeptForm
) -> None:
    monkeypatch.chdir(tmp_path)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await type_path(app, pilot, "medmnist", "chest.npz")
        await pilot.pause()
        assert app.problem("dataset") == ""  # while it is typed
        await pilot.press("tab")
        await until(pilot, lambda: "there is no such file" in app.problem("dataset"))
        assert str(tmp_path / "chest.npz") in app.problem("dataset")
        assert app.can_start  # the file may be put there meanwhile
        Path("chest.npz").touch()
        await pilot.press("shift+tab", "tab")
        await until(pilot, lambda: app.problem("dataset") == "")
        await type_path(app, pilot, "folder", "chest.npz")  # which is a file
        await pilot.press("tab")
        await until(pilot, lambda: "folder:chest.npz: there is no such folder" in app.problem("dataset"))
        await pilot.press(*"nowhere")  # data_dir comes after the data set
        await pilot.press("tab")
        await until(pilot, lambda: "there is no folder nowhere" in app.problem("data_dir"))

    show_of_size(test, size, kept_form)


@pytest.mark.parametrize("place", ["data/", "data/MedMNIST/", "cache/hptui/datasets/MedMNIST/", ""])
def test_a_relative_path_is_looked_for_where_the_start_looks(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    data_dir = "data" if place.startswith("data") else None
    config = configuration(dataset="medmnist:tiny.npz", data_dir=data_dir)
    assert missing_paths(config).keys() == {"dataset"}
    (tmp_path / place / "tiny.npz").touch()
    assert missing_paths(config) == {}


def test_a_form_that_is_filled_in_marks_a_missing_path_at_once(tmp_path: Path) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "there is no such folder" in app.problem("dataset"))

    show(test, config=configuration(dataset=f"folder:{tmp_path / 'images'}"))


@pytest.mark.parametrize(
    ("strategy", "unused"),
    [
        ("grid", {"budget"}),
        ("adaptive", {"horizon"}),
        ("pbt", {"horizon", "budget", "greed_check"}),
        ("fixed", {"decide_every", "decide_at", "horizon", "budget", "score", "greed_check"}),
    ],
)
def test_what_the_strategy_does_not_use_is_said_beside_it(strategy: str, unused: set[str], kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        await app.unfold()
        app.row("strategy").query_one(Choice).value = strategy
        await until(pilot, lambda: app.problem(max(unused)) == f"not used by {strategy}")
        noted = {row.setting for row in app.form._rows if app.problem(row.setting)}
        assert noted == unused
        assert {app.problem(setting) for setting in unused} == {f"not used by {strategy}"}
        assert app.can_start

    kept_form.show(test)


def test_a_setting_that_the_other_arm_uses_is_not_called_unused() -> None:
    assert unused_notes(configuration(strategy="grid", baseline="adaptive")) == {}
    assert unused_notes(configuration(strategy="adaptive", baseline="none")).keys() == {"horizon"}


ERRORS = {
    "epochs": ("ten", "expected a whole number."),
    "runs": ("0", "expected a whole number >= 1."),
    "seed": ("-1", "expected a whole number >= 0."),
    "decide_every": ("", "expected a whole number."),
    "decide_at": ("1,x", "expected a whole number."),
    "horizon": ("0", "expected a number > 0"),
    "threads": ("many", "expected a whole number."),
    "device": ("gpu", "unknown device 'gpu'. It takes auto, cpu, cuda or cuda:INDEX."),
    "set": ("lr=fast", "lr = 'fast': expected a number."),
}


@pytest.mark.parametrize(("setting", "size"), [("epochs", (160, 48)), *((setting, (80, 24)) for setting in ERRORS)])
def test_what_is_wrong_stands_beside_its_field_and_start_waits(
    setting: str, size: tuple[int, int], kept_form: KeptForm
) -> None:
    typed, message = ERRORS[setting]

    async def test(app: Host, pilot: Pilot[None]) -> None:
        before = app.field(setting).value
        app.field(setting).focus()
        app.field(setting).value = typed
        await until(pilot, lambda: not app.can_start)
        assert message in app.problem(setting)
        assert app.planned == f"to mend: {setting}"
        assert [row.setting for row in app.form._rows if row.has_class("-wrong")] == [setting]
        await pilot.pause()
        await until(pilot, lambda: message[:14] in app.text)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.answers == []
        app.field(setting).value = before
        await until(pilot, lambda: app.can_start)
        assert app.problem(setting) in ("", "not used by adaptive")

    show_of_size(test, size, kept_form)


@pytest.mark.parametrize(
    ("setting", "typed", "message"),
    [
        ("set", "lr", "write NAME=..., for example weight_decay=5e-4."),
        ("set", "warmth=1", "unknown hyperparameter 'warmth'."),
        ("set", "momentum=1", "momentum = 1 is out of bounds"),
        ("decide_at", "1,20", "decide_at names epoch 20, but a run has 10 epochs."),
        ("epochs", "100001", "<= 100000"),
    ],
)
def test_more_messages_of_the_configuration(kept_form: KeptForm, setting: str, typed: str, message: str) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.field(setting).value = typed
        await until(pilot, lambda: not app.can_start)
        assert message.removeprefix(f"{setting} ") in app.problem(setting)

    kept_form.show(test)


@pytest.mark.usefixtures("own_files")
@pytest.mark.parametrize("setting", ["dataset", "model", "strategy", "baseline"])
def test_an_own_file_needs_the_form_of_one(kept_form: KeptForm, setting: str) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.row(setting).query_one(Choice).value = OWN
        await until(pilot, lambda: app.shows_field(setting))
        for typed in ("", "no_such"):
            app.field(setting).value = typed
            await until(pilot, lambda typed=typed: f"unknown {setting} '{typed}'" in app.problem(setting))
            assert not app.can_start
        app.field(setting).value = "path/other.py:Name"
        await until(pilot, lambda: "there is no file path/other.py. Write path/file.py:" in app.problem(setting))
        app.field(setting).value = "path/file.py:Name"
        await until(pilot, lambda: app.can_start)

    kept_form.show(test)


def test_a_data_set_with_a_path_needs_one(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.row("dataset").query_one(Choice).value = "folder"
        await until(pilot, lambda: app.problem("dataset") == "! write the path of your images.")
        assert not app.can_start

    kept_form.show(test)


RANGE_ERRORS = {
    "low is no number": ({"low": "abc"}, "'abc:0.01:log:5': write low:high:scale:steps"),
    "low is empty": ({"low": ""}, "write low:high:scale:steps"),
    "low is high": ({"low": "0.01"}, "low 0.01 has to be less than high 0.01."),
    "low above high": ({"low": "1"}, "low 1 has to be less than high 0.01."),
    "log with low 0": ({"low": "0"}, "a log scale needs low > 0, not 0"),
    "one step": ({"steps": "1"}, "steps = 1 makes a grid of no cells"),
    "too many steps": ({"steps": "1001"}, "or too many; use 2 to 1000"),
    "half a step": ({"steps": "2.5"}, "write low:high:scale:steps"),
    "high is no number": ({"high": "nan"}, "low 0.0001 has to be less than high nan."),
    "high is infinite": ({"high": "inf"}, "out of bounds; it takes more than 0."),
}


@pytest.mark.parametrize("case", RANGE_ERRORS)
def test_a_range_that_makes_no_sense(kept_form: KeptForm, case: str) -> None:
    typed, message = RANGE_ERRORS[case]

    async def test(app: Host, pilot: Pilot[None]) -> None:
        for part, text in typed.items():
            app.field("search.lr", part).value = text
        await until(pilot, lambda: not app.can_start)
        assert message in app.problem("search.lr")
        app.row("search.lr").query_one(Check).focus()
        await until(pilot, lambda: "! " in app.text)
        app.row("search.lr").query_one(Check).value = False  # a range that is not searched may hold anything
        await until(pilot, lambda: app.can_start)
        assert "screen of weight_decay" in app.planned
        assert "survey of lr" not in app.planned

    kept_form.show(test)


def test_without_a_range_a_searching_strategy_has_nothing_to_do(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        for name in ("lr", "weight_decay", "augmentation"):
            app.row(f"search.{name}").query_one(Check).value = False
        await until(pilot, lambda: "nothing to search; name at least one range" in app.problem("strategy"))
        assert not app.can_start
        app.row("strategy").query_one(Choice).value = "fixed"
        await until(pilot, lambda: app.can_start)
        assert app.planned == "cost about 1.00 plain trainings; 10 + 10 runs of 10 epochs"

    kept_form.show(test)


def test_a_folder_that_cannot_be_used_is_told_before_the_start(kept_form: KeptForm, tmp_path: Path) -> None:
    make_study(tmp_path / "taken")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.field("out").value = str(tmp_path / "taken")
        await until(pilot, lambda: "already holds a study" in app.problem("out"))
        assert not app.can_start
        app.field("out").value = str(tmp_path / "free")
        await until(pilot, lambda: app.can_start)

    kept_form.show(test)


@pytest.mark.parametrize("name", hyperparameters())
def test_what_is_suggested_can_be_searched(name: str, kept_form: KeptForm) -> None:
    async def change(app: Host, pilot: Pilot[None]) -> None:
        for row in app.form.query(RangeRow):
            row.query_one(Check).value = row.setting == f"search.{name}"

    expected = resolve([Layer("test", {"search": {name: hyperparameter(name).suggested}})]).config
    posted: list[StudyConfig] = []
    kept_form.show(starting(change, posted))
    assert posted == [expected]


@pytest.mark.parametrize("size", SIZES)
def test_tab_goes_through_the_whole_form_to_start_and_shows_where_it_is(size: tuple[int, int]) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        rows: list[str] = []
        unfolds = size == SIZES[1]
        for _ in range(120):
            focused = app.screen.focused
            assert focused is not None
            if focused is app.form.query_one("#fold"):
                await pilot.press("enter" if unfolds else "tab")  # enter goes on to the first of what was folded
                continue
            if isinstance(focused, Button):
                break
            row = next(row for row in focused.ancestors_with_self if isinstance(row, Row))
            if row.setting not in rows:
                rows.append(row.setting)
            about = str(app.form.query_one("#about", Static).render())
            assert about == row.help_words
            assert app.form.region.contains_region(focused.region)  # scrolled to, and whole
            assert focused.region.bottom <= app.form.query_one("#about").region.y
            await pilot.press("tab")
        fields = [field for group in FORM.values() for field in group]
        rare = MORE if unfolds else []
        assert rows == [*fields, *(f"search.{name}" for name in hyperparameters()), *rare]
        assert app.screen.focused is app.form.query_one("#start")
        await pilot.press("enter")
        await until(pilot, lambda: app.answers)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(app.answers) == 2)
        assert [isinstance(answer, StartStudy) and answer.detached for answer in app.answers] == [False, True]
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(app.answers) == 3)
        assert isinstance(app.answers[2], LeaveForm)

    show(test, size)


def test_enter_and_arrows_go_from_field_to_field_and_space_searches() -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.field("epochs").focus()
        for key, setting in {"enter": "runs", "down": "seed", "up": "runs", "shift+tab": "epochs"}.items():
            await pilot.press(key)
            await until(pilot, lambda setting=setting: app.field(setting).has_focus)
        check = app.row("search.momentum").query_one(Check)
        check.focus()
        await pilot.press("space")
        await until(pilot, lambda: "cost about 10.00" in app.cost and "5 x 3 x 3 grid" in app.planned)
        await until(pilot, lambda: "[X] momentum" in app.text)
        await pilot.press("j")
        assert app.field("search.momentum", "low").has_focus
        await pilot.press("up", "space")
        await until(pilot, lambda: "[ ] momentum" in app.text)

    show(test, config=GRID)


def test_a_choice_is_made_with_keys_and_esc_only_closes_its_menu(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        choice = app.row("optimizer").query_one(Choice)
        choice.focus()
        await pilot.press("enter")
        await until(pilot, lambda: choice.expanded)
        await pilot.press("escape")
        await until(pilot, lambda: not choice.expanded)
        assert app.answers == []
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: choice.value == "adamax")  # the one after adam
        await pilot.press("escape")
        await until(pilot, lambda: app.answers)
        assert isinstance(app.answers[0], LeaveForm)

    kept_form.show(test)


def test_the_mouse_ticks_chooses_and_starts() -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        check, regions = app.row("search.dropout").query_one(Check), []

        def stands_still() -> bool:
            """A click goes to a place, and the form has just been arranged for this size."""
            regions.append(check.region)
            return len(regions) > STILL_LOOKS and len(set(regions[-STILL_LOOKS:])) == 1

        await until(pilot, stands_still)
        await click(pilot, check)
        await until(pilot, lambda: "5 x 3 x 4 grid" in app.planned)
        await click(pilot, "#start")
        await until(pilot, lambda: app.answers)
        (answer,) = app.answers
        assert isinstance(answer, StartStudy)
        assert answer.config.search["dropout"] == "0.0:0.6:lin:4"
        await click(pilot, "#back")
        await until(pilot, lambda: len(app.answers) == 2)

    show(test, (160, 48), config=GRID)


def test_start_is_grey_in_the_footer_while_anything_is_wrong(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        def enabled() -> bool:
            return app.screen.active_bindings["ctrl+s"].enabled

        assert enabled()
        app.field("epochs").value = "x"
        await until(pilot, lambda: not enabled())
        await until(pilot, lambda: "Start" in app.text.splitlines()[-1])  # the footer is drawn anew a moment later
        app.field("epochs").value = "3"
        await until(pilot, enabled)

    kept_form.show(test)


def test_what_was_typed_a_moment_ago_is_checked_before_the_start(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.field("epochs").value = "x"
        app.form.action_start()  # before the change has been looked at
        await pilot.pause()
        assert app.answers == []

    kept_form.show(test)


def test_the_environment_sets_the_form_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPTUI_EPOCHS", "3")
    monkeypatch.setenv("HPTUI_DATA_DIR", "/data")
    assert started(nothing) == resolve([Layer("test", {"epochs": 3, "data_dir": "/data"})]).config


def test_an_environment_that_is_wrong_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPTUI_EPOCHS", "[red]")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert app.field("epochs").value == "10"
        (note,) = app._notifications
        assert "'[red]'" in note.message

    show(test)


@pytest.mark.parametrize("size", [*SIZES, (20, 5)])
def test_a_smaller_terminal_breaks_nothing(size: tuple[int, int]) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        await pilot.resize_terminal(20, 5)
        await pilot.press("tab", "tab")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert app.can_start
        await until(pilot, lambda: "Start" in app.text)

    show(test, size)


REFUSED = {
    "horizon": ({"strategy": "adaptive", "search": {"lr": "1e-4:1e-2:log:3"}}, {"horizon": "0.5"}, "plans how long it"),
    "greed_check": ({"strategy": "pbt"}, {"greed_check": "2"}, "has no probes that could be twice as long"),
    "optimizer": (
        {"optimizer": "schedule_free", "model": "small_resnet", "batchnorm": "running"},
        {},
        "cannot train small_resnet, which has",
    ),
}


@pytest.mark.parametrize("setting", REFUSED)
def test_what_the_start_would_refuse_is_told_beside_its_field(setting: str) -> None:
    settings, typed, message = REFUSED[setting]

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await fill(**typed)(app, pilot)
        await until(pilot, lambda: message in app.problem(setting))
        assert not app.can_start
        assert app.planned == f"to mend: {setting}"
        await until(pilot, lambda: app.row(setting).region.height)  # of a folded setting, too

    show(test, config=resolve([Layer("test", settings)]).config)


def test_rare_settings_are_folded_until_somebody_asks_or_one_of_them_is_set(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        if app.form.query_one("#more").display:  # by a test before
            await app.form.action_more()
        await until(pilot, lambda: app.form.query_one("#more").region.height == 0)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: in_view(app, MORE[0]))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: app.row("image_size").region.height == 0)
        app.form.query_one("#fold", Button).press()
        await until(pilot, lambda: app.row("log_every").region.height)
        await app.form.action_more()

    async def opened(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.form.query_one("#more").region.height and app.row("train_size").region.height)

    kept_form.show(test)
    show(opened, config=resolve([Layer("test", {"train_size": 500})]).config)


def test_the_ranges_have_headings_above_their_columns() -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "[X] searched" in app.text)
        lines = app.text.splitlines()
        (heading,) = [line for line in lines if "[X] searched" in line]
        row = app.row("search.lr")
        for part in ("low", "high", "steps"):
            assert heading.find(part, heading.index("searched")) == row.query_one(f".{part}").region.x
        assert heading.index("scale") == row.query_one(Choice).region.x

    show(test, (160, 48))


class Looks(Host):
    """With the frames that all screens share."""

    CSS = LOOKS


@pytest.mark.parametrize(("lines", "folded"), [(48, True), (84, False)])
def test_a_large_terminal_has_sections_with_titles_all_in_view(lines: int, folded: bool) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        sections = [section for section in app.form.query(".section") if section.display]
        rare = [] if folded else ["more settings"]
        assert [section.border_title for section in sections] == [*FORM, "searched ranges", *rare]
        assert not any(heading.display for heading in app.form.query(".titled"))
        app.field("epochs").focus()
        await until(pilot, lambda: sections[1].styles.border_top != sections[0].styles.border_top)
        lowest = max(row.region.bottom for row in app.form._rows)
        assert lowest <= app.form.query_one(FormScroll).region.bottom  # all of it is in view
        assert app.form.query_one("#plan").region.bottom == lines - 1
        assert app.form.query_one("#plan").region.height > 8  # no empty sea above it

    async def run() -> None:
        app = Looks(NewStudyScreen())
        async with app.run_test(size=(160, lines)) as pilot:
            await until(pilot, lambda: app.planned)
            await test(app, pilot)

    asyncio.run(run())


def test_a_small_terminal_has_headings_and_folds_what_is_rare(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert not app.form.query_one("#more").display
        assert all(heading.display for heading in app.form.query(".titled"))

    kept_form.show(test)


class Clock:
    """Measures as it is told to; keeps what it was asked."""

    def __init__(self, answer: Speed | Refused) -> None:
        self.answer = answer
        self.asked: list[StudyConfig] = []
        self.released = threading.Event()
        self.stopped = False

    def __call__(self, config: StudyConfig, should_stop: Callable[[], bool]) -> Speed | Refused | None:
        self.asked.append(config)
        while not self.released.wait(0.005):
            if should_stop():
                self.stopped = True
                return None
        return self.answer


SPEED = Speed(
    trained=1000.0,
    evaluated=10_000.0,
    images=50_000,
    validation_images=5000,
    test_images=10_000,
    device="cpu",
    seconds=1.0,
)


def show_measured(test: Callable[[Host, Pilot[None]], Awaitable[None]], clock: Clock, **options: Any) -> None:
    async def run() -> None:
        app = Host(NewStudyScreen(measure=clock, **options))
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.planned)
            await test(app, pilot)

    asyncio.run(run())


def test_the_time_is_told_beside_the_cost_once_it_was_measured_and_typing_goes_on_meanwhile() -> None:
    clock = Clock(SPEED)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert "on this machine" not in app.planned
        await pilot.press("ctrl+g", "ctrl+g")
        await until(pilot, lambda: clock.asked)
        assert app.planned.startswith("measuring")
        app.field("runs").focus()
        await pilot.press("end", "backspace", "backspace", "1")
        assert app.field("runs").value == "1"
        clock.released.set()
        # per epoch 50 s of training and 2 s of evaluation, a decision 150 s of probes and 31 evaluations of 0.5 s
        seconds = 2 * 10 * 52 + 10 * (150 + 15.5)
        await until(pilot, lambda: f"about {round(seconds / 60)} min on this machine (cpu), measured" in app.cost)
        assert len(clock.asked) == 1
        app.field("runs").value = "2"  # the speed does not depend on it
        await until(pilot, lambda: "about 1 h 30 min on this machine" in app.cost)
        app.row("model").query_one(Choice).value = "lenet"
        await until(pilot, lambda: "on this machine" not in app.planned)
        app.row("model").query_one(Choice).value = "dtu_cnn"
        await until(pilot, lambda: "on this machine" in app.planned)

    show_measured(test, clock, config=GRID)


def test_what_the_measurement_finds_stands_beside_its_field_and_the_start_may_try() -> None:
    clock = Clock(Refused("dataset", "mnist: there is no such file"))
    clock.released.set()

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await click(pilot, "#estimate")
        await until(pilot, lambda: "there is no such file" in app.problem("dataset"))
        assert app.can_start  # it may be there by now
        app.row("dataset").query_one(Choice).value = "digits"
        await until(pilot, lambda: app.problem("dataset") == "")

    show_measured(test, clock)


@pytest.mark.parametrize("key", ["escape", "ctrl+s"])
def test_a_measurement_ends_when_the_form_is_left_or_the_study_starts(key: str) -> None:
    clock = Clock(SPEED)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: clock.asked)
        await pilot.press(key)
        await until(pilot, lambda: clock.stopped)

    show_measured(test, clock)


def test_why_a_study_did_not_start_stands_beside_its_field() -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert "there is no such folder" in app.problem("dataset")
        assert app.can_start

    clock = Clock(SPEED)
    config = resolve([Layer("test", {"dataset": "folder:/nowhere"})]).config
    show_measured(test, clock, config=config, problem="folder:/nowhere: there is no such folder (looked for /nowhere).")


def test_what_was_typed_is_handed_on_when_the_form_is_left_and_is_there_again(kept_form: KeptForm) -> None:
    drafts: list[Any] = []

    async def leave(app: Host, pilot: Pilot[None]) -> None:
        app.field("epochs").value = "ten"
        app.row("dataset").query_one(Choice).value = "folder"
        app.row("search.dropout").query_one(Check).value = True
        await until(pilot, lambda: app.problem("epochs"))
        await pilot.press("escape")
        await until(pilot, lambda: app.answers)
        drafts.append(app.answers[0].draft)

    async def again(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.problem("epochs"))
        assert app.field("epochs").value == "ten"
        assert app.row("dataset").query_one(Choice).value == "folder"
        assert app.row("search.dropout").query_one(Check).value
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.can_start)
        assert app.field("epochs").value == "10"

    async def untouched(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("escape")
        await until(pilot, lambda: app.answers)
        assert app.answers[0].draft is None

    kept_form.show(leave)
    show_measured(again, Clock(SPEED), draft=drafts[0])
    kept_form.show(untouched)


def in_view(app: Host, setting: str) -> bool:
    """Whether the row that has the cursor, with its message, is all on the screen."""
    row, focused = app.row(setting), app.screen.focused
    if focused is None or row not in focused.ancestors:
        return False
    view = app.form.query_one("#form").scrollable_content_region
    return row.region in view and focused.region in view


ABSENT = (
    "MNIST could not be downloaded (URLError: <urlopen error [Errno -2] Name or service not known>): put "
    "train-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz into /home/somebody/.cache/hptui/datasets/MNIST/raw, or "
    "name the folder that has MNIST/raw with --data-dir, or use --dataset digits, which needs no network."
)


@pytest.mark.parametrize("size", SIZES)
def test_a_long_message_stands_below_its_row_and_whole(size: tuple[int, int]) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        row = app.row("data_dir")
        shown = row.query_one(".problem", Static)
        await until(pilot, lambda: row.has_class("-long") and in_view(app, "data_dir"))
        await until(pilot, lambda: shown.region.y == app.field("data_dir").region.bottom)
        assert shown.region.x - row.region.x < 8
        assert shown.region.width > row.region.width - 8
        assert 4 <= shown.region.height <= 8
        await until(pilot, lambda: "which needs no" in app.text)
        await pilot.resize_terminal(300, 24)  # and back beside it where there is room for that
        app.row("data_dir").show_problem("data_dir: it is not there, because the disk is not there, and no other")
        await until(pilot, lambda: not row.has_class("-long") and row.size.height == 1)
        assert shown.region.y == app.field("data_dir").region.y
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: row.has_class("-long"))
        row.show_problem("")
        await until(pilot, lambda: row.size.height == 1)

    async def run() -> None:
        app = Host(NewStudyScreen(DEFAULT, problem=ABSENT))
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.planned)
            await test(app, pilot)

    asyncio.run(run())


def test_a_data_set_that_could_not_be_loaded_is_told_at_one_field_by_start_and_estimate() -> None:
    clock = Clock(Refused("dataset", ABSENT))
    clock.released.set()

    async def estimated(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "could not be downloaded" in app.problem("data_dir"))
        assert app.problem("dataset") == ""

    async def not_started(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "could not be downloaded" in app.problem("data_dir"))
        assert app.problem("dataset") == ""

    show_measured(estimated, clock)
    show_measured(not_started, clock, config=DEFAULT, problem=ABSENT)


@pytest.mark.parametrize(("keys", "word"), [("med", "medmnist"), ("fold", "folder"), ("your", OWN)])
def test_a_choice_by_hand_of_what_takes_a_path_goes_on_to_the_path(keys: str, word: str, kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        choice = app.row("dataset").query_one(Choice)
        choice.focus()
        await pilot.press("enter")
        await until(pilot, lambda: choice.expanded)
        await pilot.press(*keys, "enter")
        await until(pilot, lambda: choice.value == word and app.field("dataset").has_focus)
        await pilot.press(*"q/x")
        assert app.field("dataset").value == "q/x"

    kept_form.show(test)


def test_a_choice_that_takes_no_path_or_is_filled_in_leaves_the_cursor(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        choice = app.row("dataset").query_one(Choice)
        choice.focus()
        choice.value = "folder"
        await until(pilot, lambda: app.shows_field("dataset"))
        await pilot.pause(0.05)
        assert choice.has_focus
        await pilot.press("enter")
        await until(pilot, lambda: choice.expanded)
        await pilot.press(*"digits", "enter")
        await until(pilot, lambda: choice.value == "digits" and not choice.expanded)
        await pilot.pause(0.05)
        assert choice.has_focus

    kept_form.show(test)


def test_the_footer_offers_no_quit_by_a_letter(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        app.form._rows[0].focus_first()
        assert not app.screen.active_bindings["q"].binding.show

    kept_form.show(test)


LAST = ("search.batch_size", "low")


@pytest.mark.parametrize(("setting", "part"), [("set", ""), ("device", ""), LAST])
def test_a_message_that_comes_moves_its_field_into_view(kept_form: KeptForm, setting: str, part: str) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        form = app.form.query_one("#form")
        if part:
            app.row(setting).query_one(Check).value = True
            await until(pilot, lambda: app.row(setting).query(Input))
        field = app.field(setting, part)
        field.focus()
        await until(pilot, lambda: in_view(app, setting))
        form.scroll_to(y=form.scroll_y - (form.region.bottom - 1 - field.region.y), animate=False, immediate=True)
        await until(pilot, lambda: field.region.bottom == form.region.bottom)  # the last line that is seen
        field.value = "x" * 60  # a message of several lines
        await until(pilot, lambda: app.row(setting).has_class("-wrong"))
        await until(pilot, lambda: app.row(setting).size.height > 1 and in_view(app, setting))

    kept_form.show(test)


@pytest.mark.parametrize("height", [10, 16, 30])
def test_a_resize_keeps_the_focused_field_in_view(kept_form: KeptForm, height: int) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        try:
            for setting in ("epochs", "set", "search.augmentation"):
                await pilot.resize_terminal(160, 48)
                app.row(setting).focus_first()
                await until(pilot, lambda setting=setting: in_view(app, setting))
                await pilot.resize_terminal(80, height)
                await until(pilot, lambda: app.form.size.height == height)
                await until(pilot, lambda setting=setting: in_view(app, setting))
        finally:
            await pilot.resize_terminal(80, 24)

    kept_form.show(test)


def test_the_section_of_the_focused_field_is_marked_and_what_lies_within_is_not_restyled(
    kept_form: KeptForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        def marked() -> list[Widget]:
            return [section for section in app.form.query(".section") if section.has_class("-focused")]

        app.row("epochs").focus_first()
        await until(pilot, lambda: marked() and marked()[0] in app.row("epochs").ancestors)
        await pilot.pause()
        styled: list[DOMNode] = []
        apply = Stylesheet.apply
        monkeypatch.setattr(
            Stylesheet, "apply", lambda sheet, node, **options: styled.append(node) or apply(sheet, node, **options)
        )
        app.row("search.momentum").focus_first()
        await until(pilot, lambda: marked() and marked()[0] in app.row("search.momentum").ancestors)
        await pilot.pause()
        assert len(marked()) == 1
        assert marked()[0] in styled
        assert [node for node in styled if isinstance(node, Row)] == []

    kept_form.show(test)


def test_what_stands_in_a_form_is_styled_once_when_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    styled: list[DOMNode] = []
    apply = Stylesheet.apply
    monkeypatch.setattr(
        Stylesheet, "apply", lambda sheet, node, **options: styled.append(node) or apply(sheet, node, **options)
    )

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Start" in app.text.splitlines()[-1])
        assert app.form.has_class("-narrow", "-tall")
        parts = [*app.form.query(".heading"), *app.form.query("FooterKey")]
        assert len(parts) > len(FORM) + 3
        assert {styled.count(part) for part in parts} == {1}

    show(test)


def arranged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Size | None, bool]]:
    """The sizes for which the form is arranged from now on, and whether it is wide by its classes then."""
    found: list[tuple[Size | None, bool]] = []
    arrange = Screen._refresh_layout

    def noted(screen: Screen[Any], size: Size | None = None, scroll: bool = False) -> None:
        if isinstance(screen, NewStudyScreen):
            found.append((size, screen.has_class("-wide")))
        arrange(screen, size, scroll)

    monkeypatch.setattr(Screen, "_refresh_layout", noted)
    return found


def test_a_letter_that_changes_no_message_leaves_everything_in_its_place(
    kept_form: KeptForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        field = app.field("out")
        field.focus()
        await pilot.pause()
        found = arranged(monkeypatch)
        await pilot.press("a", "b")
        await pilot.pause()
        assert field.value == "ab"
        assert found == []

    kept_form.show(test)


def test_a_terminal_of_another_size_has_all_arranged_once_for_it_with_the_classes_that_tell_it(
    kept_form: KeptForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        found = arranged(monkeypatch)
        try:
            await pilot.resize_terminal(160, 48)
            await pilot.pause()
            assert [size for size, _ in found if size is not None] == [Size(160, 48)]
            assert {is_wide for _, is_wide in found} == {True}
        finally:
            await pilot.resize_terminal(*SIZES[0])

    kept_form.show(test)


def test_who_scrolls_by_hand_is_left_alone(kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        form = app.form.query_one("#form")
        app.field("seed").focus()
        await until(pilot, lambda: app.field("seed").has_focus and in_view(app, "seed"))
        await pilot.pause()  # else the focus may scroll after this
        form.scroll_end(animate=False)
        await until(pilot, lambda: form.scroll_y == form.max_scroll_y)
        await pilot.pause(0.1)
        assert form.scroll_y == form.max_scroll_y

    kept_form.show(test)


@pytest.mark.parametrize("size", SIZES)
def test_no_line_is_wider_than_the_terminal(size: tuple[int, int], kept_form: KeptForm) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        for row in app.form._rows:
            for part in row.query("Input, Choice, Check"):
                assert part.region.right <= size[0] - 1

    show_of_size(test, size, kept_form)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["cost about 1.49 plain trainings; 1 + 1 runs of 2 epochs", "before epochs 1 to 2: grid of lr, 3"]),
        ({"baseline": "none", "decide_at": [1]}, ["cost about 1.25 plain trainings; 1 runs", "before epoch 1: grid"]),
        ({"strategy": "my/own.py:Best"}, ["what is tried, and its cost, depends on my/own.py:Best; 1 + 1 runs of 2"]),
        (
            {"search": {"lr": "1e-3:1e-1:log:1000", "dropout": "0:0.5:lin:100"}},
            [
                "cost about 16354.23",
                "before epochs 1 to 2: 1000 x 100 grid of lr, dropout, 100,000 candidates for 0.16 epochs",
            ],
        ),
        ({"greed_check": 1}, ["cost about 2.72 plain trainings, greed checks included; 1 + 1 runs"]),
        (
            {
                "strategy": "adaptive",
                "dataset": "mnist",
                "epochs": 10,
                "search": {"lr": "off", "dropout": "0:0.6:lin:3"},
            },
            [
                "cost about 1.40",
                "budget auto: 1.5",
                "before epoch 3: screen of dropout, 3 candidates for",
                "an epoch that goes wrong",
            ],
        ),
        (
            {"strategy": "adaptive", "epochs": 3},
            [
                "cost about 1.00",
                "budget auto: 1.5",
                "no budget to search lr: it takes --epochs ",
                "nothing will be decided",
            ],
        ),
        (
            {"strategy": "adaptive", "epochs": 3, "dataset": "folder:here"},
            [
                "cost about",
                "budget auto: 1.5",
                "before epoch 1: survey of lr",
                "how far the budget reaches depends on the number of images",
            ],
        ),
    ],
)
def test_the_plan_in_words(settings: dict[str, Any], expected: list[str]) -> None:
    config = configuration(**settings)
    lines = plan_words(config, planned(config, None), None)
    assert len(lines) >= len(expected)
    for line, begins in zip(lines, expected, strict=False):
        assert line.startswith(begins)


class Failing:
    """A training that could not be prepared."""

    study, alive, doing = None, False, ""
    error = "folder:/nowhere: there is no such folder (looked for /nowhere)."

    def stop(self, reason: str) -> None: ...


def test_the_app_keeps_what_was_typed_and_says_beside_its_field_why_a_study_did_not_start() -> None:
    def form(app: HptuiApp) -> NewStudyScreen | None:
        return app.screen if isinstance(app.screen, NewStudyScreen) and app.screen.query(Row) else None

    def field(app: HptuiApp, setting: str) -> Input:
        return next(row for row in app.screen.query(Row) if row.setting == setting).query_one(Input)

    async def main() -> None:
        app = HptuiApp(start=lambda config: Failing())
        async with app.run_test() as pilot:
            await until(pilot, lambda: isinstance(app.screen, StudyListScreen))
            await pilot.press("n")
            await until(pilot, lambda: form(app))
            field(app, "epochs").value = "ten"
            await pilot.press("escape")
            await until(pilot, lambda: not form(app))
            await pilot.press("n")
            await until(pilot, lambda: form(app) and field(app, "epochs").value == "ten")
            field(app, "epochs").value = "3"
            app.screen.query(Row).first().query_one(Choice).value = "folder"
            await until(pilot, lambda: app.screen.query(Row).first().query(Input))
            field(app, "dataset").value = "/nowhere"
            await until(pilot, lambda: not app.screen.query_one("#start", Button).disabled)
            first = form(app)
            await pilot.press("ctrl+s")
            await until(pilot, lambda: form(app) is not None and form(app) is not first)
            await until(pilot, lambda: app.screen.query(Row).first().has_class("-wrong"))
            assert "no such folder" in str(app.screen.query(Row).first().query_one(".problem", Static).render())
            assert field(app, "epochs").value == "3"
            await until(pilot, lambda: app.focused is field(app, "dataset"))  # and not the choice beside it
            await pilot.resize_terminal(80, 12)
            await until(pilot, lambda: app.screen.query_one(FormScroll).region.contains_region(app.focused.region))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("problem", "setting", "words"),
    [
        ("MNIST is not in /x: leave out --data-dir to download it; put ...", "data_dir", "leave out data_dir to"),
        ("digits has images of 8 x 8 and does not resize; leave out --image-size.", "image_size", "out image_size."),
        ("device 'cuda' is not there: none; use --device cpu or --device auto.", "device", "use device cpu or"),
        ("/x is not an empty folder; choose another --out.", "out", "choose another out."),
        ("strategy 'grid' has nothing to search; name a range with --search.", "strategy", "with the searched ranges."),
    ],
)
def test_a_failed_start_names_fields_and_puts_the_cursor_into_the_one_to_mend(
    problem: str, setting: str, words: str
) -> None:
    config = resolve([Layer("test", {"dataset": "digits"})]).config

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.problem(setting))
        assert words in app.problem(setting)
        await until(pilot, lambda: app.focused in app.row(setting).query("*"))
        await until(pilot, lambda: app.screen.query_one(FormScroll).region.contains_region(app.focused.region))

    show_measured(test, Clock(SPEED), config=config, problem=problem)
