"""One run, from its plan to its end: begun or gone on with, in any process, and recorded where it fails."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from pathlib import Path

import msgspec

from hptui.engines import RunEnd, RunPlan
from hptui.errors import HptuiError, TrainingError, failure_words
from hptui.planning import new_strategy
from hptui.record.events import RunCompleted, RunFailed
from hptui.record.files import replace_file
from hptui.record.log_backwards import last_event
from hptui.record.log_end import check_completed, has_all_epochs
from hptui.record.mending import has_checkpoints
from hptui.record.run_directory import ERROR_FILE, MODEL_FILE
from hptui.record.run_writer import RunWriter
from hptui.record.steering import read_steering
from hptui.record.study_folders import shown
from hptui.training.engine.building import StudyInputs
from hptui.training.engine.failures import is_out_of_memory
from hptui.training.inputs import prepare_inputs
from hptui.training.run.control import Control
from hptui.training.run.run import Run, RunOutcome
from hptui.training.sole import sole_in_process


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
        return train_in_held_process(plan, control, inputs)


def train_in_held_process(plan: RunPlan, control: Control, inputs: StudyInputs) -> RunOutcome:
    """Like `train_run`, for whoever holds this process for the training already."""
    directory, config = Path(plan.directory), plan.config
    if (steering := read_steering(directory.parent)) is not None:  # it holds from the beginning of this run
        config = msgspec.structs.replace(config, epochs=steering.epochs, search=steering.search)
        control.pass_over(steering.requests)
    with RunWriter(directory) as writer:
        with suppress(OSError):  # of a failure before; what stands in the way is told where it matters
            (directory / ERROR_FILE).unlink(missing_ok=True)
        last = last_event(directory)
        resume = last is not None or has_checkpoints(directory) or (directory / MODEL_FILE).exists()
        if has_all_epochs(last, config.epochs):
            check_completed(directory, last)
            return RunOutcome(True, config)
        run = Run(
            config,
            inputs,
            new_strategy(config, plan.arm, plan.seed),
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


def end_of(plan: RunPlan, outcome: RunOutcome, control: Control) -> RunEnd:
    """What a run leaves to whoever trains its study; `control` lets the next one begin where this one alone stopped."""
    if outcome.completed:
        return RunEnd(plan.name)
    reason = control.reason
    return RunEnd(plan.name, stopped="run" if control.run_stopped() else "study", reason=reason)


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
