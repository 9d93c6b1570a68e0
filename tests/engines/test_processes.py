"""Which run begins when, and what becomes of it, told from processes that only pretend."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path

import pytest

from hptui.config import Layer, resolve
from hptui.engines import RunEnd, RunPlan, RunTrainer, Work
from hptui.engines import processes as module
from hptui.engines.processes import Processes, Room, in_order
from hptui.errors import TrainingError
from hptui.machine import free_memory, usable_cores
from hptui.record.events import BatchesTrained

GIB = 2**30


class Pretended:
    """A process whose runs end when the test says so."""

    memory = GIB
    is_started = True

    def __init__(self, number: int, trainer: Callable[[], RunTrainer]) -> None:
        self.number = number
        self.answers, self._other_end = Pipe()
        self.plan: RunPlan | None = None
        self.begun: list[RunPlan] = []
        self.reasons: list[str] = []
        self.is_alive = True
        self.joined = False

    def begin(self, plan: RunPlan) -> None:
        self.plan = plan
        self.begun.append(plan)

    def finish(self, **ended: str) -> None:
        assert self.plan is not None
        self._other_end.send(RunEnd(self.plan.name, **ended))

    def die(self) -> None:
        self._other_end.close()

    def stop(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)
            self.finish(stopped="study", reason=reason)

    def end(self) -> RunEnd:
        assert self.plan is not None
        name, self.plan = self.plan.name, None
        try:
            return self.answers.recv()
        except EOFError:
            self.is_alive = False
            return RunEnd(name, failure=f"{name}: its process was killed by SIGKILL")

    def let_go(self) -> None:
        self.is_alive = False

    def join(self) -> None:
        self.joined = True


class Stage:
    """A study of pairs, and the processes that were started for it."""

    def __init__(self, folder: Path, runs: int = 3, **settings: object) -> None:
        self.config = resolve(
            [Layer("test", {"dataset": "digits", "strategy": "grid", "runs": runs, **settings})]
        ).config
        arms = self.config.arms
        self.plans = [
            RunPlan(self.config, arm, seed, str(folder / f"{arm}-{seed}")) for seed in range(runs) for arm in arms
        ]
        self.started: list[Pretended] = []
        self.reason = ""
        work = Work(self._nobody, self._nobody, lambda: self.reason)
        self.ends = Processes(self._start).train(self.plans, work)

    def _nobody(self, *_: object) -> RunEnd:
        raise AssertionError("nothing is trained here")

    def _start(self, number: int, trainer: Callable[[], RunTrainer]) -> Pretended:
        self.started.append(Pretended(number, trainer))
        return self.started[-1]

    @property
    def at_work(self) -> list[str]:
        return [one.plan.name for one in self.started if one.plan is not None]


def begun(stage: Stage) -> list[str]:
    return [plan.name for one in stage.started for plan in one.begun]


def first_end(stage: Stage) -> RunEnd:
    """Have the engine begin, with the first process finishing at once."""
    original = stage._start

    def start(number: int, trainer: Callable[[], RunTrainer]) -> Pretended:
        one = original(number, trainer)
        if number == 0:
            begin = one.begin

            def begin_and_finish(plan: RunPlan) -> None:
                begin(plan)
                one.begin = begin  # type: ignore[method-assign]
                one.finish()

            one.begin = begin_and_finish  # type: ignore[method-assign]
        return one

    stage.ends = Processes(start).train(stage.plans, Work(stage._nobody, stage._nobody, lambda: stage.reason))
    return next(stage.ends)


def test_as_many_are_at_work_as_were_asked_for_and_a_process_is_kept_for_the_next(tmp_path: Path) -> None:
    stage = Stage(tmp_path, parallel="2")
    assert first_end(stage) == RunEnd("optimized-0")
    assert begun(stage) == ["optimized-0", "baseline-0"]
    ended = ["optimized-0"]
    while (left := [one for one in stage.started if one.plan is not None]) or len(ended) < 6:
        assert len(stage.started) == 2
        assert len(left) <= 2
        (left or stage.started)[0].finish()
        ended.append(next(stage.ends).run)
    assert sorted(ended) == sorted(plan.name for plan in stage.plans)
    assert list(stage.ends) == []
    assert all(one.joined for one in stage.started)


def test_a_run_that_fails_is_told_and_the_next_one_gets_another_process(tmp_path: Path) -> None:
    stage = Stage(tmp_path, parallel="2")
    first_end(stage)
    stage.started[1].finish(failure="baseline-0 failed")
    assert next(stage.ends).failure == "baseline-0 failed"
    stage.started[0].finish()
    assert not next(stage.ends).failure
    assert len(stage.started) == 3
    assert stage.started[1].joined
    assert stage.started[2].number == 1


def test_a_process_that_is_killed_takes_its_run_alone_with_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, parallel="3")
    first_end(stage)
    stage.started[1].die()
    end = next(stage.ends)
    assert end.failure.endswith("was killed by SIGKILL")
    for one in (stage.started[0], stage.started[2]):
        one.finish()
        assert not next(stage.ends).failure
    assert len(stage.started) == 4


def test_a_stop_reaches_all_at_work_and_no_other_begins(tmp_path: Path) -> None:
    stage = Stage(tmp_path, parallel="2")
    first_end(stage)
    stage.reason = "SIGHUP"
    ends = list(stage.ends)
    assert [(end.stopped, end.reason) for end in ends] == [("study", "SIGHUP")]
    assert len(begun(stage)) == 2


def test_one_that_is_being_started_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pretended, "is_started", False)
    stage = Stage(tmp_path, parallel="2")
    first_end(stage)
    stage.reason = "SIGTERM"
    assert list(stage.ends) == []
    assert not any(one.is_alive for one in stage.started)


def test_a_study_that_was_taken_over_lets_its_processes_go(tmp_path: Path) -> None:
    stage = Stage(tmp_path, parallel="2")

    def taken() -> str:
        if stage.started:
            raise TrainingError("taken over")
        return ""

    stage.ends = Processes(stage._start).train(stage.plans, Work(stage._nobody, stage._nobody, taken))
    with pytest.raises(TrainingError, match="taken over"):
        next(stage.ends)
    assert [one.joined for one in stage.started] == [True, True]


def rooms(monkeypatch: pytest.MonkeyPatch, cores: int, **settings: object) -> Room:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr("os.process_cpu_count", lambda: cores, raising=False)
    monkeypatch.setattr("hptui.machine.OWN", Path("not there"))  # whatever this machine is limited to
    monkeypatch.setattr("hptui.machine.ROOT", Path("not there"))
    gpus = int(str(settings.pop("gpus", 0)))
    return Room(resolve([Layer("test", {"dataset": "digits", "strategy": "grid", **settings})]).config, gpus)


@pytest.mark.parametrize(
    ("cores", "settings", "most", "threads"),
    [
        (16, {"parallel": "4"}, 4, 4),
        (16, {"parallel": "2"}, 2, 4),
        (16, {"parallel": "10"}, 10, 1),
        (2, {"parallel": "3"}, 3, 1),
        (16, {"parallel": "4", "threads": 7}, 4, 7),
        (16, {"parallel": "1"}, 1, None),
        (16, {"parallel": "auto"}, 16, 1),
        (16, {"parallel": "auto", "threads": 4}, 4, 4),
        (16, {"parallel": "auto", "gpus": 2}, 2, 4),
    ],
)
def test_cores_are_shared_out(
    monkeypatch: pytest.MonkeyPatch, cores: int, settings: dict[str, object], most: int, threads: int | None
) -> None:
    room = rooms(monkeypatch, cores, **settings)
    assert room.most == most
    plan = RunPlan(resolve([Layer("test", {"threads": settings.get("threads")})]).config, "baseline", 0, "x")
    assert room.placed(plan, 0).config.threads == threads


def test_gpus_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    room = rooms(monkeypatch, 16, parallel="5", gpus=2)
    plan = RunPlan(resolve([]).config, "baseline", 0, "x")
    assert [room.placed(plan, number).config.device for number in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert rooms(monkeypatch, 16, parallel="5").placed(plan, 1).config.device == "auto"


def trained(time: float) -> BatchesTrained:
    return BatchesTrained(time=time, epoch=1, batch=20, batches=40, step=20, loss=1.0, images=1, values={}, seconds=1.0)


def test_the_second_waits_until_the_memory_of_the_first_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = rooms(monkeypatch, 16, parallel="auto")
    free = type("Memory", (), {"available": 10 * GIB})()
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    first = Pretended(0, lambda: pytest.fail("nobody trains"))
    assert room.now([]) == 16
    first.begin(RunPlan(resolve([]).config, "baseline", 0, str(tmp_path)))
    log: list[object] = [None]
    monkeypatch.setattr(module, "last_event", lambda _: log[0])
    assert room.now([first]) == 1
    log[0] = trained(time=1.0)
    assert room.now([first]) == 1  # of a training before
    first.memory = 2 * GIB
    log[0] = trained(time=4e9)
    first.memory = GIB  # it was more before
    assert room.now([first]) == 1 + int(0.8 * 10 / 1.5)
    free.available = 0
    assert room.now([first]) == room.most  # decided once


def test_a_container_has_fewer_cores_and_less_memory_than_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cores and a half of 16, and 3 GiB of 10: of the group around its own, which gives half of it up."""
    room = rooms(monkeypatch, 16, parallel="auto")
    monkeypatch.setattr("psutil.virtual_memory", type("Memory", (), {"available": 10 * GIB}))
    assert (room.most, free_memory()) == (16, 10 * GIB)
    inner = tmp_path / "pod" / "box"
    inner.mkdir(parents=True)
    (tmp_path / "own").write_text("5:cpu:/elsewhere\n0::/pod/box\n")
    (inner / "cpu.max").write_text("250000 100000\n")
    (inner / "memory.max").write_text("max\n")
    (tmp_path / "pod" / "cpu.max").write_text("max 100000\n")
    (tmp_path / "pod" / "memory.max").write_text(f"{4 * GIB}\n")
    (tmp_path / "pod" / "memory.current").write_text(f"{2 * GIB}\n")
    (tmp_path / "pod" / "memory.stat").write_text(
        f"anon {GIB}\ninactive_file {GIB // 2}\nactive_file {GIB // 4}\nslab_reclaimable {GIB // 4}\n"
    )
    monkeypatch.setattr("hptui.machine.OWN", tmp_path / "own")
    monkeypatch.setattr("hptui.machine.ROOT", tmp_path)
    assert (usable_cores(), free_memory()) == (2, 3 * GIB)
    config = resolve([Layer("test", {"dataset": "digits", "strategy": "grid", "parallel": "auto"})]).config
    assert Room(config, 0).most == 2
    (inner / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "pod" / "memory.stat").write_text("torn")
    assert (usable_cores(), free_memory()) == (1, 2 * GIB)
    (tmp_path / "own").write_text("0::/../..\n")  # seen from within: its own limits lie at the root
    assert (usable_cores(), free_memory()) == (16, 10 * GIB)


@pytest.mark.parametrize("own", ["/box", "/docker/of/the/host"])  # a container may see its own limits at the root
def test_memory_of_a_container_of_cgroup_v1_is_limited_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", type("Memory", (), {"available": 10 * GIB}))
    monkeypatch.setattr("hptui.machine.OWN", tmp_path / "own")
    monkeypatch.setattr("hptui.machine.ROOT", tmp_path)
    (tmp_path / "own").write_text(f"12:pids:{own}\n4:cpuset,memory:{own}\n1:name=systemd:/init\n")
    group = tmp_path / "memory" / ("box" if own == "/box" else ".")
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text(f"{4 * GIB}\n")
    (group / "memory.usage_in_bytes").write_text(f"{3 * GIB}\n")
    (group / "memory.stat").write_text(f"active_file 1\ntotal_inactive_file {GIB}\ntotal_active_file {GIB}\n")
    assert free_memory() == 3 * GIB


@pytest.mark.parametrize(
    ("at_a_time", "first", "last"),
    [
        (1, ["baseline-0", "optimized-0", "baseline-1"], "optimized-3"),
        (2, ["optimized-0", "baseline-0", "optimized-1", "baseline-1"], "baseline-3"),
        (8, ["optimized-0", "optimized-1", "optimized-2", "optimized-3", "baseline-0"], "baseline-3"),
    ],
)
def test_the_arm_that_takes_longer_goes_ahead(tmp_path: Path, at_a_time: int, first: list[str], last: str) -> None:
    names = [plan.name for plan in in_order(Stage(tmp_path, runs=4).plans, at_a_time)]
    assert names[: len(first)] == first
    assert names[-1] == last
