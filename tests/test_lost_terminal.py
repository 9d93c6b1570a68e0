"""A terminal that is closed, or that nobody reads, at any moment: the process goes with what it has to save, or on."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import unhurried
from fabricate import environment, wait_until
from test_terminal import Terminal, events, hptui

from hptui.record.events import BatchesTrained, CandidateScored, EpochCompleted, RunCompleted, RunStopped
from hptui.record.log_backwards import last_event

JOB = ["--dataset", "digits", "--baseline", "none", "--runs", "1", "--threads", "1"]
SEARCH = ["--strategy", "grid", "--search", "lr=1e-3:1e-2:log:2"]
SHORT = [*JOB, *SEARCH, "--model", "lenet", "--epochs", "2"]
LONG = [*JOB, *SEARCH, "--model", unhurried.MODEL, "--epochs", "2000"]
SCREENS = pytest.mark.parametrize("screen", [[], ["--headless"]], ids=["screen", "headless"])
HANGING = """
import pathlib, sys, time
pathlib.Path({mark!r}).write_text("")
while True:
    time.sleep(600)
"""


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


def reached(terminal: Terminal, study: Path, kind: type, count: int = 1) -> None:
    """Wait until the log of the run holds that many of these."""
    terminal.until(lambda: (study / "optimized-0").exists() and len(events(study, kind)) >= count)


def outcome(study: Path) -> tuple[float, float]:
    """What `hptui resume` comes to: test accuracy and loss."""
    resumed = hptui("resume", study, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["optimized"]["n"] == 1
    (end,) = events(study, RunCompleted)[-1:]
    return end.test_accuracy, end.test_loss


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[float, float]]:
    """The short study that nothing interrupts, trained once for all tests, and what it came to."""
    study = tmp_path_factory.mktemp("undisturbed") / "study"
    assert hptui("run", *SHORT, "--headless", "--out", study).returncode == 0
    (end,) = events(study, RunCompleted)
    return study, (end.test_accuracy, end.test_loss)


@SCREENS
@pytest.mark.parametrize("what", ["torch", "the data"])
def test_closed_while_something_is_read_that_takes_for_ever(
    tmp_path: Path, open_terminal: Callable[..., Terminal], what: str, screen: list[str]
) -> None:
    """It is gone at once: there is nothing to save, and nobody waits for an import."""
    mark, study = tmp_path / "mark", tmp_path / "study"
    hanging = tmp_path / "absent" / "torch.py" if what == "torch" else tmp_path / "own.py"
    hanging.parent.mkdir(exist_ok=True)
    hanging.write_text(HANGING.format(mark=str(mark)))
    job, places = SHORT, {}
    if what == "torch":
        places = {"PYTHONPATH": f"{hanging.parent}{os.pathsep}{environment()['PYTHONPATH']}"}
    else:
        job = ["--dataset", f"{hanging}:load", *SHORT[2:]]
    terminal = open_terminal("run", *job, *screen, "--out", study, **places)
    terminal.until(mark.exists)
    terminal.close()
    assert terminal.ended() == 130
    assert not study.exists()


def test_quit_while_torch_is_imported(
    tmp_path: Path, open_terminal: Callable[..., Terminal], undisturbed: tuple[Path, tuple[float, float]]
) -> None:
    """The terminal is as it was before, and the study can be gone on with."""
    study, mark = tmp_path / "study", tmp_path / "mark"
    shutil.copytree(undisturbed[0], study)
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "torch.py").write_text(HANGING.format(mark=str(mark)))
    path = f"{tmp_path / 'absent'}{os.pathsep}{environment()['PYTHONPATH']}"
    terminal = open_terminal("resume", study, PYTHONPATH=path)
    terminal.until(mark.exists)
    terminal.until(lambda: "reading data" in terminal.shown)
    terminal.press("q")
    terminal.until(lambda: "Stop before it has begun" in terminal.shown)
    terminal.press("\r")
    assert terminal.ended() == 3
    assert f"stopped (quit); go on with: hptui resume {study}" in terminal.read()
    assert "\x1b[?1049l" in terminal.screen  # back from the alternate screen


@SCREENS
@pytest.mark.parametrize("moment", ["the first probe", "an epoch", "the last epoch"])
def test_closed_while_it_trains_it_ends_as_if_nothing_had_been(
    tmp_path: Path,
    open_terminal: Callable[..., Terminal],
    undisturbed: tuple[Path, tuple[float, float]],
    moment: str,
    screen: list[str],
) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *SHORT, *screen, "--out", study)
    kinds = {
        "the first probe": (CandidateScored, 1),
        "an epoch": (BatchesTrained, 1),
        "the last epoch": (EpochCompleted, 1),
    }
    reached(terminal, study, *kinds[moment])
    terminal.close()
    code = terminal.ended()
    done = isinstance(last_event(study / "optimized-0"), RunCompleted)  # a short job may be faster than the signal
    assert code == (0 if done else 3)
    assert done or isinstance(events(study, RunStopped)[-1], RunStopped)
    assert outcome(study) == undisturbed[1]


@SCREENS
def test_closed_just_as_the_study_ends_all_is_done(
    tmp_path: Path, open_terminal: Callable[..., Terminal], screen: list[str]
) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *SHORT, *screen, "--out", study)
    reached(terminal, study, RunCompleted)
    terminal.close()
    assert terminal.ended() == 0


def test_closed_over_the_list_nothing_is_lost(tmp_path: Path, open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal(XDG_DATA_HOME=str(tmp_path))
    terminal.until(lambda: "no studies in" in terminal.shown)
    terminal.press("n")
    terminal.until(lambda: "strategy" in terminal.shown)
    terminal.close()
    assert terminal.ended() == 0


@SCREENS
def test_a_line_that_freezes_does_not_stop_the_training(
    tmp_path: Path, open_terminal: Callable[..., Terminal], screen: list[str]
) -> None:
    """Nothing more is taken of what it writes; epochs go on, and the screen catches up afterwards."""
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, *screen, "--out", study)
    reached(terminal, study, EpochCompleted)
    terminal.freeze(frozen=True)
    terminal.read()
    before, frozen = len(terminal.screen), len(events(study, EpochCompleted))
    wait_until(lambda: len(events(study, EpochCompleted)) >= frozen + 20)
    terminal.read()
    assert len(terminal.screen) == before
    newest = len(events(study, EpochCompleted))
    terminal.freeze(frozen=False)
    terminal.until(lambda: newest_epoch(terminal) > newest)
    terminal.close()
    assert terminal.ended() == 3


@SCREENS
def test_a_line_that_froze_may_drop(tmp_path: Path, open_terminal: Callable[..., Terminal], screen: list[str]) -> None:
    study = tmp_path / "study"
    terminal = open_terminal("run", *LONG, *screen, "--out", study)
    reached(terminal, study, EpochCompleted)
    terminal.freeze(frozen=True)
    frozen = len(events(study, EpochCompleted))
    wait_until(lambda: len(events(study, EpochCompleted)) >= frozen + 5)
    terminal.close()
    assert terminal.ended() == 3
    assert events(study, RunStopped)


def newest_epoch(terminal: Terminal) -> int:
    """The highest one that the terminal was told of."""
    return max(map(int, re.findall(r"epoch (\d+)/2000", terminal.read())), default=0)
