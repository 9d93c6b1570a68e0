"""Commands that keep studies in order, names that every command takes, and completion."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fabricate import PATIENCE_SECONDS, environment, finished_study, make_study, python, whole_run, write_run

from hptui.__main__ import main
from hptui.cli import doctor
from hptui.cli.commands.studies import SORTS
from hptui.datasets._decoded_cache import DecodedCache
from hptui.export.formats import FORMATS
from hptui.metrics.classification import METRIC_TITLES
from hptui.reading.listing_words import COLUMNS
from hptui.record.notes import read_note
from hptui.record.presence import Presence
from hptui.record.study_folders import studies_folder

Captured = pytest.CaptureFixture[str]
COMPLETE = """
import sys
from hptui.__main__ import main
try:
    main([])
finally:
    print(*sys.modules, sep=" ", file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two finished studies among the user's, each run with a checkpoint of a megabyte."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "hptui.training", None)
    monkeypatch.setenv("COLUMNS", "200")
    for name, better in (("20260101-digits-grid", 0.6), ("20260202-mnist-adaptive", 0.9)):
        study = finished_study(studies_folder() / name, [0.5, 0.55], [better, better])
        for run in study.runs():
            (run[2] / "checkpoints" / "step-000000010.pt").write_bytes(b"x" * 1_000_000)
    return studies_folder()


def said(capsys: Captured, *arguments: str, code: int = 0) -> str:
    """All that a command prints."""
    assert main(arguments) == code, capsys.readouterr()
    captured = capsys.readouterr()
    return captured.out + captured.err


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "20260101-digits-grid"],
        ["compare", "20260101", "20260202"],
        ["list", "20260101"],
        ["note", "20260101"],
        ["report", "20260101", "--to", "r.html"],
        ["export", "20260101", "--to", "figures", "--format", "csv"],
    ],
    ids=" ".join,
)
def test_names_of_the_list_and_their_beginnings_are_taken(arguments: list[str], capsys: Captured) -> None:
    said(capsys, *arguments)


@pytest.mark.parametrize(
    "command", ["watch", "resume", "export", "report", "compare", "delete", "clean", "note", "replay", "predict"]
)
def test_a_name_that_is_not_known_or_not_clear_is_told_alike_by_every_command(command: str, capsys: Captured) -> None:
    more = ["x.png"] if command == "predict" else []
    text = said(capsys, command, "digits", *more, code=2)
    assert "digits is not a study: there is no such folder" in text
    assert "Did you mean 20260101-digits-grid?" in text
    text = said(capsys, command, "2026", *more, code=2)
    assert "is the beginning of 2 studies: 20260202-mnist-adaptive, 20260101-digits-grid." in text
    assert len(text.splitlines()) == 1


def test_every_name_that_the_list_prints_is_taken(tmp_path: Path, capsys: Captured) -> None:
    make_study(tmp_path / "elsewhere" / "one")
    for folder in ([], ["elsewhere"]):
        table = said(capsys, "list", *folder)
        for name in (line.split()[0] for line in table.splitlines()[1:]):
            said(capsys, "compare", name)


def test_the_list_has_results_and_sorts_and_filters(capsys: Captured) -> None:
    table = said(capsys, "list", "--sort", "optimized")
    assert re.search(
        r"20260202-mnist-adaptive +finished +4/4 +100% +52\.50 +90\.00 +\+37\.50 +\S+ to \S+ +4\.\d MB", table
    )
    names = [line.split()[0] for line in table.splitlines()[1:]]
    assert names == ["20260202-mnist-adaptive", "20260101-digits-grid"]
    reversed_names = said(capsys, "list", "--sort", "optimized", "--reverse").splitlines()[1:]
    assert [line.split()[0] for line in reversed_names] == names[::-1]
    (row,) = json.loads(said(capsys, "list", "--filter", "mnist finished", "--json"))
    assert row["name"] == names[0]
    assert row["bytes"] > 4_000_000
    assert row["results"]["difference"]["mean"] == pytest.approx(0.375)
    assert (row["epochs_done"], row["epochs_planned"], row["note"]) == (8, 8, "")
    assert "No study of 2" in said(capsys, "list", "--filter", "zzz")
    assert tuple(column.name for column in COLUMNS) == SORTS


def test_no_name_is_cut_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("hptui.cli.console.HarmlessConsole.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "60")
    table = said(capsys, "list")
    for name in ("20260202-mnist-adaptive", "20260101-digits-grid"):
        assert name in table
    assert max(len(re.sub("\x1b.*?m", "", line)) for line in table.splitlines()) <= 60


def test_clean_says_what_goes_and_asks(studies: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    kept = list(studies.rglob("step-*.pt"))
    assert "nobody can be asked here; give --yes" in said(capsys, "clean", "--all", code=2)
    answering(monkeypatch, "n\n")
    text = said(capsys, "clean", "--all")
    assert "Remove 8.0 MB of checkpoints of finished runs from 2 studies?" in text
    assert "20260101-digits-grid: 4.0 MB" in text
    assert "nothing was removed" in text
    assert list(studies.rglob("step-*.pt")) == kept
    answering(monkeypatch, "y\n")
    assert "removed 4.0 MB" in said(capsys, "clean", "20260101-digits-grid")
    assert len(list(studies.rglob("step-*.pt"))) == 4
    assert "removed 4.0 MB" in said(capsys, "clean", "--all", "--yes")
    assert "nothing to clean" in said(capsys, "clean", "--all")
    assert "name the studies to clean, or give --all" in said(capsys, "clean", code=2)
    said(capsys, "compare", "20260101", "20260202")


def test_delete_says_what_goes_and_asks(studies: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert "give --yes" in said(capsys, "delete", "20260101-digits-grid", code=2)
    answering(monkeypatch, "\n")
    text = said(capsys, "delete", "20260101-digits-grid")
    assert re.search(r"Delete 1 study for good, 4\.\d MB\?\n20260101-digits-grid: 4 runs, 4\.\d MB", text)
    assert "nothing was deleted" in text
    (studies / "20260101-digits-grid" / "thesis.tex").touch()
    text = said(capsys, "delete", "20260101-digits-grid", "20260202-mnist-adaptive", "--yes")
    assert "deleted 20260202-mnist-adaptive" in text
    assert "left in " in text
    assert [path.name for path in studies.rglob("*")] == ["20260101-digits-grid", "thesis.tex"]


def test_clean_removes_decoded_images_when_it_is_asked_to(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    cache = DecodedCache()
    assert f"nothing to clean: there are no decoded images in {cache.folder}" in said(capsys, "clean", "--decoded")
    shape = (1, 1, 1000, 1000)
    cache.fill("0" * 64, shape, "uint8", lambda file: (np.zeros(1, np.uint64), [], []))
    assert f"1.0 MB of at most 43 GB in {cache.folder}" in doctor._decoded_images()
    assert "nobody can be asked here; give --yes" in said(capsys, "clean", "--decoded", code=2)
    answering(monkeypatch, "n\n")
    assert "no decoded images were removed" in said(capsys, "clean", "--decoded")
    assert cache.size() > 1_000_000
    text = said(capsys, "clean", "--decoded", "--all", "--yes")
    assert f"Remove 1.0 MB of decoded images from {cache.folder}?" in text
    assert "removed 1.0 MB of decoded images" in text
    assert "removed 8.0 MB" in text  # and checkpoints of both studies
    assert cache.size() == 0


@pytest.mark.parametrize("command", ["delete", "clean"])
def test_what_cannot_be_undone_takes_whole_names(command: str, studies: Path, capsys: Captured) -> None:
    kept = sorted(studies.rglob("*"))
    for beginning in ("20260101", "20260101-digits-gri"):
        text = said(capsys, command, beginning, "--yes", code=2)
        assert text == (
            f"hptui: '{beginning}' is the beginning of a study's name; this cannot be undone, and needs the whole: "
            "20260101-digits-grid.\n"
        )
    assert sorted(studies.rglob("*")) == kept


def test_a_trained_study_is_not_deleted_nor_any_beside_it(studies: Path, capsys: Captured) -> None:
    with Presence(studies / "20260101-digits-grid"):
        text = said(capsys, "delete", "20260202-mnist-adaptive", "20260101-digits-grid", "--yes", code=2)
    assert "is being written by process" in text
    assert len(list(studies.iterdir())) == 2


def test_rename_and_note(studies: Path, capsys: Captured) -> None:
    assert said(capsys, "rename", "20260101", "warm up").strip() == str(studies / "warm up")
    said(capsys, "note", "warm up", "rate", "too", "high")
    assert read_note(studies / "warm up") == "rate too high"
    assert said(capsys, "note", "warm") == "rate too high\n"
    assert "rate too high" in said(capsys, "list")
    assert "cannot be a study's name" in said(capsys, "rename", "warm", "a/b", code=2)
    said(capsys, "report", "warm", "--to", "r.html")
    assert '<p class="note">rate too high</p>' in Path("r.html").read_text("utf-8")
    said(capsys, "note", "warm", "--remove")
    assert said(capsys, "note", "warm") == ""


# ---- completion


def complete(line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    words = line.split(" ")
    variables = {"_HPTUI_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = python(COMPLETE, env=environment() | variables)
    assert not {"torch", "textual", "numpy", "scipy", "rich"} & set(done.stderr.split()), done.stderr
    return [item.partition(",")[2] for item in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hptui comp", ["compare", "completion"]),
        ("hptui compare 2026", ["20260202-mnist-adaptive", "20260101-digits-grid"]),
        ("hptui watch 20260101-d", ["20260101-digits-grid"]),
        ("hptui compare 20260101-digits-grid 2026", ["20260202-mnist-adaptive"]),
        ("hptui replay 2026", ["20260202-mnist-adaptive/", "20260101-digits-grid/"]),
        ("hptui predict 20260101-digits-grid/o", [f"20260101-digits-grid/optimized-{seed}" for seed in (0, 1)]),
        ("hptui run --dataset m", ["medmnist:", "mnist"]),
        ("hptui run --model l", ["lenet"]),
        ("hptui run --strategy ", ["adaptive", "fixed", "grid", "pbt"]),
        ("hptui run --baseline n", ["none"]),
        ("hptui run --optimizer s", ["schedule_free", "sgd"]),
        ("hptui run --schedule cos", ["cosine"]),
        ("hptui run --loss c", ["cross_entropy"]),
        ("hptui run --score a", ["accuracy", "auc", "average_precision"]),
        ("hptui run --set l", ["lr=", "label_smoothing="]),
        ("hptui run --search drop", ["dropout=0:0.6:lin:4"]),
        ("hptui run --device c", ["cpu", "cuda"]),
        ("hptui config show --precision b", ["bfloat16"]),
        ("hptui compare x --metric s", ["sensitivity", "specificity"]),
        ("hptui export x --format png,t", ["png,tensorboard"]),
        ("hptui list --sort d", ["done", "difference", "data"]),
        ("hptui completion f", ["fish"]),
    ],
)
def test_what_a_shell_completes_and_that_it_loads_nothing_heavy(line: str, expected: list[str]) -> None:
    found = complete(line)
    if "--search" in line:
        found, expected = [item.partition("=")[0] for item in found], [item.partition("=")[0] for item in expected]
    assert found == expected


def test_every_format_and_metric_is_completed() -> None:
    assert complete("hptui export x --format ") == list(FORMATS)
    assert complete("hptui compare x --metric ") == list(METRIC_TITLES)


def test_an_own_file_or_folder_is_left_to_the_shell() -> None:
    assert complete("hptui run --model my_mod") == ["my_mod"]
    assert complete("hptui watch ./runs") == ["./runs"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_every_shell_is_printed(shell: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    script = said(capsys, "completion", shell)
    assert f"_HPTUI_COMPLETE={shell}_complete" in script
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert said(capsys, "completion") == script
    assert f"hptui completion {shell} >" in said(capsys, "completion", "--help")


def test_an_unknown_shell_is_told(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert "name one of bash, zsh, fish" in said(capsys, "completion", code=2)


def test_a_completion_takes_less_than_a_second_with_200_studies(studies: Path) -> None:
    for number in range(200):
        (studies / f"s{number:03}").mkdir()
        (studies / f"s{number:03}" / "study.toml").touch()
    begun = time.monotonic()
    assert len(complete("hptui watch s")) == 200
    assert time.monotonic() - begun < PATIENCE_SECONDS / 3
    assert os.environ["COLUMNS"] == "200"


def test_a_run_is_named_behind_its_study(studies: Path, capsys: Captured) -> None:
    write_run(make_study(studies / "one"), "optimized", 0, whole_run())
    text = said(capsys, "predict", "one/optimized-0", "x.png", code=2)
    assert "optimized-0 has no model.pt" in text
    assert "name one of its runs" in said(capsys, "replay", "one", code=2)
    assert "it has optimized-0" in said(capsys, "replay", "one/baseline-7", code=2)
