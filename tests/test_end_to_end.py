"""The program as a user runs it: a process of its own, real images, signals, full disks."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import nursery
import pytest
import unhurried

from hptui.record.events import (
    BatchesTrained,
    CandidateScored,
    CheckpointSaved,
    DecisionStarted,
    EpochCompleted,
    HyperparametersChosen,
    RunCompleted,
    RunStarted,
)
from hptui.record.run_reader import RunReader
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import open_study

PATIENCE_SECONDS = 120
AN_HOUR = 3600
"""for some seconds of training: a machine may have other things to do"""
QUICK = ["--dataset", "digits", "--model", "lenet", "--search", "lr=1e-3:1e-1:log:2", "--threads", "1"]
QUICK += ["--strategy", "grid"]
LONG = ["--dataset", "digits", "--model", unhurried.MODEL, "--baseline", "none", "--strategy", "fixed", "--runs", 1]
LONG += ["--epochs", 400]
"""one run of some minutes, which a test interrupts after its third epoch"""


def hptui(
    *arguments: object, timeout: float = PATIENCE_SECONDS * 2, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return nursery.run(*arguments, timeout=timeout, **options)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the program in the background; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, together: bool = False) -> subprocess.Popen[str]:
        stderr = subprocess.STDOUT if together else subprocess.PIPE
        process = nursery.start(*arguments, stdout=subprocess.PIPE, stderr=stderr, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def events_of(run: Path, kind: type) -> list[Any]:
    return [event for event in RunReader(run).read() if isinstance(event, kind)]


def cut_short(study: Path) -> int:
    """Leave one epoch to do after those that are done, as if somebody had steered so; how many there are then."""
    epochs = len({event.epoch for event in events_of(study / "optimized-0", EpochCompleted)}) + 1
    save_steering(study, Steering(epochs, open_study(study).config.search))
    return epochs


def test_a_small_study_on_real_digits(tmp_path: Path) -> None:
    study = tmp_path / "study"
    done = hptui("run", *QUICK, "--runs", 3, "--epochs", 2, "--out", study, "--json", "--headless")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["baseline"]["n"] == result["optimized"]["n"] == result["difference"]["n"] == 3
    assert 0.5 < result["baseline"]["test_accuracy"]["mean"] < 1
    assert result["optimized"]["cost"]["mean"] > 1.3
    assert json.loads(hptui("compare", study, "--json").stdout) == result
    (row,) = json.loads(hptui("list", tmp_path, "--json").stdout)
    assert (row["status"], row["finished"]) == ("finished", 6)
    for line in (f"{arm}-{seed}  epoch 2/2" for arm in ("baseline", "optimized") for seed in range(3)):
        assert line in done.stderr
    again = hptui("run", *QUICK, "--out", study)
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)


def test_resuming_a_finished_study_only_compares(tmp_path: Path) -> None:
    study = tmp_path / "study"
    settings = [*QUICK, "--runs", 1, "--epochs", 1, "--strategy", "fixed", "--schedule", "cosine", "--out", study]
    assert hptui("run", *settings).returncode == 0
    before = {path: path.read_bytes() for path in study.rglob("events.jsonl")}
    assert len(before) == 2
    assert hptui("resume", study).returncode == 0
    assert before == {path: path.read_bytes() for path in study.rglob("events.jsonl")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])  # hang-ups: test_terminal.py
def test_a_signal_leaves_a_checkpoint_and_resume_finishes(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    study = tmp_path / "study"
    process = start("run", *LONG, "--out", study)
    wait_until(lambda: len(events_of(study / "optimized-0", CheckpointSaved)) > 2, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3, errors
    assert "hptui resume" in errors
    (row,) = json.loads(hptui("list", tmp_path, "--json").stdout)
    assert row["status"] == "stopped"
    epochs = cut_short(study)
    resumed = hptui("resume", study, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["optimized"]["n"] == 1
    assert [event.epoch for event in events_of(study / "optimized-0", RunCompleted)] == [epochs]
    trained = events_of(study / "optimized-0", BatchesTrained)
    assert [event.step for event in trained] == sorted({event.step for event in trained})  # nothing done twice


def test_a_reader_of_the_progress_that_has_gone_does_not_stop_the_training(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """As in `hptui run ... 2>&1 | head -1`."""
    study = tmp_path / "study"
    short = [*QUICK, "--baseline", "none", "--runs", 1, "--epochs", 3]
    process = start("run", *short, "--out", study, "--headless", together=True)
    assert process.stdout is not None
    assert process.stdout.readline() == f"study {study}\n"
    process.stdout.close()
    assert process.wait(PATIENCE_SECONDS) == 0
    (row,) = json.loads(hptui("list", tmp_path, "--json").stdout)
    assert row["status"] == "finished"


def test_a_training_that_nobody_reads_can_still_be_stopped(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    study = tmp_path / "study"
    process = start("run", *LONG, "--out", study, "--headless", together=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    end = time.monotonic() + PATIENCE_SECONDS
    while not (study / "optimized-0").exists() or len(events_of(study / "optimized-0", CheckpointSaved)) < 3:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 3


def test_a_damaged_log_does_not_stop_the_training_that_is_reported(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    study = tmp_path / "study"
    process = start("run", *LONG, "--out", study, "--headless")
    wait_until(lambda: events_of(study / "optimized-0", CheckpointSaved), process)
    log = study / "optimized-0" / "events.jsonl"
    with log.open("ab") as file:
        file.write(b"rubbish\n")
    before = log.stat().st_size
    wait_until(lambda: log.stat().st_size > before + 5000, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3
    assert "no more progress is shown, the training goes on: RunDirectoryError" in errors


def test_two_starts_in_one_folder(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    study = tmp_path / "study"
    both = [start("run", *LONG, "--seed", seed, "--out", study, "--headless") for seed in (0, 1)]
    end = time.monotonic() + PATIENCE_SECONDS
    while all(process.poll() is None for process in both):
        assert time.monotonic() < end
        time.sleep(0.02)
    (loser,) = (process for process in both if process.poll() is not None)
    (winner,) = (process for process in both if process.poll() is None)
    _, errors = loser.communicate()
    assert (loser.returncode, len(errors.splitlines())) == (2, 1), errors
    run = study / f"optimized-{both.index(winner)}"
    wait_until(lambda: run.exists() and events_of(run, CheckpointSaved), winner)
    winner.send_signal(signal.SIGTERM)
    assert winner.wait(PATIENCE_SECONDS) == 3
    assert [path.name for path in study.glob("optimized-*")] == [run.name]


def test_a_killed_study_is_lost_readable_and_goes_on_from_its_last_checkpoint(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    study = tmp_path / "study"
    process = start("run", *LONG, "--out", study)
    wait_until(lambda: len(events_of(study / "optimized-0", CheckpointSaved)) > 2, process)
    (row,) = json.loads(hptui("list", tmp_path, "--json").stdout)
    assert row["status"] == "running"
    second = hptui("resume", study)
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1)
    assert "is being written by process" in second.stderr
    process.kill()
    process.communicate()
    (row,) = json.loads(hptui("list", tmp_path, "--json").stdout)
    assert row["status"] == "lost"  # at once: its process is gone
    kept = events_of(study / "optimized-0", CheckpointSaved)[-1]
    with (study / "optimized-0" / "events.jsonl").open("ab") as log:
        log.write(b'{"event":"Batch')  # killed within a line
    cut_short(study)
    resumed = hptui("resume", study)
    assert resumed.returncode == 0, resumed.stderr
    events = RunReader(study / "optimized-0").read()
    back = next(event for event in events if type(event).__name__ == "RunResumed")
    assert (back.epoch, back.step) == (kept.epoch, kept.step)
    assert hptui("compare", study).returncode == 0


def test_a_full_disk_is_told_in_one_line_and_nothing_is_lost(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    study = tmp_path / "study"
    settings = ["--dataset", "digits", "--runs", 1, "--epochs", 2, "--strategy", "fixed", "--baseline", "none"]
    settings += ["--train-size", 200]
    limit = 3_000_000  # less than a checkpoint of the course network
    full = start("run", *settings, "--out", study)
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (limit, limit))
    _, errors = full.communicate(timeout=PATIENCE_SECONDS)
    assert full.returncode == 1
    assert "Traceback" not in errors
    assert "cannot write" in errors.splitlines()[-1]
    assert len(events_of(study / "optimized-0", BatchesTrained)) == 1
    assert not list(study.rglob("*.partial"))
    (row,) = json.loads(hptui("list", tmp_path, "--json").stdout)
    assert row["status"] == "failed"
    assert hptui("resume", study).returncode == 0


def test_an_own_model_with_batch_norm_and_own_data(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        """
import numpy as np
from torch import nn
from hptui.datasets import ImageDataset, Images

print("imported")

class Net(nn.Sequential):
    def __init__(self, in_channels, num_classes):
        print("built")
        super().__init__(nn.Conv2d(in_channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
                         nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, num_classes))

def data():
    print("read")
    random = np.random.default_rng(0)
    def images(n):
        labels = np.arange(n) % 2
        pixels = random.integers(0, 100, (n, 1, 10, 10)) + 100 * labels[:, None, None, None]
        return Images(pixels.astype(np.uint8), labels)
    return ImageDataset("mine", ("dark", "light"), images(200), images(50))
""",
        "utf-8",
    )
    study = tmp_path / "study"
    own = ["--dataset", f"{tmp_path}/mine.py:data", "--model", f"{tmp_path}/mine.py:Net"]
    ranges = ["--strategy", "grid", "--search", "lr=1e-3:1e-1:log:2", "--search", "dropout=0:0.5:lin:2"]
    done = hptui("run", *own, *ranges, "--runs", 1, "--epochs", 2, "--out", study, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["optimized"]["test_accuracy"]["mean"] > 0.9  # nothing of what own code prints
    assert {"imported", "read", "built"} <= set(done.stderr.splitlines())
    assert len(events_of(study / "optimized-0", CandidateScored)) == 8
    for path in study.rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path
    source = tmp_path / "mine.py"
    source.write_text(source.read_text() + "# changed\n")
    changed = hptui("resume", study)
    assert changed.returncode == 2
    assert "has changed since the study began" in changed.stderr
    source.unlink()  # now the study's own copy serves
    assert hptui("resume", study).returncode == 0


def bad_npz(path: Path, **changes: Any) -> Path:
    arrays: dict[str, Any] = {}
    for number, split in enumerate(("train", "val", "test")):
        arrays[f"{split}_images"] = np.full((20, 28, 28), number, np.uint8)
        arrays[f"{split}_labels"] = (np.arange(20) % 2).astype(np.uint8)[:, None]
    arrays |= changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def engine_errors(folder: Path) -> dict[str, tuple[list[object], str]]:
    """Bad input that is only found with the data or the network at hand."""
    good = bad_npz(folder / "good.npz")
    torn = folder / "torn.npz"
    torn.write_bytes(good.read_bytes()[:3000])
    missing = bad_npz(folder / "missing.npz", test_labels=None)
    labels = bad_npz(folder / "labels.npz", test_labels=np.full((20, 1), 7, np.uint8))
    (folder / "empty").mkdir()
    archives = folder / "MNIST" / "raw"
    archives.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (archives / f"{name}-ubyte.gz").write_bytes(b"\x1f\x8b not an archive")
    (folder / "net.py").write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Flatten(), nn.Linear(784, 7))\n"
    )
    (folder / "file").write_text("not a folder")
    (folder / "leaves.py").write_text("import sys\ndef data():\n    sys.exit('usage: leaves.py FOLDER')\n")
    digits = ["--dataset", "digits"]
    return {
        "own code leaves": (["--dataset", f"{folder}/leaves.py:data"], "SystemExit: usage: leaves.py FOLDER"),
        "no such gpu": ([*digits, "--device", "cuda:99"], "cuda:99"),
        "corrupt archive": (["--dataset", "mnist", "--data-dir", folder], "train-images-idx3-ubyte.gz"),
        "truncated npz": (["--dataset", f"medmnist:{torn}"], "torn.npz"),
        "missing key": (["--dataset", f"medmnist:{missing}"], "test_labels"),
        "labels out of range": (["--dataset", f"medmnist:{labels}"], "label"),
        "empty folder": (["--dataset", f"folder:{folder / 'empty'}"], "empty"),
        "wrong output": ([*digits, "--model", f"{folder}/net.py:Net"], "10 classes"),
        "no such class": ([*digits, "--model", f"{folder}/net.py:Nett"], "'Net'"),
        "not a strategy": ([*digits, "--strategy", f"{folder}/net.py:Net"], "strategy"),
        "unwritable": ([*digits, "--out", folder / "file" / "study"], "file"),
        "dropout without a layer": (
            [
                "--dataset",
                f"medmnist:{good}",
                "--model",
                f"{write_plain_net(folder)}:Plain",
                "--search",
                "dropout=0:0.5:lin:2",
            ],
            "no nn.Dropout",
        ),
        "too many training images": ([*digits, "--train-size", "999999"], "999999"),
    }


def write_plain_net(folder: Path) -> Path:
    path = folder / "plain.py"
    path.write_text(
        "from torch import nn\nclass Plain(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Flatten(), nn.Linear(784, 2))\n"
    )
    return path


def test_bad_input_found_by_the_engine_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, because a dozen imports of torch would take a minute."""
    from hptui.__main__ import main

    monkeypatch.chdir(tmp_path)
    for name, (arguments, expected) in engine_errors(tmp_path).items():
        out = [] if "--out" in arguments else ["--out", tmp_path / "study"]
        code = main([str(argument) for argument in ["run", *arguments, *out]])
        lines = capsys.readouterr().err.splitlines()
        assert code == 2, (name, lines)
        assert len(lines) == 1, (name, lines)
        assert expected in lines[0], (name, lines)
        assert not (tmp_path / "study").exists(), name


def test_a_study_of_another_version_is_refused(tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert hptui("run", *QUICK, "--runs", 1, "--epochs", 1, "--out", study).returncode == 0
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace("schema = 1", "schema = 99"))
    for command in ("compare", "resume"):
        refused = hptui(command, study)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
        assert "format 99" in refused.stderr


@pytest.mark.real_data
@pytest.mark.timeout(AN_HOUR)
def test_twenty_thousand_of_mnist_with_a_grid_of_two_hyperparameters(real_data: Path, tmp_path: Path) -> None:
    """All 70,000 are read, and equal ones looked for among them; steps are small, so that one epoch is enough."""
    study = tmp_path / "study"
    fewer = ["--model", "lenet", "--train-size", 20_000, "--validation-size", 1_000, "--set", "batch_size=32"]
    grid = ["--search", "lr=1e-4:1e-2:log:5", "--search", "weight_decay=1e-6:1e-2:log:3", "--horizon", "0.02"]
    grid += ["--strategy", "grid"]
    done = hptui(
        "run", "--dataset", "mnist", "--data-dir", real_data, "--runs", 1, "--epochs", 1, *fewer, *grid, "--out", study,
        "--json", timeout=AN_HOUR
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["baseline"]["test_accuracy"]["mean"] > 0.96
    assert result["optimized"]["test_accuracy"]["mean"] > 0.96
    run = study / "optimized-0"
    (begun,), (started,) = events_of(run, RunStarted), events_of(run, DecisionStarted)
    assert begun.images_per_epoch == 20_000
    scored = events_of(run, CandidateScored)
    lr, decay = (axis.values for axis in started.axes)
    cells = [(event.values["lr"], event.values["weight_decay"]) for event in scored]
    assert cells == [(a, b) for a in lr for b in decay]
    (chosen,) = events_of(run, HyperparametersChosen)
    assert chosen.candidate == min(range(15), key=lambda index: scored[index].score)
    assert all(event.values == chosen.values for event in events_of(run, BatchesTrained))
    for path in study.rglob("*"):
        if path.is_file():
            assert str(real_data).encode() not in path.read_bytes(), path


@pytest.mark.real_data
@pytest.mark.timeout(AN_HOUR)
def test_pneumonia_mnist_with_batch_norm(real_data: Path, tmp_path: Path) -> None:
    file = real_data / "MedMNIST" / "pneumoniamnist.npz"
    if not file.is_file():
        pytest.skip(f"no {file}")
    study = tmp_path / "study"
    settings = ["--strategy", "grid", "--model", "small_resnet", "--search", "lr=1e-3:1e-2:log:2", "--horizon", "0.1"]
    settings += ["--train-size", "1000", "--set", "batch_size=16"]
    done = hptui(
        "run", "--dataset", f"medmnist:{file}", *settings, "--runs", 1, "--epochs", 1, "--out", study, "--json",
        timeout=AN_HOUR
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    for arm in ("baseline", "optimized"):
        assert 0.6 < result[arm]["test_accuracy"]["mean"] < 1
        assert 0.5 < result[arm]["balanced_accuracy"]["mean"] < 1
    assert result["baseline"]["balanced_accuracy"] != result["baseline"]["test_accuracy"]
    assert not list((study / "optimized-0" / "checkpoints").iterdir())  # nobody can add epochs to a finished study
