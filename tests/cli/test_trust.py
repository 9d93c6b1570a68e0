"""A received study's own code, at the commands that would run it and in the app, and what else it might bring."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricate import PATIENCE_SECONDS, edit_study, make_study, python, run_started, trained_epoch, whole_run, write_run
from textual.app import App
from textual.message import Message
from textual.widgets import Button, Label

from hptui.__main__ import main
from hptui.cli import replay as replay_module
from hptui.record.events import RunStopped
from hptui.record.machine_paths import forget_paths
from hptui.record.own_code import own_code, unknown_code
from hptui.record.study_directory import Study, open_study
from hptui.record.study_folders import studies_folder
from hptui.ui.messages import NewStudy, ResumeStudy
from hptui.ui.screens.dialogs import ChoiceDialog
from hptui.ui.screens.study_list import StudyListScreen

Captured = pytest.CaptureFixture[str]
NET = """
import pathlib
pathlib.Path({ran!r}).touch()
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.output = torch.nn.Linear(784, 10)

    def forward(self, x):
        return self.output(x.flatten(1))
"""
NAME = "20260101-received"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that the code makes as soon as it is run."""
    return tmp_path / "ran"


@pytest.fixture
def received(tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of somebody else's code among the user's, two runs completed and one stopped."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET.format(ran=str(ran)), "utf-8")
    study = make_study(studies_folder() / NAME, model="net.py:Net", threads=1, runs=2)
    forget_paths(study.id)
    (tmp_path / "net.py").unlink()
    write_run(study, "optimized", 0, whole_run())
    write_run(study, "baseline", 0, [run_started(), *trained_epoch(1), RunStopped(reason="quit", epoch=1, step=5)])
    write_run(study, "baseline", 1, whole_run("baseline", 1))
    (study.directory / "optimized-0" / "model.pt").touch()
    (tmp_path / "image.png").touch()
    return study


COMMANDS = [
    ["resume", NAME, "--headless"],
    ["resume", NAME, "--detach", "--headless"],
    ["replay", f"{NAME}/baseline-1"],
    ["predict", f"{NAME}/optimized-0", "image.png"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_where_nobody_can_be_asked_it_is_refused(
    received: Study, ran: Path, capsys: Captured, command: list[str]
) -> None:
    before = {path: path.read_bytes() for path in received.directory.rglob("*") if path.is_file()}
    assert main(command) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith(f"hptui: {received.directory} brings code of its own (model = net.py:Net)")
    assert line.endswith("then give --trust.")
    assert captured.out == ""
    assert not ran.exists()
    assert before == {path: path.read_bytes() for path in received.directory.rglob("*") if path.is_file()}


class Answers(io.StringIO):
    """A terminal at which somebody answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def answer(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", Answers(text))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    return answer


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_is_the_answer_that_counts_unless_somebody_says_yes(
    received: Study, ran: Path, capsys: Captured, command: list[str], at_terminal: Callable[[str], None]
) -> None:
    at_terminal("\n")
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "sources/model/net.py: " in said
    assert "Run it, now and from now on? [y/N]" in said
    assert f"hptui: nothing of {received.directory} was run." in said
    assert not ran.exists()
    assert unknown_code(received) is not None


def test_yes_is_remembered(received: Study, ran: Path, capsys: Captured, at_terminal: Callable[[str], None]) -> None:
    at_terminal("y\n")
    assert main(["predict", f"{NAME}/optimized-0", "image.png"]) == 2
    assert "model.pt" in capsys.readouterr().err  # an empty one: as far as that it came
    assert unknown_code(received) is None
    at_terminal("")
    assert main(["predict", f"{NAME}/optimized-0", "image.png"]) == 2
    assert "brings code" not in capsys.readouterr().err


def test_trust_answers_for_scripts(received: Study, ran: Path, capsys: Captured) -> None:
    assert main(["resume", NAME, "--headless", "--trust"]) == 2
    said = capsys.readouterr().err
    assert "these are not the images that the study began with" in said  # invented ones: as far as that it came
    assert "brings code" not in said
    assert ran.exists()
    assert unknown_code(received) is None


def test_trust_is_enough_where_nothing_can_be_remembered(
    received: Study, ran: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    assert main(["resume", NAME, "--headless", "--trust"]) == 2
    said = capsys.readouterr().err
    assert "these are not the images" in said
    assert "cannot be remembered here" in said
    assert ran.exists()


def test_replay_asks_before_anything_is_imported(
    received: Study, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "_inputs", lambda *_: pytest.fail("it went on"))
    assert main(["replay", f"{NAME}/baseline-1"]) == 2
    assert "brings code" in capsys.readouterr().err


READING = [
    ["list"],
    ["list", "--json"],
    ["compare", NAME, "--per-class"],
    ["export", NAME, "--format", "csv,svg"],
    ["report", NAME],
    ["note", NAME, "words"],
    ["rename", NAME, "other"],
    ["clean", NAME, "--yes"],
    ["stop", NAME],
    ["watch", NAME],
    ["delete", NAME, "--yes"],
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_runs_nothing_and_asks_nothing(
    received: Study, ran: Path, capsys: Captured, command: list[str]
) -> None:
    edit_study(received.directory, lambda text: text.replace('strategy = "grid"', 'strategy = "net.py:Chooser"'))
    main(command)
    assert "brings code" not in capsys.readouterr().err
    assert not ran.exists()


def test_what_is_trained_here_is_never_asked_about(tmp_path: Path, ran: Path, capsys: Captured) -> None:
    """Trained, then resumed, replayed and put to images after the file that it was trained with has gone."""
    (tmp_path / "net.py").write_text(NET.format(ran=str(ran)), "utf-8")
    study = tmp_path / "s"
    settings = ["--dataset", "digits", "--train-size", 50, "--runs", 1, "--epochs", 1, "--baseline", "none"]
    settings += ["--strategy", "fixed", "--threads", 1, "--model", f"{tmp_path}/net.py:Net", "--out", study]
    assert main(["run", *map(str, settings), "--headless"]) == 0
    (tmp_path / "net.py").unlink()
    assert main(["resume", str(study), "--headless"]) == 0
    assert main(["replay", str(study / "optimized-0")]) == 0
    assert "brings code" not in capsys.readouterr().err
    assert not list(study.rglob("__pycache__"))


class Host(App[None]):
    """Shows the list, and keeps what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Message] = []

    def on_mount(self) -> None:
        self.push_screen(StudyListScreen())

    def on_resume_study(self, message: ResumeStudy) -> None:
        self.asked.append(message)

    def on_new_study(self, message: NewStudy) -> None:
        self.asked.append(message)


@pytest.mark.parametrize(("key", "kind"), [("R", ResumeStudy), ("N", NewStudy)])
def test_the_app_asks_in_a_dialog_once(received: Study, ran: Path, key: str, kind: type[Message]) -> None:
    async def run() -> None:
        app = Host()
        async with app.run_test(size=(100, 30)) as pilot:

            async def until(condition: Callable[[], object]) -> None:
                end = time.monotonic() + PATIENCE_SECONDS
                while not condition():
                    assert time.monotonic() < end, "waited too long"
                    await asyncio.sleep(0.01)

            await until(lambda: isinstance(app.screen, StudyListScreen) and app.screen.lines)
            offered = ("resume",) if key == "R" else ("new_like",)
            await until(lambda: app.screen.check_action("act", offered))  # its state is known a little later
            await pilot.press(key)
            await until(lambda: isinstance(app.screen, ChoiceDialog))
            words = str(app.screen.query_one(Label).render())
            code = own_code(received)
            assert code is not None
            assert code.checksum in words.replace("\n", "")
            assert "sources/model/net.py: " in words
            assert app.focused is app.screen.query_one("#cancel", Button)  # Enter alone allows nothing
            await pilot.press("enter")
            await until(lambda: isinstance(app.screen, StudyListScreen))
            assert app.asked == []
            await pilot.press(key)
            await until(lambda: isinstance(app.screen, ChoiceDialog))
            await pilot.pause()
            await pilot.click("#run")
            await until(lambda: app.asked)
            await pilot.press(key)
            await until(lambda: len(app.asked) == 2)
            assert all(isinstance(message, kind) for message in app.asked)

    asyncio.run(run())
    assert not ran.exists()
    assert unknown_code(received) is None


def test_a_study_brings_no_command_along(received: Study, ran: Path, capsys: Captured) -> None:
    """What a notification runs comes from a flag or the environment alone."""
    edit_study(received.directory, lambda text: text.replace("[config]", f'[config]\nnotify_command = "touch {ran}"'))
    assert main(["resume", NAME, "--headless", "--trust"]) == 2
    assert "unknown key 'notify_command'" in capsys.readouterr().err
    edit_study(
        received.directory,
        lambda text: "\n".join(line for line in text.splitlines() if not line.startswith("notify_command")),
    )
    edit_study(received.directory, lambda text: f'notify_command = "touch {ran}"\n{text}')
    assert open_study(received.directory).config.model == "net.py:Net"  # of the fields of a study it is none
    (Path.cwd() / "config.toml").write_text(f'notify_command = "touch {ran}"\n', "utf-8")
    assert main(["run", "config.toml", "--headless"]) == 2
    assert not ran.exists()


def test_the_own_paths_of_a_study_are_not_taken(received: Study, tmp_path: Path, capsys: Captured) -> None:
    """Settings of one machine, which hptui writes into no study."""
    where = f'out = "{tmp_path}/elsewhere"\ndata_dir = "{tmp_path}/data"\n'
    edit_study(received.directory, lambda text: text.replace("[config]", f"[config]\n{where}"))
    main(["resume", NAME, "--headless", "--trust"])
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "data").exists()


def test_help_says_what_trust_does() -> None:
    for command in ("resume", "replay", "predict"):
        said = python("import sys; from hptui.__main__ import main; sys.exit(main(sys.argv[1:]))", command, "--help")
        words = " ".join(said.stdout.split())
        assert "--trust Run the code that the study brings along, without asking." in words
        assert "you are asked once" in words


def test_json_of_the_list_says_nothing_of_code(received: Study, capsys: Captured) -> None:
    main(["list", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["model"] == "net.py:Net"
