"""The program in a real terminal: a pseudo-terminal with its own session, as an SSH login has one."""

from __future__ import annotations

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

import pytest

from hptui.events import AnyEvent, CheckpointSaved, EpochCompleted, RunPaused, RunStopped
from hptui.run_directory import RunReader

PATIENCE_SECONDS = 60
LONG = [
    "--dataset",
    "digits",
    "--model",
    "lenet",
    "--baseline",
    "none",
    "--runs",
    "1",
    "--epochs",
    "400",
    "--threads",
    "1",
]


class Terminal:
    """A terminal with one program in it; `screen` is everything that was written so far."""

    def __init__(
        self, *arguments: object, columns: int = 80, lines: int = 24, command: list[str] | None = None
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

        def own_session() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "hptui", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=own_session,  # noqa: PLW1509 (no threads in the tests' process here)
            env=os.environ | {"TERM": "xterm-256color"},
        )
        os.close(slave)
        self.screen = ""

    def read(self) -> str:
        """Take in what was written, without waiting long."""
        with contextlib.suppress(OSError):
            while select.select([self.master], [], [], 0.02)[0]:
                self.screen += os.read(self.master, 1 << 16).decode("utf-8", "replace")
        return self.screen

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.read()
            assert self.process.poll() is None, self.screen[-3000:]
            assert time.monotonic() < end, self.screen[-3000:]

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code; what is written meanwhile is read, so that the program never waits for a reader."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if self.master >= 0:
                self.read()
            time.sleep(0.01)
            assert time.monotonic() < end, f"still running after {seconds} s"
        return self.process.returncode

    def close(self) -> None:
        """Hang up, as a dropped line does."""
        os.close(self.master)
        self.master = -1


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def begin(*arguments: object, **size: int) -> Terminal:
        opened.append(Terminal(*arguments, **size))
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
    command = [sys.executable, "-m", "hptui", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def finish_quickly(study: Path) -> None:
    """Resume what was interrupted, with the epochs cut down to those that are nearly done."""
    done = len(events(study, EpochCompleted))
    (study / "steering.json").write_text(json.dumps({"epochs": done + 1, "search": {"lr": "1e-3:1e-2:log:2"}}))
    resumed = hptui("resume", study, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["optimized"]["n"] == 1
    assert len(events(study, EpochCompleted)) >= done + 1


def test_start_watch_pause_step_and_quit(tmp_path: Path, open_terminal: Callable[..., Terminal]) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, "--search", "lr=1e-3:1e-2:log:2", "--out", study)
    terminal.until(lambda: "decision" in terminal.screen)
    terminal.until(lambda: len(events(study, CheckpointSaved)) >= 2)
    terminal.press(" ")
    terminal.until(lambda: events(study, RunPaused))
    terminal.until(lambda: "paused" in terminal.screen)
    before = len(events(study, EpochCompleted))
    terminal.press("s")
    terminal.until(lambda: len(events(study, RunPaused)) == 2)
    assert len(events(study, EpochCompleted)) == before + 1
    terminal.press("q")
    terminal.until(lambda: "Stop with a checkpoint" in terminal.screen)
    terminal.press("\r")
    assert terminal.ended() == 3
    assert "hptui resume" in terminal.read()
    assert isinstance(events(study, RunStopped)[-1], RunStopped)
    finish_quickly(study)


@pytest.mark.parametrize("how", ["hang up", "SIGTERM"])
def test_a_dropped_line_ends_the_app_with_a_checkpoint(
    tmp_path: Path, open_terminal: Callable[..., Terminal], how: str
) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, "--search", "lr=1e-3:1e-2:log:2", "--out", study)
    terminal.until(lambda: len(events(study, CheckpointSaved)) >= 2)
    began = time.monotonic()
    if how == "hang up":
        terminal.close()
    else:
        terminal.process.send_signal(signal.SIGTERM)
    assert terminal.ended(seconds=10) == 3
    took = time.monotonic() - began
    (stopped,) = events(study, RunStopped)
    saved = events(study, CheckpointSaved)[-1]
    assert (saved.epoch, saved.step) == (stopped.epoch, stopped.step)
    assert took < 5, took  # two seconds on an idle machine
    finish_quickly(study)


def test_a_dropped_line_ends_a_training_without_a_screen_with_a_checkpoint(
    tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, "--search", "lr=1e-3:1e-2:log:2", "--out", study, "--headless")
    terminal.until(lambda: (study / "optimized-0").exists() and len(events(study, CheckpointSaved)) >= 2)
    terminal.close()
    assert terminal.ended(seconds=20) == 3
    assert events(study, RunStopped)


def test_watch_pauses_and_stops_a_study_of_another_process(
    tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    study = tmp_path / "study"
    command = [sys.executable, "-m", "hptui", "run", *LONG, "--search", "lr=1e-3:1e-2:log:2", "--out", str(study)]
    trainer = subprocess.Popen([*command, "--headless"], stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (study / "optimized-0").exists() or not events(study, CheckpointSaved):
            assert time.monotonic() < end
            time.sleep(0.05)
        watcher = open_terminal("watch", study, columns=160, lines=48)
        watcher.until(lambda: "Epoch heatmap" in watcher.screen)
        watcher.press(" ")
        watcher.until(lambda: events(study, RunPaused))
        watcher.press("x")
        watcher.until(lambda: "The whole study" in watcher.screen)
        watcher.press("\t\r")
        assert trainer.wait(PATIENCE_SECONDS) == 3
        watcher.press("q")
        assert watcher.ended() == 0
    finally:
        trainer.kill()
        trainer.communicate()
