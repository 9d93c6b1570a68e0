"""Who looks elsewhere is told how a training ends, in a real terminal and by a command of theirs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from test_detach import JOB, begin, forked, leave_one_epoch, said_here, study, wait_until  # noqa: F401 (fixtures)
from test_terminal import Terminal, hptui, open_terminal  # noqa: F401 (a fixture)

from hptui.record.presence import is_written

SHORT = [*JOB, "--strategy", "fixed", "--epochs", "1"]
CALL = "\a\x1b]9;hptui: study is finished: mean test accuracy optimized "


def keeping(file: Path) -> str:
    """A command that keeps its environment."""
    return f'{sys.executable} -c \'import json, os; json.dump(dict(os.environ), open("{file}", "w"))\''


def test_a_screen_calls_when_its_training_ends_and_says_what_is_wrong_with_the_command(
    tmp_path: Path,
    study: Path,  # noqa: F811
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    told = tmp_path / "told.json"
    command = f"{keeping(told)}; echo no such host; exit 7"
    terminal = open_terminal("run", *SHORT, "--out", study, "--notify-command", command)
    terminal.until(lambda: CALL in terminal.screen)
    terminal.until(lambda: "no such host" in terminal.screen)  # it may be gone again: a notice stays for some seconds
    terminal.press("q")
    assert terminal.ended() == 0
    environment = json.loads(told.read_text())
    assert (environment["HPTUI_STATE"], environment["HPTUI_STUDY_DIR"]) == ("finished", str(study))
    for file in study.rglob("*"):  # whoever gets this folder and goes on with it runs no command of another person
        assert file.is_dir() or b"no such host" not in file.read_bytes(), file


def test_a_terminal_without_a_screen_is_called_too_and_can_be_kept_quiet(
    tmp_path: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    loud = open_terminal("run", *SHORT, "--headless", "--out", tmp_path / "study")
    assert loud.ended() == 0
    assert loud.read().count(CALL) == 1
    quiet = open_terminal("run", *SHORT, "--headless", "--out", tmp_path / "other", HPTUI_NOTIFY="none")
    assert quiet.ended() == 0
    assert "\a" not in quiet.read()


def test_pipes_and_files_get_no_bell(tmp_path: Path) -> None:
    done = hptui("run", *SHORT, "--headless", "--out", tmp_path / "study")
    assert done.returncode == 0
    assert "\a" not in done.stdout + done.stderr


def test_a_failure_is_told_by_the_command(tmp_path: Path, study: Path) -> None:  # noqa: F811
    own, told = tmp_path / "own.py", tmp_path / "told.json"
    own.write_text(
        "from hptui.strategies import Strategy\n"
        "class Failing(Strategy):\n"
        "    searches = True\n"
        "    def decide(self, situation):\n"
        "        raise ValueError('no idea')\n"
    )
    job = [*JOB, "--strategy", f"{own}:Failing", "--epochs", "1", "--headless", "--out", study]
    failed = hptui("run", *job, "--notify-command", keeping(told))
    assert failed.returncode == 1
    environment = json.loads(told.read_text())
    assert (environment["HPTUI_STATE"], environment["HPTUI_RUN"]) == ("failed", "optimized-0")
    assert environment["HPTUI_MESSAGE"].startswith("study failed: optimized-0 failed: ValueError: no idea")


@pytest.mark.parametrize("command", [["run", *SHORT, "--out"], ["resume"]], ids=["run", "resume"])
def test_a_detached_training_runs_the_command_itself(
    forked: None,  # noqa: F811
    tmp_path: Path,
    study: Path,  # noqa: F811
    command: list[str],
) -> None:
    told = tmp_path / "told.json"
    if command == ["resume"]:
        begin(study)
        assert hptui("stop", study).returncode == 0
        leave_one_epoch(study)
    started = said_here(*command, study, "--detach", "--notify-command", keeping(told))
    assert started.returncode == 0, started.stderr
    wait_until(lambda: told.exists() and told.stat().st_size > 0 and not is_written(study))
    assert json.loads(told.read_text())["HPTUI_STATE"] == "finished"
