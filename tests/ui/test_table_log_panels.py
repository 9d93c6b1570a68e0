"""The table of accuracies and the log in a small app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fabricate import (
    epoch_completed,
    evaluated,
    finished_study,
    make_study,
    run_completed,
    run_started,
    trained_epoch,
    whole_run,
    write_run,
)
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input, RichLog
from waiting import until

from hptui.reading.comparison import compare
from hptui.reading.studies import FollowedRun, FollowedStudy, follow
from hptui.record.events import CheckpointSaved, EpochsAdded, RunFailed, RunPaused
from hptui.record.presence import Presence
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.event_words import event_words
from hptui.ui.panels import LookAtRun
from hptui.ui.panels import table as table_module
from hptui.ui.panels.log import KEYS, LogPanel
from hptui.ui.panels.table import COLUMNS, TablePanel
from ui.panel_host import make_scene, piloted, whole


def rows(found: list[str]) -> dict[str, list[str]]:
    """Words of each row by run, without the border and the mark."""
    words = [row.strip("│▁▂▃▄▅▆▇█ ").lstrip("> ").split() for row in found[1:-1]]
    return {row[0]: row[1:] for row in words if row and row[0].partition("-")[0] in ("baseline", "optimized")}


@pytest.mark.parametrize(
    ("seconds", "spent"),
    [(8.0, "8 s"), (999.4, "999 s"), (1000.0, "0:16:40"), (359_999.0, "99:59:59"), (500_000.0, "139 h")],
)
def test_all_columns_are_whole_in_80_columns(tmp_path: Path, seconds: float, spent: str) -> None:
    study = make_study(tmp_path / "study", runs=20, epochs=2000)
    for seed in (10, 11):
        events = [run_started(seed=seed, epochs=2000), *trained_epoch(2000, test_accuracy=1.0)]
        write_run(study, "optimized", seed, [*events, run_completed(2000, seconds=seconds)])
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(follow(study.directory), "optimized-10"))
        await pilot.pause()
        heading = whole(pilot)[1]
        assert all(name in heading for name in COLUMNS)
        panel.table.move_cursor(row=25)  # 40 rows: there is a scroll bar
        await pilot.pause()
        found = rows(whole(pilot))
        expected = ["finished", "1/2000", "100.00", "100.00", "83.33", "91.96", "1.60"]
        assert found["optimized-10"] == [*expected, *spent.split()]
        assert panel.table.max_scroll_x == 0

    piloted(panel, script)


def test_the_widest_words_of_a_row_stay_apart(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", seed=1000, epochs=2000)
    followed = follow(study.directory)
    run = followed.runs[1]
    events = [run_started(epochs=2000), *trained_epoch(1, 1.0, [[5, 0], [0, 5]]), run_completed(1, seconds=359_999.0)]
    for event in events:
        run.state.apply(event)
    run.state.epochs = run.state.epochs * 100
    run.state.images_trained = 20 * 2000 * 100
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(followed, "optimized-1000"))
        await pilot.pause()
        expected = ["finished", "100/2000", "100.00", "100.00", "100.00", "100.00", "20.00", "99:59:59"]
        assert rows(whole(pilot))["optimized-1000"] == expected

    piloted(panel, script)


def test_the_best_model_is_that_of_the_lowest_validation_loss_not_of_the_best_test(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=1, epochs=3)
    events: list[Any] = [run_started(epochs=3)]
    for epoch, (loss, accuracy) in enumerate(((0.5, 0.97), (0.3, 0.95), (0.4, 0.96)), 1):
        events += [evaluated(epoch, "validation", "averaged", loss=loss)]
        events += [evaluated(epoch, "test", "averaged", accuracy=accuracy), epoch_completed(epoch)]
    write_run(study, "optimized", 0, [*events, run_completed(3)])
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(follow(study.directory), "optimized-0"))
        await pilot.pause()
        assert rows(whole(pilot))["optimized-0"][2:4] == ["96.00", "95.00"]

    piloted(panel, script)


def test_a_damaged_run_is_told_in_place_of_the_comparison(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=1)
    write_run(study, "optimized", 0, [run_started(), run_completed(1)])
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(follow(study.directory), "optimized-0"))
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "no test images were counted" in " ".join(" ".join(row.strip("│ ") for row in whole(pilot)).split())

    piloted(panel, script)


def test_another_verdict_is_told_once_while_runs_are_to_come(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=4)
    panel = TablePanel()

    def end(seed: int) -> None:
        for arm, accuracy in (("baseline", 0.5), ("optimized", 0.6 + seed / 1000)):
            write_run(study, arm, seed, whole_run(arm, seed, epochs=study.config.epochs, test_accuracy=accuracy))

    async def script(pilot: Pilot[None]) -> None:
        told = []
        for seed in range(4):
            end(seed)
            panel.show(make_scene(follow(study.directory), "optimized-0"))
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
            told.append([notice.message for notice in pilot.app._notifications])
        assert [len(notices) for notices in told] == [0, 1, 1, 1]
        assert told[1][0].startswith("The search pays here so far: +10.05 points of test accuracy")

    piloted(panel, script)


def test_the_conclusion_is_shown_whole_in_a_quarter_of_a_screen(tmp_path: Path) -> None:
    """A panel of the dashboard in 120 columns has some 55 for itself."""
    study = finished_study(tmp_path / "study", [0.5, 0.6, 0.7, 0.55, 0.62], [0.6, 0.65, 0.9, 0.7, 0.66])
    followed = follow(study.directory)
    conclusion = compare(followed).conclusion
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(followed, "optimized-0"))
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        shown = " ".join(" ".join(row.strip("│ ") for row in whole(pilot)).split())
        assert "difference (optimized - baseline, points): +10.80, 95 % interval" in shown
        assert conclusion in shown
        assert conclusion.endswith("cannot be told.")
        assert "optimized-0" in rows(whole(pilot))

    piloted(panel, script, (55, 20))


def test_a_run_that_waits_shows_how_many_epochs_it_will_have(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", runs=2)
    write_run(study, "baseline", 0, [run_started(arm="baseline"), *trained_epoch(1)])
    followed = follow(study.directory)
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        for planned in (2, 5):
            panel.show(make_scene(followed, "baseline-0"))
            await pilot.pause()
            found = rows(whole(pilot))
            assert found["baseline-0"][:2] == ["lost", f"1/{planned}"]
            assert found["optimized-1"][:2] == ["waiting", f"0/{planned}"]
            followed.runs[0].state.apply(EpochsAdded(epochs=5, by="me", time=1e9))

    piloted(panel, script)


def test_a_row_is_made_and_a_heartbeat_read_only_when_there_may_be_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path / "study", runs=3)
    for seed in range(3):
        write_run(study, "optimized", seed, [run_started(seed=seed), *trained_epoch(1)])
    followed = follow(study.directory)
    made: list[str] = []
    read: list[str] = []
    make_row, status = table_module._row, FollowedRun.status.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(table_module, "_row", lambda run, seen: (made.append(run.name), make_row(run, seen))[1])
    monkeypatch.setattr(FollowedRun, "status", property(lambda run: (read.append(run.name), status(run))[1]))
    monkeypatch.setattr(table_module, "STATUS_SECONDS", 1e9)
    scene = make_scene(followed, "optimized-0")
    panel = TablePanel()

    async def script(pilot: Pilot[None]) -> None:
        def counted(change: Callable[[], Any], shown: Any = scene) -> tuple[list[str], list[str]]:
            change()
            made.clear(), read.clear()
            for _ in range(5):
                panel.show(shown)
            return sorted(made), sorted(read)

        everyone = sorted(run.name for run in followed.runs)
        assert counted(lambda: None) == (everyone, everyone)
        assert counted(lambda: None) == ([], [])
        event = msgspec.structs.replace(trained_epoch(2)[0], time=1e9)
        assert counted(lambda: followed.runs[1].state.apply(event)) == (["optimized-0"], ["optimized-0"])
        other = replace(scene, run=followed.runs[3])
        assert counted(lambda: None, other) == (["optimized-0", "optimized-1"], [])

        def time_passes() -> None:
            panel._looked = float("-inf")

        assert counted(time_passes, other) == ([], everyone)
        with Presence(followed.runs[5].directory):
            assert counted(time_passes, other) == (["optimized-2"], everyone)
            await pilot.pause()
            assert rows(whole(pilot))["optimized-2"][0] == "running"

    piloted(panel, script)


class Heard(TablePanel):
    """Keeps what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[str] = []

    def on_look_at_run(self, message: LookAtRun) -> None:
        self.looks.append(message.run)


def test_rows_are_gone_through_and_enter_looks(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.8])
    panel = Heard()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(follow(study.directory), "baseline-0"))
        await pilot.pause()
        assert "enter looks at a run" in whole(pilot)[-1]
        panel.table.focus()
        await pilot.press("j", "j", "k", "enter")
        await pilot.pause()
        assert panel.looks == ["optimized-0"]

    piloted(panel, script)
    bindings = [binding for binding in TablePanel.BINDINGS if isinstance(binding, Binding)]
    assert {binding.key for binding in bindings} == {"j", "k"}
    assert not any(binding.show for binding in bindings)


PATH = "/data/[red]" + "x" * 30


@pytest.fixture
def logged(tmp_path: Path) -> FollowedStudy:
    """A run with a line that needs two of a narrow panel, and another run with one event."""
    study = make_study(tmp_path / "study")
    events = [run_started(dataset=PATH), *trained_epoch(1), RunFailed(error="no\x1b[31m memory\nleft")]
    write_run(study, "optimized", 0, events)
    write_run(study, "baseline", 0, [run_started(arm="baseline", dataset="other")])
    return follow(study.directory)


def lines(panel: LogPanel) -> list[str]:
    return [line.text.rstrip() for line in panel.query_one(RichLog).lines]


def test_lines_are_wrapped_anew_in_another_width(logged: FollowedStudy) -> None:
    panel = LogPanel()
    scene = make_scene(logged)

    async def script(pilot: Pilot[None]) -> None:
        counts = []
        for width in (30, 120, 30, 60, 120):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            panel.show(scene)
            await pilot.pause()
            counts.append(len(lines(panel)))
            assert max(map(len, lines(panel))) <= width - 3
            if width == 120:
                assert f"started optimized seed 0: grid on {PATH}, cpu" in "\n".join(lines(panel))
                assert f"grid on {PATH}, cpu" in "\n".join(whole(pilot))
        assert counts[1] == counts[4] == len(logged.runs[1].notable)
        assert counts[0] == counts[2] > counts[3] > counts[1]

    piloted(panel, script, (30, 24))


def test_the_log_names_its_run_on_the_border(logged: FollowedStudy) -> None:
    panel = LogPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(logged, "optimized-0"))
        await pilot.pause()
        assert f"optimized-0 | {KEYS}" in whole(pilot)[-1]
        panel.show(make_scene(logged, "baseline-0"))
        await pilot.pause()
        assert f"baseline-0 | {KEYS}" in whole(pilot)[-1]
        await pilot.press("slash", *"other")
        await until(pilot, lambda: "baseline-0 | only other | Esc for all" in whole(pilot)[-1])

    piloted(panel, script)


def test_a_hidden_log_is_written_when_it_is_shown(logged: FollowedStudy) -> None:
    panel = LogPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.display = False
        await pilot.pause()
        panel.show(make_scene(logged))
        await pilot.resize_terminal(120, 24)
        panel.display = True
        await pilot.pause()
        panel.show(make_scene(logged))
        assert len(lines(panel)) == len(logged.runs[1].notable)

    piloted(panel, script, (30, 24))


def test_new_events_are_added_and_nothing_is_written_twice(logged: FollowedStudy) -> None:
    panel = LogPanel()
    scene = make_scene(logged)

    async def script(pilot: Pilot[None]) -> None:
        for _ in range(3):
            panel.show(scene)
        before = len(lines(panel))
        assert before == len(scene.run.notable)
        scene.run.notable.append(RunPaused(by="me@here"))
        scene.run.notable_total += 1
        first = panel.query_one(RichLog).lines[0]
        panel.show(scene)
        assert len(lines(panel)) == before + 1
        assert panel.query_one(RichLog).lines[0] is first  # the others stand as they were
        panel.show(make_scene(logged, "baseline-0"))
        assert len(lines(panel)) == 1
        assert "on other, cpu" in lines(panel)[0]

    piloted(panel, script, (120, 24))


def test_who_reads_earlier_lines_goes_on_reading_them(logged: FollowedStudy) -> None:
    panel = LogPanel()
    scene = make_scene(logged)
    run = scene.run

    async def script(pilot: Pilot[None]) -> None:
        log = panel.query_one(RichLog)

        async def more(count: int) -> None:
            run.notable.extend([RunPaused(by="me@here")] * count)
            run.notable_total += count
            panel.show(scene)
            await pilot.pause()

        await more(50)
        assert log.is_vertical_scroll_end  # the newest line, until somebody looks back
        for key, place in (("g", 0), ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("pagedown", 8), ("pageup", 0)):
            await pilot.press(key)
            assert log.scroll_y == place, key
        await more(5)
        assert log.scroll_y == 0
        await pilot.press("G")
        await more(5)
        assert log.is_vertical_scroll_end
        await pilot.press("home", "end")
        assert log.is_vertical_scroll_end

    piloted(panel, script, (60, 10))


def test_another_height_shows_the_newest_line_too_unless_somebody_looks_back(logged: FollowedStudy) -> None:
    panel = LogPanel()
    scene = make_scene(logged)
    run = scene.run

    async def script(pilot: Pilot[None]) -> None:
        log = panel.query_one(RichLog)

        async def resized(height: int) -> None:
            await pilot.resize_terminal(60, height)
            await pilot.pause()

        run.notable.extend([RunPaused(by="me@here")] * 50)
        run.notable_total += 50
        panel.show(scene)
        await pilot.pause()
        for height in (10, 20, 8, 12):
            await resized(height)
            assert log.is_vertical_scroll_end, height
        await pilot.press("k")
        place = log.scroll_y
        for height in (11, 7, 12):
            await resized(height)
            assert log.scroll_y == place, height

    piloted(panel, script, (60, 24))


def test_the_filter_holds_in_every_width_until_esc(logged: FollowedStudy) -> None:
    panel = LogPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(logged))
        await pilot.pause()
        every = lines(panel)
        assert "/ filter" in whole(pilot)[-1]
        await pilot.press("slash", *"CHECK")
        await pilot.pause()
        assert len(lines(panel)) == 1
        assert "checkpoint checkpoints/5.pt" in lines(panel)[0]
        assert "only CHECK | Esc for all" in whole(pilot)[-1]
        await pilot.press("enter")
        for width in (25, 100):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            panel.show(make_scene(logged))
            assert "checkpoint" in " ".join(lines(panel))
            assert "started" not in " ".join(lines(panel))
        await pilot.press("escape")
        await pilot.pause()
        assert lines(panel) == every
        assert not panel.query_one(Input).display
        assert "/ filter" in whole(pilot)[-1]
        await pilot.press("slash", *"[red]", "enter")  # literally, on the border too
        await pilot.pause()
        assert len(lines(panel)) == 1
        assert "only [red] |" in whole(pilot)[-1]
        await pilot.press("slash", *"nothing of the kind")
        await pilot.pause()
        assert lines(panel) == []

    piloted(panel, script, (100, 24))


def test_events_are_told_literally(logged: FollowedStudy) -> None:
    panel = LogPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(logged))
        await pilot.pause()
        assert "failed: no?[31m memory left" in "\n".join(whole(pilot))
        assert PATH in "\n".join(whole(pilot))

    piloted(panel, script, (120, 24))
    refused = CheckpointSaved(epoch=1, step=1, file="\u6570\x07\u202e")
    assert event_words(refused).endswith("checkpoint \u6570??")
    assert event_words(refused, Palette(ascii=True)).endswith("checkpoint ???")
