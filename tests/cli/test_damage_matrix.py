"""One bad file stays one bad file: every command, over studies of which one is damaged, in many ways.

`tests/benchmarks/damage_matrix.py` goes through all ways, with commands that train and draw.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from damage import RUN, damages
from fabricate import two_class_study

from hptui.__main__ import main
from hptui.record.steering import Steering, save_steering

Captured = pytest.CaptureFixture[str]
ALL = damages()
SOME = list(ALL)[::3]
"""a third of them, of every file and of every kind"""
COMMANDS = (
    *("compare {bad}", "compare {bad} good --json", "compare {bad} --per-class", "compare {bad} --metric auc"),
    *(
        "export {bad} --format csv --to {to}",
        "stop {bad}",
        "watch {bad}",
        "note {bad}",
        "clean {bad} --yes",
        "clean --all --yes",
    ),
    *("note {bad} some words", "rename {bad} good", "resume {bad} --headless", "predict {bad}/{run} x.png"),
    *("replay {bad}/{run}", "rename {bad} other", "delete other --yes", "delete {bad} --yes"),
)
TOLD_OFF = re.compile(r"import of hptui\.training halted|No module named 'hptui\.training")
UNEXPECTED = re.compile(r"internal error|Traceback|Error:")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "bad"
    two_class_study(folder, runs=1)
    save_steering(folder, Steering(2, {"lr": "1e-3:1e-1:log:3"}))
    return folder


@pytest.fixture
def studies(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's studies: two good ones, and one to be damaged; whoever trains is told off."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "hptui.training", None)
    folder = tmp_path / "hptui" / "studies"
    for name in ("good", "fine", "bad"):
        shutil.copytree(sound, folder / name)
    return folder


def is_told_off(message: str) -> bool:
    """Whether a command got as far as to the engine, which is not there."""
    return bool(TOLD_OFF.search(message))


@pytest.mark.parametrize("damage", SOME)
def test_every_command_says_what_is_wrong_and_shows_the_others(
    studies: Path, tmp_path: Path, capsys: Captured, damage: str
) -> None:
    ALL[damage](studies / "bad")
    assert main(["list", "--json"]) == 0
    captured = capsys.readouterr()
    listed = {row["name"] for row in json.loads(captured.out)}
    assert {"good", "fine"} <= listed, captured.err
    left_out = "hptui: left out: " in captured.err
    assert left_out != ("bad" in listed) or damage == "study.toml: missing"
    assert not UNEXPECTED.search(captured.err), captured.err
    for command in COMMANDS:
        words = command.format(bad="bad", run=RUN, to=tmp_path / "to").split()
        code = main(words)
        captured = capsys.readouterr()
        assert code in (0, 1, 2, 3), command
        if not is_told_off(captured.err):
            assert not UNEXPECTED.search(captured.err), (command, captured.err)
            assert code == 0 or captured.err.startswith("hptui: ") or "hptui: " in captured.err, command
    assert {"good", "fine"} <= {path.name for path in studies.iterdir()}


@pytest.mark.parametrize("damage", list(ALL)[1::9])
def test_the_shell_completes_names_all_the_same(
    studies: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    ALL[damage](studies / "bad")
    monkeypatch.setenv("COMP_WORDS", "hptui compare g")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_HPTUI_COMPLETE", "bash_complete")
    with contextlib.suppress(SystemExit):
        main([])
    assert "good" in capsys.readouterr().out
