"""What the dashboard gives the first place, offers in its footer, and keeps in sight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fabricate import (
    batches_trained,
    candidate_scored,
    chosen,
    configuration,
    decision_started,
    finished_study,
    make_study,
    run_started,
    trained_epoch,
    values,
    write_run,
)
from textual.pilot import Pilot
from textual.widgets import Footer, Tab, Tabs
from textual.widgets._footer import FooterKey
from textual.widgets._toast import Toast
from waiting import screen_text, until

from hptui.record.events import AnyEvent, Axis, RunContinued, RunPaused, ValuesRequested
from hptui.record.presence import Presence
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, create_study
from hptui.ui.app import HptuiApp
from hptui.ui.panels import Panel
from hptui.ui.panels.curves import CurvesPanel
from hptui.ui.panels.data import DataPanel
from hptui.ui.panels.heatmap import HeatmapPanel
from hptui.ui.panels.log import LogPanel
from hptui.ui.panels.plan import PlanPanel
from hptui.ui.panels.table import TablePanel
from hptui.ui.panels.wrong import WrongPanel
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.screens.dialogs import FullTextDialog
from hptui.ui.screens.panel_board import PanelBoard
from hptui.ui.screens.study_list import StudyListScreen
from hptui.ui.widgets.keys_line import KeysLine
from hptui.ui.widgets.strip import StatusStrip

SMALL, LARGE, WIDE = (80, 24), (120, 40), (160, 48)
LR = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.01, 0.1])
Script = Callable[[HptuiApp, Pilot[None]], Coroutine[Any, Any, None]]


def show(watch: Path, script: Script, size: tuple[int, int] = LARGE, **options: Any) -> None:
    """Run the app without a terminal and let `script` press keys."""

    async def main() -> None:
        app = HptuiApp(watch=watch, **options)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Dashboard) and app.screen._offered, "the dashboard")
            await script(app, pilot)

    asyncio.run(main())


def append(study: Study, run: str, *events: AnyEvent) -> None:
    with RunWriter(study.directory / run) as writer:
        for event in events:
            writer.append(event)


def first(app: HptuiApp) -> Panel:
    """The panel in the first place of the grid."""
    return next(iter(app.screen.query(Panel)))


def shown(app: HptuiApp) -> list[type[Panel]]:
    return [type(panel) for panel in app.screen.query(Panel) if panel.display]


def focused(app: HptuiApp) -> list[type[Panel]]:
    return [type(panel) for panel in app.screen.query(Panel) if panel.has_focus or panel.has_focus_within]


def offered(app: HptuiApp) -> dict[str, str]:
    """What the footer shows."""
    return {key.key_display: key.description for key in app.screen.query_one(Footer).query(FooterKey)}


@pytest.fixture
def beginning(tmp_path: Path) -> Study:
    """The baseline is within its first epoch; nothing is searched yet."""
    study = make_study(tmp_path / "study", epochs=3)
    begun = [run_started(arm="baseline", searched=[], epochs=3), batches_trained(1, 1), batches_trained(1, 2)]
    write_run(study, "baseline", 0, begun)
    return study


def begin_decision(study: Study) -> None:
    write_run(study, "optimized", 0, [run_started(searched=[LR], epochs=3), decision_started(0, 1, axes=[LR])])


# ---- the first place


@pytest.mark.parametrize("size", [SMALL, LARGE, WIDE])
def test_curves_have_the_first_place_until_a_decision_begins(beginning: Study, size: tuple[int, int]) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: focused(app) == [CurvesPanel], "the curves")
        assert isinstance(first(app), CurvesPanel)
        assert "3 Learning curves" in screen_text(app)
        if size == SMALL:
            assert shown(app) == [CurvesPanel]
            assert app.screen.query_one(Tabs).active == "tab-3"
        else:
            curves, heatmap = app.screen.query_one(CurvesPanel), app.screen.query_one(HeatmapPanel)
            assert (curves.region.x, curves.region.y) == (0, 2)
            assert curves.outer_size.height > heatmap.outer_size.height
            await until(pilot, lambda: screen_text(app).count("baseline-0 is a") == 2, "what will appear")
        begin_decision(beginning)
        await until(pilot, lambda: focused(app) == [HeatmapPanel], "the heatmap")
        assert isinstance(first(app), HeatmapPanel)
        await until(pilot, lambda: "decision 1/1 for epoch 1" in screen_text(app), "the decision")

    show(beginning.directory, script, size)


@pytest.mark.parametrize(("size", "key", "panel"), [(SMALL, "4", TablePanel), (LARGE, "1", HeatmapPanel)])
def test_the_panel_that_somebody_chose_stays(
    beginning: Study, size: tuple[int, int], key: str, panel: type[Panel]
) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: focused(app) == [CurvesPanel], "the curves")
        await pilot.press(key)
        await until(pilot, lambda: focused(app) == [panel], "what was chosen")
        assert isinstance(first(app), HeatmapPanel if size == LARGE else CurvesPanel)
        append(beginning, "baseline-0", *trained_epoch(1))
        begin_decision(beginning)
        await until(pilot, lambda: "optimized-0" in screen_text(app).splitlines()[0], "the next run")
        await pilot.pause(0.3)
        assert focused(app) == [panel]
        await pilot.press("1", "f")  # as they come again

    show(beginning.directory, script, size)


def test_after_f_the_first_place_is_given_anew(beginning: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: focused(app) == [CurvesPanel], "the curves")
        await pilot.press("1")
        await until(pilot, lambda: isinstance(first(app), HeatmapPanel), "the heatmap")
        await pilot.press("f")
        await until(pilot, lambda: focused(app) == [CurvesPanel], "the curves")

    show(beginning.directory, script)


def test_the_loss_goes_on_within_the_first_epoch(beginning: Study) -> None:
    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "training loss of baseline-0 0.7" in screen_text(app), "the loss")
        append(beginning, "baseline-0", batches_trained(1, 3, loss=0.25))
        await until(pilot, lambda: "training loss of baseline-0 0.25" in screen_text(app), "the next batches")

    show(beginning.directory, script, WIDE)


# ---- the footer


def searching(directory: Path, axes: list[Axis]) -> Study:
    study = make_study(directory, epochs=3)
    write_run(study, "optimized", 0, [run_started(searched=axes, epochs=3), *trained_epoch(1)])
    return study


def test_the_footer_offers_what_can_be_done_now(tmp_path: Path) -> None:
    study = searching(tmp_path / "study", [LR])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        async def offers(words: set[str], no: set[str]) -> None:
            await until(pilot, lambda: words <= {*offered(app).values()}, f"an offer of {words}")
            assert not no & {*offered(app).values()}

        asked = {"Ranges", "Epochs", "Stop"}
        await offers({"List", "Zoom", "Quit", "Help"}, {*asked, "Pause", "Continue", "Export"})  # nobody trains
        with ExitStack() as stack:
            stack.enter_context(Presence(study.directory))
            stack.enter_context(Presence(study.directory / "optimized-0"))
            await offers({*asked, "Pause"}, {"Continue"})
        write = [RunPaused(by="me"), RunContinued(by="me")]
        append(study, "optimized-0", write[0])
        with Presence(study.directory), Presence(study.directory / "optimized-0"):
            await offers({*asked, "Continue"}, {"Pause"})
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: "Zoom" not in offered(app).values(), "no zoom, where it does nothing")

    show(study.directory, script)


def test_ranges_are_not_offered_where_nothing_is_searched(tmp_path: Path) -> None:
    study = searching(tmp_path / "study", [])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory), Presence(study.directory / "optimized-0"):
            await until(pilot, lambda: "Stop" in offered(app).values(), "an offer")
            assert "Ranges" not in offered(app).values()
            await pilot.press("r")
            await until(pilot, lambda: "nothing is searched in this study" in screen_text(app), "the reason")

    show(study.directory, script)


def test_ranges_are_offered_before_a_search_that_has_no_budget_yet(tmp_path: Path) -> None:
    """Epochs may be added; and once the run has begun that searches, they are there in any case."""
    config = configuration(strategy="adaptive", search={"lr": "1e-4:1e-2:log"})
    study = create_study(tmp_path / "study", config, "f" * 64, {"baseline": 1.0, "optimized": 1.0})
    write_run(study, "baseline", 0, [run_started(arm="baseline", searched=[]), *trained_epoch(1)])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory), Presence(study.directory / "baseline-0"):
            await until(pilot, lambda: "Ranges" in offered(app).values(), "an offer")

    show(study.directory, script)


def test_a_finished_study_offers_no_steering_and_the_key_tells_why(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.7])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "List" in offered(app).values(), "the footer")
        assert not {"Pause", "Continue", "Step", "Ranges", "Epochs", "Stop"} & {*offered(app).values()}
        assert "Export" in offered(app).values()
        await pilot.press("x")
        await until(pilot, lambda: "this study is finished" in screen_text(app), "the reason")

    show(study.directory, script, export=lambda *anything: None)


def test_all_that_the_footer_offers_at_most_fits_80_columns(tmp_path: Path) -> None:
    study = write_edge(tmp_path / "study")
    append(study, "optimized-0", RunPaused(by="me"))

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        with Presence(study.directory), Presence(study.directory / "optimized-0"):
            await until(pilot, lambda: {"Continue", "Advice", "Export"} <= {*offered(app).values()}, "all offers")
            await until(pilot, lambda: screen_text(app).splitlines()[-1].rstrip().endswith("? Help"), "the last one")
        append(study, "optimized-0", ValuesRequested(by="me", epoch=2, values={"lr": 0.1}))
        with Presence(study.directory), Presence(study.directory / "optimized-0"):
            await until(pilot, lambda: "Search" in offered(app).values(), "what ends values by hand")
            await until(pilot, lambda: screen_text(app).splitlines()[-1].rstrip().endswith("? Help"), "the last one")

    show(study.directory, script, SMALL, export=lambda *anything: None)


def test_the_footer_keeps_its_parts_when_what_it_offers_changes(tmp_path: Path) -> None:
    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        footer = app.screen.query_one(KeysLine)

        async def parts() -> list[FooterKey]:
            await until(pilot, lambda: footer.is_current, "what can be done")
            await pilot.pause()
            found = list(footer.query(FooterKey))
            can = {(key, binding.description) for key, (_, binding, *_) in app.screen.active_bindings.items()}
            assert {(part.key, part.description) for part in found} <= can
            lines = screen_text(app).splitlines()
            assert all(f"{part.key_display} {part.description}" in lines[-1] for part in found)
            return found

        alone, before = await parts(), offered(app)
        with Presence(study.directory), Presence(study.directory / "optimized-0"):
            await until(pilot, lambda: "Pause" in offered(app).values(), "what whoever trains can be asked for")
            trained = await parts()
        assert len(trained) > len(alone)
        assert trained[: len(alone)] == alone
        await until(pilot, lambda: offered(app) == before, "what can be done without")
        assert await parts() == alone

    show(study.directory, script)


def test_a_footer_whose_screen_has_gone_has_nothing_to_say(tmp_path: Path) -> None:
    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        footer = app.screen.query_one(KeysLine)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StudyListScreen) and not footer.is_attached, "the list")
        await footer._renew()  # the keys had changed at the last moment

    show(study.directory, script)


def test_escape_closes_what_is_open_before_it_leads_to_the_list(tmp_path: Path) -> None:
    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        panel = app.screen.query_one(HeatmapPanel)
        await until(pilot, lambda: panel._grid is not None, "the grid")
        await pilot.press("c")
        await until(pilot, lambda: panel.view.cursor is not None, "the cursor")
        await pilot.press("escape")
        await until(pilot, lambda: panel.view.cursor is None, "no cursor")
        assert isinstance(app.screen, Dashboard)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StudyListScreen), "the list")

    show(study.directory, script)


# ---- resizing


@pytest.mark.parametrize("key", "2345")
def test_the_panel_with_the_focus_is_in_sight_after_a_resize(tmp_path: Path, key: str) -> None:
    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        for _ in range(int(key) - 1):  # as Tab goes, which chooses no panel
            await pilot.press("tab")
        await until(pilot, lambda: focused(app) != [HeatmapPanel], "another panel")
        before = focused(app)
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: shown(app) == before, "the same panel alone")
        assert focused(app) == before
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: len(shown(app)) > 3, "all panels")
        assert focused(app) == before

    show(study.directory, script)


def test_a_resize_may_come_before_the_tabs_are_there(tmp_path: Path) -> None:
    """On a busy machine the first one of a window does."""

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        board = app.screen.query_one(PanelBoard)
        tabs = board.query_one(Tabs)
        (place,) = tabs.query("#tabs-list")
        await tabs.query(Tab).remove()
        board.go_to(3)
        await place.mount(*(Tab(f"{number}", id=f"tab-{number}") for number in range(1, 9)))
        await until(pilot, lambda: tabs.active == "tab-3", "the tab of what is shown")

    show(finished_study(tmp_path / "study", [0.5], [0.75]).directory, script, SMALL)


def test_log_and_plan_have_room_on_a_large_screen(tmp_path: Path) -> None:
    """They had four lines of 48."""
    study = finished_study(tmp_path / "study", [0.5], [0.6])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        log, plan = app.screen.query_one(LogPanel), app.screen.query_one(PlanPanel)
        await until(pilot, lambda: log.size.height >= 7 and plan.size.height >= 7, "their room")
        assert str(plan.border_subtitle) == str(log.border_subtitle).partition(" | ")[0]  # both name the run

    show(study.directory, script, WIDE)


def test_the_row_under_the_cursor_is_in_sight_after_a_resize(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5] * 20, [0.6] * 20)

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        table = app.screen.query_one(TablePanel).table
        await pilot.press("4")
        await until(pilot, lambda: table.row_count == 40 and table.has_focus, "all rows")
        await pilot.press("end")
        table.move_cursor(row=30)
        await until(pilot, lambda: table.cursor_row == 30, "the cursor")
        await pilot.resize_terminal(80, 12)

        def in_sight() -> bool:
            top = table.scroll_y + table.header_height
            return top <= table.cursor_row + table.header_height < table.scroll_y + table.size.height

        await until(pilot, in_sight, "the row")

    show(study.directory, script, (120, 60))


# ---- advice and notices


def write_edge(directory: Path) -> Study:
    """Two decisions that chose the highest rate of the range: there is advice."""
    study = make_study(directory, epochs=3)
    events: list[AnyEvent] = [run_started(searched=[LR], epochs=3)]
    for number in (0, 1):
        events += [decision_started(number, number + 1, axes=[LR])]
        events += [candidate_scored(number, n, values=values(lr), score=0.5 - n / 10) for n, lr in enumerate(LR.values)]
        events += [chosen(number, number + 1, candidate=2, values=values(0.1)), *trained_epoch(number + 1)]
    write_run(study, "optimized", 0, events)
    return study


def test_the_comparison_can_be_read_whatever_panel_was_in_sight(tmp_path: Path) -> None:
    """A small terminal shows one panel, and not the one that has the comparison."""
    study = finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.7])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        assert not app.screen.query_one(TablePanel).display
        await until(pilot, lambda: "i Advice" in screen_text(app), "the key")
        await pilot.press("i")
        await until(pilot, lambda: "With 2 pairs" in screen_text(app), "the comparison")

    show(study.directory, script, SMALL)


@pytest.mark.parametrize("size", [SMALL, LARGE, (40, 12)])
def test_advice_is_read_in_full_however_small_the_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    from hptui.reading.cautions import cautions

    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        (advice,) = cautions(app.screen.viewer.run.state)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, FullTextDialog), "the advice")
        seen: list[str] = []

        async def read() -> bool:
            seen.extend(line.strip(" │▁▂▃▄▅▆▇█") for line in screen_text(app).splitlines() if "│" in line)
            await pilot.press("down")
            return advice in " ".join(dict.fromkeys(seen))

        for _ in range(20):
            if await read():
                break
        assert advice in " ".join(dict.fromkeys(seen))

    show(study.directory, script, size)


def test_the_key_for_advice_explains_the_marks_of_the_heatmap(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    scored = [candidate_scored(0, n, values=values(lr), score=0.5 - n / 10) for n, lr in enumerate(LR.values)]
    reason = "lowest score of the 2 candidates that were not left out (left out: 1 with last weights far behind)"
    taken = chosen(candidate=0, values=values(LR.values[0]), excluded=[2], reason=reason)
    write_run(study, "optimized", 0, [run_started(searched=[LR]), decision_started(axes=[LR]), *scored, taken])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "! left out, or better, not taken" in screen_text(app), "the legend")
        await until(pilot, lambda: "i Advice" in screen_text(app), "the key")
        await pilot.press("i")
        for words in ("left out: the strategy did not compare it", "better, not taken: its score is better"):
            await until(pilot, lambda words=words: words in screen_text(app), words)
        assert "last weights far behind: the loss of the weights after" in screen_text(app)

    show(study.directory, script, (100, 30))


def test_advice_wraps_beside_the_charts_or_names_the_key(tmp_path: Path) -> None:
    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "! lr sits on the upper edge" in screen_text(app), "all of it")
        assert "better values may lie beyond it." in " ".join(screen_text(app).replace("┃", " ").split())
        await pilot.resize_terminal(80, 14)
        await until(pilot, lambda: "! i: advice in full (1)" in screen_text(app), "the key")

    show(study.directory, script, SMALL)


def test_notices_lie_neither_over_the_state_and_the_load_nor_over_the_log(tmp_path: Path) -> None:
    study = write_edge(tmp_path / "study")

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        await pilot.press("x")
        await until(pilot, lambda: app.screen.query(Toast), "a notice")
        (notice,) = app.screen.query(Toast)
        await until(pilot, lambda: notice.region.height > 0, "its place")
        strip, log = app.screen.query_one(StatusStrip).region, app.screen.query_one(LogPanel).region
        footer = app.screen.query_one(Footer).region
        assert (notice.region.right, notice.region.bottom) == (strip.right, footer.y)
        assert not notice.region.overlaps(strip)
        assert not notice.region.overlaps(log)
        assert notice._notification.timeout <= 20  # it goes by itself

    show(study.directory, script)


def test_a_panel_that_stands_alone_has_the_whole_screen_and_leaves_the_grid_as_it_was(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])

    async def script(app: HptuiApp, pilot: Pilot[None]) -> None:
        grid = shown(app)
        assert WrongPanel not in grid
        assert DataPanel not in grid
        assert (offered(app)["7"], offered(app)["8"]) == ("Most wrong", "Data")
        await pilot.press("5", "7")
        await until(pilot, lambda: focused(app) == [WrongPanel], "the images")
        assert shown(app) == [WrongPanel]
        await until(pilot, lambda: "no predictions saved by this run" in screen_text(app), "why there is none")
        await pilot.press("8")
        await until(pilot, lambda: focused(app) == [DataPanel], "the data")
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: shown(app) == [DataPanel] and " 8 Data" in screen_text(app), "its tab")
        await until(pilot, lambda: not {"7", "8"} & offered(app).keys(), "a footer without them: the tabs name them")
        await pilot.resize_terminal(*LARGE)
        await until(pilot, lambda: "esc" in offered(app) and offered(app)["esc"] == "All panels", "a way back")
        await pilot.press("escape")
        await until(pilot, lambda: shown(app) == grid, "all panels")
        await until(pilot, lambda: focused(app) == [LogPanel], "the panel that was left")
        await pilot.press("7", "2")  # from one to a place on the grid
        await until(pilot, lambda: shown(app) == grid, "all panels")

    show(study.directory, script)
