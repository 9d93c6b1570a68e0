"""All runs of a study, one after another in this process, pair by pair."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hptui.config import Arm, StudyConfig
from hptui.errors import HptuiError, RunDirectoryError, TrainingError, failure_words
from hptui.plan import Plan
from hptui.planning import new_strategy, plan_arm
from hptui.record.events import RunCompleted, RunFailed
from hptui.record.files import replace_file
from hptui.record.housekeeping import remove_needless
from hptui.record.left_overs import remove_left_overs_of_study
from hptui.record.log_backwards import last_event
from hptui.record.log_end import check_completed
from hptui.record.mending import has_checkpoints
from hptui.record.own_code import remember_trained
from hptui.record.presence import Presence
from hptui.record.run_directory import ERROR_FILE, MODEL_FILE
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, create_study
from hptui.record.study_folders import shown
from hptui.record.write_errors import require_room
from hptui.training.disk_use import disk_use
from hptui.training.engine.building import StudyInputs
from hptui.training.engine.failures import is_out_of_memory
from hptui.training.inputs import check_strategies, prepare_inputs, require_same
from hptui.training.run.control import Control
from hptui.training.run.run import Run, RunOutcome
from hptui.training.settling import with_budget
from hptui.training.sole import sole_in_process

UNKNOWN_COST = 1.0
"""plain trainings, in the file of a study whose strategy cannot tell"""


@dataclass(frozen=True)
class PreparedStudy:
    """A study that is ready to be trained in this process."""

    study: Study
    config: StudyConfig
    """its settings, with the paths of this machine"""
    inputs: StudyInputs


class RunPlan(msgspec.Struct, frozen=True):
    """All that it takes to begin a run, or to go on with it, in any process: plain data, which JSON can hold."""

    config: StudyConfig
    """with the paths of the machine that trains"""
    arm: Arm
    seed: int
    directory: str
    """of the run; the study's folder lies above it"""


def start_study(config: StudyConfig, directory: Path) -> PreparedStudy:
    """Check everything, then make the study's folder.

    Raises:
        UsageError: see `prepare_inputs`, or the folder cannot be written, or has no room for one checkpoint.
    """
    for arm in config.arms:
        plan_arm(config, arm)  # what is refused is told before the data are read
    check_strategies(config)
    inputs = prepare_inputs(config)
    config, inputs = with_budget(config, inputs)
    images = len(inputs.data.train)
    planned = {arm: plan_arm(config, arm, images) for arm in config.arms}
    cost: dict[str, float] = {arm: one.cost or UNKNOWN_COST for arm, one in planned.items()}
    plans: dict[str, Plan] = {arm: one.plan for arm, one in planned.items() if one.plan != Plan()}
    disk = disk_use(inputs, config)
    require_room(directory, disk.checkpoint)
    study = create_study(
        directory,
        config,
        inputs.data.fingerprint,
        cost,
        disk=disk,
        plans=plans,
        data=inputs.summary,
        intensity=inputs.data.intensity,
        warnings=inputs.warnings,
        weights_digest=inputs.pretrained.digest if inputs.pretrained is not None else "",
    )
    remember_trained(study)
    return PreparedStudy(study, config, inputs)


@sole_in_process()
def train_study(prepared: PreparedStudy, control: Control) -> bool:
    """Train all runs that are not completed; True if all are now, False if `control` stopped one or all.

    Raises:
        RunDirectoryError: another process writes this study.
        ConfigError: the data, or the pretrained weights, are not those that the study began with.
        TrainingError: the disk is full, a run cannot go on, or a training goes on in this process.
    """
    study, config, inputs = prepared.study, prepared.config, prepared.inputs
    check_strategies(config)  # of a study that is gone on with, own code may have changed
    require_same(inputs, study)
    with Presence(study.directory) as presence:
        remove_left_overs_of_study(study.directory)
        left = study.runs()
        while left:
            for arm, seed, directory in left:
                presence.require_held()
                study.create_run(arm, seed, directory)
                outcome = _train_run(RunPlan(config, arm, seed, str(directory)), control, inputs)
                config = outcome.config
                if not outcome.completed and not control.run_stopped():
                    return False
            # epochs may have been added after the first runs were done
            left = [run for run in left if _has_more_epochs(run[2], config.epochs)]
        completed = all(isinstance(last_event(directory), RunCompleted) for _, _, directory in study.runs())
        if completed:  # epochs are added while a study is trained: from here on nobody can go on from a checkpoint
            with suppress(RunDirectoryError):
                remove_needless(study)
    return completed


def _has_more_epochs(directory: Path, epochs: int) -> bool:
    last = last_event(directory)
    return isinstance(last, RunCompleted) and last.epoch < epochs


def train_run(plan: RunPlan, control: Control, inputs: StudyInputs | None = None) -> RunOutcome:
    """Begin a run or go on with it, writing to its directory, which `Study.create_run` has made.

    It needs nothing of the process that made the plan. With others it shares files alone: commands, where `control`
    has an inbox, and steering.json of the study, where a change of its settings is kept for later runs. Whoever runs a
    study holds its `Presence`.

    Args:
        plan: what is trained, and where.
        control: how the outside stops and steers it.
        inputs: of the plan's settings, where several runs share them; without, they are read.

    Raises:
        TrainingError: the disk is full, the run cannot go on, or a training goes on in this process.
    """
    inputs = inputs if inputs is not None else prepare_inputs(plan.config)
    with sole_in_process():
        return _train_run(plan, control, inputs)


def _train_run(plan: RunPlan, control: Control, inputs: StudyInputs) -> RunOutcome:
    directory = Path(plan.directory)
    with RunWriter(directory) as writer:
        with suppress(OSError):  # of a failure before; what stands in the way is told where it matters
            (directory / ERROR_FILE).unlink(missing_ok=True)
        last = last_event(directory)
        resume = last is not None or has_checkpoints(directory) or (directory / MODEL_FILE).exists()
        if isinstance(last, RunCompleted) and last.epoch >= plan.config.epochs:
            check_completed(directory, last)
            return RunOutcome(True, plan.config)
        run = Run(
            plan.config,
            inputs,
            new_strategy(plan.config, plan.arm, plan.seed),
            plan.arm,
            plan.seed,
            emit=writer.append,
            control=control,
            directory=directory,
        )
        try:
            return run.execute(resume=resume)
        except HptuiError as error:
            _record_failure(writer, directory, error)
            raise
        except (Exception, SystemExit) as error:
            _record_failure(writer, directory, error)
            less = "; set a smaller batch_size, or smaller images" if is_out_of_memory(error) else ""
            raise TrainingError(
                f"{directory.name} failed: {failure_words(error)}{less} (more in {directory / ERROR_FILE})"
            ) from error


def _record_failure(writer: RunWriter, directory: Path, error: BaseException) -> None:
    try:
        told = f"{type(error).__name__}: {error}".replace(f"{directory.parent}{os.sep}", "")  # no absolute path
        told = shown(told)  # it may name a file whose name is no UTF-8
        if not isinstance(last_event(directory), RunCompleted):  # one that could not go on is what it was
            writer.append(RunFailed(error=told))
        told = "".join(traceback.format_exception(error))
        replace_file(directory / ERROR_FILE, told.encode("utf-8", "backslashreplace"))
    except (HptuiError, OSError):
        pass  # the disk that failed the run cannot take this either; the error itself is raised
