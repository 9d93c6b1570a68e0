"""What becomes of runs whose jobs are waited for, told from jobs that only pretend."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from fabricate import make_study, run_completed, run_started, write_run

from hptui.config import StudyConfig
from hptui.engines import RunEnd, RunPlan, Work, slurm
from hptui.engines import _slurm_queue as queue
from hptui.engines.slurm import JOBS_FILE, Slurm
from hptui.errors import TrainingError, UsageError
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import CommandSender, StopStudy
from hptui.record.housekeeping import delete_study
from hptui.record.machine_paths import jobs_folder
from hptui.record.study_directory import Study, open_study


class Pretended:
    """A job of SLURM, as submitit has it."""

    def __init__(self, folder: Path, job_id: str) -> None:
        self.job_id = job_id
        self.paths = SimpleNamespace(result_pickle=folder / f"{job_id}.pkl", stderr=folder / f"{job_id}.err")

    def answer(self, end: RunEnd | str) -> None:
        self.paths.result_pickle.parent.mkdir(parents=True, exist_ok=True)
        self.paths.result_pickle.write_bytes(msgspec.json.encode(end))

    def result(self) -> RunEnd:
        said = msgspec.json.decode(self.paths.result_pickle.read_bytes(), type=RunEnd | str)
        if isinstance(said, str):  # as FailedJobError has it
            rule = "-" * 22
            raise RuntimeError(
                f"Job (task=0) failed during processing with trace:\n{rule}\n{said}\n{rule}\nYou can ..."
            )
        return said


class Cluster:
    """What SLURM is told, and says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: dict[str, Pretended] = {}
        """by run"""
        self.states: dict[str, str] | None = {}
        """by job"""
        self.cancelled: list[str] = []

    def submit(self, plans: list[RunPlan], work: Work, folder: Path) -> dict[str, Any]:
        first = 10 + len(self.jobs)
        self.jobs |= {plan.name: Pretended(folder, f"{first}_{index}") for index, plan in enumerate(plans)}
        return {plan.name: (plan, self.jobs[plan.name]) for plan in plans}

    def states_of(self, jobs: Any) -> dict[str, str] | None:
        return None if self.states is None else {job: self.states.get(job, "RUNNING") for job in jobs}

    def cancel(self, jobs: list[str]) -> None:
        self.cancelled += jobs
        self.states = dict.fromkeys(jobs, "CANCELLED")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Cluster(tmp_path)
    for name in ("ASK_SECONDS", "GRACE_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(slurm, name, 0.0)
    monkeypatch.setattr(slurm, "_submitted", made.submit)
    monkeypatch.setattr(slurm, "_submitit", lambda: SimpleNamespace(SlurmJob=Pretended))
    monkeypatch.setattr(queue, "states_of", made.states_of)
    monkeypatch.setattr(queue, "cancel_waiting", made.cancel)
    return made


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return make_study(tmp_path / "study", runs=2)


def plans_of(study: Study) -> list[RunPlan]:
    commands = CommandInbox(study.directory).offsets
    return [RunPlan(study.config, arm, seed, str(directory), commands) for arm, seed, directory in study.runs()]


def trained(study: Study, stopped: Callable[[], str] = str) -> Iterator[RunEnd]:
    def here(plan: RunPlan) -> RunEnd:
        pytest.fail("it is a job's")

    return Slurm().train(plans_of(study), Work(here, lambda: pytest.fail("it is a job's"), stopped))


def answer_all(cluster: Cluster) -> None:
    for run, job in cluster.jobs.items():
        job.answer(RunEnd(run))


def state_folder(cluster: Cluster, study: Study) -> Path:
    folder = jobs_folder(study.id, study.directory)
    assert cluster.folder / "state" in folder.parents
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def after_submission(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something as soon as the jobs are queued."""

    def submit(*given: Any) -> dict[str, Any]:
        jobs = cluster.submit(*given)
        act()
        return jobs

    monkeypatch.setattr(slurm, "_submitted", submit)


def test_what_each_job_answers_and_nothing_is_left(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_submission(cluster, monkeypatch, lambda: answer_all(cluster))
    assert {end.run for end in trained(study)} == {directory.name for _, _, directory in study.runs()}
    assert not state_folder(cluster, study).joinpath(JOBS_FILE).exists()


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("CANCELLED", RunEnd("baseline-0", stopped="run", reason="its job 10_0 was cancelled")),
        ("NODE_FAIL", "the node of its job 10_0 has failed"),
        ("TIMEOUT", "its job 10_0 came to its time limit before it had saved its state"),
        ("OUT_OF_MEMORY", "its job 10_0 needs more memory than it asked for (--engine-args mem=...)"),
        ("FAILED", "its job 10_0 has ended as FAILED, its last words: srun: error: it was so"),
    ],
)
def test_a_job_that_ends_without_an_answer_does_so_alone(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch, state: str, end: RunEnd | str
) -> None:
    def go() -> None:
        answer_all(cluster)
        job = cluster.jobs["baseline-0"]
        job.paths.result_pickle.unlink()
        job.paths.stderr.write_text("a\nsrun: error: it was so\n\n", "utf-8")
        cluster.states = {job.job_id: state}

    assert plans_of(study)[0].name == "baseline-0"
    after_submission(cluster, monkeypatch, go)
    ends = {one.run: one for one in trained(study)}
    if isinstance(end, str):
        end = RunEnd("baseline-0", failure=f"baseline-0: {end}; hptui resume goes on from its last checkpoint.")
    assert ends.pop("baseline-0") == end
    assert all(one == RunEnd(one.run) for one in ends.values())


def test_a_run_that_came_to_its_end_is_one_whatever_became_of_its_job(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go() -> None:
        answer_all(cluster)
        job = cluster.jobs["baseline-0"]
        job.paths.result_pickle.unlink()
        write_run(study, "baseline", 0, [run_started(), run_completed(epoch=study.config.epochs)])
        cluster.states = {job.job_id: "NODE_FAIL"}

    after_submission(cluster, monkeypatch, go)
    assert {end.failure for end in trained(study)} == {""}


def test_an_error_of_the_job_itself_is_told(cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def go() -> None:
        answer_all(cluster)
        cluster.jobs["baseline-0"].answer("Traceback\nModuleNotFoundError: No module named 'torch'\n")

    after_submission(cluster, monkeypatch, go)
    failures = [end.failure for end in trained(study) if end.failure]
    assert failures == ["baseline-0: its job 10_0 failed: ModuleNotFoundError: No module named 'torch'"]


def test_where_slurm_gives_no_answer_no_job_is_given_up(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def states_of(jobs: Any) -> None:
        asked.append(jobs)
        if len(asked) == 3:
            answer_all(cluster)

    monkeypatch.setattr(queue, "states_of", states_of)
    assert {end.failure for end in trained(study)} == {""}
    assert len(asked) >= 3


def test_a_stop_reaches_those_at_work_and_cancels_the_others(cluster: Cluster, study: Study) -> None:
    before = CommandInbox(study.directory)
    ends = list(trained(study, lambda: "SIGHUP"))
    assert {(end.stopped, end.reason) for end in ends} == {("study", "SIGHUP")}
    assert set(cluster.cancelled) == {job.job_id for job in cluster.jobs.values()}
    assert [type(command) for command in before.receive()] == [StopStudy]


def test_a_stop_is_heard_where_no_job_has_begun(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    CommandSender(study.directory).send(StopStudy())  # void: of a training before
    after_submission(cluster, monkeypatch, lambda: CommandSender(study.directory).send(StopStudy()))
    before = CommandInbox(study.directory)
    (reason,) = {end.reason for end in trained(study)}
    assert reason.startswith("by ")
    assert len(before.receive()) == 1  # those at work read the same one


def test_a_later_process_waits_for_the_jobs_that_there_are_and_queues_the_others(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [plan.name for plan in plans_of(study)]
    folder = state_folder(cluster, study)
    (folder / JOBS_FILE).write_bytes(msgspec.json.encode({names[0]: "7_0", names[1]: "7_1", "optimized-9": "7_9"}))
    cluster.states = {"7_1": "CANCELLED"}
    write_run(study, "optimized", 1, [run_started(), run_completed(epoch=study.config.epochs)])

    def go() -> None:
        Pretended(folder, "7_0").answer(RunEnd(names[0], stopped="run", reason="by me"))
        answer_all(cluster)

    after_submission(cluster, monkeypatch, go)
    ends = {end.run: end for end in trained(open_study(study.directory))}
    assert set(cluster.jobs) == {names[1], names[2]}
    assert ends.pop(names[0]).reason == "by me"
    assert ends == {name: RunEnd(name) for name in names[1:]}


def test_former_jobs_that_obey_a_former_stop_are_queued_anew(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    CommandSender(study.directory).send(StopStudy())  # after the study's process had gone
    folder, names = state_folder(cluster, study), [plan.name for plan in plans_of(study)]
    (folder / JOBS_FILE).write_bytes(msgspec.json.encode({names[0]: "7_0", names[1]: "7_1"}))
    Pretended(folder, "7_1").answer(RunEnd(names[1], stopped="study", reason="by me"))  # SLURM still calls it at work
    queued: list[set[str]] = []

    def go() -> None:
        queued.append(set(cluster.jobs))
        Pretended(folder, "7_0").answer(RunEnd(names[0], stopped="study", reason="by me"))
        answer_all(cluster)

    after_submission(cluster, monkeypatch, go)
    assert sorted(trained(study), key=lambda end: end.run) == [RunEnd(name) for name in sorted(names)]
    assert queued == [set(names[1:]), set(names)]
    assert not cluster.cancelled


def test_former_jobs_that_obey_a_stop_of_this_training_end_it(
    cluster: Cluster, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, names = state_folder(cluster, study), [plan.name for plan in plans_of(study)]
    (folder / JOBS_FILE).write_bytes(msgspec.json.encode({names[0]: "7_0"}))

    def go() -> None:
        CommandSender(study.directory).send(StopStudy())
        Pretended(folder, "7_0").answer(RunEnd(names[0], stopped="study", reason="by me"))

    after_submission(cluster, monkeypatch, go)
    assert {end.stopped for end in trained(study)} == {"study"}
    assert set(cluster.jobs) == set(names[1:])


def test_where_slurm_does_not_say_whether_jobs_are_left_none_is_queued_twice(cluster: Cluster, study: Study) -> None:
    (state_folder(cluster, study) / JOBS_FILE).write_bytes(msgspec.json.encode({"baseline-0": "7_0"}))
    cluster.states = None
    with pytest.raises(TrainingError, match=r"^SLURM gives no answer, and jobs of this study may be at work"):
        list(trained(study))
    assert not cluster.jobs


def test_a_copy_of_a_study_has_jobs_of_its_own(cluster: Cluster, study: Study, tmp_path: Path) -> None:
    copy = open_study(shutil.copytree(study.directory, tmp_path / "copy"))
    assert copy.id == study.id
    kept, gone = state_folder(cluster, study), state_folder(cluster, copy)
    delete_study(copy.directory)
    assert kept.is_dir()
    assert not gone.exists()


def as_link(folder: Path) -> None:
    folder.with_name("elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (as_link, "is no folder"),
        (Path.touch, "cannot be made: File exists"),
        (lambda folder: folder.mkdir() or folder.chmod(0o770), "can be written by others"),
        (lambda folder: folder.mkdir() or folder.chmod(0o702), "can be written by others"),
    ],
)
def test_a_folder_of_jobs_in_which_others_may_write_is_not_taken(
    cluster: Cluster, study: Study, tmp_path: Path, make: Callable[[Path], object], told: str
) -> None:
    folder = jobs_folder(study.id, study.directory, tmp_path)
    make(folder)
    with pytest.raises(UsageError, match=f"^{folder} {told}"):
        slurm._folder(in_folder(study, tmp_path))
    assert not cluster.jobs


def test_a_folder_of_another_user_is_not_taken(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slurm._folder(in_folder(study, tmp_path)).parent == tmp_path
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="is another user's"):
        slurm._folder(in_folder(study, tmp_path))


def in_folder(study: Study, folder: Path) -> RunPlan:
    config = msgspec.structs.replace(study.config, engine="slurm", engine_args={"folder": str(folder)})
    return msgspec.structs.replace(plans_of(study)[0], config=config)


def test_runs_of_slurm_go_on_alone() -> None:
    assert StudyConfig(engine="slurm").runs_go_on
    assert not any(StudyConfig(engine=engine).runs_go_on for engine in ("thread", "processes", "own.py:Engine"))
