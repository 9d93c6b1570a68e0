"""Runs of a study that are trained in a process that is not the study's own: all that they share with it are files."""

from __future__ import annotations

from pathlib import Path

from hptui.engines import RunEnd, RunPlan
from hptui.errors import HptuiError
from hptui.headway import CalledOffError, listening
from hptui.record.command_inbox import CommandInbox
from hptui.record.study_directory import open_study
from hptui.training.engine.building import StudyInputs
from hptui.training.inputs import prepare_inputs, require_same
from hptui.training.planned_run import end_of, train_run
from hptui.training.run.control import Control


class ElsewhereTrainer:
    """Trains runs of one study, one after another; data are read once, for the first of them. A `RunTrainer`."""

    def __init__(self) -> None:
        self._stop_reason = ""
        self._control: Control | None = None
        self._inputs: StudyInputs | None = None

    def stop(self, reason: str) -> None:
        """Ask for a checkpoint and the end, now and of whatever is still to be trained."""
        self._stop_reason = self._stop_reason or reason
        if self._control is not None:
            self._control.stop(reason)

    def train(self, plan: RunPlan) -> RunEnd:
        """Begin a run, or go on with it."""
        try:
            return self._train(plan)
        except CalledOffError:
            return RunEnd(plan.name, stopped="study", reason=self._stop_reason)
        except HptuiError as error:
            told = str(error)
            return RunEnd(plan.name, failure=told if plan.name in told else f"{plan.name}: {told}")
        except SystemExit as left:
            return RunEnd(plan.name, failure=f"{plan.name}: own code ended the training: SystemExit: {left}")
        except Exception as error:  # a fault of hptui itself: its process goes on, and so does the study
            return RunEnd(plan.name, failure=f"{plan.name} failed: {type(error).__name__}: {error}")

    def _train(self, plan: RunPlan) -> RunEnd:
        directory = Path(plan.directory)
        study = open_study(directory.parent)
        if self._control is None:
            self._control = Control(CommandInbox(study.directory, plan.commands), among_others=True)
            self._control.catch_up()
        with listening(self._hear):
            self._hear()
            if self._inputs is None:
                inputs = prepare_inputs(plan.config, was_tried=True)
                require_same(inputs, study)
                self._inputs = inputs
            self._hear()
        if reason := self._control.stopping:
            return RunEnd(plan.name, stopped="study", reason=reason)
        study.create_run(plan.arm, plan.seed, directory)
        outcome = train_run(plan, self._control, self._inputs)
        return end_of(plan, outcome, self._control)

    def _hear(self, words: str = "") -> None:  # noqa: ARG002 (nobody reads them)
        if self._stop_reason:
            raise CalledOffError(f"stopped ({self._stop_reason}).")
