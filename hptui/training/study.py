"""All runs of a study: begun here, trained where an engine says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hptui.config import StudyConfig
from hptui.engines import Engine, RunEnd, RunPlan, Work
from hptui.errors import RunDirectoryError, TrainingError
from hptui.plan import Plan
from hptui.planning import plan_arm
from hptui.record.events import RunCompleted
from hptui.record.housekeeping import remove_needless
from hptui.record.left_overs import remove_left_overs_of_study
from hptui.record.life_signs import LOST_AFTER_SECONDS
from hptui.record.log_backwards import last_event
from hptui.record.log_end import has_all_epochs
from hptui.record.own_code import remember_trained
from hptui.record.presence import Presence, is_written
from hptui.record.steering import steered
from hptui.record.study_directory import Study, create_study
from hptui.record.write_errors import require_room
from hptui.training.backbone import with_real_ranges
from hptui.training.disk_use import disk_use
from hptui.training.elsewhere import ElsewhereTrainer
from hptui.training.engine.building import StudyInputs
from hptui.training.engine.device import gpus_to_share
from hptui.training.engine.plug_ins import load_engine
from hptui.training.inputs import check_strategies, prepare_inputs, require_same
from hptui.training.planned_run import end_of, train_in_held_process
from hptui.training.run.control import Control
from hptui.training.settling import with_budget
from hptui.training.sole import sole_in_process

POLL_SECONDS = 0.1
UNKNOWN_COST = 1.0
"""plain trainings, in the file of a study whose strategy cannot tell"""


@dataclass(frozen=True)
class PreparedStudy:
    """A study that is ready to be trained in this process."""

    study: Study
    config: StudyConfig
    """its settings, with the paths of this machine"""
    inputs: StudyInputs


def start_study(config: StudyConfig, directory: Path) -> PreparedStudy:
    """Check everything, then make the study's folder.

    Raises:
        UsageError: see `prepare_inputs`, or the folder cannot be written, or has no room for one checkpoint.
    """
    for arm in config.arms:
        plan_arm(config, arm)  # what is refused is told before the data are read
    check_strategies(config)
    _engine_of(config).make_ready()
    inputs = prepare_inputs(config)
    config = with_real_ranges(config, inputs)
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


def resume_study(study: Study, config: StudyConfig) -> PreparedStudy:
    """Read what it takes to go on with a study.

    Raises:
        UsageError: see `prepare_inputs`.
    """
    _engine_of(config).make_ready()
    return PreparedStudy(study, config, prepare_inputs(config))


def _engine_of(config: StudyConfig) -> Engine:
    engine = load_engine(config.engine_name)
    engine.check(config)
    return engine


@sole_in_process()
def train_study(prepared: PreparedStudy, control: Control, engine: Engine | None = None) -> bool:
    """Train all runs that are not completed; True if all are now, False if `control` stopped one or all.

    Args:
        prepared: the study.
        control: how the outside stops and steers what is trained in this process.
        engine: where the runs are trained; without, as the settings say.

    Raises:
        RunDirectoryError: another process writes this study.
        ConfigError: the data, or the pretrained weights, are not those that the study began with.
        TrainingError: the disk is full, a run cannot go on, or a training goes on in this process.
    """
    study, config, inputs = prepared.study, prepared.config, prepared.inputs
    check_strategies(config)  # of a study that is gone on with, own code may have changed
    require_same(inputs, study)
    engine = engine or load_engine(config.engine_name)
    with Presence(study.directory, with_runs=not config.runs_go_on) as presence:
        if not config.runs_go_on:
            _await_former_runs(study, control)
        if not any(is_written(directory) for _, _, directory in study.runs()):  # they write in the study's folder too
            remove_left_overs_of_study(study.directory)
        if _train_runs(prepared, control, engine, presence):
            return False
        completed = all(isinstance(last_event(directory), RunCompleted) for _, _, directory in study.runs())
        if completed:  # epochs are added while a study is trained: from here on nobody can go on
            with suppress(RunDirectoryError):
                remove_needless(study)
    return completed


def _train_runs(prepared: PreparedStudy, control: Control, engine: Engine, presence: Presence) -> bool:
    """Train what is left, and what is left of that after epochs were added; whether the study was stopped meanwhile.

    Raises:
        TrainingError: a run has failed; the others were trained all the same, where the engine goes on with them.
    """
    study, config, commands = prepared.study, prepared.config, control.offsets

    def here(plan: RunPlan) -> RunEnd:
        presence.require_held()
        study.create_run(plan.arm, plan.seed, Path(plan.directory))
        return end_of(plan, train_in_held_process(plan, control, prepared.inputs), control)

    def stopped() -> str:
        presence.require_held()
        return control.stopping

    work = Work(here, ElsewhereTrainer, stopped, gpus=gpus_to_share(config.device, prepared.inputs.device))
    left, failures = study.runs(), list[RunEnd]()
    while left:
        plans = [RunPlan(config, arm, seed, str(directory), commands) for arm, seed, directory in left]
        is_stopped = False
        for end in engine.train(plans, work):
            failures += [end] if end.failure else []
            if end.stopped == "study":
                is_stopped = True
                control.stop(end.reason)
        if failures:
            raise TrainingError(_failure_words(failures, len(study.runs())))
        if is_stopped:
            return True
        # epochs may have been added after the first runs were done
        config = steered(config, study.directory)
        left = [run for run in left if _has_more_epochs(run[2], config.epochs)]
        if left and control.stopping:
            return True
    return False


def _failure_words(failures: Sequence[RunEnd], runs: int) -> str:
    """The first failure in full; that there are more, and how to go on, where the others went on."""
    if len(failures) == 1:
        return failures[0].failure
    return f"{len(failures)} of {runs} runs failed; the first one: {failures[0].failure}"


def _await_former_runs(study: Study, control: Control) -> None:
    """Wait for runs whose study was killed: each stops with a checkpoint, by itself, in a moment."""
    until = time.monotonic() + LOST_AFTER_SECONDS
    runs = [directory for _, _, directory in study.runs()]
    while any(map(is_written, runs)) and time.monotonic() < until and not control.stopping:
        time.sleep(POLL_SECONDS)


def _has_more_epochs(directory: Path, epochs: int) -> bool:
    last = last_event(directory)
    return isinstance(last, RunCompleted) and not has_all_epochs(last, epochs)
