"""The program in a real terminal: a pseudo-terminal with its own session, as an SSH login has one."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nursery
import pyte
import pytest
import unhurried
from fabricate import PATIENCE_SECONDS, finished_study

from hptui.record.events import (
    AnyEvent,
    CheckpointSaved,
    DecisionStarted,
    EpochCompleted,
    EpochsAdded,
    HyperparametersChosen,
    RangesChanged,
    RunCompleted,
    RunPaused,
    RunStopped,
)
from hptui.record.run_reader import RunReader

LONG = [
    "--dataset",
    "digits",
    "--model",
    unhurried.MODEL,
    "--baseline",
    "none",
    "--runs",
    "1",
    "--epochs",
    "2000",
    "--threads",
    "1",
]
SEARCH = ["--strategy", "grid", "--search", "lr=1e-3:1e-2:log:2"]


class Terminal:
    """A terminal with one program in it; `screen` is everything that was written so far, `shown` what stands there."""

    def __init__(
        self,
        *arguments: object,
        columns: int = 80,
        lines: int = 24,
        command: list[str] | None = None,
        within: bool = False,
        **environment: str,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        # a size in the environment, as pytest-xdist sets one, would win over the terminal's own
        own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        own |= {"TERM": "xterm-256color"} | environment
        if command is None:
            self.process = nursery.start(*arguments, terminal=True, within=within, env=own, **streams)
        else:
            self.process = subprocess.Popen(command, preexec_fn=nursery.own_session, env=own, **streams)  # noqa: PLW1509 (no threads in the tests' process here)
        self.name = os.ttyname(slave)
        os.close(slave)
        self.screen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a sign
        self._display = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._display)
        self._emulated = 0

    def read(self) -> str:
        """Take in what was written, without waiting long."""
        with contextlib.suppress(OSError):
            while select.select([self.master], [], [], 0.05)[0]:
                self.screen += self._decoder.decode(os.read(self.master, 1 << 16))
        return self.screen

    @property
    def shown(self) -> str:
        """The lines that a person would see now."""
        self._stream.feed(self.screen[self._emulated :])
        self._emulated = len(self.screen)
        return "\n".join(self._display.display)

    def cursor_is_at(self, line: str, heading: str) -> bool:
        """Whether one would type into the column under `heading`, in the line that holds `line`."""
        lines = self.shown.splitlines()
        here = self._display.cursor
        headings = next((text for text in lines if heading in text), "")
        return line in lines[here.y] and heading in headings and here.x >= headings.index(heading)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            over = self.process.poll() is not None
            self.read()
            assert not over or condition(), self.shown  # what it did last may be what is waited for
            assert time.monotonic() < end, self.shown

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code; what is written meanwhile is read, so that the program never waits for a reader."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if self.master >= 0:
                self.read()
            time.sleep(0.01)
            assert time.monotonic() < end, f"still running after {seconds} s"
        return self.process.returncode

    def freeze(self, *, frozen: bool) -> None:
        """Take no more of what is written, or all of it again, as a line does that stalls."""
        slave = os.open(self.name, os.O_RDWR | os.O_NOCTTY)
        termios.tcflow(slave, termios.TCOOFF if frozen else termios.TCOON)
        os.close(slave)

    def close(self) -> None:
        """Hang up, as a dropped line does."""
        os.close(self.master)
        self.master = -1


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def begin(*arguments: object, **options: Any) -> Terminal:
        opened.append(Terminal(*arguments, **options))
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.process.kill()
        terminal.process.wait()
        if terminal.master >= 0:
            terminal.close()


def events(study: Path, kind: type) -> list[Any]:
    found: list[AnyEvent] = RunReader(study / "optimized-0").read()
    return [event for event in found if isinstance(event, kind)]


def hptui(*arguments: object) -> subprocess.CompletedProcess[str]:
    return nursery.run(*arguments, timeout=PATIENCE_SECONDS)


def finish_quickly(study: Path) -> None:
    """Resume what was interrupted, with the epochs cut down to those that are nearly done."""
    done = len(events(study, EpochCompleted))
    (study / "steering.json").write_text(json.dumps({"epochs": done + 1, "search": {"lr": "1e-3:1e-2:log:2"}}))
    resumed = hptui("resume", study, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["optimized"]["n"] == 1
    assert len(events(study, EpochCompleted)) >= done + 1


def test_a_whole_sitting_in_a_small_terminal(  # noqa: PLR0915 (one sitting is one story)
    tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    """Start, pause, other ranges, a cell used, one epoch, more epochs, back and forth, pictures, quit, resume."""
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, *SEARCH, "--out", study)
    terminal.until(lambda: "decision" in terminal.shown)
    terminal.until(lambda: len(events(study, CheckpointSaved)) >= 2)
    terminal.press(" ")
    terminal.until(lambda: events(study, RunPaused))
    terminal.until(lambda: "= paused" in terminal.shown)

    terminal.press("r")
    terminal.until(lambda: "2 cells" in terminal.shown)
    terminal.press("\t\t\t\t")  # low, high, scale, steps
    terminal.until(lambda: terminal.cursor_is_at(" lr ", "steps"))
    terminal.press("3")
    terminal.until(lambda: "3 cells" in terminal.shown)
    terminal.press("\x13")  # ctrl+s
    terminal.until(lambda: "new ranges from the next decision on" in terminal.shown)
    terminal.press("c")
    terminal.until(lambda: "hjkl cell" in terminal.shown)
    terminal.press("h")
    terminal.until(lambda: "| lr 0.001" in terminal.shown)
    terminal.press("\r")
    terminal.until(lambda: "from the next decision on: lr" in terminal.shown)
    terminal.press("+")
    terminal.until(lambda: "How many epochs more" in terminal.shown)
    terminal.press("\r")
    terminal.until(lambda: "5 more epochs" in terminal.shown)
    terminal.press("\x1b")
    terminal.until(lambda: "f follow" in terminal.shown)
    before = len(events(study, EpochCompleted))
    decided = len(events(study, DecisionStarted))
    terminal.press("s")
    terminal.until(lambda: len(events(study, RunPaused)) == 2)
    assert len(events(study, EpochCompleted)) == before + 1
    terminal.press("s")
    terminal.until(lambda: len(events(study, RunPaused)) == 3)
    (changed,) = events(study, RangesChanged)
    assert (len(changed.old[0].values), len(changed.new[0].values)) == (2, 3)
    assert events(study, EpochsAdded)[-1].epochs == 2005
    by_hand = next(event for event in events(study, HyperparametersChosen) if event.reason == "chosen by hand")
    assert by_hand.values["lr"] == 1e-3  # h went to the left cell

    terminal.press("u")
    terminal.until(lambda: "the strategy chooses again" in terminal.shown)
    terminal.press("s")
    terminal.until(lambda: len(events(study, RunPaused)) == 4)
    newest = events(study, DecisionStarted)[-1]
    assert newest.decision > decided
    assert [len(axis.values) for axis in newest.axes] == [3]
    terminal.until(lambda: f"decision {newest.decision + 1}/{newest.decision + 1}" in terminal.shown)
    terminal.press("h")
    terminal.until(lambda: f"decision {newest.decision}/{newest.decision + 1}" in terminal.shown)
    terminal.press("f")
    terminal.until(lambda: f"decision {newest.decision + 1}/{newest.decision + 1}" in terminal.shown)
    terminal.press("e")
    terminal.until(lambda: "3 files in" in terminal.shown)
    assert (study / "export" / "heatmaps-optimized-0-page1.png").is_file()
    terminal.press("q")
    terminal.until(lambda: "Stop with a checkpoint" in terminal.shown)
    terminal.press("\r")
    assert terminal.ended() == 3
    assert "hptui resume" in terminal.read()
    assert isinstance(events(study, RunStopped)[-1], RunStopped)
    finish_quickly(study)


def test_four_runs_at_once_are_shown_and_steered(tmp_path: Path, open_terminal: Callable[..., Terminal]) -> None:
    """One is looked at until another is chosen; pause, other ranges, a stopped run and the end reach those at work."""
    study = tmp_path / "study"
    settings = ["--dataset", "digits", "--model", unhurried.MODEL, "--threads", "1", "--epochs", "2000", "--runs", "3"]
    flags = [
        *settings,
        "--strategy",
        "grid",
        "--parallel",
        "4",
        "--search",
        "lr=1e-3:1e-2:log:2",
        "--search",
        "weight_decay=off",
    ]
    terminal = open_terminal("run", *flags, "--out", study, columns=160, lines=48)

    def at_work(kind: type) -> list[str]:
        """Runs in whose log there is such an event."""
        logs = {run.name: RunReader(run).read() for run in study.glob("*-*") if run.is_dir()}
        return [name for name, log in logs.items() if any(isinstance(event, kind) for event in log)]

    terminal.until(lambda: len(at_work(EpochCompleted)) == 4 and ", 4 at work" in terminal.shown)
    first = terminal.shown.split(" run ")[1].split()[1].rstrip(",")
    terminal.until(lambda: sum(len(RunReader(run).read()) for run in study.glob("*-*")) > 300)
    assert f"{first}, 4 at work" in terminal.shown
    terminal.press("[" if first != "baseline-0" else "]")
    terminal.until(lambda: f"{first}, 4 at work" not in terminal.shown and ", 4 at work" in terminal.shown)
    terminal.press(" ")
    terminal.until(lambda: len(at_work(RunPaused)) == 4 and "= paused" in terminal.shown)
    terminal.press("r")
    terminal.until(lambda: "2 cells" in terminal.shown)
    terminal.press("\t\t\t\t3")
    terminal.until(lambda: "3 cells" in terminal.shown)
    terminal.press("\x13")  # ctrl+s
    terminal.until(lambda: "new ranges from the next decision on" in terminal.shown)
    terminal.press(" ")
    terminal.until(lambda: len(at_work(RangesChanged)) == 4 and "> running" in terminal.shown)
    terminal.press("x")
    terminal.until(lambda: ", begin the next" in terminal.shown)
    terminal.press("\r")
    terminal.until(lambda: len(at_work(RunStopped)) == 1 and len(at_work(EpochCompleted)) == 5)
    terminal.press("q")
    terminal.until(lambda: "Stop with a checkpoint" in terminal.shown)
    terminal.press("\r")
    assert terminal.ended() == 3
    assert "hptui resume" in terminal.read()
    assert len(at_work(RunStopped)) == 5


def test_an_error_in_an_own_strategy_is_shown_with_its_place_and_the_screen_stays(
    tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from hptui.strategies import Choice, Strategy\n"
        "class Failing(Strategy):\n"
        "    searches = True\n"
        "    def decide(self, situation):\n"
        "        if situation.epoch == 3:\n"
        "            raise ValueError('[bold]no idea')\n"
        "        return Choice({}, 'stay')\n"
    )
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, "--strategy", f"{own}:Failing", "--out", study, columns=120, lines=40)
    terminal.until(lambda: "ValueError: [bold]no idea" in terminal.shown)
    told = terminal.shown.replace("\n", " ")
    assert "ValueError: [bold]no idea" in told
    assert "error.log" in "".join(line[60:].strip(" │") for line in terminal.shown.splitlines())
    terminal.until(lambda: "! failed" in terminal.shown)
    terminal.press("h")
    terminal.until(lambda: "f follows" in terminal.shown)  # it still answers
    terminal.press("q")
    assert terminal.ended() == 1
    assert "ValueError" in (study / "optimized-0" / "error.log").read_text("utf-8")


@pytest.mark.parametrize("how", ["hang up", "SIGTERM"])
def test_a_dropped_line_ends_the_app_with_a_checkpoint(
    tmp_path: Path, open_terminal: Callable[..., Terminal], how: str
) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, *SEARCH, "--out", study)
    terminal.until(lambda: len(events(study, CheckpointSaved)) >= 2)
    if how == "hang up":
        terminal.close()
    else:
        terminal.process.send_signal(signal.SIGTERM)
    assert terminal.ended() == 3
    (stopped,) = events(study, RunStopped)
    saved = events(study, CheckpointSaved)[-1]
    assert (saved.epoch, saved.step) == (stopped.epoch, stopped.step)
    finish_quickly(study)


def test_a_dropped_line_ends_a_training_without_a_screen_with_a_checkpoint(
    tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, *SEARCH, "--out", study, "--headless")
    terminal.until(lambda: (study / "optimized-0").exists() and len(events(study, CheckpointSaved)) >= 2)
    terminal.close()
    assert terminal.ended() == 3
    assert events(study, RunStopped)


def test_nohup_keeps_a_training_alive(tmp_path: Path) -> None:
    study = tmp_path / "study"
    job = [*LONG, "--epochs", "8", *SEARCH, "--out", str(study), "--headless"]
    command = ["nohup", sys.executable, "-m", "hptui", "run", *job]
    trainer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (study / "optimized-0").exists() or not events(study, CheckpointSaved):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert not events(study, RunCompleted)  # 8 epochs take long enough
        trainer.send_signal(signal.SIGHUP)
        trainer.communicate(timeout=PATIENCE_SECONDS)
        assert trainer.returncode == 0
        assert events(study, RunCompleted)
    finally:
        trainer.kill()


def test_watch_pauses_changes_and_sees_the_end_of_a_study_of_another_process(
    tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    study = tmp_path / "study"
    job = [*LONG, "--epochs", "30", *SEARCH, "--out", str(study), "--headless"]
    trainer = nursery.start("run", *job, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (study / "optimized-0").exists() or not events(study, CheckpointSaved):
            assert time.monotonic() < end
            time.sleep(0.05)
        watcher = open_terminal("watch", study, columns=160, lines=48)
        watcher.until(lambda: "Epoch heatmap" in watcher.shown)
        watcher.press(" ")
        watcher.until(lambda: "= paused" in watcher.shown)
        assert not events(study, RunCompleted)  # 30 epochs take long enough
        watcher.press("r")
        watcher.until(lambda: "2 cells" in watcher.shown)
        watcher.press("\t\t\t\t")
        watcher.until(lambda: watcher.cursor_is_at(" lr ", "steps"))
        watcher.press("4\x13")
        watcher.until(lambda: "new ranges from the next decision on" in watcher.shown)
        watcher.press(" ")
        watcher.until(lambda: "* finished" in watcher.shown)
        assert trainer.wait(PATIENCE_SECONDS) == 0
        assert len(events(study, RangesChanged)[0].new[0].values) == 4
        watcher.press("q")
        assert watcher.ended() == 0
    finally:
        trainer.kill()
        trainer.communicate()


def test_watch_stops_a_study_of_another_process(tmp_path: Path, open_terminal: Callable[..., Terminal]) -> None:
    study = tmp_path / "study"
    job = [*LONG, *SEARCH, "--out", str(study), "--headless"]
    trainer = nursery.start("run", *job, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (study / "optimized-0").exists() or not events(study, CheckpointSaved):
            assert time.monotonic() < end
            time.sleep(0.05)
        watcher = open_terminal("watch", study)
        watcher.until(lambda: "decision" in watcher.shown)
        watcher.press("x")
        watcher.until(lambda: "The whole study" in watcher.shown)
        watcher.press("\t\r")
        assert trainer.wait(PATIENCE_SECONDS) == 3
        watcher.until(lambda: "# stopped" in watcher.shown)
        watcher.press("q")
        assert watcher.ended() == 0
    finally:
        trainer.kill()
        trainer.communicate()


@pytest.mark.parametrize("command", ["watch", "list and open"])
def test_a_finished_study_is_replayed_where_there_is_no_torch(
    tmp_path: Path, open_terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A laptop without torch, to which somebody copied the folder."""
    (tmp_path / "absent").mkdir()
    for name in ("torch", "torchvision"):
        (tmp_path / "absent" / f"{name}.py").write_text(f"raise ImportError('no {name} here')\n")
    studies = tmp_path / "data" / "hptui" / "studies"
    finished_study(studies / "copied", [0.5, 0.6, 0.55], [0.7, 0.75, 0.8])
    arguments = ["watch", studies / "copied"] if command == "watch" else []
    places = {"PYTHONPATH": str(tmp_path / "absent"), "XDG_DATA_HOME": str(tmp_path / "data")}
    terminal = open_terminal(*arguments, columns=120, lines=40, **places)
    if command != "watch":
        terminal.until(lambda: "copied" in terminal.shown)  # the list may still be reading its results
        terminal.press("\r")
    terminal.until(lambda: "decision 2/2" in terminal.shown and "Over 3 pairs" in terminal.shown)
    terminal.press("h")
    terminal.until(lambda: "decision 1/2" in terminal.shown)
    terminal.press("e")
    terminal.until(lambda: "files in" in terminal.shown)
    terminal.press("q")
    assert terminal.ended() == 0
