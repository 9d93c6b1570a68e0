"""The strip: what it shows of a study, and the load of a machine with GPUs that are made up."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fabricate import (
    candidate_scored,
    decision,
    decision_started,
    make_study,
    python,
    run_started,
    trained_epoch,
    write_run,
)
from textual.app import App, ComposeResult

from hptui.reading.progress import expected_work, work_done
from hptui.reading.studies import FollowedStudy, follow
from hptui.record.events import Axis
from hptui.record.run_writer import RunWriter
from hptui.ui.load import GIB, MachineLoad
from hptui.ui.widgets.strip import Rate, StatusStrip


class NVMLError(Exception):
    pass


class NotSupported(NVMLError):
    pass


class NoPermission(NVMLError):
    pass


class FakeNvml:
    """As much of the module pynvml as is used; GPU n is 80 + n per cent busy."""

    NVMLError, NVMLError_NotSupported, NVMLError_NoPermission = NVMLError, NotSupported, NoPermission

    def __init__(self, gpus: int = 1, **refused: type[NVMLError]) -> None:
        self.gpus, self.refused = gpus, refused
        self.asked: list[str] = []

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if question in self.refused:
            raise self.refused[question]

    def nvmlInit(self) -> None:
        self._ask("init")

    def nvmlDeviceGetCount(self) -> int:
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._ask("handle")
        assert 0 <= index < self.gpus
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:
        return int(name.rpartition("-")[2])

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        self._ask("load")
        return SimpleNamespace(gpu=80 + handle, memory=1)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        self._ask("memory")
        return SimpleNamespace(used=12.34 * GIB, total=79.6 * GIB)


@pytest.fixture(autouse=True)
def all_gpus_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def opened(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> MachineLoad:
    """After the first question, when the driver has answered or failed."""
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    load = MachineLoad()
    assert load.words("cpu")
    assert load._opening is not None
    load._opening.join()
    return load


def test_load_and_memory_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    load = opened(FakeNvml(), monkeypatch)
    assert load.words("cuda:0") == "GPU 80% 12.3/80 GiB"
    assert load.words("cpu, 1 thread(s)").startswith("CPU ")  # such a run does not use it


@pytest.mark.parametrize(
    ("visible", "device", "percent"),
    [
        (None, "cuda:2", 82),
        (None, "cuda:2: NVIDIA H100 80GB HBM3", 82),
        (None, "cuda", 80),
        (None, "", 80),  # no run has begun
        (None, "cuda:9", 80),  # of a run on another machine
        (None, "cuda:x", 80),
        ("3,1", "cuda:0", 83),
        ("3, 1", "cuda:1", 81),
        ("GPU-3,GPU-2", "cuda:1", 82),
        ("MIG-1", "cuda:0", 81),
        ("", "cuda:1", 81),
        ("GPU", "cuda:1", 81),
    ],
)
def test_of_several_gpus_the_one_that_the_run_uses(
    visible: str | None, device: str, percent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert opened(FakeNvml(4), monkeypatch).words(device) == f"GPU {percent}% 12.3/80 GiB"


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ({"load": NotSupported}, "GPU 12.3/80 GiB"),
        ({"load": NoPermission}, "GPU 12.3/80 GiB"),
        ({"memory": NotSupported}, "GPU 80%"),
        ({"load": NotSupported, "memory": NotSupported}, "CPU "),
    ],
)
def test_what_a_gpu_does_not_tell_is_left_out(
    refused: dict[str, type[NVMLError]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = opened(FakeNvml(**refused), monkeypatch)
    for _ in range(2):
        assert load.words("cuda:0").startswith(words)


@pytest.mark.parametrize("nvml", [FakeNvml(init=NVMLError), FakeNvml(0)], ids=["no driver", "no GPU"])
def test_without_a_gpu_the_processor_is_shown_and_the_driver_is_not_asked_again(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = opened(nvml, monkeypatch)
    for _ in range(3):
        assert "CPU " in load.words("cuda:0")
        assert "memory " in load.words("cuda:0")
    assert nvml.asked == ["init"]


@pytest.mark.parametrize("question", ["handle", "load"])
def test_a_gpu_that_is_lost_is_not_asked_again(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    load = opened(nvml, monkeypatch)
    assert load.words("cuda:0").startswith("GPU")
    nvml.refused[question] = NVMLError
    assert load.words("cuda:0").startswith("CPU")
    asked = len(nvml.asked)
    assert load.words("cuda:0").startswith("CPU")
    assert len(nvml.asked) == asked


def test_the_real_module_is_quiet_where_there_is_no_library() -> None:
    """In a process of its own, which no other test has given a module."""
    code = """
import sys, threading
import hptui.ui.widgets.strip as strip
assert "pynvml" not in sys.modules  # loaded late: it would hold up the first screen
load = strip.MachineLoad()
load.words("cuda:0")
load._opening.join()
words = load.words("cuda:0")
assert "pynvml" in sys.modules
assert words.startswith(("CPU", "GPU")), words
"""
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield StatusStrip()


def strip_lines(followed: FollowedStudy) -> list[str]:
    """What the strip shows in 80 columns."""
    found: list[str] = []

    async def main() -> None:
        app = Host()
        async with app.run_test(size=(80, 24)) as pilot:
            strip = app.query_one(StatusStrip)
            for _ in range(2):  # the driver may answer between the two
                strip.show(followed, followed.runs[-1], "running")
            await pilot.pause()
            found.extend(strip.render_line(y).text for y in range(2))

    asyncio.run(main())
    return found


def test_names_reach_the_strip_literally(tmp_path: Path) -> None:
    study = make_study(tmp_path / "[red]a\x1b[31m\u202eb")
    first, second = strip_lines(follow(study.directory))
    assert "[red]a?[31m?b" in first
    assert "images/s" in second


def test_the_load_of_the_gpu_finds_room_on_the_strip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MachineLoad, "words", lambda self, device: f"GPU 100% 79.6/80 GiB {device}")
    study = make_study(tmp_path / "study")
    write_run(study, "optimized", 0, [run_started(device="cuda:1")])
    assert "GPU 100% 79.6/80 GiB cuda:1" in strip_lines(follow(study.directory))[1]


def test_the_rate_begins_anew_after_a_pause_or_a_step_back() -> None:
    rate = Rate()
    assert rate.measure(0, 0.0) == 0
    assert rate.measure(100, 1.0) == 100
    assert rate.measure(50, 2.0) == 0  # back at a checkpoint: no negative work
    assert rate.measure(60, 3.0) == 10
    rate.forget()
    assert rate.measure(160, 13.0) == 0
    assert rate.measure(260, 14.0) == 100


def test_what_is_left_counts_added_epochs_and_the_newest_grid(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=2)  # 3 cells; planned cost 1.6, so 0.6 epochs of probes an epoch
    write_run(study, "optimized", 0, [run_started(epochs=4), *decision(0, 1), *trained_epoch(1)])
    followed = follow(study.directory)
    run = next(run for run in followed.runs if run.name == "optimized-0")
    assert work_done(run.state) == 1.6
    assert expected_work(followed, run) == pytest.approx(1.6 + 3 * 1.6)  # three of four epochs are left
    other = next(run for run in followed.runs if run.name == "baseline-0")
    assert expected_work(followed, other) == 4  # added epochs hold for it too
    wider = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.003, 0.01, 0.03, 0.06, 0.1])
    more = [decision_started(1, 2, axes=[wider], time=9e9), candidate_scored(1, 0)]
    with RunWriter(run.directory) as writer:
        for event in more:
            writer.append(event)
    followed.refresh()
    assert expected_work(followed, run) == pytest.approx(1.6 + 0.2 + 3 * 2.2 - 0.2)
