"""A screen whose keys ask whoever trains a study: pause, step, other ranges, other values, more epochs, stop."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from hptui.errors import HptuiError
from hptui.hyperparameters import Values
from hptui.record.commands import (
    AddEpochs,
    AnyCommand,
    ChangeRanges,
    CommandSender,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
)
from hptui.record.presence import is_written
from hptui.record.study_directory import open_study
from hptui.space import describe, parse_range
from hptui.ui.screens.dialogs import ChoiceDialog, NumberDialog
from hptui.ui.screens.ranges_dialog import RangesDialog
from hptui.ui.viewer import Viewer

Answer = TypeVar("Answer")


class SteeringScreen(Screen[None]):
    """Requests go into the study's folder; what becomes of them is read from its logs like everything else."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause"),
        Binding("s", "step", "Step"),
        Binding("r", "ranges", "Ranges"),
        Binding("plus", "add_epochs", "Epochs+", key_display="+"),
        Binding("x", "stop", "Stop"),
        Binding("u", "release", "Strategy decides", show=False),
    ]

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self._sender = CommandSender(viewer.followed.study.directory)
        self._asking = False
        self._ranges: tuple[dict[str, str], dict[str, str]] | None = None
        """the ranges in force when others were asked for last, and those"""

    def is_trained(self) -> bool:
        """Whether somebody trains this study; a notice if nobody does."""
        if is_written(self.viewer.followed.study.directory):
            return True
        words = "nobody trains this study now; hptui resume goes on with it"
        if self.viewer.followed.status == "finished":
            words = "this study is finished, so there is nothing to steer"
        self.notify(words, severity="warning", markup=False)
        return False

    def looks_at_trained(self) -> bool:
        """Whether the run that is looked at is the one that is trained; a notice if it is not."""
        run = self.viewer.run
        if not self.is_trained():
            return False
        if run.status not in ("running", "paused"):
            words = f"{run.name} is {run.status}: only the run that is trained now can be asked (f goes to it)"
            self.notify(words, severity="warning", markup=False)
            return False
        return True

    def send(self, command: AnyCommand, words: str) -> None:
        """Ask whoever trains this study; a notice if the folder cannot be written."""
        try:
            self._sender.send(command)
        except HptuiError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(words, markup=False)

    async def ask(self, dialog: ModalScreen[Answer | None]) -> Answer | None:
        """One dialog at a time, however quickly keys are pressed."""
        if self._asking:
            return None
        self._asking = True
        try:
            return await self.app.push_screen_wait(dialog)
        finally:
            self._asking = False

    def use(self, values: Values) -> None:
        """Train with these from the next decision on; without any the strategy chooses again."""
        words = f"from the next decision on: {describe(values)}" if values else "the strategy chooses again"
        if self.looks_at_trained():
            self.send(UseValues(run=self.viewer.run.name, values=values), words)

    def action_release(self) -> None:
        self.use({})

    def action_pause(self) -> None:
        paused = any(run.status == "paused" for run in self.viewer.followed.runs)
        if self.is_trained():
            self.send(Continue() if paused else Pause(), "going on" if paused else "pausing")

    def action_step(self) -> None:
        if self.is_trained():
            self.send(StepEpoch(), "one epoch, then pause")

    @work
    async def action_ranges(self) -> None:
        """Edit the ranges, with the resulting grid shown before it is applied."""
        if not self.is_trained():
            return
        try:
            config = open_study(self.viewer.followed.study.directory).config
        except HptuiError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        space = config.space
        if self._ranges is not None and self._ranges[0] == config.search:  # what was asked for is still to come
            space = {name: parse_range(name, text) for name, text in self._ranges[1].items()}
        search = await self.ask(RangesDialog(space, self.viewer.run.state.values))
        if search is not None:
            self._ranges = config.search, search
            self.send(ChangeRanges(search=search), "new ranges from the next decision on")

    @work
    async def action_add_epochs(self) -> None:
        if not self.is_trained():
            return
        number = await self.ask(NumberDialog("How many epochs more, for every run?"))
        if number is not None:
            self.send(AddEpochs(epochs=number), f"{number} epochs more")

    @work
    async def action_stop(self) -> None:
        if not self.is_trained():
            return
        answers = {"run": f"{self.viewer.run.name}, begin the next", "study": "The whole study"}
        answer = await self.ask(ChoiceDialog("Stop with a checkpoint?", answers))
        if answer == "study":
            self.send(StopStudy(), "stopping the study with a checkpoint")
        elif answer == "run" and self.looks_at_trained():
            name = self.viewer.run.name
            self.send(StopRun(run=name), f"stopping {name} with a checkpoint")
