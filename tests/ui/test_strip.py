"""The strip: what it shows of a study, and the load of a machine with GPUs that are made up."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fabricate import (
    candidate_scored,
    decision,
    decision_started,
    epoch_completed,
    finished_study,
    make_study,
    python,
    run_completed,
    run_started,
    trained_epoch,
    write_run,
)
from textual.app import App, ComposeResult

from hptui.reading.plan import coming_lines
from hptui.reading.progress import seconds_left, study_progress
from hptui.reading.studies import FollowedStudy, Status, follow, status_of
from hptui.reading.study_line import read_line
from hptui.record.events import Axis, DecisionsPlanned, ValuesRequested
from hptui.record.presence import Presence
from hptui.record.run_writer import RunWriter
from hptui.record.steering import Steering, save_steering
from hptui.space import Range
from hptui.ui.drawing.colours import Palette
from hptui.ui.load import GIB, Gauge, MachineLoad
from hptui.ui.widgets.strip import Rate, StatusStrip, clock


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


def gpu(load: MachineLoad, device: str) -> list[tuple[str, str]]:
    """Name and words of the gauges before processor and memory, which are always there."""
    *gpu, processor, memory = load.measure(device)
    assert (processor.name, memory.name) == ("CPU", "RAM")
    return [(gauge.name, gauge.words) for gauge in gpu]


@pytest.fixture(autouse=True)
def all_gpus_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def opened(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> MachineLoad:
    """After the first question, when the driver has answered or failed."""
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    load = MachineLoad()
    assert load.measure("cpu")
    assert load._opening is not None
    load._opening.join()
    return load


def test_load_and_memory_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    load = opened(FakeNvml(), monkeypatch)
    assert gpu(load, "cuda:0") == [("GPU", "80%"), ("VRAM", "12.3/80 GiB")]
    assert [gauge.share for gauge in load.measure("cuda:0")[:2]] == [0.8, pytest.approx(12.34 / 79.6)]
    assert gpu(load, "cpu, 1 thread(s)") == []  # such a run does not use it


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
    assert gpu(opened(FakeNvml(4), monkeypatch), device) == [("GPU", f"{percent}%"), ("VRAM", "12.3/80 GiB")]


@pytest.mark.parametrize(
    ("refused", "names"),
    [
        ({"load": NotSupported}, ["VRAM"]),
        ({"load": NoPermission}, ["VRAM"]),
        ({"memory": NotSupported}, ["GPU"]),
        ({"load": NotSupported, "memory": NotSupported}, []),
    ],
)
def test_what_a_gpu_does_not_tell_is_left_out(
    refused: dict[str, type[NVMLError]], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = opened(FakeNvml(**refused), monkeypatch)
    for _ in range(2):
        assert [name for name, _ in gpu(load, "cuda:0")] == names


@pytest.mark.parametrize("nvml", [FakeNvml(init=NVMLError), FakeNvml(0)], ids=["no driver", "no GPU"])
def test_without_a_gpu_the_processor_is_shown_and_the_driver_is_not_asked_again(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = opened(nvml, monkeypatch)
    for _ in range(3):
        assert gpu(load, "cuda:0") == []
    assert nvml.asked == ["init"]


@pytest.mark.parametrize("question", ["handle", "load"])
def test_a_gpu_that_is_lost_is_not_asked_again(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    load = opened(nvml, monkeypatch)
    assert gpu(load, "cuda:0")
    nvml.refused[question] = NVMLError
    assert gpu(load, "cuda:0") == []
    asked = len(nvml.asked)
    assert gpu(load, "cuda:0") == []
    assert len(nvml.asked) == asked


def test_the_real_module_is_quiet_where_there_is_no_library() -> None:
    """In a process of its own, which no other test has given a module."""
    code = """
import sys, threading
import hptui.ui.widgets.strip as strip
assert "pynvml" not in sys.modules  # loaded late: it would hold up the first screen
load = strip.MachineLoad()
load.measure("cuda:0")
load._opening.join()
names = [gauge.name for gauge in load.measure("cuda:0")]
assert "pynvml" in sys.modules
assert names[-2:] == ["CPU", "RAM"], names
"""
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Host(App[None]):
    """Strips of several widths, one below the other."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.strips = [StatusStrip() for _ in widths]
        for strip, width in zip(self.strips, widths, strict=True):
            strip.styles.width = width

    def compose(self) -> ComposeResult:
        yield from self.strips


def strip_lines(followed: FollowedStudy, width: int = 80, status: Status = "running", **palette: bool) -> list[str]:
    """What the strip shows after two looks."""
    (found,) = lines_of_strips(followed, [width], status, **palette)
    return found


def lines_of_strips(
    followed: FollowedStudy, widths: Sequence[int], status: Status = "running", **palette: bool
) -> list[list[str]]:
    """What a strip of each width shows after two looks."""
    found: list[list[str]] = []

    async def main() -> None:
        app = Host(widths)
        async with app.run_test(size=(max(widths), 2 * len(widths) + 22)) as pilot:
            for strip in app.strips:
                for _ in range(2):  # the driver may answer between the two
                    strip.show(followed, followed.runs[-1], status, palette=Palette(**palette))
            await pilot.pause()
            found.extend([strip.render_line(y).text for y in range(2)] for strip in app.strips)

    asyncio.run(main())
    # a blank at either side
    assert [[len(line) for line in lines] for lines in found] == [[width - 2] * 2 for width in widths]
    return found


def made_up(*gauges: Gauge) -> Callable[[MachineLoad, str], tuple[Gauge, ...]]:
    return lambda load, device: gauges


def test_names_reach_the_strip_literally(tmp_path: Path) -> None:
    study = make_study(tmp_path / "[red]a\x1b[31m\u202eb")
    first, second = strip_lines(follow(study.directory))
    assert "[red]a?[31m?b" in first
    assert "images/s" in second


GPU = (Gauge("GPU", 1.0, "100%"), Gauge("VRAM", 0.5, "39.8/80 GiB"))
MACHINE = (Gauge("CPU", 0.12, "12%"), Gauge("RAM", 0.34, "34%"))


@pytest.mark.parametrize(
    ("width", "gauges", "first", "second"),
    [
        (80, MACHINE, "CPU    ▁▁  12%", "RAM    ▃▃  34%"),
        (80, GPU + MACHINE, "GPU     ██        100%", "VRAM    ▅▅ 39.8/80 GiB"),  # no room for all: the GPU
        (160, GPU + MACHINE, f"GPU {'██':>16} 100%  VRAM {'▅▅':>16} 39.8/80 GiB", None),
        (160, GPU + MACHINE, None, f"CPU {'▁▁':>16}  12%  RAM  {'▃▃':>16}         34%"),
        (40, MACHINE, "(lost)…", "left  0 images/s"),  # no room for any
    ],
)
def test_the_load_is_a_graph_and_a_number_at_the_right(
    width: int,
    gauges: tuple[Gauge, ...],
    first: str | None,
    second: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MachineLoad, "measure", made_up(*gauges))
    study = make_study(tmp_path / "study")
    write_run(study, "optimized", 0, [run_started(device="cuda:1"), *decision(0, 1), *trained_epoch(1)])
    lines = strip_lines(follow(study.directory), width)
    for line, words in zip(lines, (first, second), strict=True):
        if words is not None:
            assert line.rstrip().endswith(words)


def test_the_bar_shows_each_run_and_the_time_that_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MachineLoad, "measure", made_up(*MACHINE))
    study = make_study(tmp_path / "study", epochs=2)  # 3 cells of 0.2 epochs: an optimized run is 3.2 epochs of work
    plain = [epoch_completed(number, images_probed=0) for number in (1, 2)]
    write_run(study, "baseline", 0, [run_started(arm="baseline", epochs=2), *plain])
    write_run(study, "optimized", 0, [run_started(epochs=2), *decision(0, 1), *trained_epoch(1)])
    followed = follow(study.directory)
    runs = [run.state for run in followed.runs]
    assert [run.work for run in study_progress(followed).runs] == [2.0, 1.6]
    # half of the optimized run is left, at its own pace and not at that of the baseline
    assert seconds_left(followed) == pytest.approx(runs[1].seconds)
    line = strip_lines(followed, 160)[1]
    assert f"{'━' * 23} {'━' * 18}{'─' * 18}  69%  ~{clock(runs[1].seconds)} left  0 images/s  cost 0.80" in line
    ascii_line = strip_lines(followed, 160, ascii=True)[1]
    assert f"{'#' * 18}{'-' * 18}" in ascii_line
    narrow = strip_lines(followed, 80)[1]
    assert f"  69%  ~{clock(runs[1].seconds)} left  0 images/s  cost 0.80  RAM" in narrow


def test_runs_side_by_side_share_the_time_that_is_left(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=2, runs=2)  # an optimized run is 3.2 epochs of work
    begun = [("baseline", 0), ("optimized", 0)]
    for arm, seed in begun:
        write_run(study, arm, seed, [run_started(arm=arm, seed=seed, epochs=2)])
    writers = [RunWriter(study.directory / f"{arm}-{seed}") for arm, seed in begun]
    with Presence(study.directory), writers[0], writers[1]:
        for writer in writers:
            writer.append(epoch_completed(1, images_probed=0, seconds=10.0))
        followed = follow(study.directory)
        # baseline: 10 s of this run and 20 of the next, then 32 - 10 of optimized; the other: 22 of this one, then 32
        assert seconds_left(followed) == pytest.approx(22 + 32)
        line = strip_lines(followed, 160)[0]
        assert "run 4/4 optimized-1, 2 at work" in line
    assert "at work" not in strip_lines(followed, 160, "lost")[0]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [({"paused", "waiting"}, "paused"), ({"paused", "running"}, "running"), ({"lost", "running"}, "running")],
)
def test_a_study_is_paused_when_all_runs_at_work_are(statuses: set[Status], expected: Status) -> None:
    assert status_of(statuses, written=True, goes_on=False) == expected


def test_a_finished_study_tells_how_long_its_runs_were_trained_together(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    followed = follow(study.directory)
    assert seconds_left(followed) == 0
    line = strip_lines(followed, 80, "finished")[1]
    assert f" 100%  trained {clock(sum(run.state.seconds for run in followed.runs))}  cost" in line
    assert "images/s" not in line  # nothing is trained


@pytest.mark.parametrize(
    ("width", "ascii_only", "memory", "says"),
    [
        (140, False, "50%", "  epoch 100/100  delivers ep. 4  "),
        (80, False, "50%", "  epoch 100/100  ◆ ep. 4"),
        (80, True, "50%", "  epoch 100/100  @ ep. 4"),
        (80, False, "70.1/139 GiB", "  run 10/10 optimized-9  ◆ ep. 4  "),
    ],
)
def test_the_delivered_epoch_is_never_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, ascii_only: bool, memory: str, says: str
) -> None:
    study = make_study(tmp_path / "s", epochs=100, runs=10, baseline="none")
    events = [run_started(epochs=100), *(event for epoch in range(1, 101) for event in trained_epoch(epoch))]
    write_run(study, "optimized", 9, [*events, run_completed(100, delivered_epoch=4)])
    monkeypatch.setattr(MachineLoad, "measure", made_up(Gauge("GPU", 1.0, "100%"), Gauge("mem", 0.5, memory)))
    followed = follow(study.directory)
    assert says in strip_lines(followed, width, "finished", ascii=ascii_only)[0]
    widths = range(75, 150)  # also where it fits to the last cell, and what follows is cut
    for cells, lines in zip(widths, lines_of_strips(followed, widths, "finished", ascii=ascii_only), strict=True):
        assert re.search(r" ep\. 4(\s|$)", lines[0]), cells


def test_before_any_work_is_done_nobody_knows_what_is_left(tmp_path: Path) -> None:
    followed = follow(make_study(tmp_path / "study").directory)
    assert seconds_left(followed) is None
    assert "   0%  - left  " in strip_lines(followed)[1]


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
    (run,) = [run for run in followed.runs if run.name == "optimized-0"]
    progress = study_progress(followed)
    assert [run.work for run in progress.runs] == [0, 1.6]
    # three of four epochs are left, and added epochs hold for the other run too
    assert progress.expected() == pytest.approx((4, 1.6 + 3 * 1.6))
    wider = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.003, 0.01, 0.03, 0.06, 0.1])
    more = [decision_started(1, 2, axes=[wider], time=9e9), candidate_scored(1, 0)]
    with RunWriter(run.directory) as writer:
        for event in more:
            writer.append(event)
    followed.refresh()
    assert study_progress(followed).expected()[1] == pytest.approx(1.6 + 0.2 + 3 * 2.2 - 0.2)


def test_the_cells_of_a_search_are_counted_once_for_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = study_progress(follow(make_study(tmp_path / "study", runs=20).directory))
    counted, values = list[Range](), Range.values
    monkeypatch.setattr(Range, "values", lambda entry: counted.append(entry) or values(entry))
    assert len(progress.expected()) == 40
    assert len(counted) == 1


def test_the_strip_names_the_candidate_that_is_measured_as_the_plan_does(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    planned = DecisionsPlanned(epoch=1, stages=[])
    write_run(study, "optimized", 0, [run_started(), planned, decision_started(), candidate_scored(0, 0)])
    followed = follow(study.directory)
    assert "decision 1: candidate 2/3" in strip_lines(followed, 120)[0]
    assert "decision 1, for epoch 1: candidate 2/3" in coming_lines(followed, followed.runs[-1])[0]


@pytest.mark.parametrize("status", ["lost", "stopped", "failed", "waiting"])
def test_no_time_is_left_where_nobody_trains(tmp_path: Path, status: Status) -> None:
    study = make_study(tmp_path / "study")
    assert "left" not in strip_lines(follow(study.directory), 80, status)[1]
    write_run(study, "optimized", 0, [run_started(), *decision(0, 1), *trained_epoch(1)])
    line = strip_lines(follow(study.directory), 120, status)[1]
    assert "left" not in line
    assert "trained 0:00:04" in line


def test_values_by_hand_stand_in_the_strip_with_the_key_that_ends_them(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    by_hand = ValuesRequested(by="me", epoch=2, values={"lr": 0.1})
    directory = write_run(study, "optimized", 0, [run_started(), *decision(0, 1), *trained_epoch(1), by_hand])
    with Presence(directory):
        assert "epoch 2/2  by hand (u)" in strip_lines(follow(study.directory), 120)[0]
    assert "by hand" not in strip_lines(follow(study.directory), 120, "lost")[0]


def test_a_finished_run_goes_on_with_added_epochs(tmp_path: Path) -> None:
    """What it still has to do counts, and its epochs stand beside those that all runs are to have."""
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    save_steering(study.directory, Steering(3, study.config.search))
    followed = follow(study.directory)
    assert followed.status == "stopped"
    assert study_progress(followed).share == pytest.approx((3.2 + 3.2) / (3.2 + 1 + 3.2 + 1.6))
    assert read_line(study.directory).done == study_progress(followed).share
    assert "(finished)  epoch 2/3" in strip_lines(followed, 120, "stopped")[0]
