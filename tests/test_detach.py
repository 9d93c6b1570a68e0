"""Training in a process of its own: started, looked at, left, stopped and resumed, from terminals that come and go."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nursery
import psutil
import pytest
import torch
import unhurried
from fabricate import environment, finished_study, make_study, run_started, write_run
from test_terminal import PATIENCE_SECONDS, Terminal, events, hptui, open_terminal  # noqa: F401 (a fixture)

from hptui.__main__ import main
from hptui.cli import background, detaching
from hptui.cli.detaching import COMMAND, Job
from hptui.cli.stopping import stop_study
from hptui.config import StudyConfig
from hptui.errors import RunDirectoryError
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import CommandSender, Continue, Pause
from hptui.record.events import CheckpointSaved, EpochCompleted, RunCompleted, RunResumed, RunStopped
from hptui.record.presence import Presence, is_written, read_heartbeat
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import OUTPUT_FILE, open_study

JOB = ["--dataset", "digits", "--model", unhurried.MODEL, "--baseline", "none", "--runs", "1", "--threads", "1"]
SEARCH = ["--strategy", "grid", "--search", "lr=1e-3:1e-2:log:2"]


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Path]:
    """A folder for a detached study; whoever still trains it at the end is killed."""
    directory = tmp_path / "study"
    yield directory
    beat = read_heartbeat(directory)
    if beat is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(beat.pid, signal.SIGKILL)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainers that this process starts begin where torch is imported: what they do is looked at, not their start."""

    def start(command: list[str], env: dict[str, str], **streams: Any) -> subprocess.Popen[Any]:
        words = command[command.index(COMMAND) :]
        return nursery.start(*words, env=env | {"PYTHONPATH": str(nursery.REPOSITORY)}, **streams)

    monkeypatch.setattr(detaching, "subprocess", SimpleNamespace(Popen=start, PIPE=subprocess.PIPE))


def said_here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What a command says in this process, and its exit code."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([str(argument) for argument in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def begin(study: Path) -> None:
    """Start a detached training of many epochs, and wait for its first checkpoint."""
    begun = said_here("run", *JOB, "--strategy", "fixed", "--epochs", "2000", "--detach", "--out", study)
    assert begun.returncode == 0, begun.stderr
    wait_until(lambda: events(study, CheckpointSaved))


def leave_one_epoch(study: Path) -> None:
    """Leave one epoch to do, as if somebody had steered so."""
    done = len(events(study, EpochCompleted))
    save_steering(study, Steering(done + 1, open_study(study).config.search))


def trainer_of(study: Path) -> psutil.Process:
    beat = read_heartbeat(study)
    assert beat is not None
    return psutil.Process(beat.pid)


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; where nobody waits for orphans, it may stay in the table."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def weights(study: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(study / "optimized-0" / "model.pt", weights_only=True)["network"]
    return found


def test_a_detached_training_outlives_its_terminal_and_ends_as_one_without_a_screen(
    tmp_path: Path,
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    terminal = open_terminal("run", *JOB, *SEARCH, "--epochs", "8", "--detach", "--out", study)
    terminal.until((study / "optimized-0").exists)
    CommandSender(study).send(Pause())
    terminal.until(lambda: "= paused" in terminal.shown)
    trainer = trainer_of(study)
    assert trainer.pid != terminal.process.pid
    assert os.getsid(trainer.pid) == trainer.pid  # a session of its own
    assert trainer.terminal() is None
    os.killpg(os.getsid(terminal.process.pid), signal.SIGHUP)  # what the end of a login does, and the line drops
    terminal.close()
    terminal.ended()
    assert is_written(study)
    trainer.send_signal(signal.SIGHUP)
    CommandSender(study).send(Continue())
    wait_until(lambda: gone(trainer))
    assert events(study, RunCompleted)
    assert not events(study, RunStopped)
    said = (study / OUTPUT_FILE).read_text("utf-8")
    assert "optimized-0  epoch 8/8" in said
    assert "optimized  grid" in said  # the result too

    reference = tmp_path / "reference"
    assert hptui("run", *JOB, *SEARCH, "--epochs", "8", "--headless", "--out", reference).returncode == 0
    expected, found = weights(reference), weights(study)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_detached_training_is_left_looked_at_again_stopped_and_resumed(
    forked: None,
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    started = said_here("run", *JOB, *SEARCH, "--epochs", "2000", "--detach", "--out", study)
    assert started.returncode == 0, started.stderr
    trainer = trainer_of(study)
    assert started.stdout.splitlines() == [
        f"study {study}",
        f"trained by process {trainer.pid}, without this terminal",
        f"look at it: hptui watch {study}",
        f"stop it:    hptui stop {study}",
    ]
    watcher = open_terminal("watch", study)
    watcher.until(lambda: "> running" in watcher.shown)
    watcher.press("q")
    assert watcher.ended() == 0
    assert f"study goes on: process {trainer.pid}" in watcher.read()
    assert f"hptui stop {study}" in watcher.screen
    assert trainer.is_running()

    stopped = hptui("stop", study)
    assert stopped.returncode == 0, stopped.stderr
    assert f"it is stopped; go on with it: hptui resume {study}" in stopped.stderr
    saved, (stop,) = events(study, CheckpointSaved)[-1], events(study, RunStopped)
    assert (saved.epoch, saved.step) == (stop.epoch, stop.step)
    wait_until(lambda: gone(trainer))
    again = hptui("stop", study)
    assert again.returncode == 2
    assert again.stderr == f"hptui: nobody trains {study}: it is stopped; go on with it: hptui resume {study}.\n"

    leave_one_epoch(study)
    resumed = said_here("resume", study, "--detach", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout).keys() == {"study", "directory", "process"}
    wait_until(lambda: events(study, RunCompleted))
    assert len(events(study, RunResumed)) == 1
    wait_until(lambda: not is_written(study))
    nothing = hptui("resume", study, "--detach")
    assert nothing.stdout.splitlines() == [f"study {study}", f"its training has ended: hptui compare {study}"]
    assert len(events(study, RunResumed)) == 1


def test_a_key_stops_a_detached_training_and_leaving_does_not(
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    terminal = open_terminal("run", *JOB, *SEARCH, "--epochs", "2000", "--detach", "--out", study, within=True)
    terminal.until(lambda: "> running" in terminal.shown)
    terminal.press("x")
    terminal.until(lambda: "The whole study" in terminal.shown)
    terminal.press("\t\r")
    terminal.until(lambda: "# stopped" in terminal.shown)
    terminal.press("q")
    assert terminal.ended() == 0
    assert "goes on" not in terminal.read()
    assert events(study, RunStopped)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--dataset", "medmnist:nowhere.npz"], 2, "medmnist:nowhere.npz: there is no such file"),
        (["--dataset", "digits", "--device", "cuda:99"], 2, "cuda"),
        (["--dataset", "digits", "--model", "own.py:Leaving"], 2, "SystemExit: 3"),
    ],
)
def test_what_is_wrong_is_told_by_the_command_that_started_it(
    forked: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "import sys\nprint('a word of its own')\nclass Leaving:\n    def __init__(self, **_): sys.exit(3)\n"
    )
    failed = said_here("run", *flags, "--epochs", "1", "--detach", "--out", tmp_path / "study")
    assert failed.returncode == code
    assert failed.stdout == ""
    *before, line = failed.stderr.splitlines()
    assert line.startswith("hptui: ")
    assert words in line
    assert before == (["a word of its own"] if "own.py" in str(flags) else [])
    assert not (tmp_path / "study" / "study.toml").exists()


def test_a_resume_that_comes_to_nothing_is_told_too(forked: None, study: Path) -> None:
    """The folder is there already, and the log: only a fact of the new process says that it has begun."""
    begin(study)
    assert hptui("stop", study).returncode == 0
    for checkpoint in (study / "optimized-0" / "checkpoints").iterdir():
        contents = torch.load(checkpoint, weights_only=True)
        del contents["kept"]
        torch.save(contents, checkpoint)
    failed = said_here("resume", study, "--detach")
    assert failed.returncode == 1
    *_, said = failed.stderr.splitlines()  # on a slow machine after what it is doing
    assert said.startswith("hptui: the checkpoints of optimized-0 were written by an older hptui")
    assert failed.stdout == ""


def test_who_trains_already_is_told(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_study(study, [0.5], [0.6])
    with Presence(study):
        assert main(["resume", str(study), "--detach"]) == 2
    assert "is being written by process" in capsys.readouterr().err


def test_jobs_whose_study_has_lost_its_process_are_stopped(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopped = RunStopped(reason="by me", epoch=0, step=0)
    run = write_run(make_study(study), "baseline", 0, [run_started(), stopped])
    inbox, began = CommandInbox(study), threading.Event()

    def work() -> None:
        with Presence(run):
            began.set()
            wait_until(inbox.receive)

    job = threading.Thread(target=work)
    job.start()
    assert began.wait(PATIENCE_SECONDS)
    stop_study(open_study(study))
    job.join()
    assert f"process {os.getpid()} on " in capsys.readouterr().err


def test_a_study_whose_jobs_are_queued_has_begun(study: Path) -> None:
    make_study(study)
    here, there = StudyConfig(), StudyConfig(engine="slurm")
    assert not background._has_begun(study, 0.0, there)
    with Presence(study):
        assert background._has_begun(study, 0.0, there)
        assert not background._has_begun(study, 0.0, here)


def test_a_study_that_nobody_trains_cannot_be_stopped(study: Path) -> None:
    finished_study(study, [0.5], [0.6])
    with pytest.raises(RunDirectoryError, match=r"nobody trains .*: it is finished"):
        stop_study(open_study(study))
    assert not (study / "commands").exists()


def test_a_job_keeps_paths_of_undecodable_bytes() -> None:
    path = os.fsdecode(b"/data/\xff")
    job = Job(StudyConfig(data_dir=path), path)
    assert Job.decode(job.encode()) == job


def test_a_form_starts_a_detached_training(
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    settings = {
        "DATASET": "digits",
        "MODEL": unhurried.MODEL,
        "BASELINE": "none",
        "RUNS": "1",
        "EPOCHS": "2000",
        "THREADS": "1",
    }
    environment = {f"HPTUI_{name}": value for name, value in settings.items()}
    terminal = open_terminal(**environment, HPTUI_SEARCH="lr=1e-3:1e-2:log:2", HPTUI_OUT=str(study), within=True)
    terminal.until(lambda: "no studies in" in terminal.shown)
    terminal.press("n")
    terminal.until(lambda: "Detach" in terminal.shown and "cost about" in terminal.shown)
    terminal.press("\x14")  # ctrl+t
    terminal.until(lambda: "> running" in terminal.shown)
    terminal.press("q")  # asks nothing: this window trains nothing
    assert terminal.ended() == 0
    assert f"study goes on: process {trainer_of(study).pid}" in terminal.read()
    assert hptui("stop", study).returncode == 0


def test_a_window_that_is_left_lets_its_training_go_on(
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    terminal = open_terminal("run", *JOB, *SEARCH, "--epochs", "2000", "--out", study, within=True)
    terminal.until(lambda: "> running" in terminal.shown)
    terminal.press("q")
    terminal.until(lambda: "Go on in the background" in terminal.shown)
    terminal.press("\t\r")
    assert terminal.ended() == 0
    trainer = trainer_of(study)
    assert f"trained by process {trainer.pid}, without this terminal" in terminal.read()
    assert trainer.pid != terminal.process.pid
    (stop,) = events(study, RunStopped)
    (resumed,) = events(study, RunResumed)
    assert stop.reason == "detached"
    assert (resumed.epoch, resumed.step) == (stop.epoch, stop.step)  # nothing is trained twice
    assert hptui("stop", study).returncode == 0


def test_a_terminal_that_is_closed_while_data_are_read_takes_nothing_along(
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    terminal = open_terminal("run", *JOB, "--strategy", "fixed", "--epochs", "2", "--detach", "--out", study)
    terminal.until(lambda: psutil.Process(terminal.process.pid).children())
    (trainer,) = psutil.Process(terminal.process.pid).children()
    terminal.until(lambda: trainer.cpu_times().user > 0.3)  # it knows what to train, and imports torch
    terminal.close()
    terminal.ended()
    wait_until(lambda: gone(trainer))
    assert events(study, RunCompleted)
    assert "optimized  fixed" in (study / OUTPUT_FILE).read_text("utf-8")


def test_ctrl_c_while_data_are_read_ends_the_start(
    study: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    terminal = open_terminal("run", *JOB, "--strategy", "fixed", "--epochs", "2000", "--detach", "--out", study)
    terminal.until(lambda: psutil.Process(terminal.process.pid).children())
    (trainer,) = psutil.Process(terminal.process.pid).children()
    terminal.until(lambda: trainer.cpu_times().user > 0.3)
    terminal.press("\x03")
    assert terminal.ended() == 130
    wait_until(lambda: gone(trainer))
    assert not (study / "study.toml").exists() or not events(study, RunCompleted)


def test_a_trainer_that_is_told_nothing_ends() -> None:
    command = [sys.executable, "-m", "hptui", COMMAND]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_study_that_was_opened_from_the_list_is_left_the_same_way(
    forked: None,
    open_terminal: Callable[..., Terminal],  # noqa: F811
) -> None:
    started = said_here("run", *JOB, *SEARCH, "--epochs", "2000", "--detach", "--json")
    assert started.returncode == 0, started.stderr
    told = json.loads(started.stdout)
    terminal = open_terminal()
    terminal.until(lambda: "running" in terminal.shown)
    terminal.press("\r")
    terminal.until(lambda: "> running" in terminal.shown)
    terminal.press("q")
    assert terminal.ended() == 0
    assert f"{told['study']} goes on: process {told['process']}" in terminal.read()
    assert f"hptui watch {told['study']}" in terminal.screen  # a name of one's own studies is enough
    assert hptui("stop", told["directory"]).returncode == 0


def test_a_trainer_that_was_killed_is_known_to_be_dead_at_once(forked: None, study: Path) -> None:
    begin(study)
    trainer = trainer_of(study)
    trainer.kill()
    wait_until(lambda: gone(trainer))
    assert not is_written(study)
    stopped = hptui("stop", study)
    assert stopped.returncode == 2
    assert "nobody trains " in stopped.stderr
    assert "it is lost; go on with it: hptui resume" in stopped.stderr
    (row,) = json.loads(hptui("list", study.parent, "--json").stdout)
    assert row["status"] == "lost"
    leave_one_epoch(study)
    resumed = hptui("resume", study, "--headless")
    assert resumed.returncode == 0, resumed.stderr
    assert not list(study.rglob("*.partial"))
    assert not list(study.rglob("heartbeat.json"))


def test_a_trainer_that_dies_instead_of_stopping_did_not_stop(forked: None, study: Path) -> None:
    begin(study)
    trainer = trainer_of(study)
    trainer.suspend()  # it hears nothing
    command = [sys.executable, "-m", "hptui", "stop", str(study)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as stopping:
        assert stopping.stderr is not None
        assert "is asked to stop with a checkpoint" in stopping.stderr.readline()
        trainer.kill()
        _, said = stopping.communicate(timeout=PATIENCE_SECONDS)
    assert stopping.returncode == 1
    assert "ended without an answer: it is lost; go on with it: hptui resume" in said
