"""Runs as jobs of SLURM, one array for all of a study, by submitit; they go on where the study's process has gone.

Nothing here schedules, repeats or sends code: SLURM begins jobs, and begins them anew after a time limit, a preemption
or the death of a node; a run that finds its own folder goes on from its last checkpoint. `--engine-args` says what each
job asks for (`_slurm_settings`). Scripts and output of the jobs lie among the user's own files, not in the study.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from hptui.config import StudyConfig
from hptui.engines import Engine, RunEnd, RunPlan, Work
from hptui.engines import _slurm_queue as queue
from hptui.engines._elsewhere import StudyStop, encoded, end_of_gone, is_done, with_threads
from hptui.engines._slurm_settings import MOST_AT_ONCE, options, parameters, setup_lines
from hptui.errors import TrainingError, UsageError, first_line
from hptui.machine import same_python
from hptui.opening import read_file
from hptui.parsing import parse_json
from hptui.record.files import replace_file
from hptui.record.machine_paths import jobs_folder, make_private
from hptui.record.study_directory import open_study

if TYPE_CHECKING:
    from submitit import SlurmExecutor, SlurmJob

__all__ = ["Slurm"]

TAKES_ARGUMENTS = True
RUNS_GO_ON = True
POLL_SECONDS = 0.2
ASK_SECONDS = 10.0
"""between two questions to SLURM, which serves others too; that a run has ended by itself, its folder tells at once"""
GRACE_SECONDS = 5.0
"""for an answer to become visible here that was written on another machine"""
MOST_LIMITS = 1000
"""times that a run may come to the time limit of its job"""
SIGNAL = "USR1"
RULE = "\n----------------------\n"
JOBS_FILE = "jobs.json"
"""which job has which run, for a later process of the study"""


class Slurm(Engine):
    """A job for each run."""

    def check(self, config: StudyConfig) -> None:
        asked = options(config)
        for command in ("sbatch", "srun", "squeue", "scancel"):
            if shutil.which(command) is None:
                raise UsageError(
                    f"engine 'slurm' needs the command {command}, which is not on this machine; start the study on a "
                    "login node of the cluster, or choose another --engine."
                )
        if importlib.util.find_spec("submitit") is None:
            raise UsageError("engine 'slurm' needs the package submitit; install it with: pip install 'hptui[slurm]'")
        queue.require_taken(asked)

    def train(self, plans: Sequence[RunPlan], work: Work) -> Iterator[RunEnd]:
        done = [plan for plan in plans if is_done(plan)]
        yield from (RunEnd(plan.name) for plan in done)
        plans = [plan for plan in plans if plan not in done]
        if not plans:
            return
        folder = _folder(plans[0])
        former = _former(folder, plans)
        jobs = _Jobs(former)
        jobs.add(_submitted([plan for plan in plans if plan.name not in former], work, folder))
        _remember(folder, jobs.numbers)
        stop, reason, failed, may_be_void = StudyStop(plans[0]), "", False, set(former)
        while jobs.names:
            ended = list(jobs.ended())
            if not reason and (reason := work.stopped() or stop.asked()):  # looked at later than what ended by it
                stop.ask()
                jobs.stop(reason)
            void = set() if reason else may_be_void & {end.run for end in ended if end.stopped == "study"}
            if void:  # jobs of a training before have read a stop of that time: this one was asked by nobody
                may_be_void -= void
                jobs.add(_submitted([plan for plan in plans if plan.name in void], work, folder))
                _remember(folder, jobs.numbers)
            failed = failed or any(end.failure for end in ended)
            yield from (end for end in ended if end.run not in void)
            if not ended:
                time.sleep(POLL_SECONDS)
        (folder / JOBS_FILE).unlink(missing_ok=True)
        if not failed:  # else their output may say more
            shutil.rmtree(folder, ignore_errors=True)


class _Jobs:
    """Jobs of runs that have not ended, by the run's name."""

    def __init__(self, jobs: dict[str, tuple[RunPlan, SlurmJob[RunEnd]]]) -> None:
        self._jobs = jobs
        self._reason = ""
        self._asked = time.monotonic()
        self._gone: dict[str, float] = {}
        """when it was first seen that a job has ended, without an answer"""
        self._states: dict[str, str] = {}

    @property
    def names(self) -> set[str]:
        return set(self._jobs)

    @property
    def numbers(self) -> dict[str, str]:
        return {run: job.job_id for run, (_, job) in self._jobs.items()}

    def add(self, jobs: dict[str, tuple[RunPlan, SlurmJob[RunEnd]]]) -> None:
        self._jobs |= jobs

    def stop(self, reason: str) -> None:
        """Nothing is to begin any more; those at work were told."""
        self._reason = reason
        queue.cancel_waiting(list(self.numbers.values()))
        self._asked = 0.0

    def ended(self) -> Iterator[RunEnd]:
        """Runs that have ended since."""
        self._ask()
        for run, (plan, job) in list(self._jobs.items()):
            if job.paths.result_pickle.exists():
                end = _answer(plan, job)
            elif time.monotonic() - self._gone.get(run, float("inf")) >= GRACE_SECONDS:
                end = self._end_of_gone(plan, job)
            else:
                continue
            del self._jobs[run]
            yield end

    def _ask(self) -> None:
        """Look which jobs SLURM has no longer, now and then."""
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        states = queue.states_of(self.numbers.values())
        self._asked = time.monotonic()
        if states is None:
            return
        self._states = states
        for run, number in self.numbers.items():
            if states.get(number, "") in queue.WORKING:
                self._gone.pop(run, None)
            else:
                self._gone.setdefault(run, time.monotonic())
        if self._reason and "PENDING" in states.values():  # it was at work when all others were cancelled
            queue.cancel_waiting(list(self.numbers.values()))

    def _end_of_gone(self, plan: RunPlan, job: SlurmJob[RunEnd]) -> RunEnd:
        state = self._states.get(job.job_id, "")
        told = queue.ENDS.get(state, "its job {} has ended" + f" as {state}" * bool(state)).format(job.job_id)
        if state not in queue.ENDS and (last := _last_line(job.paths.stderr)):
            told = f"{told}, its last words: {last}"
        end = end_of_gone(plan, told)
        if not end.failure:
            return end
        if self._reason:
            return RunEnd(plan.name, stopped="study", reason=self._reason)
        if state == "CANCELLED":
            return RunEnd(plan.name, stopped="run", reason=f"its job {job.job_id} was cancelled")
        return end


def _submitted(plans: Sequence[RunPlan], work: Work, folder: Path) -> dict[str, tuple[RunPlan, SlurmJob[RunEnd]]]:
    """Have a job queued for each of these runs: an array of jobs, or several where there are very many.

    Raises:
        TrainingError: SLURM does not take them.
    """
    _submitit()
    from hptui.engines._slurm_job import RunJob

    jobs: dict[str, tuple[RunPlan, SlurmJob[RunEnd]]] = {}
    for first in range(0, len(plans), MOST_AT_ONCE):
        some = plans[first : first + MOST_AT_ONCE]
        executor = _executor(some[0], folder)
        cores = executor.parameters["cpus_per_task"]
        try:
            with _outside_of_a_job(), executor.batch():
                queued: list[Any] = [
                    executor.submit(RunJob(work.trainer), encoded(with_threads(plan, cores))) for plan in some
                ]
        except Exception as error:
            raise TrainingError(f"SLURM does not take the jobs of the study: {first_line(error)}") from error
        jobs |= {plan.name: (plan, job) for plan, job in zip(some, queued, strict=True)}
    return jobs


def _executor(plan: RunPlan, folder: Path) -> SlurmExecutor:
    python = shlex.join(same_python())
    executor: SlurmExecutor = _submitit().SlurmExecutor(folder, max_num_timeout=MOST_LIMITS, python=python)
    same_signal = f"export SUBMITIT_PREEMPT_SIGNAL={_submitit().JobEnvironment.USR_SIG}"
    name = re.sub(r"[^\w.-]", "_", f"hptui-{Path(plan.directory).parent.name}", flags=re.ASCII)
    setup = [same_signal, *setup_lines(plan.config)]
    executor.update_parameters(**parameters(plan.config), job_name=name, setup=setup)
    return executor


def _submitit() -> ModuleType:
    """The package, told which signal it is to wait for: that is read once, when it is imported."""
    os.environ.setdefault("SUBMITIT_PREEMPT_SIGNAL", SIGNAL)
    return importlib.import_module("submitit")


@contextlib.contextmanager
def _outside_of_a_job() -> Iterator[None]:
    """Submit as from a login node: what SLURM told a job of itself would be taken for a wish."""
    from submitit.helpers import clean_env

    kept = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with clean_env():
        os.environ.update(kept)
        yield


def _folder(plan: RunPlan) -> Path:
    """Where scripts and output of a study's jobs lie.

    Raises:
        UsageError: others may write there.
    """
    study, given = open_study(Path(plan.directory).parent), plan.config.engine_args.get("folder")
    try:
        folder = jobs_folder(study.id, study.directory, Path(str(given)) if given else None)
    except OSError as error:
        raise TrainingError(f"{study.directory} has {error.strerror}; no jobs can be kept for it.") from None
    make_private(folder)  # jobs unpickle what lies there, and so does this process: it is nobody else's
    return folder


def _former(folder: Path, plans: Sequence[RunPlan]) -> dict[str, tuple[RunPlan, SlurmJob[RunEnd]]]:
    """Jobs that an earlier process of the study left queued, or at work: they are waited for.

    One that has its answer already has ended for that process, whatever SLURM still does about it.
    """
    try:
        numbers: dict[str, str] = parse_json(read_file(folder / JOBS_FILE), dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}
    numbers = {plan.name: numbers[plan.name] for plan in plans if plan.name in numbers}
    states = queue.states_of(numbers.values()) if numbers else {}
    if states is None:
        raise TrainingError("SLURM gives no answer, and jobs of this study may be at work; try again when it does.")
    working = {run for run, number in numbers.items() if states.get(number) in queue.WORKING}
    jobs = {
        plan.name: (plan, _submitit().SlurmJob(folder, numbers[plan.name])) for plan in plans if plan.name in working
    }
    return {run: (plan, job) for run, (plan, job) in jobs.items() if not job.paths.result_pickle.exists()}


def _remember(folder: Path, numbers: dict[str, str]) -> None:
    with contextlib.suppress(
        OSError
    ):  # a later process then queues those runs again: the jobs of a run wait for each other
        replace_file(folder / JOBS_FILE, msgspec.json.encode(numbers))


def _answer(plan: RunPlan, job: SlurmJob[RunEnd]) -> RunEnd:
    try:
        return job.result()
    except Exception as error:  # submitit puts the traceback of the job between two rules
        said = str(error).partition(RULE)[2].rpartition(RULE)[0] or str(error) or repr(error)
        return RunEnd(plan.name, failure=f"{plan.name}: its job {job.job_id} failed: {said.strip().splitlines()[-1]}")


def _last_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line for line in read_file(path).decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""
    return ""
