"""The dashboard through its keys: on studies made by hand, and steering a training in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from adaptive_log import SCREEN_REASON, SURVEY_REASON, adaptive_run
from fabricate import (
    candidate_scored,
    chosen,
    configuration,
    decision_started,
    finished_study,
    make_study,
    run_started,
    trained_epoch,
    values,
    whole_run,
    write_run,
)
from textual.pilot import Pilot
from textual.widgets import Input, Tab, Tabs
from waiting import click, screen_text, until

from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import (
    AddEpochs,
    ChangeRanges,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
)
from hptui.record.events import Axis, CommandRefused, RunPaused
from hptui.record.presence import Presence
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, create_study
from hptui.ui.app import HptuiApp
from hptui.ui.messages import StartStudy
from hptui.ui.panels.curves import CurvesPanel
from hptui.ui.panels.heatmap import HeatmapPanel
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.dialogs import ChoiceDialog
from hptui.ui.screens.panel_board import PanelBoard
from hptui.ui.screens.ranges_dialog import RangesDialog

LR = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.01, 0.1])
DROPOUT = Axis(name="dropout", low=0.0, high=0.5, scale="linear", values=[0.0, 0.5])
Script = Callable[[HptuiApp, Pilot[None]], Coroutine[Any, Any, None]]


def show(watch: Path, script: Script, size: tuple[int, int] = (120, 40), **options: Any) -> None:
    """Run the app without a terminal and let `script` press keys."""

    async def main() -> None:
        app = HptuiApp(watch=watch, **options)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            await script(app, pilot)

    asyncio.run(main())


def cells(decision: int) -> list[Any]:
    combinations = [(lr, rate) for lr in LR.values for rate in DROPOUT.values]
    return [
        candidate_scored(decision, n, values=values(lr) | {"dropout": rate}, score=0.5 - n / 100 - decision / 10)
        for n, (lr, rate) in enumerate(combinations)
    ]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """One pair; the optimized run has made two of three decisions, and stands within the third."""
    study = make_study(tmp_path / "study", epochs=3)
    write_run(study, "baseline", 0, [run_started(arm="baseline", epochs=3), *trained_epoch(1)])
    events: list[Any] = [run_started(searched=[LR, DROPOUT], epochs=3)]
    for number in (0, 1):
        events += [decision_started(number, number + 1, axes=[LR, DROPOUT]), *cells(number)]
        winner = values(0.1) | {"dropout": 0.5}
        events += [chosen(number, number + 1, candidate=5, values=winner), *trained_epoch(number + 1)]
    events += [decision_started(2, 3, axes=[LR, DROPOUT]), *cells(2)[:4]]
    write_run(study, "optimized", 0, events)
    return study


def notices(app: HptuiApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


def heatmap(app: HptuiApp) -> str:
    panel = app.screen.query_one(HeatmapPanel)
    return "\n".join(panel.render_line(y).text for y in range(panel.size.height))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 48)])
def test_the_newest_decision_is_shown_with_its_cells(study: Study, size: tuple[int, int]) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3 for epoch 3" in heatmap(app))
        assert heatmap(app).count("·") == 2 + 1  # two cells left, and the legend
        shown = screen_text(app)
        assert "study" in shown
        assert "optimized-0" in shown

    show(study.directory, script, size)


def test_decisions_are_gone_through_and_followed_again(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        for keys, shown in ((["h"], 2), (["left"], 1), (["h"], 1), (["l"], 2), (["right"], 3), (["h", "h"], 1)):
            await pilot.press(*keys)
            await until(pilot, lambda shown=shown: f"decision {shown}/3" in heatmap(app))
        assert "f follows" in heatmap(app)
        assert "◆" in heatmap(app)
        await pilot.press("f")
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        assert "f follows" not in heatmap(app)

    show(study.directory, script)


def test_axes_and_values_can_be_chosen(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "→ dropout (linear)   ↑ lr (log)" in heatmap(app))
        await pilot.press("a")
        await until(pilot, lambda: "→ lr (log)   ↑ dropout (linear)" in heatmap(app))
        seen = set()
        for _ in range(6):
            await pilot.press("v")
            await pilot.pause()
            seen.add(heatmap(app).partition("|")[2].split(",")[0].strip())
        assert seen == {"score", "loss", "accuracy", "raw_accuracy", "sensitivity", "specificity"}

    show(study.directory, script)


def test_the_cursor_shows_exact_values_and_enter_uses_them(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        inbox = CommandInbox(study.directory)
        await pilot.press("h", "c")
        await until(pilot, lambda: "score 0.35 | lr 0.1, dropout 0.5" in heatmap(app))
        await pilot.press("j", "h")
        await until(pilot, lambda: "score 0.38 | lr 0.01, dropout 0" in heatmap(app))
        await pilot.press("enter")
        await pilot.pause()
        assert inbox.receive() == []  # nobody trains: nothing is asked
        with Presence(study.directory):
            await pilot.press("enter")  # another run is trained
            await until(pilot, lambda: "optimized-0 is lost: only a run that is trained now" in notices(app))
            with Presence(study.directory / "optimized-0"):
                await pilot.press("enter")
                await pilot.pause()
        (command,) = inbox.receive()
        assert isinstance(command, UseValues)
        assert (command.run, command.values) == ("optimized-0", {"lr": 0.01, "dropout": 0.0})
        await pilot.press("escape")
        await until(pilot, lambda: "decision 2/3" in heatmap(app))

    show(study.directory, script)


def test_a_click_puts_the_cursor_on_a_cell(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        await click(pilot, HeatmapPanel, offset=(14, 4))
        await until(pilot, lambda: "not measured | dropout 0, lr 0.1" in heatmap(app))

    show(study.directory, script)


def test_every_steering_key_sends_its_command(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        inbox = CommandInbox(study.directory)
        received: list[Any] = []

        async def sent(kind: type) -> Any:
            await until(pilot, lambda: received.extend(inbox.receive()) or received)
            assert [type(command) for command in received] == [kind]
            return received.pop()

        with Presence(study.directory), Presence(study.directory / "optimized-0") as trained:
            await pilot.press("space")
            await sent(Pause)
            await pilot.press("s")
            await sent(StepEpoch)
            await pilot.press("u")
            assert (await sent(UseValues)).values == {}
            await pilot.press("plus")
            await until(pilot, lambda: app.screen.query("#number"))
            await pilot.press("7", "enter")
            assert (await sent(AddEpochs)).epochs == 7
            for choice, kind in (("run", StopRun), ("study", StopStudy)):
                await pilot.press("x")
                await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
                await click(pilot, f"#{choice}")
                await sent(kind)
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            assert inbox.receive() == []
            trained.__exit__(None, None, None)
            write_run_more(study, RunPaused(by="me"))
            with Presence(study.directory / "optimized-0"):
                await until(pilot, lambda: app.screen.viewer.run.status == "paused")
                await pilot.press("space")
                await sent(Continue)

    show(study.directory, script)


def write_run_more(study: Study, event: Any) -> None:
    with RunWriter(study.directory / "optimized-0") as writer:
        writer.append(event)


def test_ranges_are_edited_and_sent_whole(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        inbox = CommandInbox(study.directory)
        with Presence(study.directory):
            await pilot.press("r")
            await until(pilot, lambda: isinstance(app.screen, RangesDialog))
            await until(pilot, lambda: "lr 0.001 0.01 0.1" in screen_text(app))
            assert "3 cells" in screen_text(app)
            assert "fixed 0.9" in screen_text(app)  # momentum, in force in the run that is looked at
            await pilot.press("tab", *"1e-4", "enter", *"1e-2", "enter", "tab", *"5")
            await until(pilot, lambda: "lr 0.0001 0.000316 0.001 0.00316 0.01" in screen_text(app))
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            (command,) = inbox.receive()
        assert isinstance(command, ChangeRanges)
        assert command.search == {"lr": "0.0001:0.01:log:5"}

    show(study.directory, script)


def test_small_terminals_have_tabs_and_resizing_breaks_nothing(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        await until(pilot, lambda: "1 Epoch heatmap" in screen_text(app))
        for number, words in ((4, "specificity"), (5, "decision 3 for epoch 3"), (1, "decision 3/3")):
            await pilot.press(str(number))
            await until(pilot, lambda words=words: words.replace("specificity", "spec %") in screen_text(app))
        for size in ((20, 5), (1, 1), (300, 90), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.15)
        await until(pilot, lambda: "decision 3/3" in heatmap(app))

    show(study.directory, script, (80, 24))


def test_a_tab_that_is_told_late_changes_nothing(study: Study) -> None:
    """Of two keys in quick succession; to obey both would go back and forth for ever."""

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await pilot.press("3")
        tabs = app.screen.query_one(Tabs)
        await until(pilot, lambda: tabs.active == "tab-3")
        late = Tabs.TabActivated(tabs, tabs.query_one("#tab-2", Tab))
        app.screen.query_one(PanelBoard).obey_tab(late)
        await pilot.pause()
        assert tabs.active == "tab-3"
        assert app.screen.query_one(CurvesPanel).has_class("-shown")

    show(study.directory, script, (80, 24))


def test_the_cursor_stays_within_a_smaller_grid(study: Study) -> None:
    smaller = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.1])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await pilot.press("c", "k", "k", "l")
        await until(pilot, lambda: "| dropout 0.5, lr 0.1" in heatmap(app))
        write_run_more(study, decision_started(3, 4, axes=[smaller]))
        await until(pilot, lambda: "not measured | lr 0.1" in heatmap(app))
        await pilot.press("h", "enter", "escape", "h", "c")
        await until(pilot, lambda: "dropout" in heatmap(app))

    show(study.directory, script)


def test_keys_pressed_twice_open_one_dialog_and_a_refusal_is_told(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory):
            await pilot.press("r", "r", "r")
            await until(pilot, lambda: isinstance(app.screen, RangesDialog))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            await pilot.pause()
            assert isinstance(app.screen, Dashboard)
        write_run_more(study, CommandRefused(by="me", reason="[no] such thing"))
        await until(pilot, lambda: "[no] such thing" in notices(app))

    show(study.directory, script)


def test_a_refusal_by_all_runs_at_work_is_told_once(tmp_path: Path) -> None:
    made = make_study(tmp_path / "study", runs=2)
    names = [("baseline", 0), ("optimized", 0), ("baseline", 1)]
    for arm, seed in names:
        write_run(made, arm, seed, [run_started(arm=arm, seed=seed)])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        told: list[str] = []
        await until(pilot, lambda: app.screen._notices._knows_old)
        app.screen.notify = lambda message, **_: told.append(message)  # type: ignore[method-assign]
        for number, (arm, seed) in enumerate(reversed(names)):
            with RunWriter(made.directory / f"{arm}-{seed}") as writer:
                writer.append(CommandRefused(by="me", reason="no"))
                if number == 2:
                    writer.append(CommandRefused(by="me", reason="once more"))
        await until(pilot, lambda: "once more" in told)
        assert told == ["no", "once more"]

    show(made.directory, script)


def test_ranges_that_are_still_to_come_are_what_the_dialog_begins_with(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory):
            for steps, cells in (("5", "5 cells"), ("", "5 cells")):
                await pilot.press("r")
                await until(pilot, lambda: isinstance(app.screen, RangesDialog))
                if steps:
                    app.screen.query_one("RangeRow .steps", Input).value = steps
                await until(pilot, lambda cells=cells: cells in screen_text(app))
                await pilot.press("ctrl+s")
                await until(pilot, lambda: isinstance(app.screen, Dashboard))

    show(study.directory, script)


def test_one_panel_full_screen_and_back(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        panel = app.screen.query_one(HeatmapPanel)
        before = panel.size
        await pilot.press("z")
        await until(pilot, lambda: panel.size.width > 1.5 * before.width)
        await pilot.press("z")
        await until(pilot, lambda: panel.size == before)

    show(study.directory, script, (160, 48))


def test_help_palette_colours_and_ascii(study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen.query("HelpPanel"))
        await pilot.press("question_mark")
        await until(pilot, lambda: not app.screen.query("HelpPanel"))
        await pilot.press("A")
        await until(pilot, lambda: heatmap(app).isascii())
        await pilot.press("C")
        await until(pilot, lambda: app.palette.map == "cividis")
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"List", "Zoom", "Use the cell's values", "Quit", "Help"} <= titles
        assert not {"Pause", "Step", "Ranges", "Stop", "Export"} & titles  # nobody trains, and nothing can be written

    show(study.directory, script)

    async def remembered(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        assert heatmap(app).isascii()
        assert app.palette.map == "cividis"

    show(study.directory, remembered)


def test_no_color_keeps_the_heatmap_readable(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "decision 3/3" in heatmap(app))
        assert "0.27" in heatmap(app)

    show(study.directory, script)


def test_a_finished_study_is_replayed_and_nothing_can_be_asked_of_it(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "[red]done", [0.5, 0.6], [0.7, 0.7])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "[red]done" in screen_text(app))  # literally, never as markup
        await until(pilot, lambda: "finished" in screen_text(app))
        inbox = CommandInbox(study.directory)
        await pilot.press("space")
        await until(pilot, lambda: "this study is finished" in notices(app))
        for key in ("r", "plus", "x"):
            await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)  # no dialog that leads nowhere
        assert inbox.receive() == []
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running or app._exit)

    show(study.directory, script)


class FakeTraining:
    """What the app knows of a training in its own process."""

    doing = ""

    def __init__(self, study: Path | None = None, error: str | None = None) -> None:
        self.study, self.error, self.alive, self.reason = study, error, error is None, ""

    def stop(self, reason: str) -> None:
        self.reason, self.alive = reason, False


def test_the_screen_waits_for_the_study_and_quitting_asks(study: Study) -> None:
    training = FakeTraining()

    async def main() -> None:
        app = HptuiApp(begin=lambda: training)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "reading data" in screen_text(app))
            training.study = study.directory
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            assert training.alive
            await pilot.press("ctrl+q")  # Textual's own key would leave without asking
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            assert training.alive
            await pilot.press("ctrl+c")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.press("ctrl+c")
            await until(pilot, lambda: app._exit)
            assert training.reason == "quit"

    asyncio.run(main())


def test_an_error_in_the_worker_is_shown_and_the_app_stays_usable(study: Study) -> None:
    training = FakeTraining(study.directory)

    async def main() -> None:
        app = HptuiApp(begin=lambda: training)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            training.error, training.alive = "optimized-0 failed: no [memory] (more in error.log)", False
            await until(pilot, lambda: "no [memory] (more in error.log)" in notices(app))
            await until(
                pilot, lambda: "decision 3/3" in heatmap(app)
            )  # before it is read there is none to go back from
            await pilot.press("h")
            await until(pilot, lambda: "decision 2/3" in heatmap(app))

    asyncio.run(main())


def test_configurations_reach_the_one_who_trains() -> None:
    config = configuration()
    started = []

    async def main() -> None:
        from hptui.ui.screens.new_study import NewStudyScreen

        app = HptuiApp(start=lambda wanted: started.append(wanted) or FakeTraining())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            app.push_screen(NewStudyScreen())
            await until(pilot, lambda: app.screen.query("RangeRow Input"))
            await pilot.pause()
            app.screen.post_message(StartStudy(config))
            await until(pilot, lambda: started)

    asyncio.run(main())
    assert started == [config]


def test_a_start_from_the_form_that_fails_brings_the_form_back(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configuration(epochs=7)

    async def main() -> None:
        from hptui.ui.screens.new_study import NewStudyScreen

        training = FakeTraining()
        app = HptuiApp(start=lambda wanted: training)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            app.push_screen(NewStudyScreen())
            await until(pilot, lambda: app.screen.query("RangeRow Input"))
            await pilot.pause()
            app.screen.post_message(StartStudy(config))
            await until(pilot, lambda: "reading data" in screen_text(app))
            await until(pilot, lambda: app._training.alive)
            await pilot.press("q")  # a dialog lies over it while it fails
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
            training.error, training.alive = "no such file", False
            await until(pilot, lambda: "no such file" in notices(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, NewStudyScreen))
            await until(pilot, lambda: any(field.value == "7" for field in app.screen.query(Input)))

    asyncio.run(main())


@pytest.fixture
def adaptive_study(tmp_path: Path) -> Study:
    study = make_study(tmp_path / "study", epochs=3, strategy="adaptive", baseline="none")
    write_run(study, "optimized", 0, adaptive_run())
    return study


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 48)])
def test_rounds_of_a_decision_are_gone_through_with_the_reason_beside_them(
    adaptive_study: Study, size: tuple[int, int]
) -> None:
    def words(app: HptuiApp) -> str:
        return " ".join(heatmap(app).split())

    def shown(app: HptuiApp) -> list[str]:
        """Decision and round that are looked at; others may be shown below."""
        first, second, *_ = heatmap(app).split("\n")
        return [first[:12], second[:12]]

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "round 2 of 2: 2 for 0.8 epochs more (1.6 in all)" in words(app))
        await until(pilot, lambda: f"chosen: {SCREEN_REASON}" in words(app))
        await pilot.press("h")
        await until(pilot, lambda: shown(app) == ["decision 2/2", "round 1 of 2"])
        assert "round 1 of 2: 5 candidates for 0.8 epochs" in words(app)
        assert "f follows" in words(app)
        for tick in ("0.267", "0.533", "2.15e-5", "0.000464"):  # all four levels that were searched
            assert tick in words(app)
        await pilot.press("h")
        await until(pilot, lambda: shown(app) == ["decision 1/2", "round 2 of 2"])
        assert "!0.330" in words(app)
        assert "◆0.340" in words(app)
        assert "round 1 of 2: 3 candidates for 0.2 epochs" in words(app)  # below, with colours of its own
        assert SURVEY_REASON in words(app)
        await pilot.press("h")
        await until(pilot, lambda: shown(app) == ["decision 1/2", "round 1 of 2"])
        await pilot.press("h")  # there is nothing before it
        await pilot.press("l", "l", "l")
        await until(pilot, lambda: shown(app) == ["decision 2/2", "round 2 of 2"])
        await pilot.press("h", "f")
        await until(pilot, lambda: "f follows" not in words(app) and shown(app)[1] == "round 2 of 2")

    show(adaptive_study.directory, script, size)


def test_a_click_finds_its_cell_below_the_words(adaptive_study: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "round 2 of 2" in heatmap(app))
        await pilot.press("h")
        await until(pilot, lambda: heatmap(app).split("\n")[1].startswith("round 1 of 2"))
        lines = heatmap(app).split("\n")
        y = next(n for n, line in enumerate(lines) if "0.1900" in line)
        await click(pilot, HeatmapPanel, offset=(lines[y].index("0.1900") + 1, y + 1))  # a border is around it
        await until(pilot, lambda: "score 0.19 | lr 0.01, dropout 0.266667, weight_decay 1e-06" in heatmap(app))

    show(adaptive_study.directory, script)


@pytest.mark.parametrize("finished", [False, True])
def test_what_was_found_before_the_training_is_shown_once_while_it_goes_on(tmp_path: Path, finished: bool) -> None:
    """Of a finished study the report has it."""
    made = make_study(tmp_path / "made")
    warned = create_study(
        tmp_path / "study", made.config, "f" * 64, made.planned_cost, warnings=("net ends in softmax", "[b]literal")
    )
    for arm in ("baseline", "optimized"):
        events = whole_run(arm)
        write_run(warned, arm, 0, events if finished else events[:-1])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: not app.screen._catching_up.is_behind)
        if not finished:
            await until(pilot, lambda: "net ends in softmax" in notices(app))
        for _ in range(3):
            await pilot.pause(0.2)
        told = [notice for notice in app._notifications if notice.title == "found before training"]
        assert [notice.message for notice in told] == ([] if finished else ["net ends in softmax", "[b]literal"])

    show(warned.directory, script)
