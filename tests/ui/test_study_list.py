"""The list of studies: what it shows, its keys, and that a damaged study or an odd name does no harm."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fabricate import (
    PATIENCE_SECONDS,
    finished_study,
    make_study,
    python,
    run_resumed,
    run_started,
    trained_epoch,
    whole_run,
    write_run,
)
from rich.cells import cell_len
from textual.app import App
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Static
from waiting import click, screen_text, until

from hptui.config import StudyConfig
from hptui.errors import RunDirectoryError
from hptui.reading import glance, listing, study_line
from hptui.reading.listing import StudyReader
from hptui.reading.listing_words import BY_NAME, Column
from hptui.reading.study_line import UNREAD, StudyLine
from hptui.record.events import AnyEvent, RunContinued, RunFailed, RunPaused, RunStopped
from hptui.record.notes import NOTE_FILE
from hptui.record.presence import Presence
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_writer import RunWriter
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import open_study
from hptui.record.study_folders import STUDY_FILE, studies_folder
from hptui.ui.drawing.literal import literal
from hptui.ui.messages import NewStudy, OpenStudy
from hptui.ui.screens import study_list
from hptui.ui.screens.dialogs import FullTextDialog
from hptui.ui.screens.study_list import SORTS, StudyListScreen
from hptui.ui.study_lines import Order, layout
from hptui.ui.widgets.about_study import IN_FULL
from hptui.ui.widgets.study_table import NEWEST_FIRST

BEGUN: list[AnyEvent] = [run_started(), *trained_epoch(1)]
ENDS: dict[str, list[AnyEvent]] = {
    "waiting": [],
    "lost": BEGUN,
    "stopped": [*BEGUN, RunStopped(reason="SIGINT", epoch=1, step=5)],
    "failed": [*BEGUN, RunFailed(error="ValueError: x")],
    "finished": whole_run(),
}
SIZES = [(80, 24), (160, 48)]


class Host(App[None]):
    """Shows the list, and keeps what it asks for."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__()
        self.list = StudyListScreen(folder)
        self.asked: list[Message] = []

    def on_mount(self) -> None:
        self.push_screen(self.list)

    def on_open_study(self, message: OpenStudy) -> None:
        self.asked.append(message)

    def on_new_study(self, message: NewStudy) -> None:
        self.asked.append(message)

    @property
    def names(self) -> list[str]:
        """Folders in the order of the rows."""
        return [Path(str(row.key.value)).name for row in self.list.table.ordered_rows]

    @property
    def current(self) -> str:
        return self.names[self.list.table.cursor_row]

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return screen_text(self)


def words_of(app: Host, where: str) -> str:
    return str(app.list.query_one(where, Static).render())


def lines_of(app: Host) -> list[str]:
    """What stands on the screen, without frames."""
    return [line.strip("│") for line in app.text.splitlines()]


def show(
    folder: Path | None,
    test: Callable[[Host, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
) -> None:
    """Run `test` on the list of `folder`, once it has been read."""

    async def run() -> None:
        app = Host(folder)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.list.lines is not None)
            await pilot.pause()
            await test(app, pilot)

    asyncio.run(run())


def studies(folder: Path, *names: str, **settings: Any) -> None:
    """Studies, the last one the newest."""
    for name in names:
        make_study(folder / name, **settings)


def state(folder: Path) -> dict[str, str]:
    return {line.directory.name: line.state for line in StudyReader(folder).read()}


@pytest.mark.parametrize("size", SIZES)
def test_each_study_has_a_line_with_what_one_asks_first(tmp_path: Path, size: tuple[int, int]) -> None:
    finished_study(tmp_path / "one", [0.5, 0.6], [0.7])
    finished_study(tmp_path / "two", [0.5], [0.7])

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: all(line.size for line in app.list.lines or ()))
        (line,) = [line for line in lines_of(app) if line.split()[:2] == ["two", "finished"]]
        assert line.split()[1:6] == ["finished", "2/2", "100%", "50.00", "70.00"]
        (line,) = [line for line in lines_of(app) if line.split()[:2] == ["one", "stopped"]]
        assert line.split()[1:6] == ["stopped", "3/4", "75%", "*50.00", "*70.00"]
        assert "*+20.00" in line
        assert app.names == ["two", "one"]  # newest first
        for heading in ("study", "state", "runs", "done", "base %", "opt %", "diff", "size", "age"):
            assert heading in app.text
        assert app.list.query_one("#about", Static).border_title == "two"
        assert (app.list.table.border_title, app.list.table.border_subtitle) == ("2 studies", "sorted by age")
        assert ("finished: baseline-0, optimized-0" in words_of(app, "#about")) == (size[0] == 160)
        assert "grid against fixed, adam, 2 epochs" in words_of(app, "#about")

    show(tmp_path, test, size)


@pytest.mark.parametrize("end", ENDS)
def test_the_state_is_a_word_whoever_writes(tmp_path: Path, end: str) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    directory = write_run(study, "optimized", 0, ENDS[end])
    assert state(tmp_path) == {"s": end}
    with Presence(directory):
        assert state(tmp_path) == {"s": "finished" if end == "finished" else "running"}

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: end in app.text)

    show(tmp_path, test)


def test_the_state_follows_what_happens(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    directory = write_run(study, "optimized", 0, ENDS["stopped"])
    reader = StudyReader(tmp_path)

    def now() -> str:
        (line,) = reader.read()
        return line.state

    assert now() == "stopped"
    with RunWriter(directory) as writer, Presence(study.directory):
        steps: list[tuple[AnyEvent, str]] = [
            (run_resumed(), "running"),
            (RunPaused(by="me@here"), "paused"),
            (RunContinued(by="me@here"), "running"),
        ]
        for event, expected in steps:
            writer.append(event)
            assert now() == expected
        for event in trained_epoch(1):
            writer.append(event)
    assert now() == "lost"
    with RunWriter(directory) as writer:
        writer.append(run_resumed())
        assert now() == "running"
        writer.append(whole_run()[-1])
    assert now() == "finished"


def test_an_ended_study_is_read_once_and_of_its_log_only_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_study(tmp_path / "done", [0.5], [0.7])
    lost = write_run(make_study(tmp_path / "lost", baseline="none"), "optimized", 0, BEGUN)
    with (lost / EVENTS_FILE).open("r+b") as log:
        lines = log.read().splitlines(keepends=True)
        log.seek(0)  # as long as what it takes the place of: each line knows its own
        log.write(b"".join([lines[0], b'{"event":"rubbish"'.ljust(len(lines[1]) - 2) + b"}\n", *lines[2:]]))
    looked: list[str] = []
    look = study_line.glance

    def noted(directory: Path) -> glance.RunGlance:
        looked.append(directory.parent.name)
        return look(directory)

    monkeypatch.setattr(study_line, "glance", noted)
    reader = StudyReader(tmp_path)
    first = reader.read()
    assert {line.directory.name: line.state for line in first} == {"done": "finished", "lost": "lost"}
    assert sorted(looked) == ["done", "done", "lost"]
    looked.clear()
    assert reader.read() == first
    assert looked == []


def test_a_read_that_is_cancelled_ends_at_once_and_is_not_remembered(tmp_path: Path) -> None:
    studies(tmp_path, "a", "b")
    reader = StudyReader(tmp_path)
    assert {line.state for line in reader.read(lambda: True)} == {UNREAD}
    assert {line.directory.name for line in reader.read()} == {"a", "b"}


@pytest.mark.parametrize("size", SIZES)
def test_an_unreadable_study_is_a_line_with_the_reason(tmp_path: Path, size: tuple[int, int]) -> None:
    studies(tmp_path, "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / STUDY_FILE).write_text("= 3", "utf-8")
    broken = write_run(make_study(tmp_path / "broken", baseline="none"), "optimized", 0, BEGUN)
    (broken / EVENTS_FILE).write_bytes(b'{"nonsense": 1}\n')

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert set(app.names) == {"good", "bad", "broken"}
        rows = [" ".join(line.split()) for line in app.text.splitlines()]
        assert any(row.startswith("bad unreadable study.toml is damaged: Invalid") for row in rows)
        assert any(row.startswith("broken unreadable optimized-0") for row in rows)
        await pilot.press("g")
        while app.current != "bad":
            await pilot.press("j")
        await pilot.pause()
        assert "Invalid statement" in words_of(app, "#about")
        await pilot.press("enter")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert app.asked == []

    show(tmp_path, test, size)


def test_a_study_that_is_mended_or_removed_shows_so_at_the_next_refresh(tmp_path: Path) -> None:
    studies(tmp_path, "a", "b")
    whole = (tmp_path / "b" / STUDY_FILE).read_bytes()
    (tmp_path / "b" / STUDY_FILE).write_text("= 3", "utf-8")
    reader = StudyReader(tmp_path)
    assert {line.directory.name: line.state for line in reader.read()} == {"a": "waiting", "b": "unreadable"}
    (tmp_path / "b" / STUDY_FILE).write_bytes(whole)
    shutil.rmtree(tmp_path / "a")
    assert {line.directory.name: line.state for line in reader.read()} == {"b": "waiting"}


def test_names_are_shown_literally(tmp_path: Path) -> None:
    odd = ["[red]x", "[bold]", "a\x1b[31mb", "line\nbreak", "\u202eevil", "\u6f22\u5b57"]
    studies(tmp_path, *odd)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert set(app.names) == set(odd)
        for shown in ("[red]x", "[bold]", "a?[31mb", "line?break", "?evil", "\u6f22\u5b57"):
            assert shown in app.text
        assert "\x1b" not in app.text
        assert "\u202e" not in app.text
        await pilot.press("g", "slash", *"[red]")
        await until(pilot, lambda: app.names == ["[red]x"])
        await pilot.press(*"zzz")
        await until(pilot, lambda: app.names == [])
        assert "'[red]zzz'" in words_of(app, "#empty")

    show(tmp_path, test)


def test_bytes_that_are_no_text_are_shown_as_question_marks() -> None:
    assert literal(os.fsdecode(b"a\xff\x07")) == "a??"


def test_no_studies_says_what_to_do(tmp_path: Path) -> None:
    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "press n for a new study" in app.text)
        await until(pilot, lambda: "Sort" not in app.text and "Filter" not in app.text)
        await pilot.press("n")
        await until(pilot, lambda: [type(message) for message in app.asked] == [NewStudy])
        studies(tmp_path / "nowhere", "first")
        await pilot.press("r")
        await until(pilot, lambda: app.names == ["first"])
        assert app.list.table.display
        await pilot.press("enter")
        await until(pilot, lambda: len(app.asked) == 2)

    show(tmp_path / "nowhere", test)


def test_without_a_folder_it_lists_the_users_studies() -> None:
    studies(studies_folder(), "mine")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert app.names == ["mine"]

    show(None, test)


@pytest.mark.parametrize("size", SIZES)
def test_keys_move_and_open(tmp_path: Path, size: tuple[int, int]) -> None:
    studies(tmp_path, "a", "b", "c")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert app.names == ["c", "b", "a"]
        for key, expected in {"j": "b", "down": "a", "k": "b", "up": "c", "G": "a", "g": "c"}.items():
            await pilot.press(key)
            await until(pilot, lambda expected=expected: app.current == expected)
        await pilot.press("l", "h", "j", "enter")
        await until(pilot, lambda: app.asked)
        (opened,) = app.asked
        assert isinstance(opened, OpenStudy)
        assert opened.directory == (tmp_path / "b").resolve()

    show(tmp_path, test, size)


def test_one_click_opens(tmp_path: Path) -> None:
    studies(tmp_path, "a", "b", "c")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await click(pilot, app.list.table, offset=(3, 3))
        await until(pilot, lambda: app.asked)
        await click(pilot, app.list.table, offset=(3, 0))  # the headings open nothing
        await click(pilot, app.list.table, offset=(3, 12))  # nor does the empty part
        await pilot.pause()
        (opened,) = app.asked
        assert isinstance(opened, OpenStudy)
        assert opened.directory.name == "a"

    show(tmp_path, test)


def test_the_filter_looks_at_name_state_data_and_model(tmp_path: Path) -> None:
    studies(tmp_path, "first")
    studies(tmp_path, "second", dataset="mnist", model="small_resnet")
    write_run(make_study(tmp_path / "third", baseline="none"), "optimized", 0, BEGUN)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        field = app.list.query_one("#filter", Input)
        assert not field.display
        await pilot.press("slash")
        assert field.display
        assert field.has_focus
        for words, expected in {
            "FIRST": ["first"],
            "lost": ["third"],
            "mnist": ["second"],
            "resnet": ["second"],
            "digits len": ["third", "first"],
            "digits waiting": ["first"],
            "nr": [],  # letters with keys of their own are text in the filter
        }.items():
            field.value = ""
            await pilot.press(*words)
            await until(pilot, lambda expected=expected: app.names == expected)
        assert app.asked == []
        await until(pilot, lambda: "Esc shows all 3" in app.text)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.names) == 3)
        assert not field.display
        assert app.list.table.has_focus

    show(tmp_path, test)


def test_enter_keeps_the_filter_and_goes_to_the_rows(tmp_path: Path) -> None:
    studies(tmp_path, "x1", "x2", "y")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("slash", "x", "enter")
        await until(pilot, lambda: app.names == ["x2", "x1"])
        assert app.list.table.has_focus
        assert app.list.query_one("#filter").display
        await pilot.press("j", "enter")
        await until(pilot, lambda: app.asked)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.names) == 3)
        assert app.current == "x1"  # the cursor stays on its study
        await pilot.press("slash", "enter")  # an empty filter goes away
        assert not app.list.query_one("#filter").display

    show(tmp_path, test)


@pytest.mark.parametrize("key", ["r", "f5"])
def test_refreshing_keeps_the_cursor_on_its_study(tmp_path: Path, key: str) -> None:
    studies(tmp_path, *(f"s{number:02}" for number in range(40)))
    opened = open_study(tmp_path / "s05")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        table = app.list.table
        await pilot.press("G", "k", "k")
        await until(pilot, lambda: app.current == "s02" and table.scroll_y > 0)
        studies(tmp_path, "newer")
        await pilot.press(key)
        await until(pilot, lambda: len(app.names) == 41)
        assert app.current == "s02"
        await until(pilot, lambda: "s02" in app.text)
        await pilot.press(*"kkkkk")
        await until(pilot, lambda: app.current == "s07")
        top = table.scroll_y
        with RunWriter(write_run(opened, "optimized", 0, [])), Presence(opened.directory):
            await pilot.press(key)
            await until(pilot, lambda: "running" in app.text)
            await pilot.pause()
            assert (app.current, table.scroll_y) == ("s07", top)  # nothing jumps
        await pilot.press(*"jjjjj")
        await until(pilot, lambda: app.current == "s02")
        shutil.rmtree(tmp_path / "s02")  # its neighbour takes over
        await pilot.press(key)
        await until(pilot, lambda: len(app.names) == 40)
        assert app.current == "s01"

    show(tmp_path, test)


def test_a_list_that_is_written_anew_stays_where_it_was(tmp_path: Path) -> None:
    studies(tmp_path, "one", "two")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        table = app.list.table
        table.scroll_to(x=table.max_scroll_x, animate=False)
        await until(pilot, lambda: table.scroll_x == table.max_scroll_x > 3)
        place = table.scroll_x
        studies(tmp_path, "new")
        await pilot.press("r")
        await until(pilot, lambda: len(app.names) == 3)
        await until(pilot, lambda: table.scroll_x == place)

    show(tmp_path, test, (16, 24))


def test_it_refreshes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_list, "REFRESH_SECONDS", 0.05)
    study = make_study(tmp_path / "s", baseline="none")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "waiting" in app.text)
        write_run(study, "optimized", 0, whole_run())
        await until(pilot, lambda: "finished" in app.text)
        await until(pilot, lambda: "1/1" in app.text)

    show(tmp_path, test)


def test_it_reads_again_when_it_is_seen_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_list, "REFRESH_SECONDS", 3600.0)
    studies(tmp_path, "a")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await app.push_screen(StudyListScreen(tmp_path / "other"))
        studies(tmp_path, "b")
        app.pop_screen()
        await until(pilot, lambda: app.names == ["b", "a"])

    show(tmp_path, test)


@pytest.mark.parametrize("size", [*SIZES, (60, 15), (20, 5)])
def test_nothing_runs_over_the_edge_and_a_smaller_terminal_breaks_nothing(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    studies(tmp_path, "20261123-215017-fashion_mnist-grid", dataset="fashion_mnist", model="small_resnet")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert "20261123-215017-fashion_mnist-grid" in app.text or size[0] < 80
        if size[0] >= 60:
            assert app.list.table.virtual_size.width <= size[0]
            assert "age" in app.text or size[0] < 80
        await pilot.resize_terminal(20, 5)
        await pilot.press("j", "k", "slash", "escape")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert app.names == ["20261123-215017-fashion_mnist-grid"]

    show(tmp_path, test, size)


def a_line(name: str, state: Any = "finished", **settings: Any) -> StudyLine:
    config = StudyConfig(**settings) if state != "unreadable" else None
    status = (("optimized-0", state),) if config else ()
    return StudyLine(Path("/x") / name, 1.0, state, config, "w" * 99 if config is None else "", status, 3, size=2**20)


def test_columns_share_what_room_there_is() -> None:
    lines = [a_line("n" * 40, dataset="d" * 20), a_line("bad", "unreadable")]
    shown = {}
    for room in (60, 80, 100, 200):
        chosen = layout(lines, room, NEWEST_FIRST)
        assert sum(chosen.widths) + len(chosen.widths) <= room
        for line in lines:
            cells = chosen.row(line)
            assert len(cells) == len(chosen.columns)
            assert all(cell_len(cell) <= width + 1 for cell, width in zip(cells, chosen.widths, strict=True))
        shown[room] = [column.name for column in chosen.columns]
    assert shown[60][:3] == ["name", "state", "runs"]
    assert set(shown[60]) <= set(shown[80]) < set(shown[100]) < set(shown[200])
    assert layout(lines, 60, NEWEST_FIRST).row(lines[1])[1] == "unreadable"  # never cut
    assert "w" * 9 in "".join(layout(lines, 80, NEWEST_FIRST).row(lines[1])[2:])
    (wide, *_) = layout([a_line("\u6f22" * 19)], 5, NEWEST_FIRST).row(a_line("\u6f22" * 19))
    assert wide == "\u6f22" * 9 + " …"


def test_names_are_whole_before_the_less_important_columns_come() -> None:
    name = "20261127-184424-pneumoniamnist-adaptive-2"
    lines = [a_line(name), a_line(name.replace("-2", "-3"))]
    chosen = layout(lines, 77, NEWEST_FIRST)  # of 80 columns
    assert [chosen.row(line)[0].rstrip() for line in lines] == [line.directory.name for line in lines]
    shown = [column.name for column in chosen.columns]
    assert shown[:3] == ["name", "state", "runs"]
    assert {"optimized", "age"} < {*shown}  # they are sorted by the age
    by_name = [column.name for column in layout(lines, 77, Order(BY_NAME["name"])).columns]
    assert {"optimized", "difference"} < {*by_name}
    assert "age" not in by_name
    assert "age" in [column.name for column in layout([a_line("a" * 99)], 160, NEWEST_FIRST).columns]


@pytest.mark.parametrize("column", SORTS, ids=lambda column: column.name)
@pytest.mark.parametrize("room", [60, 77, 157])
def test_the_column_that_rows_are_sorted_by_is_always_shown(column: Column, room: int) -> None:
    """A list of 80 columns was sorted by the model, and showed none."""
    lines = [a_line("n" * 70), StudyLine(Path("/x/unread"), 1.0, UNREAD)]
    chosen = layout(lines, room, Order(column))
    assert column in chosen.columns
    (heading,) = [heading for heading in chosen.headings if "▼" in heading]
    assert heading.startswith(column.heading)
    assert sum(chosen.widths) + len(chosen.widths) <= room


def test_the_whole_name_and_the_note_can_be_read_in_a_small_terminal(tmp_path: Path) -> None:
    name = f"20261127-152715-pneumoniamnist-adaptive-{'dropout-' * 6}second"
    note = f"{'as discussed with the radiologists; ' * 12}end of the note"
    finished_study(tmp_path / name, [0.5], [0.7])
    (tmp_path / name / NOTE_FILE).write_text(note, "utf-8")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "note: as discussed" in app.text)
        assert name in words_of(app, "#about")
        await until(pilot, lambda: IN_FULL in str(app.list.query_one("#about", Static).border_title))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, FullTextDialog))
        await until(pilot, lambda: "end of the note" in app.text)
        assert "finished: baseline-0, optimized-0" in app.text
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.list)

    show(tmp_path, test)


def test_columns_stay_where_they_are_while_numbers_come() -> None:
    unread = [StudyLine(Path("/x/a"), 1.0, UNREAD)]
    read = [a_line("a")]
    for room in (80, 110):
        before, after = (layout(lines, room, NEWEST_FIRST) for lines in (unread, read))
        numbers = [column.name for column in before.columns if column.number]
        assert numbers[-1] == "age"
        assert [column.name for column in after.columns if column.number] == numbers


def test_the_themes_colour_the_states(tmp_path: Path) -> None:
    write_run(make_study(tmp_path / "s", baseline="none"), "optimized", 0, whole_run())

    async def test(app: Host, pilot: Pilot[None]) -> None:
        dark = app.list.table.get_cell_at((0, 2)).style.color  # type: ignore[arg-type]
        app.theme = "textual-light"
        await until(pilot, lambda: app.list.table.get_cell_at((0, 2)).style.color != dark)  # type: ignore[arg-type]

    show(tmp_path, test)


def test_without_colour_the_words_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    write_run(make_study(tmp_path / "s", baseline="none"), "optimized", 0, BEGUN)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        assert app.no_color
        await until(pilot, lambda: "lost" in app.text)

    show(tmp_path, test)


def test_the_list_and_the_form_load_neither_torch_nor_the_training() -> None:
    code = "import sys, hptui.ui.screens.study_list, hptui.ui.screens.new_study; print(*sys.modules)"
    done = python(code)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    forbidden = {"torch", "numpy", "hptui.training", "hptui.datasets", "hptui.models"}
    assert "hptui.ui.screens.new_study" in loaded
    assert not forbidden & loaded


def test_names_are_there_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many studies there are: results and sizes come as they are read."""
    for number in range(200):
        (tmp_path / f"s{number:03}").mkdir()
        (tmp_path / f"s{number:03}" / STUDY_FILE).touch()
    held, read = threading.Event(), listing.read_line

    def slow(*arguments: Any) -> StudyLine:
        held.wait(PATIENCE_SECONDS)
        return read(*arguments)

    monkeypatch.setattr(listing, "read_line", slow)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(app.names) == 200 and "s199" in app.text)
        assert "unreadable" not in app.text
        await pilot.press("j", "k", "enter")  # keys are answered meanwhile
        await until(pilot, lambda: app.asked)
        assert app.asked[0].directory.name == app.current
        held.set()
        await until(pilot, lambda: "unreadable" in app.text)

    try:
        show(tmp_path, test)
    finally:
        held.set()


def test_a_click_on_a_heading_sorts_and_another_one_turns_it_round(tmp_path: Path) -> None:
    for name, accuracy in (("a", 0.6), ("b", 0.9), ("c", 0.7)):
        finished_study(tmp_path / name, [0.5], [accuracy])

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "90.00" in app.text)
        x = next(line for line in app.text.splitlines() if "opt %" in line).index("opt %")
        await click(pilot, app.list.table, offset=(x, 0))
        await until(pilot, lambda: app.names == ["b", "c", "a"])
        assert "opt % ▼" in app.text
        x = next(line for line in app.text.splitlines() if "opt %" in line).index("opt %")
        await click(pilot, app.list.table, offset=(x, 0))
        await until(pilot, lambda: app.names == ["a", "c", "b"])
        assert app.asked == []

    show(tmp_path, test)


def test_marks_stay_on_their_studies_whatever_is_sorted_or_read(tmp_path: Path) -> None:
    studies(tmp_path, "a", "b", "c")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await click(pilot, app.list.table, offset=(0, 2))  # the first column marks, and opens nothing
        await pilot.press("g", "j", "j", "space")
        await until(pilot, lambda: [line.directory.name for line in app.list.table.marked] == ["b", "a"])
        assert app.current == "a"
        await pilot.press("S", "r")
        await until(pilot, lambda: app.names == ["a", "b", "c"])
        assert [line.directory.name for line in app.list.table.marked] == ["a", "b"]
        await pilot.press("slash", "b", "enter")
        await until(pilot, lambda: [line.directory.name for line in app.list.table.chosen] == ["b"])
        await pilot.press("escape")
        await until(pilot, lambda: len(app.names) == 3)
        assert len(app.list.table.marked) == 2
        await pilot.press("escape")
        await until(pilot, lambda: not app.list.table.marked)
        assert app.asked == []

    show(tmp_path, test)


def footer(app: Host) -> str:
    return app.text.splitlines()[-1]


def test_only_what_can_be_done_is_offered(tmp_path: Path) -> None:
    finished_study(tmp_path / "finished", [0.5], [0.6])
    write_run(make_study(tmp_path / "stopped", baseline="none"), "optimized", 0, ENDS["stopped"])

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "Resume" in footer(app))
        await pilot.press("j")
        await until(pilot, lambda: "Resume" not in footer(app))
        await pilot.press("R")
        await pilot.pause()
        assert app.asked == []
        assert "Clear" not in footer(app)
        await pilot.press("space")
        await until(pilot, lambda: "Clear" in footer(app))
        assert cell_len(footer(app).rstrip()) <= 80

    show(tmp_path, test)


def test_a_study_that_is_trained_is_neither_deleted_nor_cleaned(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    directory = write_run(study, "optimized", 0, BEGUN)

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "running" in app.text)
        for number, key in enumerate("DX", 1):
            await pilot.press(key)
            await until(pilot, lambda number=number: len(app._notifications) == number)
        assert app.screen is app.list

    with Presence(study.directory), Presence(directory):
        show(tmp_path, test)
    assert directory.exists()


def test_a_damaged_study_can_be_deleted_from_the_list(tmp_path: Path) -> None:
    studies(tmp_path, "good", "bad")
    with (tmp_path / "bad" / STUDY_FILE).open("ab") as file:
        file.write(b"= = =")

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "unreadable" in app.text)
        assert app.current == "bad"
        await pilot.press("D")
        await until(pilot, lambda: app.screen is not app.list)
        await pilot.press("left", "enter")
        await until(pilot, lambda: app.names == ["good"])

    show(tmp_path, test)
    assert not (tmp_path / "bad").exists()


def test_a_new_study_like_one_has_its_settings_and_the_paths_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("class Net: ...\n", "utf-8")
    made = make_study(tmp_path / "studies" / "s", model=f"{tmp_path / 'net.py'}:Net", epochs=7, data_dir=str(tmp_path))
    save_steering(made.directory, Steering(epochs=9, search=made.config.search))

    async def test(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("N")
        await until(pilot, lambda: app.asked)
        (message,) = app.asked
        assert isinstance(message, NewStudy)
        assert message.config is not None
        assert message.config.model == f"{tmp_path / 'net.py'}:Net"
        assert (message.config.epochs, message.config.data_dir, message.config.out) == (9, str(tmp_path), None)
        (tmp_path / "net.py").write_text("class Net: pass\n", "utf-8")  # another one by now: told, not taken
        await pilot.press("N")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert len(app.asked) == 1

    show(tmp_path / "studies", test)


def test_a_comparison_that_fails_says_why(tmp_path: Path) -> None:
    def compare(directories: Sequence[Path]) -> str:
        raise RunDirectoryError(f"{directories[0].name} is odd")

    studies(tmp_path, "a")

    async def run() -> None:
        app = Host(tmp_path)
        app.list = StudyListScreen(tmp_path, compare)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.names == ["a"])
            await pilot.press("c")
            await until(pilot, lambda: "a is odd" in app.text)

    asyncio.run(run())
