"""Names, labels, notes and messages of others' files: no command sends anything to a terminal that one would obey."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fabricate import make_study
from hostile import EVIL, HARMLESS, hostile_studies, obeyed, toml
from PIL import Image
from rich.table import Table
from rich.text import Text

from hptui.__main__ import main
from hptui.cli.console import HarmlessConsole
from hptui.record.harmless import harmless
from hptui.record.intensity import BYTES
from hptui.record.study_folders import studies_folder
from hptui.ui.bell import attention

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies with such names, labels, settings, reasons, errors, notes and damage."""
    return hostile_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture
def hostile(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """They are the user's; in the current folder lie configurations of such names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / f"{EVIL}.toml").write_text(f"{toml(EVIL)} = 1\nmodel = {toml(EVIL)}\n", "utf-8")
    (tmp_path / f"good{EVIL}.toml").write_text('dataset = "digits"\n', "utf-8")
    return shutil.copytree(made, studies_folder())


def printed(capsys: Captured, arguments: Sequence[str | Path]) -> str:
    main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return captured.out + captured.err


COMMANDS = [
    ["list"],
    ["list", "FOLDER"],
    ["list", "--filter", EVIL],
    ["list", "FOLDER", "--json"],
    ["list", f"no{EVIL}"],
    ["compare", "done"],
    ["compare", "done", "--per-class"],
    ["compare", "done", "--per-class", "--json"],
    ["compare", "done", "other", "--per-class"],
    ["compare", "done", "--metric", EVIL],
    ["compare", "cut"],
    ["compare", "strange"],
    ["compare", "unknown"],
    ["compare", "edited"],
    ["compare", EVIL],
    ["export", "done", "--format", "csv,svg"],
    ["export", "failed", "--format", "csv"],
    ["export", "done", "--format", EVIL],
    ["export", "done", "--format", "csv", "--to", f"{EVIL}.toml"],
    ["report", "failed"],
    ["report", "done", "--to", f"{EVIL}.toml/x"],
    ["note", "done"],
    ["note", "done", EVIL],
    ["rename", "done", f"x{EVIL}"],
    ["clean", "done", "--yes"],
    ["clean", "--all", "--yes"],
    ["delete", "done"],
    ["delete", "done", "other", "failed", "--yes"],
    ["delete", "cut", "--yes"],
    ["watch", "failed"],
    ["watch", "cut"],
    ["stop", "failed"],
    ["resume", "cut"],
    ["resume", "failed", "--headless"],
    ["replay", "failed/optimized-0"],
    ["replay", f"failed/{EVIL}"],
    ["predict", "done/optimized-0", f"{EVIL}.png"],
    ["plan", f"{EVIL}.toml"],
    ["plan", "--model", EVIL],
    ["run", f"good{EVIL}.toml", "--dataset", EVIL],
    ["run", f"good{EVIL}.toml", "--out", f"{EVIL}.toml"],
    ["config", "show", f"good{EVIL}.toml"],
    ["config", "show", f"good{EVIL}.toml", "--out", EVIL],
    ["config", "show", f"good{EVIL}.toml", "--out", EVIL, "--json"],
    ["config", "validate", f"{EVIL}.toml"],
    ["config", "validate", f"good{EVIL}.toml"],
    ["doctor", "--data-dir", EVIL],
    ["doctor", "--data-dir", EVIL, "--json"],
    [EVIL],
    ["--" + EVIL],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: ascii(" ".join(command))[:40])
def test_no_command_prints_what_a_terminal_would_obey(hostile: Path, capsys: Captured, command: list[str]) -> None:
    said = printed(capsys, [hostile if argument == "FOLDER" else argument for argument in command])
    assert obeyed(said) == []
    assert said or command[:2] == ["note", "done"]


def test_names_and_labels_are_shown_literally_with_all_that_is_harmless(hostile: Path, capsys: Captured) -> None:
    said = printed(capsys, ["compare", "done", "--per-class"])
    assert f"study done?]0;owned?[2J?31m??txt???[red]{HARMLESS}" in said  # rich leaves BEL and CR out by itself
    assert "b?]0;owned?[2J" in said
    assert HARMLESS in printed(capsys, ["note", "done"])


def test_json_says_what_is_there_in_escapes(hostile: Path, capsys: Captured) -> None:
    said = printed(capsys, ["compare", "done", "--json"])
    assert json.loads(said)["study"] == f"done{EVIL}"
    assert r"\u202e" in said
    assert r"\u009b" in said


def test_predictions_name_files_and_classes_harmlessly(
    hostile: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hptui.training.predicting.load_predictor", lambda *_, **__: Guesser())
    (run,) = hostile.glob("done*/optimized-0")
    (run / "model.pt").touch()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / f"x{EVIL}.png")
    (tmp_path / f"broken{EVIL}.png").write_text("no image")
    files = [tmp_path / f"{name}{EVIL}.png" for name in ("x", "broken", "missing")]
    said = printed(capsys, ["predict", run, *files])
    assert f"[red]?{HARMLESS}.png,a?" in said
    assert said.count("left out") == 2
    assert obeyed(said) == []
    printed(capsys, ["predict", run, files[0], "--out", tmp_path / "out.csv"])
    assert EVIL in (tmp_path / "out.csv").read_bytes().decode()  # a file says exactly what is there


class Guesser:
    """Stands for a network of two classes with such names."""

    class_names, image_shape = (f"a{EVIL}", f"b{EVIL}"), (1, 2, 2)
    intensity = BYTES
    task = "single-label"

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        return np.full((len(pixels), 2), 0.5, np.float32)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_offers_no_name_that_a_shell_could_not_show(
    hostile: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    make_study(hostile / "plain \u6f22")
    make_study(hostile / "two\nlines")
    monkeypatch.setenv("_HPTUI_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "hptui compare ")
    monkeypatch.setenv("COMP_CWORD", "" if shell == "fish" else "2")
    with pytest.raises(SystemExit):
        main([])
    said = capsys.readouterr().out
    assert "plain \u6f22" in said
    assert "owned" not in said
    assert "two" not in said


def test_own_styles_and_progress_go_on_in_a_terminal() -> None:
    stream = io.StringIO()
    console = HarmlessConsole(file=stream, force_terminal=True, width=80, color_system="standard", legacy_windows=False)
    table = Table("name", title=Text(EVIL, style="bold"))
    table.add_row(Text(EVIL, style="red"))
    console.print(table, EVIL)
    console.print(EVIL, markup=False)
    said = stream.getvalue()
    assert "\x1b[31m" in said  # the style of the cell
    assert "\x1b[1m" in said
    assert obeyed(re.sub(r"\x1b\[[0-9;]*m", "", said)) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x00\x08\x0b\r\x1b\x7f\x80\x9d", "????????"),
        ("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "?" * 12),
        ("\u2028\u2029\ufeff\u200b\U000e0041\udcff", "??????"),
        ("\u6f22\u5b57 e\u0301 \N{WOMAN}\u200d\N{WOMAN}\ufe0f \u0646\u200c\u0645 \U0001fae8", None),
    ],
)
def test_what_is_harmless(text: str, shown: str | None) -> None:
    assert harmless(text) == (text if shown is None else shown)


def test_a_notification_of_the_desktop_has_no_signs_but_its_own() -> None:
    sent = attention(f"study {EVIL} is finished", {"TERM": "xterm-256color"})
    assert sent.startswith("\a\x1b]9;hptui: study ")
    assert sent.endswith("\a")
    assert obeyed(sent[5:-1]) == []


def test_nothing_is_printed_past_the_one_place() -> None:
    """All of the command line prints by `output` and `console`, in which what is harmful is taken out."""
    folder = Path(sys.modules["hptui.cli"].__file__ or "").parent
    for path in folder.rglob("*.py"):
        if path.name not in ("output.py", "console.py"):
            text = path.read_text("utf-8")
            assert not re.search(r"click\.s?echo|(?<![\w.])print\(|(?<!Harmless)Console\(|\.stdout\.write", text), path
