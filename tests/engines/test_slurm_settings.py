"""What jobs ask SLURM for, how it answers, and what is told where it is not there: with commands that only pretend."""

from __future__ import annotations

import importlib.util
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hptui.config import Layer, StudyConfig, file_layer, resolve
from hptui.engines import RunEnd, RunPlan, _slurm_job, _slurm_queue
from hptui.engines._elsewhere import encoded
from hptui.engines._slurm_queue import cancel_waiting, require_taken, states_of
from hptui.engines._slurm_settings import minutes_of, options, parameters, setup_lines
from hptui.engines.slurm import Slurm
from hptui.errors import ConfigError, UsageError
from hptui.training import start_study


def settings(*arguments: str, **changes: Any) -> StudyConfig:
    given = {"engine": "slurm", "engine_args": list(arguments), "dataset": "digits"} | changes
    return resolve([Layer("test", given)]).config


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """`commands(squeue="echo 1 RUNNING")`: makes commands of SLURM, and gives the file of how they were called."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(**scripts: str) -> Path:
        for name, script in scripts.items():
            (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\n{script}\n', "utf-8")
            (folder / name).chmod(0o755)
        return calls

    return make


@pytest.mark.parametrize(
    ("time", "minutes"),
    [
        *((90, 90), ("90", 90), ("0:30", 1), ("59:30", 60), ("4:00:00", 240), ("1-0", 1440), ("2-12:30", 3630)),
        ("1-00:00:01", 1441),
    ],
)
def test_times_are_read_as_sbatch_reads_them(time: object, minutes: int) -> None:
    assert minutes_of(time) == minutes


@pytest.mark.parametrize("time", ["4h", "", "-1", "1:2:3:4", True, 1.5, "0", 0])
def test_what_is_no_time_of_a_job_is_refused(time: object) -> None:
    with pytest.raises(ConfigError, match="engine_args time = "):
        minutes_of(time)


def test_what_a_job_asks_for() -> None:
    config = settings("partition=gpu", "time=1:00:00", "gpus=1", "cpus=6", "mem=16G", "mail_type=END", parallel="3")
    asked = parameters(config)
    assert {name: asked[name] for name in ("time", "cpus_per_task", "gpus_per_node", "signal_delay_s")} == {
        "time": 60,
        "cpus_per_task": 6,
        "gpus_per_node": 1,
        "signal_delay_s": 90,
    }
    assert asked["array_parallelism"] == 3
    more = {"partition": "gpu", "mem": "16G", "mail-type": "END", "requeue": True}
    assert asked["additional_parameters"] == more
    assert {"--partition=gpu", "--gpus-per-node=1", "--mail-type=END", "--requeue"} <= set(options(config))


def test_what_nobody_says() -> None:
    asked = parameters(settings(threads=2))
    assert (asked["time"], asked["cpus_per_task"], asked["array_parallelism"]) == (240, 2, 1000)
    assert "gpus_per_node" not in asked
    assert parameters(settings("time=1"))["signal_delay_s"] == 30  # half of it is left to train
    assert parameters(settings())["cpus_per_task"] == 4


def test_the_example_asks_for_what_there_is() -> None:
    config = resolve([file_layer(Path(__file__).parents[2] / "examples" / "slurm.toml")]).config
    asked = parameters(config)
    assert (asked["gpus_per_node"], asked["time"]) == (1, 240)
    assert asked["additional_parameters"] == {"partition": "gpu", "mem": "16G", "requeue": True}
    assert setup_lines(config) == ["module load cuda"]


def test_lines_ahead_of_python() -> None:
    assert setup_lines(settings("setup=module load cuda")) == ["module load cuda"]
    assert setup_lines(settings("setup=['a', 'b']")) == ["a", "b"]
    assert setup_lines(settings()) == []


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("array=0-3", "engine_args array: hptui says that by itself"),
        ("cpus=0", "engine_args cpus = 0: write a whole number, from 1 on."),
        ("cpus=many", "engine_args cpus = 'many': write a whole number"),
        ("time=soon", "engine_args time = 'soon': write minutes, H:MM:SS, or D-HH:MM:SS."),
        ("signal_delay=99999", "it is seconds before the limit of 240 minutes."),
    ],
)
def test_what_no_job_can_ask_for_is_told_before_slurm_is_looked_for(argument: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Slurm().check(settings(argument))
    assert told in str(caught.value)


def test_where_slurm_is_not_there_nothing_is_made(commands: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^engine 'slurm' needs the command sbatch, which is not on this machine; "):
        start_study(settings(), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_where_submitit_is_not_installed(commands: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    commands(sbatch="", srun="", squeue="", scancel="")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: (name != "submitit" and find(name, *more)) or None
    )
    with pytest.raises(UsageError, match=r"^engine 'slurm' needs the package submitit; .* 'hptui\[slurm\]'$"):
        Slurm().check(settings())


def test_what_slurm_does_not_take_is_told_in_its_words(commands: Callable[..., Path], tmp_path: Path) -> None:
    refusal = "echo 'allocation failure: Invalid partition name specified' >&2; exit 1"
    calls = commands(sbatch=refusal, srun="", squeue="", scancel="")
    with pytest.raises(UsageError) as caught:
        start_study(settings("partition=gpus", "cpus=1"), tmp_path / "study")
    assert str(caught.value).endswith(": allocation failure: Invalid partition name specified")
    assert "--partition=gpus" in calls.read_text("utf-8")
    assert not (tmp_path / "study").exists()
    commands(sbatch="echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(UsageError, match=r": Unable to contact slurm controller$"):
        require_taken([])
    commands(sbatch="exit 0")
    require_taken([])


def test_states_of_jobs(commands: Callable[..., Path]) -> None:
    calls = commands(squeue="echo 7_0 RUNNING; echo 7_1 NODE_FAIL; echo 9 PENDING")
    assert states_of(["7_0", "7_1", "9"]) == {"7_0": "RUNNING", "7_1": "NODE_FAIL", "9": "PENDING"}
    assert "--jobs=7,9" in calls.read_text("utf-8")
    commands(squeue="echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert states_of(["7_0"]) == {}  # SLURM forgets those that ended some time ago
    commands(squeue="echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert states_of(["7_0"]) is None  # which says nothing of the jobs


def test_a_command_that_hangs_is_no_answer(commands: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_slurm_queue, "PATIENCE_SECONDS", 0.05)
    commands(squeue="exec /bin/sleep 60", scancel="exec /bin/sleep 60")
    assert states_of(["7_0"]) is None
    cancel_waiting(["7_0"])


def test_where_no_job_is_left_none_is_cancelled(commands: Callable[..., Path]) -> None:
    calls = commands(scancel="")
    cancel_waiting([])
    assert not calls.exists()  # it would cancel all of the user's
    cancel_waiting(["7_0"])
    assert "--state=PENDING 7_0" in calls.read_text("utf-8")


class Pretended:
    """Trains until it is stopped, or told to end."""

    made: list[Pretended]

    def __init__(self, end: RunEnd | None = None) -> None:
        self._stopped = threading.Event()
        self._reason, self._end = "", end
        self.began = threading.Event()
        type(self).made = [self]

    def train(self, plan: RunPlan) -> RunEnd:
        self.began.set()
        if self._end is not None:
            return self._end
        assert self._stopped.wait(60)
        return RunEnd(plan.name, stopped="study", reason=self._reason)

    def stop(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._stopped.set()


@pytest.fixture
def plan(tmp_path: Path) -> str:
    return encoded(RunPlan(settings(), "baseline", 0, str(tmp_path / "study" / "baseline-0")))


@pytest.fixture(autouse=True)
def handlers() -> Any:
    """What a job sets for SIGTERM stays its own affair."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def in_the_middle(act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as the run is at work."""

    def wait() -> None:
        while not getattr(Pretended, "made", []):
            time.sleep(0.001)
        Pretended.made[0].began.wait(60)
        act()

    Pretended.made = []
    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_job_that_is_warned_is_to_go_on_with_the_same_plan(plan: str) -> None:
    job, found = _slurm_job.RunJob(Pretended), list[Any]()
    acts = in_the_middle(lambda: found.append(job.checkpoint(plan)))
    with pytest.raises(SystemExit):  # submitit has left by then: it has queued the job again
        job(plan)
    acts.join()
    (again,) = found
    assert isinstance(again.function, _slurm_job.RunJob)
    assert again.args == (plan,)


def test_a_job_whose_run_has_ended_is_not_queued_again(plan: str) -> None:
    end = RunEnd("baseline-0", failure="baseline-0 failed: it was so")
    job = _slurm_job.RunJob(lambda: Pretended(end))
    assert job(plan) == end
    assert job.checkpoint(plan) is None


def test_a_job_that_is_cancelled_leaves_the_last_word_to_slurm(plan: str) -> None:
    job = _slurm_job.RunJob(Pretended)
    acts = in_the_middle(lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as left:
        job(plan)
    acts.join()
    assert left.value.code == 128 + signal.SIGTERM
    assert Pretended.made[0]._reason.endswith("cancelled or preempted (SIGTERM)")
