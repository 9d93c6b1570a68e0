"""The command line as a user meets it, as far as no network is trained: answers, exit codes, one-line errors."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import nursery
import pytest
from fabricate import finished_study, make_study, python, run_started, write_run

from hptui import __version__
from hptui.__main__ import main
from hptui.cli.doctor import examine
from hptui.config import FIELDS, StudyConfig
from hptui.errors import TrainingError
from hptui.record import takeover
from hptui.record.presence import Heartbeat, Presence

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of the test's own; whoever reaches for the engine is told off instead of training."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "hptui.training", None)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def out_of(capsys: Captured, *arguments: object) -> str:
    """What a command that succeeds prints; it has nothing to complain about."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert captured.err == ""
    return captured.out


def prepare(folder: Path) -> None:
    finished_study(folder / "done", [0.5], [0.6])
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").touch()
    (folder / "good.toml").write_text("epochs = 3\n", "utf-8")
    (folder / "typo.toml").write_text("epoch = 3\n", "utf-8")
    (folder / "torn.toml").write_text("epochs = \n", "utf-8")
    (folder / "range.toml").write_text('[search]\nlr = "1e-1:1e-4:log:5"\n', "utf-8")
    (folder / "twice.toml").write_text("epochs = 0\nruns = 0\n", "utf-8")
    (folder / "null.toml").write_text('out = "a\\u0000b"\n', "utf-8")


DIGITS = "run --dataset digits"
BAD_INPUT = [
    ("rum", "unknown command 'rum'. Did you mean 'run'?"),
    ("config shwo", "unknown command 'shwo'. Did you mean 'show'?"),
    ("frobnicate", "Known: clean, compare,"),
    ("frobnicate", "stop, watch."),  # and not the process that --detach starts
    ("run --epoch 3", "there is no flag --epoch. Did you mean '--epochs'?"),
    ("run --epochz 3", "there is no flag --epochz. Did you mean '--epochs'?"),
    ("run --decide 3", "there is no flag --decide. Did you mean '--decide-every' or '--decide-at'?"),
    ("compare done --jsn", "--json"),
    ("--no-such-flag", "--no-such-flag"),
    ("run --epochs", "--epochs"),
    ("run --dataset mnits", "flag: unknown dataset 'mnits'. Did you mean 'mnist'?"),
    (f"{DIGITS} --model lenett", "flag: unknown model 'lenett'. Did you mean 'lenet'?"),
    (f"{DIGITS} --strategy girt", "flag: unknown strategy 'girt'. Did you mean 'grid'?"),
    (f"{DIGITS} --baseline fixd", "flag: unknown baseline 'fixd'. Did you mean 'fixed'?"),
    (
        f"{DIGITS} --optimizer adamm",
        "flag: unknown optimizer 'adamm'. Did you mean 'adam'?",
    ),
    (f"{DIGITS} --score lost", "flag: unknown score 'lost'. Did you mean 'loss'?"),
    (f"{DIGITS} --device gpu", "flag: unknown device 'gpu'. It takes auto, cpu, cuda or cuda:INDEX."),
    (f"{DIGITS} --epochs ten", "flag: epochs = 'ten': expected a whole number."),
    (f"{DIGITS} --epochs 0", "flag: epochs = '0': expected a whole number >= 1."),
    (f"{DIGITS} --runs -1", "flag: runs = '-1': expected a whole number >= 1."),
    (f"{DIGITS} --horizon nan", "flag: horizon = 'nan': expected a number > 0"),
    (f"{DIGITS} --set lr=0", "flag: lr = 0 is out of bounds; it takes more than 0."),
    (f"{DIGITS} --set dropuot=0.5", "unknown hyperparameter 'dropuot'. Did you mean 'dropout'?"),
    (f"{DIGITS} --search lr=1e-1:1e-4:log:5", "flag: search lr: low 0.1 has to be less than high 0.0001."),
    (f"{DIGITS} --search lr=0:1:log:5", "flag: search lr: a log scale needs low > 0, not 0"),
    (f"{DIGITS} --search lr=1e-4:1e-1:log:0", "flag: search lr: steps = 0 makes a grid of no cells"),
    (f"{DIGITS} --search lr=1e-4:1e-1:cubic:5", "flag: search lr: unknown scale 'cubic'; it takes log or lin."),
    (f"{DIGITS} --search lr", "flag: search 'lr': write NAME=..., for example lr=1e-4:1e-1:log:7."),
    (
        f"{DIGITS} --strategy grid --search lr=off --search wd=off",
        "strategy 'grid' has nothing to search; name at least one range with --search.",
    ),
    (f"{DIGITS} --decide-at 99", "decide_at names epoch 99, but a run has 10 epochs."),
    (f"{DIGITS} --decide-at 1,2 --decide-every 1", "flag: decide_at and decide_every exclude each other"),
    (f"{DIGITS} --set lr=1 --set lr=2", "flag: set names lr twice."),
    (f"{DIGITS} --batch-size 2.5", "flag: batch_size = 2.5 has to be a whole number."),
    (f"{DIGITS} --batch-size 20 --set batch_size=30", "flag: batch_size is given twice."),
    (f"{DIGITS} --out ~nouser/x", "flag: out = '~nouser/x': there is no such user's home folder."),
    (f"{DIGITS} --data-dir ~nouser/x", "flag: data_dir = '~nouser/x': there is no such user's home folder."),
    ("resume done --data-dir ~nouser/x", "data_dir = '~nouser/x': there is no such user's home folder."),
    ("config validate null.toml", "null.toml, line 1: out = 'a\\x00b': no name or path can have a null character."),
    (f"{DIGITS} --decide-at 1,x", "flag: decide_at = ['1', 'x']: expected a whole number."),
    ("run none.toml", "cannot read the configuration none.toml: No such file or directory."),
    ("run torn.toml", "torn.toml is not valid TOML"),
    ("run typo.toml", "typo.toml: unknown key 'epoch'. Did you mean 'epochs'?"),
    ("run range.toml", "range.toml: search lr: low 0.1 has to be less than high 0.0001."),
    ("run twice.toml", "twice.toml: epochs = 0: expected a whole number >= 1."),
    ("run good.toml extra.toml", "extra.toml"),
    ("config validate none.toml", "cannot read the configuration none.toml"),
    ("config validate typo.toml", "unknown key 'epoch'"),
    ("config validate", "FILE"),
    ("config show typo.toml", "unknown key 'epoch'"),
    (f"{DIGITS} --out done", "done already holds a study; go on with it (hptui resume), or choose another --out."),
    (f"{DIGITS} --out full", "full is not an empty folder; choose another --out."),
    (f"{DIGITS} --out good.toml", "good.toml is not an empty folder; choose another --out."),
    (f"{DIGITS} --out good.toml/study", "/good.toml; choose another --out."),
    ("resume full", "full is not a study: cannot read study.toml, No such file or directory."),
    ("resume nowhere", "nowhere is not a study"),
    ("resume", "STUDY"),
    ("resume done --device gpu", "--device: unknown device 'gpu'."),
    ("compare nowhere", "nowhere is not a study"),
    ("compare done nowhere", "nowhere is not a study"),
    ("compare", "STUDY"),
    ("compare done done", "done is given twice"),
    ("compare done --metric aucc", "Did you mean 'auc'?"),
    ("report nowhere", "nowhere is not a study"),
    ("report done --to good.toml/x.html", "cannot write good.toml/x.html"),
    ("report done --to full", "it is a folder; name a file"),
    ("list nowhere", "there is no folder nowhere."),
    ("list good.toml", "there is no folder good.toml."),
]


@pytest.mark.parametrize(("line", "expected"), BAD_INPUT, ids=[line for line, _ in BAD_INPUT])
def test_bad_input_is_one_line_and_exit_code_2(line: str, expected: str, here: Path, capsys: Captured) -> None:
    prepare(here)
    before = sorted(here.rglob("*"))
    code = main(line.split())
    captured = capsys.readouterr()
    assert code == 2, captured.err
    assert captured.out == ""
    (said,) = captured.err.splitlines()
    assert said.startswith("hptui: ")
    assert expected in said
    assert "Traceback" not in said
    assert sorted(here.rglob("*")) == before  # nothing was begun


def test_a_bad_environment_is_named(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HPTUI_EPOCHS", "many")
    assert main(["config", "show"]) == 2
    assert capsys.readouterr().err == "hptui: environment: epochs = 'many': expected a whole number.\n"


def test_a_study_that_somebody_writes_is_not_resumed(here: Path, capsys: Captured) -> None:
    prepare(here)
    with Presence(here / "done"):
        assert main(["resume", "done"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert f"is being written by process {os.getpid()} on " in said
    assert "stop that one first" in said


def test_force_takes_a_study_from_a_machine_that_is_gone(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(here)
    beat = Heartbeat(pid=7, host="gone", time=time.time(), boot="other")
    (here / "done" / "heartbeat.json").write_bytes(msgspec.json.encode(beat))
    assert main(["resume", "done"]) == 2
    said = capsys.readouterr().err
    assert "is being written by process 7 on gone (last sign of life " in said
    assert "stop that one first, or take it over: hptui resume --force." in said
    monkeypatch.setattr(takeover, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr("hptui.cli.commands.training.train", lambda *_, **__: 0)
    assert main(["resume", "done", "--force"]) == 0
    (said,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"taking over done from process 7 on gone \(last sign of life \d+ s ago\)", said)
    assert not (here / "done" / "heartbeat.json").exists()


@pytest.mark.parametrize(
    ("given", "arguments", "with_runs"),
    [
        ("", {"gpus": 1}, False),
        ("--engine slurm --engine-args cpus=2", {"gpus": 1, "cpus": 2}, False),
        ("--engine thread", {}, True),
        ("--engine ray --engine-args cpus=2", {"cpus": 2}, True),
    ],
)
def test_what_is_left_of_an_engine_where_another_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, given: str, arguments: dict[str, int], with_runs: bool
) -> None:
    make_study(here / "s", engine="slurm", engine_args={"gpus": 1})
    configs: list[StudyConfig] = []
    taken: list[bool] = []
    of_resume = "hptui.cli.commands.training"
    monkeypatch.setattr(f"{of_resume}.resumption_preparation", lambda _, config: configs.append(config))
    monkeypatch.setattr(f"{of_resume}.train", lambda *_, **__: 0)
    monkeypatch.setattr(f"{of_resume}.take_over", lambda *_, with_runs: taken.append(with_runs))
    assert main(["resume", "s", "--force", *given.split()]) == 0
    assert [config.engine_args for config in configs] == [arguments]
    assert taken == [with_runs]  # jobs at work are left to go on, unless they are to be trained elsewhere


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TrainingError("one\ntwo"), 1, "hptui: one two\n"),
        (OSError(28, "No space left on device", "/x/events.jsonl"), 1, "hptui: No space left on device: /x/events."),
        (OSError("the disk is gone"), 1, "hptui: the disk is gone\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_may_go_wrong_on_the_way_has_an_exit_code(
    error: BaseException, code: int, said: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hptui.__main__.cli.main", fail)
    assert main([]) == code
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("arguments", ["compare s", "compare s --json", "list . --json", "run --help"])
def test_a_reader_that_has_gone_is_no_error(arguments: str, here: Path) -> None:
    """As in `hptui compare s | head -1`."""
    finished_study(here / "s", [0.5], [0.6])
    code = (
        "import os, sys\nfrom hptui.__main__ import main\n"
        "reading, writing = os.pipe()\nos.close(reading)\nos.dup2(writing, 1)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = python(code, *arguments.split(), cwd=here)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_internal_error_is_one_line_with_the_place_of_its_traceback(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("hptui.__main__.cli.main", fail)
    assert main([]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    head, path = said.split("; the traceback is in ")
    assert head == "hptui: internal error: ZeroDivisionError: one two"
    assert path.startswith(os.environ["XDG_STATE_HOME"])
    assert "in fail" in Path(path).read_text("utf-8")
    monkeypatch.setenv("HPTUI_DEBUG", "1")
    assert main([]) == 1
    assert capsys.readouterr().err.startswith("Traceback")


@pytest.mark.parametrize("name", [b"s", b"caf\xe9"])
def test_a_terminal_of_few_characters_and_a_name_of_any_bytes(here: Path, name: bytes) -> None:
    study = os.fsdecode(name)
    finished_study(here / study, [0.5, 0.6, 0.7], [0.6, 0.65, 0.9])
    code = (
        "import sys\nfrom hptui.__main__ import main\n"
        "for command in (['compare', sys.argv[1]], ['compare', sys.argv[1], '--json'], ['list', '.'],\n"
        "                ['list', '.', '--json'], ['list', sys.argv[2]]):\n"
        "    exit_code = main(command)\n"
        "    print(f'<{exit_code}>', flush=True)\n"
        "    if exit_code == 0:\n"
        "        print('<said>', file=sys.stderr, flush=True)\n"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = python(code, study, os.fsdecode(b"caf\xe9-none"), cwd=here, env=environment)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"<(\d)>", done.stdout) == ["0", "0", "0", "0", "2"]
    table, _, _, listed, _, _ = re.split(r"<\d>\n", done.stdout)
    assert "60.00 +- 10.00" in table
    (row,) = json.loads(listed)
    assert row["name"].startswith(study[:3])
    assert done.stderr.startswith("<said>\n" * 4 + "hptui: there is no folder caf")


def test_batch_size_is_another_way_to_set_it(here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "c.toml").write_text("batch_size = 10\n[set]\nlr = 0.5\n", "utf-8")
    found = json.loads(out_of(capsys, "config", "show", "c.toml", "--json"))["set"]
    assert found == {"value": {"batch_size": 10.0, "lr": 0.5}, "origin": "c.toml"}
    monkeypatch.setitem(os.environ, "HPTUI_BATCH_SIZE", "20")
    assert json.loads(out_of(capsys, "config", "show", "--json"))["set"]["value"] == {"batch_size": 20.0}
    found = json.loads(out_of(capsys, "config", "show", "--batch-size", "30", "--json"))["set"]
    assert found == {"value": {"batch_size": 30.0}, "origin": "flag"}
    assert "--batch-size" in out_of(capsys, "run", "--help")


def test_a_mistyped_variable_is_told(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HPTUI_EPOCH", "HPTUI_TEST_DATA", "HPTUI_ASCII", "HPTUI_DEBUG", "HPTUI_SOMETHING_ELSE"):
        monkeypatch.setitem(os.environ, variable, "1")
    assert main(["config", "show"]) == 0
    assert capsys.readouterr().err == "hptui: HPTUI_EPOCH is not used; did you mean HPTUI_EPOCHS?\n"


def test_config_without_a_command_shows_its_help(capsys: Captured) -> None:
    assert out_of(capsys, "config").startswith("Usage: hptui config ")


def write_of_another_version(study: Path, where: str) -> None:
    """One run of a study as a later hptui might have written it."""
    path = study / "optimized-0" / where
    content = path.read_text("utf-8")
    assert content.count('"schema":') == 1
    path.write_text(re.sub(r'"schema": ?1', '"schema":2', content), "utf-8")


@pytest.mark.parametrize("where", ["run.json", "events.jsonl"])
def test_a_run_of_another_version_is_refused(where: str, here: Path, capsys: Captured) -> None:
    finished_study(here / "s", [0.5], [0.6])
    finished_study(here / "good", [0.5], [0.6])
    write_of_another_version(here / "s", where)
    for command in ("compare", "resume"):
        assert main([command, "s"]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert f"s/optimized-0/{where} has format 2, this hptui reads format 1" in said
    assert main(["list", ".", "--json"]) == 0
    captured = capsys.readouterr()
    assert [row["name"] for row in json.loads(captured.out)] == ["good"]
    assert f"left out: {here}/s/optimized-0/{where} has format 2" in captured.err


def test_a_broken_study_is_not_no_study(here: Path, capsys: Captured) -> None:
    (here / "bad").mkdir()
    (here / "bad" / "study.toml").write_text("schema = 99\n", "utf-8")
    assert main(["list", "bad"]) == 0
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("hptui: left out: ")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command(arguments: list[str], capsys: Captured) -> None:
    shown = out_of(capsys, *arguments)
    assert shown.startswith("Usage: hptui [OPTIONS] ")
    for command in ("run", "resume", "list", "compare", "config", "doctor"):
        assert re.search(rf"^  {command}\s+[A-Z].+", shown, re.MULTILINE), command


def test_what_a_command_is_for_is_told_whole_in_80_columns(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, _, commands = out_of(capsys, "--help").partition("Commands:\n")
    for line in commands.splitlines():
        assert line.endswith("."), line
        assert not line.endswith("..."), line


@pytest.mark.parametrize("command", ["run", "resume", "list", "compare", "config", "config show", "doctor"])
def test_every_command_has_help(command: str, capsys: Captured) -> None:
    shown = out_of(capsys, *command.split(), "--help")
    assert shown.startswith(f"Usage: hptui {command} ")
    assert len(shown.splitlines()[2].strip()) > 10


def test_version(capsys: Captured) -> None:
    assert out_of(capsys, "--version") == f"hptui {__version__}\n"


def test_config_show_names_every_origin(here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(here)
    (here / "good.toml").write_text("epochs = 3\nseed = 5\nruns = 6\n", "utf-8")
    for variable, value in (("HPTUI_SEED", "4"), ("HPTUI_RUNS", "7")):
        monkeypatch.setitem(os.environ, variable, value)
    flags = ["--runs", "2", "--set", "wd=0.1", "--set", "lr=0.5", "--search", "dropout=0:0.5:lin:2"]
    found = json.loads(out_of(capsys, "config", "show", "good.toml", *flags, "--json"))
    assert set(found) == set(FIELDS)
    assert found["epochs"] == {"value": 3, "origin": "good.toml"}
    assert found["seed"] == {"value": 4, "origin": "environment"}
    assert found["runs"] == {"value": 2, "origin": "flag"}
    assert found["set"] == {"value": {"weight_decay": 0.1, "lr": 0.5}, "origin": "flag"}
    assert found["search"] == {"value": {"dropout": "0.0:0.5:lin:2"}, "origin": "flag"}
    assert found["model"] == {"value": "dtu_cnn", "origin": "default"}
    shown = out_of(capsys, "config", "show", "good.toml", *flags)
    assert re.search(r"^epochs = 3 +# good\.toml$", shown, re.MULTILINE)
    assert re.search(r"^set = \{ weight_decay = 0\.1, lr = 0\.5 \} +# flag$", shown, re.MULTILINE)
    assert re.search(r"^# threads +# not set$", shown, re.MULTILINE)


SHOWN = {
    "defaults": [],
    "ranges, values, a list": [
        *("--search", "lr=1e-4:1e-1:log:5", "--search", "dropout=0:0.5:lin:3", "--set", "wd=0.1"),
        *("--decide-at", "1,2,5", "--threads", "1", "--image-size", "32"),
    ],
    "nothing searched": ["--strategy", "fixed", "--search", "lr=off", "--search", "weight_decay=off"],
    "signs": [
        "--dataset",
        'folder:a "quoted" \\ [red]\tpath\x1b[31m # \u00e9',
        "--data-dir",
        "it's here",
        "--out",
        "o",
    ],
}


@pytest.mark.parametrize("flags", SHOWN.values(), ids=SHOWN)
def test_what_config_show_prints_is_a_configuration_of_the_same_settings(
    here: Path, capsys: Captured, flags: list[str]
) -> None:
    before = json.loads(out_of(capsys, "config", "show", *flags, "--json"))
    (here / "b.toml").write_text(out_of(capsys, "config", "show", *flags), "utf-8")
    assert out_of(capsys, "config", "validate", "b.toml") == "b.toml is valid.\n"
    after = json.loads(out_of(capsys, "config", "show", "b.toml", "--json"))
    assert {field: one["value"] for field, one in after.items()} == {
        field: one["value"] for field, one in before.items()
    }
    origins = {field: one["origin"] for field, one in after.items()}
    if not flags:
        assert {field for field, origin in origins.items() if origin == "default"} == {
            field for field, one in after.items() if one["value"] is None
        }


def test_config_show_shows_brackets_as_they_are(capsys: Captured) -> None:
    assert "folder:[red]images" in out_of(capsys, "config", "show", "--dataset", "folder:[red]images")


def test_config_validate_says_so(here: Path, capsys: Captured) -> None:
    prepare(here)
    assert out_of(capsys, "config", "validate", "good.toml") == "good.toml is valid.\n"


def test_config_validate_tells_every_problem_with_its_line(here: Path, capsys: Captured) -> None:
    (here / "bad.toml").write_text(
        """# a comment
epochs = 0
datset = "mnist"
strategy = "gird"
decide-at = [20]
batch_size = 20
baseline = "grid"

[search]
lr = "1e-1:1e-3:log:5"
drpout = "0:1:lin:3"
wd = "1e-5:1e-3:log:3"

[set]
momentum = 2.0
batch_size = 30
""",
        "utf-8",
    )
    assert main(["config", "validate", "bad.toml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    begin = [
        "line 2: epochs = 0: expected a whole number >= 1.",
        "line 3: unknown key 'datset'. Did you mean 'dataset'?",
        "line 4: unknown strategy 'gird'. Did you mean 'grid'?",
        "line 10: search lr: low 0.1 has to be less than high 0.001.",
        "line 11: unknown hyperparameter 'drpout'. Did you mean 'dropout'?",
        "line 15: momentum = 2 is out of bounds; it takes 0 to less than 1.",
        "line 16: batch_size is given twice.",
    ]
    told = captured.err.splitlines()
    assert len(told) == len(begin)
    for line, expected in zip(told, begin, strict=True):
        assert line.startswith(f"hptui: bad.toml, {expected}")


def test_config_validate_tells_what_does_not_fit_together(here: Path, capsys: Captured) -> None:
    (here / "apart.toml").write_text(
        'decide_at = [2, 20]\nepochs = 10\nstrategy = "grid"\nsearch = {lr = "off", weight_decay = "off"}\n', "utf-8"
    )
    assert main(["config", "validate", "apart.toml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "hptui: apart.toml, lines 3, 4: strategy 'grid' has nothing to search; name at least one range with --search.",
        "hptui: apart.toml, lines 1, 2: decide_at names epoch 20, but a run has 10 epochs.",
    ]


def test_list_of_an_empty_folder(here: Path, capsys: Captured) -> None:
    (here / "empty").mkdir()
    assert main(["list", "empty"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "No studies in empty. Start one with: hptui run --dataset digits\n"
    assert out_of(capsys, "list", "empty", "--json") == "[]\n"
    assert main(["list"]) == 0  # the user's own studies: not even the folder is there
    assert "No studies in " in capsys.readouterr().err


def test_list_as_json(here: Path, capsys: Captured) -> None:
    finished_study(here / "studies" / "done", [0.5, 0.5], [0.6, 0.6], dataset="digits")
    begun = make_study(here / "studies" / "begun", strategy="fixed", search="lr=off")
    write_run(begun, "baseline", 0, [run_started()])
    rows = json.loads(out_of(capsys, "list", "studies", "--json"))
    by_name = {row["name"]: row for row in rows}
    assert list(by_name) == ["begun", "done"]
    done = by_name["done"]
    assert (done["status"], done["finished"], done["runs"]) == ("finished", 4, 4)
    assert (done["dataset"], done["model"], done["strategy"]) == ("digits", "lenet", "grid")
    assert set(done["run_status"].values()) == {"finished"}
    assert done["directory"] == str(here / "studies" / "done")
    assert by_name["begun"]["status"] == "lost"
    assert by_name["begun"]["run_status"] == {"baseline-0": "lost", "optimized-0": "waiting"}
    (row,) = json.loads(out_of(capsys, "list", "studies/done", "--json"))  # a study instead of a folder of studies
    assert row == done


def test_list_as_a_table_shows_names_literally(here: Path, capsys: Captured) -> None:
    finished_study(here / "[bold]x", [0.5], [0.6])
    shown = out_of(capsys, "list", ".")
    (line,) = (line for line in shown.splitlines() if "finished" in line)
    assert "[bold]x" in line
    assert "2/2" in line


def test_list_goes_on_past_an_unreadable_study(here: Path, capsys: Captured) -> None:
    finished_study(here / "good", [0.5], [0.6])
    (here / "bad").mkdir()
    (here / "bad" / "study.toml").write_text("schema = 99\n", "utf-8")
    assert main(["list", ".", "--json"]) == 0
    captured = capsys.readouterr()
    assert [row["name"] for row in json.loads(captured.out)] == ["good"]
    (said,) = captured.err.splitlines()
    assert said.startswith("hptui: left out: bad/study.toml has format 99")


def test_compare_as_json(here: Path, capsys: Captured) -> None:
    finished_study(here / "s", [0.5, 0.6, 0.7], [0.6, 0.65, 0.9])
    found = json.loads(out_of(capsys, "compare", "s", "--json"))
    assert found["baseline"]["test_accuracy"]["values"] == [0.5, 0.6, 0.7]
    assert found["optimized"]["test_accuracy"]["values"] == [0.6, 0.65, 0.9]
    assert found["difference"]["mean"] == pytest.approx((0.1 + 0.05 + 0.2) / 3)
    finished_study(here / "t", [0.5], [0.6])
    several = json.loads(out_of(capsys, "compare", "s", "t", "--json"))
    assert several["studies"][0] == found


def test_compare_as_a_table(here: Path, capsys: Captured) -> None:
    finished_study(here / "[bold]x", [0.5, 0.6, 0.7], [0.6, 0.65, 0.9])
    shown = out_of(capsys, "compare", "[bold]x")
    assert "study [bold]x" in shown
    (baseline,) = (line for line in shown.splitlines() if line.strip().startswith("baseline"))
    assert "3/3" in baseline
    assert "60.00 ± 10.00" in baseline
    assert "difference (optimized - baseline, points): +11.67, 95 % interval -7.31 to +30.64" in shown
    assert "paired t-test p = 0.118" in shown
    assert "effect size d = 1.53, n = 3" in shown
    assert "With 3 pairs the difference cannot be told from zero" in shown


def test_compare_of_a_study_that_has_not_begun(here: Path, capsys: Captured) -> None:
    make_study(here / "s", baseline="none")
    shown = out_of(capsys, "compare", "s")
    assert "difference: none\n" in re.sub(" +\n", "\n", shown)
    assert "This study has no baseline arm" in shown
    make_study(here / "t")
    shown_too = out_of(capsys, "compare", "t")
    assert "difference: none yet" in shown_too
    assert "No pair of runs is completed yet" in shown_too
    assert not any(line.strip().startswith("baseline") for line in shown.splitlines())


def test_a_damaged_log_is_one_line_with_its_place(here: Path, capsys: Captured) -> None:
    finished_study(here / "s", [0.5], [0.6])
    with (here / "s" / "baseline-0" / "events.jsonl").open("ab") as log:
        log.write(b"rubbish\n")
    assert main(["compare", "s"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert re.search(r"events\.jsonl, line \d+ cannot be read", said)


def test_doctor_says_what_this_machine_has(here: Path) -> None:
    found = examine(["cpu", "cuda:0: a fine card"], here)
    assert found["hptui"] == __version__
    assert found["devices"] == "cpu, cuda:0: a fine card"
    assert {"textual", "plotext", "matplotlib"} <= set(found)
    assert found["numpy"][0].isdigit()
    assert found["data mnist"] == f"not in {here}/MNIST/raw; downloaded when first used"
    assert "writable" in found["studies"]
    (here / "raw").mkdir()
    (here / "raw" / "train-images-idx3-ubyte.gz").touch()
    assert examine([], here)["data mnist"] == f"in {here}/raw"
    assert all("\n" not in line for line in found.values())


@pytest.fixture(scope="module")
def sizes_written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], dict[Path, int]]:
    """Files that a command writes of a finished study, and their bytes; it runs once for all tests."""

    @cache
    def sizes(arguments: str, written: str) -> dict[Path, int]:
        folder = tmp_path_factory.mktemp("read to the end")
        finished_study(folder / "s", [0.5], [0.6])
        with contextlib.chdir(folder):
            assert main(arguments.split()) == 0
        found = {path.relative_to(folder): path.stat().st_size for path in folder.glob(written)}
        assert found
        return found

    return sizes


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ("export s --format csv", "s/export/*.csv"),
        ("report s", "s/report.html"),
    ],
)
def test_readers_that_have_gone_cost_no_work(
    arguments: str, written: str, closed: str, here: Path, sizes_written: Callable[[str, str], dict[Path, int]]
) -> None:
    """As in `hptui export s 2>&1 | head -1`: every file is written all the same."""
    expected = sizes_written(arguments, written)
    finished_study(here / "s", [0.5], [0.6])
    numbers = {"stdout": (1,), "stderr": (2,), "both": (1, 2)}[closed]
    (here / "unread.py").write_text(
        "import os, sys\nfrom hptui.__main__ import main\n"
        "reading, writing = os.pipe()\nos.close(reading)\n"
        f"for number in {numbers}:\n    os.dup2(writing, number)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = nursery.run(*arguments.split(), program=[str(here / "unread.py")], cwd=here, timeout=240)
    assert done.returncode == 0, done.stderr
    sizes = {path.relative_to(here): path.stat().st_size for path in here.glob(written)}
    assert sizes.keys() == expected.keys()
    assert all(size > 0.9 * expected[path] for path, size in sizes.items())


def test_a_reader_that_has_gone_leaves_the_exit_code_of_a_failure(here: Path) -> None:
    done = python(
        "import os, sys\nfrom hptui.__main__ import main\n"
        "reading, writing = os.pipe()\nos.close(reading)\nos.dup2(writing, 1)\nos.dup2(writing, 2)\n"
        "sys.exit(main(sys.argv[1:]))",
        "compare",
        "nowhere",
        cwd=here,
    )
    assert done.returncode == 2


def test_a_full_disk_is_an_error_all_the_same(here: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("a device that is always full is known to Linux alone")
    finished_study(here / "s", [0.5], [0.6])
    with Path("/dev/full").open("w") as full:
        done = python(
            "import sys\nfrom hptui.__main__ import main\nsys.exit(main(sys.argv[1:]))",
            "compare",
            "s",
            cwd=here,
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (1, "hptui: No space left on device\n")
